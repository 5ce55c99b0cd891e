# shellcheck shell=sh disable=SC2034,SC2154
# What is looked at after each refusal, for operation tests; read by lib.sh.
#
# The program was started for the request alone.  So it is sent once more, to one
# that runs on as FastCGI and has had all the refusals before this one; then a good
# one goes to the same.  tests/bad/README.md has what must be true after each.

# shellcheck source=tests/invariants.sh
. "$SRCDIR/tests/invariants.sh"
AGAIN=fcgi # or cgi: what was refused is refused for as long as a program lives
refusal_wrong=
amiss() { refusal_wrong="$refusal_wrong
$*"; }

# What lies about, but for what comes and goes as programs do, and who was wrong.
refusal_files() {
	refusal_files=
	for refusal_file in "$T"/state/* "$T"/run/* "$T"/public/* "$T"/public/*/*; do
		case $refusal_file in
		*-wal | *-shm | */run/health-* | */run/metrics-* | */state/attempts | \
			*/state/pin-refused) ;;
		*) refusal_files="$refusal_files
$refusal_file" ;;
		esac
	done
}

# refusal_look [QUERY]: what look_sql tells, in refusal_certs, _audits, _newest and
# _rest; the records that the query brings, in $T/refusal.records.
refusal_look() {
	sql "$look_sql; ${1:-}" >"$T/refusal.look"
	refusal_rest=
	{
		read -r refusal_certs && read -r refusal_audits && read -r refusal_newest
		while IFS= read -r look_line; do
			case $look_line in
			"{"*) printf '%s\n' "$look_line" >&4 ;;
			*) refusal_rest="$refusal_rest
$look_line" ;;
			esac
		done
	} <"$T/refusal.look" 4>"$T/refusal.records"
	refusal_files
}

# refusal_kept WORD STATUS: one audit record more, of request $named, and nothing
# else is other than it was.
refusal_kept() {
	kept_certs=$refusal_certs kept_audits=$refusal_audits
	kept_newest=$refusal_newest kept_rest=$refusal_rest
	kept_files=$refusal_files
	refusal_look "SELECT record FROM audit WHERE seq > $kept_newest ORDER BY seq"
	kept_audits=$((refusal_audits - kept_audits))
	[ "$refusal_certs" = "$kept_certs" ] ||
		amiss "issued: $((refusal_certs - kept_certs))"
	[ "$kept_audits $((refusal_newest - kept_newest))" = "1 1" ] ||
		amiss "audit: $kept_audits records, $(cat "$T/refusal.records")"
	[ "$refusal_rest" = "$kept_rest" ] ||
		amiss "lost: $kept_rest became $refusal_rest"
	[ "$refusal_files" = "$kept_files" ] || {
		echo "$kept_files" >"$T/refusal.files"
		amiss "files: $(echo "$refusal_files" | diff "$T/refusal.files" -)"
	}
	while IFS= read -r kept_record; do
		record_fits "$kept_record" "$1" "$2"
		member "$kept_record" request
		[ -z "$named" ] || [ "$value" = "$named" ] ||
			amiss "audit: not of request $named: $kept_record"
		# A 401 has no body.
		member "$kept_record" reason
		told=${told:-$value}
	done <"$T/refusal.records"
}

# refusal_judged LOG: the last answer, in $T/head and $T/body, and what the log has
# of it.
refusal_judged() {
	named='' told=''
	if [ -s "$T/body" ]; then
		judged_body=$(cat "$T/body")
		one_line "$judged_body"
		[ "$(wc -c <"$T/body")" = $((${#judged_body} + 1)) ] ||
			amiss "the body is not one line: $(cat -v "$T/body")"
		hushed "$(cat "$T/head")$judged_body" "$T" 987654 op-test
	fi
	while IFS= read -r judged_line; do
		log_line "$judged_line"
	done <"$1"
	[ -z "$named" ] || [ "$(grep -c "request $named" "$1")" = 1 ] ||
		amiss "not one log line of request $named: $(cat -v "$1")"
}

# ---- again ------------------------------------------------------------------------
# again_send PROGRAM ASKED BODY: what cgi() noted, to the program that runs on; the
# status.
again_send() {
	# A variable that was given twice is its last value.
	xargs -0 -x -s 900000 -a "$2" env -i /usr/bin/env -0 >"$T/asked.once"
	xargs -0 -x -s 900000 -a "$T/asked.once" "$BUILDDIR/tests/tools/fcgi" -w 20 \
		"$T/again.$1.sock" >"$T/answer" 2>"$T/again.client" <"$3"
	cgi_answer
}

# What a good request is to it: its own certificate, the same each time.
again_good() { # again_good PROGRAM: the status
	case $1 in
	simpleenroll) again_send "$1" "$T/good.$1" "$T/served.b64" ;;
	simplereenroll) again_send "$1" "$T/good.$1" "$T/served2.b64" ;;
	*) echo 200 ;;
	esac
}
again_ask() { # again_ask PROGRAM CLIENT: the good request, as cgi() notes one
	printf '%s\0' REMOTE_ADDR=192.0.2.8 REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/$1" MICROCA_ENDPOINT=device \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/$2.pem")" >"$T/good.$1"
}
again_prepare() {
	[ ! -f "$T/served2.key" ] || return 0
	csr served "/CN=served-on" && csr served2 "/CN=served-on"
	again_ask simpleenroll maker-ra
}

# The program, as the configuration is now, with the database that is there now.
again_state() {
	cksum "$CONF" "$T/profiles.conf"
	[ -n "$STORE" ] || stat -c %i "$T/state/microca.db"
}
again_start() { # again_start PROGRAM
	again_state >"$T/again.state"
	cmp -s "$T/again.state" "$T/again.$1.state" && return 0
	again_stop "$1"
	again_prepare
	rm -f "$T/again.$1.sock"
	spawn-fcgi -s "$T/again.$1.sock" -M 0660 -n -- "$BIN/$1" -c "$CONF" \
		>"$T/again.$1.log" 2>&1 &
	echo $! >"$T/again.$1.pid"
	started="$started $!"
	wait_for 20 grep -qE ' ready|not started' "$T/again.$1.log" ||
		bail "$1 does not start: $(tail -n 1 "$T/again.$1.log")"
	if [ "$1" = simplereenroll ] && [ ! -f "$T/good.$1" ]; then
		again_start simpleenroll
		[ "$(again_good simpleenroll)" = 200 ] &&
			certs | openssl x509 -out "$T/served.pem" &&
			again_ask "$1" served
	fi
	again_state >"$T/again.$1.state"
	# Not where the test's configuration has no place for it, or no repeats.
	again_good "$1" >"$T/again.$1.good"
	again_good "$1" >"$T/again.$1.good"
	read -r _ again_pages _ <"/proc/$(cat "$T/again.$1.pid")/statm"
	echo "$again_pages" >"$T/again.$1.pages"
	refusal_look
}
# again_stop PROGRAM: it has had them all, is no larger, and ends as it should.
again_stop() {
	[ -f "$T/again.$1.state" ] || return 0
	again_pid=$(cat "$T/again.$1.pid")
	read -r _ again_pages _ <"/proc/$again_pid/statm" || amiss "$1 has ended"
	[ "$again_pages" -le $((4 * $(cat "$T/again.$1.pages") + 16384)) ] ||
		amiss "$1 has $again_pages pages, had $(cat "$T/again.$1.pages")"
	kill "$again_pid"
	wait "$again_pid" || amiss "$1 ends with $?: $(tail "$T/again.$1.log")"
	while IFS= read -r again_line; do
		log_line "$again_line"
	done <"$T/again.$1.log"
	! grep 'is none that this program makes' "$T/again.$1.log" >"$T/setup.log" ||
		amiss "$1 was refused a system call"
	rm "$T/again.$1.state"
}

# cgi_again <BODY: as cgi(), of what that noted.
cgi_again() {
	# shellcheck disable=SC2016
	CONF=$CONF PROGRAM=$BIN/$again_program xargs -0 -x -s 900000 -a "$T/asked" \
		sh -c 'exec env -i PATH="$PATH" MICROCA_CONF="$CONF" \
			${SOFTHSM2_CONF+"SOFTHSM2_CONF=$SOFTHSM2_CONF"} \
			${ASAN_OPTIONS+"ASAN_OPTIONS=$ASAN_OPTIONS"} \
			"$@" "$PROGRAM"' sh >"$T/answer" 2>"$T/log"
	cgi_answer
}

# refusal_again STATUS WORD: the last request once more.
refusal_again() {
	read -r again_body <"$T/asked.body"
	read -r again_program <"$T/asked.program"
	if [ "$AGAIN" = cgi ]; then
		again_status=$(cgi_again <"$again_body")
		refusal_judged "$T/log"
	else
		cp "$T/asked" "$T/asked.bad"
		again_start "$again_program"
		again_lines=$(wc -l <"$T/again.$again_program.log")
		again_status=$(again_send "$again_program" "$T/asked.bad" "$again_body")
		tail -n "+$((again_lines + 1))" "$T/again.$again_program.log" \
			>"$T/log"
		refusal_judged "$T/log"
	fi
	[ "$again_status" = "$1" ] || amiss "then status $again_status"
	refusal_kept "$2" "$1"
	[ "$told" = "$2" ] || amiss "then $told"
	[ "$AGAIN" = fcgi ] || return 0
	cp "$T/head" "$T/head.bad" && cp "$T/body" "$T/body.bad"
	[ "$(cat "$T/again.$again_program.good")" != 200 ] ||
		[ "$(again_good "$again_program")" = 200 ] ||
		amiss "then not the good one: $(cat "$T/body")"
	mv "$T/head.bad" "$T/head" && mv "$T/body.bad" "$T/body"
}

# ---- for tests ----------------------------------------------------------------------
before_refusal() {
	refusal_look
	issued_before=$refusal_certs
}
# refused NAME STATUS WANT REASON: the last answer, of this status.  Call
# before_refusal first.
refused() {
	refusal_wrong=
	refused_any=yes
	refusal_judged "$T/log"
	refusal_kept "$4" "$3"
	refused_told=$told
	# What came through a pipe is gone.
	read -r again_body <"$T/asked.body"
	case $again_body in
	/dev/null) refusal_again "$3" "$4" ;;
	*) [ ! -f "$again_body" ] || refusal_again "$3" "$4" ;;
	esac
	is "$1" "$2 $refused_told$refusal_wrong" "$3 $4"
}
# The end of a test that had refusals.
refused_all() {
	[ -n "${refused_any:-}" ] || return 0
	refusal_wrong=
	for again_one in "$T"/again.*.pid; do
		[ -f "$again_one" ] || continue
		again_one=${again_one##*/again.}
		again_stop "${again_one%.pid}"
	done
	is "what refused all that has served on, and ends well" "$refusal_wrong" ""
	[ -n "${AUDIT_BROKEN:-}" ] || ok "the audit is whole" admin audit verify
}
