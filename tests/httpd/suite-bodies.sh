# shellcheck shell=bash
# Part of suite.sh, after suite-inputs.sh: bodies (B), base64 and DER (C).
# shellcheck source=tests/httpd/lib.sh
[ -n "${DEMO:-}" ] || . "$(dirname "$0")/lib.sh"

mapfile -t maker < <(as manufacturer)
est=/.well-known/est
csr good /CN=suite-good
is "before: a good one" "$(post 0 simpleenroll "$T/good.b64" "${maker[@]}")" 200
before=$(issued)
line=$(tr -d '\n' <"$T/good.b64")
# mod_fcgid's answer to a body over its limit.
too_long=413
[ "$SERVER" != apache-fcgid ] || too_long=500
# … and where it hands over nothing of one of gigabytes, the program's.
not_there=413
[ "$SERVER" != apache-fcgid ] || not_there=400

# ---- B: slow ones: more of them than a program has threads
request "POST $est/simpleenroll HTTP/1.1" 'Content-Length: 700' \
	'Content-Type: application/pkcs10' >"$T/slow"
printf M >>"$T/slow"
"$BUILDDIR/tests/tools/slow" "$PORT" 40 40 "$T/slow" >"$T/slow.out" &
slow=$!
until_open() {
	local end=$((SECONDS + 20))
	until grep -q open "$1"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}
ok "40 clients that do not finish their bodies" until_open "$T/slow.out"
# Whoever waits for one of those would wait for 10 s.
soon() { [ "${1%.*}" -lt 6 ]; }
is "… others are served" "$(post 0 simpleenroll "$T/good.b64" "${maker[@]}" \
	-w '%{http_code} %{time_total}' | tee "$T/soon" | cut -d' ' -f1)" 200
ok "… soon: $(cat "$T/soon")" soon "$(cut -d' ' -f2 "$T/soon")"

# ---- B: bodies
: >"$T/empty"
is "an empty body" "$(post 0 simpleenroll "$T/empty" "${maker[@]}") \
$(reason)" "400 body-empty"
head -c 61440 /dev/zero | tr '\0' '\n' >"$T/blank"
is "60 KiB of blanks" "$(post 0 simpleenroll "$T/blank" "${maker[@]}") \
$(reason)" "400 body-empty"
head -c 65537 /dev/zero | tr '\0' A >"$T/big"
is "64 KiB and one" "$(post 0 simpleenroll "$T/big" "${maker[@]}")" 413
is "… chunked" "$(post 0 simpleenroll "$T/big" "${maker[@]}" \
	-H 'Transfer-Encoding: chunked')" 413
head -c 300000 /dev/zero | tr '\0' A >"$T/big"
one_of "300 kB" "$(post 0 simpleenroll "$T/big" "${maker[@]}")" 413 "$too_long"
# lighttpd answers at 128 kB and closes on what it has not read, which resets the
# connection; curl does not look for an answer when its sending fails.  So in
# three of 150 requests: 000, "Send failure: Broken pipe", 131064 octets sent.
one_of "… chunked" "$(post 0 simpleenroll "$T/big" "${maker[@]}" \
	-H 'Transfer-Encoding: chunked')" 413 "$too_long" 000
# Gigabytes are not read to their end, nor kept, nor do they keep anybody busy.
# peak: KiB, of the programs that enrol; each is the web server's child, or has
# a process of its own that does not end (not so behind Apache's CGI).
peak() {
	local exe kib most=0
	for exe in /proc/[0-9]*/exe; do
		[ "$(readlink "$exe")" = "$(readlink -f \
			"$BUILDDIR/cgi-bin/simpleenroll")" ] || continue
		tr '\0' '\n' <"${exe%exe}environ" 2>/dev/null |
			grep -qxF "MICROCA_CONF=$DEMO/etc/microca.conf" ||
			tr '\0' '\n' <"${exe%exe}cmdline" |
			grep -qF "$DEMO/" || continue
		kib=$(awk '$1 == "VmHWM:" { print $2 }' "${exe%exe}status")
		[ "${kib:-0}" -le "$most" ] || most=$kib
	done
	echo "$most"
}
most=$(peak)
# gigabytes [curl arguments]: what comes on standard input is sent; status,
# octets sent, seconds
gigabytes() {
	timeout 20 curl -sS --max-time 15 --cacert "$DEMO/root.pem" \
		"${maker[@]}" -o /dev/null -X POST -T - \
		-w '%{http_code} %{size_upload} %{time_total}' \
		-H 'Content-Type: application/pkcs10' "$@" \
		"$(url 0 simpleenroll)" 2>/dev/null
}
not_read() { # not_read NAME: $got $sent $took
	# 100: it went on, and the connection ended.
	one_of "$1" "$got" 413 000 100 "$too_long" "$not_there"
	ok "… is not read: $sent octets" test "$sent" -lt 33554432
	ok "… soon: $took s" soon "$took"
}
read -r got sent took < <(head -c 1073741824 /dev/zero | gigabytes)
not_read "a gigabyte in chunks"
read -r got sent took < <(yes "$line" | gigabytes)
not_read "chunks without an end"
read -r got sent took < <(yes "$line" | gigabytes \
	-H 'Content-Length: 5368709120' -H 'Transfer-Encoding:' -H 'Expect:')
not_read "5 GiB, announced, and sent as long as it is taken"
for length in 1073741824 4294967297 5368709120 9223372036854775807; do
	{
		request "POST $est/simpleenroll HTTP/1.1" \
			"Content-Length: $length" \
			'Content-Type: application/pkcs10'
		cat "$T/big"
	} >"$T/rq"
	one_of "$length octets that are announced" "$(raw "$T/rq" 5)" 413 "" \
		"$too_long" 400
done
is "nothing of that is good by its beginning" "$(issued)" "$before"
ok "memory: $most KiB at most, then $(peak)" test "$(peak)" -lt $((most + 32768))
for length in -1 +5 0x10 1e3 '5 5' 99999999999999999999; do
	{
		request "POST $est/simpleenroll HTTP/1.1" \
			"Content-Length: $length" 'Connection: close' \
			'Content-Type: application/pkcs10'
		printf AAAAA
	} >"$T/rq"
	one_of "Content-Length: $length" "$(raw "$T/rq" 4)" 400 413 500 ""
done
{
	request "POST $est/simpleenroll HTTP/1.1" 'Content-Length: 8' \
		'Connection: close' 'Content-Type: application/pkcs10'
	cat "$T/good.b64"
} >"$T/rq"
like "a body longer than its length is cut" "$(raw "$T/rq" 4)" '^400'
# A client that goes away after half of it, and one that does after all.
half() { # half LENGTH OCTETS NAME
	openssl req -in "$T/$3.der" -inform DER -outform DER |
		openssl base64 >"$T/half.b64"
	{
		request "POST $est/simpleenroll HTTP/1.1" "Content-Length: $1" \
			'Content-Type: application/pkcs10'
		head -c "$2" "$T/half.b64"
	} | timeout 5 openssl s_client -connect "localhost:$PORT" \
		-cert "$DEMO/manufacturer.pem" -key "$DEMO/manufacturer.key" \
		>/dev/null 2>&1
}
is "so far nothing was issued to anybody" "$(issued)" "$before"
csr half /CN=suite-half
size=$(wc -c <"$T/half.b64")
half "$size" $((size / 2)) half
csr gone /CN=suite-gone
half "$(wc -c <"$T/gone.b64")" 100000 gone
is "who left after all of it gets it by asking again" \
	"$(post 0 simpleenroll "$T/gone.b64" "${maker[@]}")" 200
is "… once" "$(admin list --subject CN=suite-gone --format csv |
	tail -n +2 | wc -l)" 1
is "who left after half of it got nothing" "$(admin list --subject \
	CN=suite-half --format csv | tail -n +2 | wc -l)" 0

wait "$slow"
like "the slow ones were sent away: $(tail -n 1 "$T/slow.out")" \
	"$(tail -n 1 "$T/slow.out")" '^40 of 40 closed'
# 500 that say nothing to the TLS port, 500 that do not end their headers.
crowd() { # crowd PORT FILE
	"$BUILDDIR/tests/tools/slow" -p "$1" 500 30 "$2" >"$T/crowd.out" &
	crowd=$!
}
: >"$T/nothing"
crowd "$PORT" "$T/nothing"
ok "500 that say nothing" until_open "$T/crowd.out"
is "… others are served" "$(est 0 cacerts -w '%{http_code} %{time_total}' |
	tee "$T/soon" | cut -d' ' -f1)" 200
ok "… soon: $(cat "$T/soon")" soon "$(cut -d' ' -f2 "$T/soon")"
kill "$crowd"
printf 'GET /health HTTP/1.1\r\nHost: localhost\r\nX: ' >"$T/some"
crowd $((PORT + 6)) "$T/some"
ok "500 that do not end their headers" until_open "$T/crowd.out"
is "… others are served" "$(est 0 cacerts -w '%{http_code} %{time_total}' |
	tee "$T/soon" | cut -d' ' -f1)" 200
ok "… soon: $(cat "$T/soon")" soon "$(cut -d' ' -f2 "$T/soon")"
kill "$crowd"

# ---- C: base64 and DER come through as they are
# wrong NAME REASON: standard input is refused.  Not behind a pipe: a subshell
# would count for itself.
wrong() {
	cat >"$T/wrong"
	is "$1" "$(post 0 simpleenroll "$T/wrong" "${maker[@]}") $(reason)" \
		"400 $2"
}
wrong "not base64" base64 < <(printf '!!!!')
wrong "the alphabet of URLs" base64 < <(tr '+/' '-_' <<<"$line+/==")
wrong "no padding" base64 < <(printf '%s' "${line:0:-1}")
wrong "two, joined" base64 < <(printf '%s%s' "$line" "$line=")
wrong "bits after the data" base64 < <(printf 'AB==')
wrong "a byte order mark" base64 < <(printf '\357\273\277%s' "$line")
wrong "a NUL" base64 < <(printf '\0%s' "$line")
wrong "PEM" base64 < <(openssl req -inform DER -in "$T/good.der")
wrong "DER" base64 <"$T/good.der"
openssl base64 -A -in "$T/good.b64" >"$T/wrong"
is "twice base64" "$(post 0 simpleenroll "$T/wrong" "${maker[@]}")" 400
printf '%s\r\n\r\n \t' "$(fold -w 1 <<<"$line")" >"$T/odd"
is "lines of one, blanks" "$(post 0 simpleenroll "$T/odd" "${maker[@]}")" 200
while IFS=$'\t' read -r file want status reason _; do
	[ "$status" = 400 ] || continue
	is "${file#*/}" "$(post 0 simpleenroll "$SRCDIR/tests/vectors/$file" \
		"${maker[@]}") $(reason)" "400 ${want:+$reason}"
done < <(grep -E '^csr-made/0(07|08|10|11|13|14|16|17|19|20|22|59)|^csr-made/(099|100|154|171|172)' \
	"$SRCDIR/tests/vectors/csr-expected.tsv")
is "after: a good one" "$(post 0 simpleenroll "$T/good.b64" "${maker[@]}")" 200
is "nothing was issued to anybody but who left too early" "$(issued)" \
	$((before + 1))
