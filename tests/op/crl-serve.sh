#!/bin/sh
# Revocation lists and issuing certificates, served to whoever asks.
# shellcheck disable=SC2031 # a reader has an answer of its own
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
ca_make pem
KEYID=$(openssl x509 -in "$T/ca.pem" -noout -ext subjectKeyIdentifier |
	tail -n 1 | tr -d ' :' | tr A-F a-f)

get() { # get PATH [NAME=VALUE...]: the status
	get_path=$1
	shift
	cgi crl REQUEST_METHOD=GET "REQUEST_URI=$get_path" "$@" </dev/null
}
same() { cmp -s "$T/body" "$1" && echo same; }

is "before there is one" "$(get "/crl/$KEYID.crl") $(header Cache-Control)" \
	"404 no-store"
admin crl >/dev/null
LIST=$(find "$T" -name "$KEYID.crl")
is "a list" "$(get "/crl/$KEYID.crl") $(same "$LIST") $(header Content-Type)" \
	"200 same application/pkix-crl"
is "its length" "$(header Content-Length)" "$(stat -c %s "$LIST")"
is "its date" "$(date -d "$(header Last-Modified)" +%s)" \
	"$(stat -c %Y "$LIST")"
is "a cache asks again after five minutes" "$(header Cache-Control)" max-age=300
etag=$(header ETag) date=$(header Last-Modified)
like "openssl reads it" "$(openssl crl -inform DER -in "$T/body" -noout \
	-CAfile "$T/ca.pem" 2>&1)" 'verify OK'

# RFC 9110, 13
is "who has it" "$(get "/crl/$KEYID.crl" "HTTP_IF_NONE_MATCH=$etag") \
$(stat -c %s "$T/body") $(header ETag)" "304 0 $etag"
is "… among others, weakly" "$(get "/crl/$KEYID.crl" \
	"HTTP_IF_NONE_MATCH=\"x\", W/$etag")" 304
is "… by any" "$(get "/crl/$KEYID.crl" 'HTTP_IF_NONE_MATCH=*')" 304
is "who has another" "$(get "/crl/$KEYID.crl" 'HTTP_IF_NONE_MATCH="x"')" 200
is "by its date" "$(get "/crl/$KEYID.crl" "HTTP_IF_MODIFIED_SINCE=$date")" 304
is "an older date" "$(get "/crl/$KEYID.crl" \
	'HTTP_IF_MODIFIED_SINCE=Tue, 01 Jan 2019 00:00:00 GMT')" 200
is "what is no date" "$(get "/crl/$KEYID.crl" \
	'HTTP_IF_MODIFIED_SINCE=yesterday')" 200
is "the ETag counts more than the date" "$(get "/crl/$KEYID.crl" \
	'HTTP_IF_NONE_MATCH="x"' "HTTP_IF_MODIFIED_SINCE=$date")" 200
is "HEAD" "$(cgi crl REQUEST_METHOD=HEAD "REQUEST_URI=/crl/$KEYID.crl" \
	</dev/null) $(stat -c %s "$T/body") $(header Content-Length)" \
	"200 0 $(stat -c %s "$LIST")"

enrol one /CN=one >/dev/null
admin revoke "$(openssl x509 -in "$T/one.pem" -noout -serial | cut -d= -f2)" \
	>/dev/null
admin crl >/dev/null
is "a newer one is another" "$(get "/crl/$KEYID.crl" \
	"HTTP_IF_NONE_MATCH=$etag") $(same "$LIST")" "200 same"
like "… with what is revoked" "$(openssl crl -inform DER -in "$T/body" -noout \
	-text)" 'Serial Number'

# RFC 5280, 4.2.2.1
openssl x509 -in "$T/ca.pem" -outform DER -out "$T/ca.cer"
is "the issuer" "$(get "/ca/$KEYID.cer") $(same "$T/ca.cer") \
$(header Content-Type)" "200 same application/pkix-cert"
is "… once" "$(get "/ca/$KEYID.cer" "HTTP_IF_NONE_MATCH=$(header ETag)")" 304

for path in / /crl/ "/crl/$KEYID" "/crl/$KEYID.crl/" "/crl/$KEYID.cer" \
	"/crl/$(echo "$KEYID" | tr a-f A-F)x.crl" "/ca/$KEYID.crl" /ca/00.cer \
	/crl/../microca.conf /crl/%2e%2e/microca.crl "/crl/.crl" \
	"/crl/$(printf '%0200d' 0).crl"; do
	is "not there: $path" "$(get "$path")" 404
done
is "POST" "$(cgi crl REQUEST_METHOD=POST "REQUEST_URI=/crl/$KEYID.crl" \
	</dev/null) $(header Allow)" "405 GET, HEAD"

# RFC 9110, 5.6.7: all three forms of a date
for form in '%A, %d-%b-%y %T GMT' '%a %b %e %T %Y'; do
	is "a date like $form" "$(get "/crl/$KEYID.crl" \
		"HTTP_IF_MODIFIED_SINCE=$(LC_ALL=C TZ=UTC date \
			-r "$LIST" "+$form")")" 304
done

# ---- published under load: each answer is one whole list
start crl
for n in 1 2 3; do
	(
		# shellcheck disable=SC2030 # of this one
		ANSWER=$T/answer$n BODY=$T/body$n
		while [ ! -e "$T/enough" ]; do
			send plain crl REQUEST_METHOD=GET \
				"REQUEST_URI=/crl/$KEYID.crl" </dev/null >/dev/null
			openssl crl -inform DER -in "$BODY" -noout -crlnumber \
				-CAfile "$T/ca.pem" 2>&1 | tr '\n' ' '
			echo
		done >"$T/seen$n"
	) &
	started="$started $!"
	readers="${readers:-} $!"
done
seen_by_all() { [ "$(cat "$T"/seen? | sort -u | wc -l)" -gt "$1" ]; }
for n in 1 2 3 4 5; do
	admin crl --force >/dev/null
	wait_for 20 seen_by_all "$n" || bail "a list is not served"
done
touch "$T/enough"
# shellcheck disable=SC2086
wait $readers
is "whole and verified, each" "$(cat "$T"/seen? |
	grep -vc '^verify OK crlNumber=0x[0-9A-F]* $')" 0
for n in 1 2 3; do
	ok "reader $n never goes back" sh -c "sed 's/.*0x//' '$T/seen$n' | sort -c"
done
stop TERM

# ---- a list that is replaced while it is sent, by a program that stays
start crl
send plain crl REQUEST_METHOD=GET "REQUEST_URI=/crl/$KEYID.crl" </dev/null \
	>/dev/null
ok "as FastCGI the same" cmp -s "$BODY" "$LIST"
head -c 5000000 /dev/urandom >"$T/big"
mv "$T/big" "$LIST"
send plain crl REQUEST_METHOD=GET "REQUEST_URI=/crl/$KEYID.crl" </dev/null \
	>/dev/null
ok "of any size" cmp -s "$BODY" "$LIST"
most=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
head -c 60000000 /dev/urandom >"$T/big"
mv "$T/big" "$LIST"
send plain crl REQUEST_METHOD=GET "REQUEST_URI=/crl/$KEYID.crl" </dev/null \
	>/dev/null
ok "60 MB" cmp -s "$BODY" "$LIST"
now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")
ok "memory does not grow with it" test "$now" -lt "$((most + 4096))"
rm "$LIST"
stop TERM
is "stopped" "$rc" 0
done_testing
