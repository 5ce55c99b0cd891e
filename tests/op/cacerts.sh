#!/bin/sh
# cacerts - RFC 7030, 4.1: the chain, whatever is down.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem

is "the chain is given" "$(get device cacerts HTTP_USER_AGENT=x)" 200
is "its type" "$(header Content-Type)" application/pkcs7-mime
is "its encoding" "$(header Content-Transfer-Encoding)" base64
is "its length" "$(header Content-Length)" "$(wc -c <"$T/body")"
is "no state is kept" "$(header Cache-Control)" no-store
is "a User-Agent gets lines of 64" \
	"$(awk '{ print length($0) }' "$T/body" | sort -n | tail -n 1)" 64
cp "$T/body" "$T/wrapped"
certs >"$T/chain.pem"
is "issuer and root" "$(grep -c BEGIN "$T/chain.pem")" 2
is "the issuer comes first" \
	"$(openssl x509 -in "$T/chain.pem" -noout -subject -nameopt RFC2253)" \
	"subject=O=Example,CN=Op Test CA"
ok "it verifies with the root alone" openssl verify -CAfile "$T/root.pem" \
	-untrusted "$T/chain.pem" "$T/ca.pem"
openssl base64 -d -in "$T/wrapped" | openssl asn1parse -inform DER \
	>"$T/asn1" 2>&1
ok "it is version 1" sh -c "sed -n 5p '$T/asn1' | grep -q 'INTEGER *:01'"
ok "it has no crls and no signers" \
	sh -c "tail -n 1 '$T/asn1' | grep -q 'l= *0 cons: SET'"

get device cacerts >/dev/null
is "no User-Agent gets one line" "$(wc -l <"$T/body")" 1
is "the same octets in both forms" "$(tr -d '\n' <"$T/wrapped")" \
	"$(tr -d '\n' <"$T/body")"
length=$(header Content-Length)
is "HEAD is answered" \
	"$(cgi cacerts REQUEST_METHOD=HEAD "REQUEST_URI=$EST/cacerts" \
		MICROCA_ENDPOINT=device)" 200
is "HEAD has GET's length" "$(header Content-Length)" "$length"
is "HEAD has no body" "$(wc -c <"$T/body")" 0
is "a label may name the endpoint" "$(get device device/cacerts)" 200
is "or one that the endpoint lists" "$(get device mute/cacerts)" 200
is "but no other" "$(get device late/cacerts)" 404
is "SCRIPT_NAME and PATH_INFO do as well" \
	"$(cgi cacerts REQUEST_METHOD=GET "SCRIPT_NAME=$EST" \
		PATH_INFO=/cacerts MICROCA_ENDPOINT=device)" 200
is "no endpoint is the web server's fault" \
	"$(cgi cacerts REQUEST_METHOD=GET "REQUEST_URI=$EST/cacerts")" 500
like "the log says what is missing" "$(cat "$T/log")" MICROCA_ENDPOINT
is "an empty environment too" "$(cgi cacerts) $(reason)" "500 config"

for path in ghost/cacerts a/b/cacerts /cacerts ../est/cacerts ./cacerts \
	%2e%2e/cacerts a%2fcacerts cacerts/ cacerts/x CACerts crts '' \
	cacerts%00 -rf/cacerts..; do
	is "404: $path" "$(cgi cacerts REQUEST_METHOD=GET \
		"REQUEST_URI=$EST/$path" MICROCA_ENDPOINT=device)" 404
	is "with the body of all 404s: $path" "$(sed 's/ (request.*//' "$T/body")" \
		"path: RFC 7030, 3.2.2: nothing is served under this path"
done
for method in POST PUT DELETE PATCH OPTIONS TRACE BREW get; do
	is "405: $method" "$(cgi cacerts REQUEST_METHOD=$method \
		"REQUEST_URI=$EST/cacerts" MICROCA_ENDPOINT=device) $(header Allow)" \
		"405 GET, HEAD"
done

mv "$T/state" "$T/away"
mkdir "$T/state"
is "it answers without store and issuer" "$(get device cacerts)" 200
rmdir "$T/state"
mv "$T/away" "$T/state"
mv "$T/issuer.key" "$T/issuer.away"
is "and without the key" "$(get device cacerts)" 200
mv "$T/issuer.away" "$T/issuer.key"
mv "$T/public/chain.pem" "$T/chain.away"
is "without a chain it says so" "$(get device cacerts) $(reason)" \
	"503 issuer-absent"
like "and when to come back" "$(header Retry-After)" '^[1-9][0-9]*$'
mv "$T/chain.away" "$T/public/chain.pem"

sed 's/allow_cgi = true/allow_cgi = false/' "$CONF" >"$T/no-cgi.conf"
is "plain CGI is off unless it is allowed" \
	"$(get device cacerts MICROCA_CONF="$T/no-cgi.conf")" 500
echo 'nonsense = true;' >"$T/bad.conf"
is "a broken configuration is no answer" \
	"$(get device cacerts MICROCA_CONF="$T/bad.conf") $(reason)" "500 config"
ok "and names no file" sh -c "! grep -q '$T' '$T/body'"
like "the log does" "$(cat "$T/log")" "bad.conf:1"
done_testing
