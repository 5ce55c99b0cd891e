#!/bin/sh
# What health, check and forecast say of revocation lists and of the OCSP
# responder: absent, in time, late, ended.
# shellcheck disable=SC2016 # of the messages
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
PRELOAD=$(find /usr/lib -name libfaketime.so.1 | head -n 1)
if [ -z "$PRELOAD" ]; then
	echo "1..0 # SKIP faketime is not installed"
	exit 0
fi
ca_make pem
health() { # health DAYS: from now; the words
	cgi health REQUEST_METHOD=GET REQUEST_URI=/health REMOTE_ADDR=127.0.0.1 \
		LD_PRELOAD="$PRELOAD" FAKETIME="+${1}d" </dev/null >/dev/null
	sed -n 's/^degraded: \([a-z-]*\): \(crl\|ocsp\): .*/\1/p' "$T/body" |
		tr '\n' ' '
}
check() { # check DAYS
	faketime -f "+${1}d" "$BUILDDIR/bin/microca" -c "$CONF" check 2>&1
}
like_not() { # like_not NAME TEXT REGEX
	ok "$1" sh -c '! printf "%s\n" "$1" | grep -qE -e "$2"' - "$2" "$3"
}

is "nobody asked for any" "$(health 0)" ""
like_not "nor does check" "$(check 0)" 'revocation list|responder'
admin crl >/dev/null
is "a list" "$(health 0)" ""
like "check sees it" "$(check 0)" '^ok: the revocation lists are there'
is "half of its time is over: it is renewed then" "$(health 4)" ""
is "three quarters: nobody does" "$(health 6)" "crl-due "
like "… says check, too" "$(check 6)" '^FAIL: the revocation lists.*does `microca crl` run'
is "it has ended" "$(health 8)" "crl-ended "
is "health still answers 200: certificates are issued" \
	"$(sed -n 's/^Status: \([0-9]*\).*/\1/p' "$T/head")" 200
like "… says check" "$(check 8)" '^FAIL: the revocation lists.*has ended'
list=$(find "$T" -name '*.crl')
mv "$list" "$T/away"
is "it is gone" "$(health 0)" "crl-absent "
echo rubbish >"$list"
is "it is something else" "$(health 0)" "crl "
head -c 200 "$T/away" >"$list"
is "it is cut off" "$(health 0)" "crl "
: >"$list"
is "it is empty" "$(health 0)" "crl "
mv "$T/away" "$list"
is "it is there again" "$(health 0)" ""

admin ocsp >/dev/null
is "a responder" "$(health 0)" ""
like "check sees it" "$(check 0)" '^ok: the OCSP responder of key [0-9a-f]+$'
cert=$(find "$T" -path '*ocsp*' -name '*.pem' | grep -v key | head -n 1)
days=$((($(date -d "$(openssl x509 -in "$cert" -noout -enddate |
	cut -d= -f2)" +%s) - $(date +%s)) / 86400))
like "forecast knows its end" "$(admin forecast --days $((days + 2)))" \
	'OCSP responder of key [0-9a-f]+ ends'
late=$((days * 3 / 4 + 2))
like "not renewed in time" "$(health $late)" 'responder-due'
like "… says check" "$(check $late)" '^FAIL: the OCSP responder.*does `microca ocsp` run'
like "ended" "$(health $((days + 1)))" 'responder-ended'
mv "$cert" "$T/away"
is "gone" "$(health 0)" "responder-absent "
like "… says check" "$(check 0)" '^FAIL: the OCSP responder.*has no certificate'
mv "$T/away" "$cert"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
	-out "$T/other" 2>/dev/null
cp -p "$cert" "$T/away"
{ cat "$T/other"; openssl x509 -in "$T/away"; } >"$cert"
like "another key" "$(check 0)" '^FAIL: the OCSP responder.*for another key'
cat "$T/away" >"$cert"
is "the right one again" "$(check 0 | grep -c '^ok: the OCSP responder')" 1
done_testing
