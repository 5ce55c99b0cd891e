# shellcheck shell=sh
# What the fault tests share, after op/lib.sh and op/fcgi.sh: clients that ask
# until they have their certificate, the program under multiwatch, and what has
# to be true afterwards, whatever happened.

: >"$T/given"
: >"$T/asked"
STATE=${STATE:-$T/state} PUBLIC=${PUBLIC:-$T/public}
sql() { sqlite3 -readonly "$STATE/microca.db" "$1"; }
FAULT=$T/fault # lib/base/fault.h

# The operation tests' device profile, told to the cloud as well: so there is
# an outbox.
profiles_write() {
	{
		echo "profiles = ("
		profile device 'renewal_window = "0"; azure = true;
			device_id = "CN";'
		echo ");"
	} >"$T/profiles.conf"
}
conf_write() { # conf_write KEY MORE
	cat >"$CONF" <<-END
	state = "$STATE"; public = "$PUBLIC"; run = "$T/run";
	profiles = "profiles.conf"; allow_cgi = true; threads = 10;
	web_server_users = ("$(id -u)"); body_wait = "2s";
	disk_reserve = "${RESERVE:-1M}"; $2
	ca = { key = "$1"; module = "$MODULE"; pin_file = "pin";
	  key_type = "$CA_KEY_TYPE"; subject = "$CA_SUBJECT";
	  module_environment = ($MODULE_ENV); };
	endpoints = ( $(endpoint device 8443 device '') );
	END
}

# watch PROGRAM [COMMAND...]: two of it, begun anew when they end; before them
# the command.  Sets watcher; its group is ended by cleanup().
watch() {
	watch_program=$1
	shift
	rm -f "$T/$watch_program.sock"
	MICROCA_FAULT=$FAULT setsid "$@" spawn-fcgi -s \
		"$T/$watch_program.sock" -M 0660 -n -- "$(command -v multiwatch)" -f 2 \
		-r 1000 -- "$BIN/$watch_program" -c "$CONF" \
		>>"$T/$watch_program.log" 2>&1 &
	watcher=$!
	watchers="$watchers $watcher"
	wait_for 30 grep -q ' ready' "$T/$watch_program.log" ||
		bail "$watch_program does not start: $(tail -n 5 \
			"$T/$watch_program.log")"
}
watchers=
unwatch() {
	for pid in $watchers; do
		# multiwatch first, so that it starts nothing anew.
		kill -TERM "$pid" 2>/dev/null
		kill -TERM "-$pid" 2>/dev/null
		wait_for 20 gone "$pid" || kill -KILL "-$pid"
		wait "$pid" 2>/dev/null
	done
	watchers=
}
gone() { case $(ps -o stat= -p "$1") in '' | Z*) ;; *) return 1 ;; esac; }
cleanup() {
	touch "$T/enough"
	unwatch
	for pid in $started; do
		kill "$pid" 2>/dev/null
	done
	rm -rf "$T"
}

# request NAME [MARK]: $T/NAME.b64 sent once; its certificate is noted in
# $T/given.
request() (
	ANSWER=$T/answer.$1$2 BODY=$T/body.$1$2
	[ "$(send_csr plain "$T/$1.b64")" = "0 200 " ] || exit 1
	tr -d '\r\n' <"$BODY" | openssl base64 -d -A |
		openssl pkcs7 -inform DER -print_certs |
		openssl x509 -outform DER | sha256sum |
		sed "s/ .*/ $1/" >>"$T/given"
	rm -f "$ANSWER" "$BODY"
)
# client N: one device after the other, each asks until it has its certificate.
# One that asks twice notes the second answer as well.
client() {
	i=0
	until [ -e "$T/enough" ]; do
		i=$((i + 1)) device=c$1-$i
		csr "$device" "/CN=$device" || break
		echo "$device" >>"$T/asked"
		until request "$device" || [ ! -d "$T" ]; do
			echo "$device" >>"$T/again"
			sleep 0.1
		done
		[ $((i % 4)) != 0 ] || request "$device"
	done
}
clients() { # clients N: in the background
	rm -f "$T/enough"
	: >"$T/again"
	workers=
	crew=$((${crew:-0} + 1))
	for n in $(seq "$1"); do
		client "$crew-$n" &
		workers="$workers $!"
	done
	started="$started $workers"
}
clients_end() { # each gets what it asked for last
	touch "$T/enough"
	for worker in $workers; do
		wait "$worker"
	done
}
given() { wc -l <"$T/given"; }
more_than() { [ "$(given)" -gt "$1" ]; }
# goes_on TITLE: certificates are given out, to each client.
goes_on() {
	goes_from=$(given)
	ok "$1: the CA serves on" wait_for 60 more_than $((goes_from + 2))
}

# consistent TITLE: what clients hold is in the store, once for each request;
# the chain verifies, the outbox tells of each.
consistent() {
	is "$1: all who asked were given" \
		"$(cut -d' ' -f2 "$T/given" | sort -u | wc -l)" \
		"$(sort -u "$T/asked" | wc -l)"
	sql "SELECT lower(hex(sha256)) FROM certificate" | sort >"$T/stored"
	cut -d' ' -f1 "$T/given" | sort -u >"$T/held"
	is "$1: what clients hold is in the store, and nothing else" \
		"$(comm -3 "$T/held" "$T/stored" | wc -l)" 0
	is "$1: one for each request" "$(sql "SELECT count(*) FROM (SELECT 1
		FROM certificate GROUP BY csr_sha256 HAVING count(*) > 1)")" 0
	is "$1: one row for the cloud for each" \
		"$(sql "SELECT count(*) FROM certificate c WHERE 1 != (
			SELECT count(*) FROM outbox o WHERE o.kind = 'enrolled'
			AND o.certificate = c.id)")" 0
	ok "$1: the chain verifies" admin audit verify
	is "$1: the database is sound" "$(sql "PRAGMA integrity_check")" ok
}
