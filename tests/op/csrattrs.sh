#!/bin/sh
# csrattrs - RFC 7030, 4.5; RFC 8951, 4; RFC 9908: made from the profile.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem

dump() { openssl base64 -d -A -in "$T/body" | openssl asn1parse -inform DER; }

is "attributes are given" "$(get device csrattrs)" 200
is "their type" "$(header Content-Type)" application/csrattrs
is "their encoding" "$(header Content-Transfer-Encoding)" base64
is "their length" "$(header Content-Length)" "$(wc -c <"$T/body")"
dump >"$T/classic" 2>&1
like "they are a SEQUENCE" "$(head -n 1 "$T/classic")" 'd=0 .*SEQUENCE'
like "with the wanted extensions" "$(cat "$T/classic")" 'Extension Request'
is "in one attribute" "$(grep -c 'Extension Request' "$T/classic")" 1
is "the template, when the profile says so" \
	"$(get device template/csrattrs)" 200
like "the template's attribute" "$(dump)" '1.2.840.113549.1.9.16.2.61'
is "nothing to say is 204" "$(get device mute/csrattrs)" 204
is "204 has no body" "$(wc -c <"$T/body")" 0
is "204 has no type" "$(header Content-Type)" ""
is "an unknown label is 404" "$(get device ghost/csrattrs)" 404
is "404 has no body: known clients want that" "$(wc -c <"$T/body")" 0
is "HEAD is answered" \
	"$(cgi csrattrs REQUEST_METHOD=HEAD "REQUEST_URI=$EST/csrattrs" \
		MICROCA_ENDPOINT=device)" 200
is "POST is not" "$(cgi csrattrs REQUEST_METHOD=POST \
	"REQUEST_URI=$EST/csrattrs" MICROCA_ENDPOINT=device) $(header Allow)" \
	"405 GET, HEAD"
mv "$T/state" "$T/away"
mkdir "$T/state"
is "it answers without store and issuer" "$(get device csrattrs)" 200
rmdir "$T/state"
mv "$T/away" "$T/state"

# What csrattrs asks for is accepted: a P-256 key, clientAuth.
csr asked /CN=asked -addext extendedKeyUsage=clientAuth \
	-addext keyUsage=critical,digitalSignature
is "a request that holds what was asked for" \
	"$(post device simpleenroll maker-ra "$T/asked.b64")" 200
done_testing
