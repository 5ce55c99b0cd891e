#!/usr/bin/env bash
# docs/install.md, its commands as they stand there, with each web server: as
# root, in namespaces where /etc, /usr, /var and /run are only ours.
SRCDIR=${SRCDIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILDDIR=${BUILDDIR:-$SRCDIR/build}
set -u
DOC=$SRCDIR/docs/install.md

if [ -z "${INSTALL_INSIDE:-}" ]; then
	if [ "$(id -u)" != 0 ] || ! unshare -m -n -p -f true 2>/dev/null; then
		echo "1..0 # SKIP needs root, and namespaces"
		exit 0
	fi
	work=$(mktemp -d "${TMPDIR:-/tmp}/microca-install.XXXXXX")
	INSTALL_INSIDE=$work unshare -m -n -p -f --mount-proc --kill-child \
		"$0" "$@"
	rc=$?
	rm -rf "$work"
	exit "$rc"
fi

T=$INSTALL_INSIDE
tap_n=0
tap_bad=0
ok() { # ok NAME COMMAND...
	local name=$1
	shift
	tap_n=$((tap_n + 1))
	if "$@" >"$T/out" 2>&1 </dev/null; then
		echo "ok $tap_n - $name"
		return 0
	fi
	echo "not ok $tap_n - $name"
	sed 's/^/# /' "$T/out" | head -n 30
	tap_bad=$((tap_bad + 1))
}
done_testing() {
	echo "1..$tap_n"
	exit "$((tap_bad > 0))"
}

mount -t tmpfs -o mode=755 work "$T" || exit 1
for dir in etc usr var; do
	mkdir "$T/$dir.upper" "$T/$dir.work"
	mount -t overlay -o "lowerdir=/$dir,upperdir=$T/$dir.upper,workdir=$T/$dir.work" \
		over "/$dir" || { echo "1..0 # SKIP no overlay file system"; exit 0; }
done
mount -t tmpfs -o mode=755 run /run
ip link set lo up
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

# As configured with the page's --prefix and the rest.
places=(prefix=/usr sysconfdir=/etc localstatedir=/var
	docdir=/usr/share/doc/microca systemdsystemunitdir=/lib/systemd/system)
ok "make install" make -s -C "$BUILDDIR" install "${places[@]}"
ok "… units, users, folders" make -s -C "$BUILDDIR" install-units "${places[@]}"
# This build's programs look where it was configured to.
conf=$(strings "$BUILDDIR/bin/microca" | grep -m 1 '^/.*/microca/microca.conf$')
if [ "$conf" != /etc/microca/microca.conf ]; then
	mkdir -p "${conf%/microca/*}"
	ln -sfn /etc/microca "${conf%/microca.conf}"
fi
grep -q '^caddy:' /etc/passwd || echo "# caddy is not installed"

# block N [WORD]: the Nth one of them; those of web servers begin with their
# name.
block() {
	awk -v want="$1" '
		/^```sh$/ { inside = 1; text = ""; next }
		/^```$/ && inside {
			inside = 0
			name = text
			sub(/\n.*/, "", name)
			id = name ~ /^# [a-z]+$/ ? substr(name, 3) : ++n
			if (id == want) printf "%s", text
		}
		inside { text = text $0 "\n" }' "$DOC"
}
run() { # run NAME BLOCK
	block "$2" >"$T/block.sh"
	ok "$1" test -s "$T/block.sh"
	ok "… runs" bash -e "$T/block.sh"
}
stop() { # stop PID...: and wait until they are gone
	local pid
	for pid in "$@"; do
		kill "$pid" 2>/dev/null
	done
	for pid in "$@"; do
		timeout 20 tail --pid="$pid" -f /dev/null
	done
}
server_name() { case $1 in apache) echo apache2 ;; *) echo "$1" ;; esac }
# Each program reads web_server_users anew for itself.
enrolling() { # 405 of the program's own, not a 502 of the web server's
	local port
	for port in 8443 8444; do
		[ "$(curl -sk -o /dev/null -w '%{http_code}' \
			"https://localhost:$port/.well-known/est/simpleenroll")" = 405 ] ||
			return 1
	done
}
well() {
	local end=$((SECONDS + 20))
	until [ "$(curl -s http://localhost:8080/health | head -n 1)" = ok ] &&
		enrolling; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}

# told SERVER: by microca-reload, as the page's MICROCA_RELOAD says
told() {
	local how
	how=$(sed -n "s/^| $1 | \`\(.*\)\` |\$/\1/p" "$DOC")
	rm -f /run/microca-reload.seen
	if [ "$1" != lighttpd ]; then
		[ -n "$how" ] || return 1
		export MICROCA_RELOAD=$how
	fi
	microca-reload && test -s /run/microca-reload.seen && well
}

run "users and folders" 1
run "configuration, token, CA" 2
run "spawn-fcgi and multiwatch" 3
for server in lighttpd nginx apache caddy; do
	run "$server" "$server"
	ok "$server: healthy" well
	run "$server: is it well?" 5
	run "$server: a certificate" 6
	case $server in
	lighttpd | nginx) ok "$server reads its files again" told "$server" ;;
	apache) ok "$server reads its files again" told Apache ;;
	esac
	mapfile -t pids < <(pgrep -x "$(server_name "$server")")
	stop "${pids[@]}"
done
run "cron" 4
ok "all of them are recorded" sh -c "[ \$(microca list | grep -c CN=first) = 8 ]"

# ---- what cron's lines do
grep '^[*0-9]' /etc/cron.d/microca | while read -r _ _ _ _ _ user line; do
	printf '%s\t%s\n' "$user" "$line"
done >"$T/lines"
while IFS=$'\t' read -r user line; do
	ok "cron: $line" runuser -u "$user" -- sh -c "$line"
done <"$T/lines"
done_testing
