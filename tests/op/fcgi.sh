# shellcheck shell=sh
# The real programs as FastCGI, for operation tests; after lib.sh.

CLIENT=$BUILDDIR/tests/tools/fcgi
ANSWER=$T/answer # of send(); a client of many has its own
BODY=$T/body
PRELOAD= # a library for the programs that start() starts

# start PROGRAM [MODE]: on $T/PROGRAM.sock; sets pid.
start() {
	rm -f "$T/$1.sock" "$T/$1.log"
	env ${PRELOAD:+"LD_PRELOAD=$PRELOAD"} spawn-fcgi -s "$T/$1.sock" \
		-M "${2:-0660}" -n -- "$BIN/$1" -c "$CONF" >"$T/$1.log" 2>&1 &
	pid=$!
	started="$started $pid"
	wait_for 20 grep -qE ' ready|not started' "$T/$1.log" ||
		bail "$1 does not start: $(tail -n 1 "$T/$1.log")"
}

# stop [SIGNAL]: sets rc to the exit status.
stop() {
	kill "-${1:-TERM}" "$pid"
	wait "$pid"
	# shellcheck disable=SC2034
	rc=$?
}

# send MODE PROGRAM NAME=VALUE... <body: "exit-status HTTP-status reason".
send() {
	send_mode=$1 send_sock=$T/$2.sock
	shift 2
	# Twice would be nobody's.
	case " $*" in
	*" REMOTE_ADDR="*) ;;
	*) set -- "$@" REMOTE_ADDR=192.0.2.7 ;;
	esac
	"$CLIENT" -w 8 -m "$send_mode" "$send_sock" "$@" \
		>"$ANSWER" 2>"$T/client.log"
	send_rc=$?
	sed '1,/^\r*$/d' "$ANSWER" >"$BODY"
	printf '%s %s %s\n' "$send_rc" \
		"$(sed -n 's/^Status: \([0-9]*\).*/\1/p' "$ANSWER")" \
		"$(sed -n '1s/^\([a-z-]*\): .*/\1/p' "$BODY")"
}
send_get() { # send_get MODE OPERATION [NAME=VALUE...]
	send_get_mode=$1 send_get_op=$2
	shift 2
	send "$send_get_mode" "$send_get_op" REQUEST_METHOD=GET \
		"REQUEST_URI=$EST/$send_get_op" MICROCA_ENDPOINT=device "$@" \
		</dev/null
}
send_csr() { # send_csr MODE BODY [NAME=VALUE...]
	send_csr_mode=$1 send_csr_body=$2
	shift 2
	send "$send_csr_mode" simpleenroll REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/simpleenroll" MICROCA_ENDPOINT=device \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/maker-ra.pem")" "$@" \
		<"$send_csr_body"
}
