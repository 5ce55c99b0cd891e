#!/usr/bin/env bash
# Bad inputs: every row of rows.tsv at the real programs behind the real web
# server, and after each what README.md says must still be true.
#
#	rows.sh [ID...]    these rows alone: A01, or all of A
# shellcheck disable=SC2034,SC2154
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../httpd/lib.sh"
HERE=$SRCDIR/tests/bad
export TZ=Asia/Kathmandu # times are UTC, wherever the box stands
# What is freed is kept for a while by AddressSanitizer: memory is looked at.
ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=16:thread_local_quarantine_size_kb=64
demo_start
# shellcheck source=tests/bad/lib.sh
. "$HERE/lib.sh"
# shellcheck source=tests/bad/send.sh
. "$HERE/send.sh"
# shellcheck source=tests/bad/scene.sh
. "$HERE/scene.sh"
# shellcheck source=tests/bad/who.sh
. "$HERE/who.sh"
# shellcheck source=tests/bad/break.sh
. "$HERE/break.sh"

ok "the table names each input of its list, once or more" complete
scene || { echo "Bail out! the scene"; exit 1; }
bodies || { echo "Bail out! the bodies"; exit 1; }
more_scene >"$T/more.log" 2>&1 || { sed 's/^/# /' "$T/more.log"; echo "Bail out! more"; exit 1; }
sql_start
look
begin_log
watch

n=0
while IFS=$'\t' read -r id how input answer word _; do
	n=$((n + 1))
	[ $# = 0 ] || [[ " $* " == *" $id "* || " $* " == *" ${id:0:1} "* ]] ||
		continue
	wrong=() got=() lines='' strays='' clocked='' issued_more=0
	case $how in
	test) proven "$input" ;;
	none) [ -n "$answer" ] || amiss "why?" ;;
	*)
		"send_$how" "$input"
		seen "$answer" "$word"
		;;
	esac
	ok "$id $how ${input:0:90}" calm
done <"$T/rows"

ok "the web server's log has each answer" logged
look
had="$certs $rest"
is "the revocation list is the same" "$(cat "$DEMO"/public/crl/*.crl | cksum)" \
	"$list"
sql_stop
ok "everything is started anew" restart
sql_start
look
is "what was issued is there, what waits waits" "$certs $rest" "$had"
is "200 stays 200" "$(post "$STRICT" simpleenroll "$T/good.b64" "${maker[@]}")" 200
is "… the same certificate" "$(cksum <"$T/body")" "$(cksum <"$T/good.answer")"
is "202 stays 202" "$(post "$HELD" simpleenroll "$T/held.b64" "${maker[@]}")" 202
know
ok "the audit is whole" admin audit verify
done_testing
