#!/usr/bin/env bash
# The programs without systemd: by etc/init.d/microca-fcgi, and those that need
# no token by the web server itself.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
demo_start
quick stop >/dev/null 2>&1
real=$(readlink -f "$DEMO")

# ---- etc/init.d/microca-fcgi -------------------------------------------------
mkdir -p "$T/pids"
cat >"$T/defaults" <<END
PROGRAMS="cacerts csrattrs simpleenroll simplereenroll health crl"
CONF=$DEMO/etc/microca.conf LIBEXEC=$BUILDDIR/cgi-bin RUN=$real/run PIDS=$T/pids
WEB_GROUP=$(id -gn "$(stat -c %U "$real/log")")
RUN_USER=$(stat -c %U "$real/var")
END
# A source that is closed to the programs' user: quickstart copied them.
[ ! -d "$real/bin" ] || echo "LIBEXEC=$real/bin" >>"$T/defaults"
# Nobody reads their standard error.
sed -i '1i log = "syslog";' "$DEMO/etc/microca.conf"
initd() { MICROCA_DEFAULTS=$T/defaults "$SRCDIR/etc/init.d/microca-fcgi" "$@"; }
conf=$DEMO/etc/lighttpd.conf
web_start() { # web_start FILE
	PATH=$PATH:/usr/sbin lighttpd -D -f "$1" >>"$T/lighttpd.log" 2>&1 &
	web=$!
}
web_stop() {
	kill -INT "$web" 2>/dev/null
	wait "$web" 2>/dev/null
}
web=
all_stop() {
	[ -z "$web" ] || web_stop
	initd stop >/dev/null 2>&1
	demo_stop
}
trap all_stop EXIT
wait_until() { # wait_until SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}
child_of() { pgrep -P "$(cat "$T/pids/$1.pid")"; }
works() { [ "$(est 0 "${1:-cacerts}")" = 200 ]; }

is "status before: none runs" "$(initd status | grep -c 'does not run')" 6
initd status >/dev/null
is "… with the status of the LSB" $? 3
ok "start" initd start
ok "status: all run" wait_until 20 initd status
like "start again" "$(initd start)" 'cacerts runs already'
is "the socket is for the web server's group" \
	"$(stat -c '%a %U' "$real/run/simpleenroll.sock")" "660 $(stat -c %U "$real/var")"
is "the programs' user is not root" \
	"$(stat -c %U "/proc/$(child_of simpleenroll)" | sed "s/^$(stat -c %U "$real/var")\$/theirs/")" \
	theirs
web_start "$conf"
ok "the web server reaches them" wait_until 30 works
csr pump /CN=pump-1
mapfile -t maker < <(as manufacturer)
is "a device is enrolled" "$(post 0 simpleenroll "$T/pump.b64" "${maker[@]}")" 200
before=$(child_of cacerts)
ok "reload" initd reload
is "… is the same process" "$(child_of cacerts)" "$before"
kill -KILL "$before"
again() { [ -n "$(child_of cacerts)" ] && [ "$(child_of cacerts)" != "$before" ]; }
ok "one that is killed is started anew" wait_until 20 again
ok "… and no connection was lost with it" works
initd stop csrattrs
is "stop of one: it alone" "$(initd status | sed -n 's/.*: \(.*\) does not run/\1/p')" \
	csrattrs
ok "start of one" initd start csrattrs
ok "restart" initd restart cacerts
ok "… it works" wait_until 20 works
like "an unknown command is told how" "$(initd nonsense 2>&1)" '^usage: '
pids=$(cat "$T/pids/"*.pid; for name in cacerts simpleenroll; do child_of "$name"; done)
ok "stop" initd stop
gone() { for pid in $pids; do [ ! -d "/proc/$pid" ] || return 1; done; }
ok "… nothing is left" gone
web_stop

# ---- the web server's own programs -------------------------------------------------
# lighttpd starts what its `bin-path` names, as its own user, and makes their
# sockets.
install -d -o "$(stat -c %U "$real/log")" "$T/web"
spawned() { # spawned PROGRAM...: those by lighttpd
	local name expr=()
	for name; do
		expr+=(-e "s|\"socket\" => \"[^\"]*/$name.sock\"|\"socket\" => \"$T/web/$name.sock\", \"bin-path\" => \"$cgi/$name -c $DEMO/etc/microca.conf\", \"max-procs\" => 1, \"bin-copy-environment\" => (\"ASAN_OPTIONS\")|")
	done
	sed "${expr[@]}" "$conf"
}
cgi=$BUILDDIR/cgi-bin
[ ! -d "$real/bin" ] || cgi=$real/bin
spawned cacerts csrattrs simpleenroll >"$T/spawned.conf"
like "lighttpd is to start them" "$(cat "$T/spawned.conf")" 'bin-path.*simpleenroll'
sed -i '/^log = "syslog";$/d' "$DEMO/etc/microca.conf"
web_start "$T/spawned.conf"
if [ "$(id -u)" = 0 ]; then
	ok "cacerts works as the web server's user" wait_until 30 works
	ok "csrattrs works as the web server's user" wait_until 30 works csrattrs
	# lighttpd: 500 while it still starts the program, 503 once it gave up.
	one_of "what signs does not" \
		"$(post 0 simpleenroll "$T/pump.b64" "${maker[@]}")" 503 500
	like "… and says why" "$(cat "$T/lighttpd.log" "$real/log/"*.log)" \
		'simpleenroll.* not started: owner: .*not by the web server'
else
	ok "one user is all there is: they work" wait_until 30 works
fi
web_stop
done_testing
