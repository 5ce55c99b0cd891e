#!/bin/sh
# simpleenroll - RFC 7030, 4.2.1: who gets a certificate, and how it looks.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem

field() { openssl x509 -in "$T/$1.pem" -noout "$2" -nameopt RFC2253; }

# ---- a good request
csr dev1 /CN=dev1 -addext subjectAltName=DNS:dev1.example
is "the manufacturer enrols a device" \
	"$(post device simpleenroll maker-ra "$T/dev1.b64")" 200
is "its type, to the octet" "$(header Content-Type)" \
	"application/pkcs7-mime; smime-type=certs-only"
is "its encoding" "$(header Content-Transfer-Encoding)" base64
is "its length" "$(header Content-Length)" "$(wc -c <"$T/body")"
is "no cache keeps it" "$(header Cache-Control)" no-store
ok "the header block is below 1 KiB" test "$(wc -c <"$T/head")" -lt 1000
is "the leaf alone" "$(certs | grep -c BEGIN)" 1
certs | openssl x509 -out "$T/dev1.pem"
ok "it verifies as a client's" openssl verify -purpose sslclient \
	-CAfile "$T/root.pem" -untrusted "$T/ca.pem" "$T/dev1.pem"
is "with the subject asked for" "$(field dev1 -subject)" "subject=CN=dev1"
is "and the key" "$(openssl pkey -in "$T/dev1.key" -pubout)" \
	"$(openssl x509 -in "$T/dev1.pem" -noout -pubkey)"
like "and the names" "$(openssl x509 -in "$T/dev1.pem" -noout \
	-ext subjectAltName)" DNS:dev1.example
is "it is recorded" "$(issued)" 1
like "under its serial" "$(admin list --subject CN=dev1 --format csv)" \
	"$(field dev1 -serial | cut -d= -f2)"
is "one audit row says so" \
	"$(sql "SELECT count(*) FROM audit WHERE event = 'issue'")" 1

# ---- the same request, the same answer
cp "$T/body" "$T/first"
is "again" "$(post device simpleenroll maker-ra "$T/dev1.b64")" 200
ok "the same octets" cmp "$T/first" "$T/body"
is "still one certificate" "$(issued)" 1
openssl base64 -A -in "$T/dev1.der" -out "$T/line.b64"
is "an unwrapped request" \
	"$(post device simpleenroll maker-ra "$T/line.b64")" 200
is "gets one line" "$(wc -l <"$T/body")" 1
is "of the same certificate" "$(tr -d '\n' <"$T/body")" \
	"$(tr -d '\n' <"$T/first")"
ok "a wrapped one got lines" test "$(wc -l <"$T/first")" -gt 1
sed 's/$/\r/' "$T/dev1.b64" >"$T/crlf.b64"
printf '\r\n' >>"$T/crlf.b64"
is "CRLF and a stray line end" \
	"$(post device simpleenroll maker-ra "$T/crlf.b64")" 200

# ---- how bodies come
is "with its length" "$(post device simpleenroll maker-ra "$T/dev1.b64" \
	CONTENT_LENGTH="$(wc -c <"$T/dev1.b64")")" 200
is "chunked, as Caddy says" "$(post device simpleenroll maker-ra \
	"$T/dev1.b64" CONTENT_LENGTH=-1)" 200
is "media type in capitals with a parameter" "$(post device simpleenroll \
	maker-ra "$T/dev1.b64" 'CONTENT_TYPE=APPLICATION/PKCS10 ; x=y')" 200
is "a transfer encoding means nothing" "$(post device simpleenroll maker-ra \
	"$T/dev1.b64" HTTP_CONTENT_TRANSFER_ENCODING=binary)" 200
is "nor do Accept and Range" "$(post device simpleenroll maker-ra \
	"$T/dev1.b64" HTTP_ACCEPT=image/png HTTP_RANGE=bytes=0-1)" 200

bad() { # bad NAME STATUS REASON post-arguments...
	bad_name=$1 bad_status=$2 bad_reason=$3
	shift 3
	before_refusal
	bad_got=$(post "$@")
	refused "$bad_name" "$bad_got" "$bad_status" "$bad_reason"
}
: >"$T/empty"
head -c 60000 /dev/zero | tr '\0' '\n' >"$T/blank"
head -c 65537 /dev/zero | tr '\0' 'A' >"$T/big"
printf 'AA-_' >"$T/url64"
openssl req -in "$T/dev1.der" -inform DER -out "$T/dev1.csr.pem"
bad "an empty body" 400 body-empty device simpleenroll maker-ra "$T/empty"
bad "a blank body" 400 body-empty device simpleenroll maker-ra "$T/blank"
bad "a body over 64 KiB" 413 too-large device simpleenroll maker-ra "$T/big"
bad "a length over 64 KiB" 413 too-large device simpleenroll maker-ra \
	"$T/dev1.b64" CONTENT_LENGTH=1073741824
bad "the URL alphabet" 400 base64 device simpleenroll maker-ra "$T/url64"
bad "PEM armour" 400 base64 device simpleenroll maker-ra "$T/dev1.csr.pem"
bad "bare DER" 400 base64 device simpleenroll maker-ra "$T/dev1.der"
bad "another media type" 415 type device simpleenroll maker-ra \
	"$T/dev1.b64" CONTENT_TYPE=application/pkcs7-mime
bad "two media types" 415 type device simpleenroll maker-ra "$T/dev1.b64" \
	CONTENT_TYPE=application/pkcs10,application/json
bad "a packed body" 415 encoding device simpleenroll maker-ra \
	"$T/dev1.b64" HTTP_CONTENT_ENCODING=gzip
bad "a body shorter than its length" 400 body-short device simpleenroll \
	maker-ra "$T/dev1.b64" CONTENT_LENGTH=9999
bad "a body longer than its length" 400 body-long device simpleenroll \
	maker-ra "$T/dev1.b64" CONTENT_LENGTH=10
for length in +5 0x10 1e3 99999999999999999999 -2; do
	bad "a length of $length" 400 length device simpleenroll maker-ra \
		"$T/dev1.b64" CONTENT_LENGTH=$length
done
csr soft /CN=soft
openssl req -in "$T/soft.der" -inform DER -out "$T/soft.csr.pem"
is "lenient takes PEM" \
	"$(post lenient simpleenroll maker-ra "$T/soft.csr.pem")" 200
is "and bare DER" "$(post lenient simpleenroll maker-ra "$T/soft.der")" 200

# A body that does not come: a pipe that stays open.
mkfifo "$T/pipe"
before_refusal
(printf 'MII' && sleep 6) >"$T/pipe" &
started="$started $!"
slow=$(post device simpleenroll maker-ra "$T/pipe")
refused "a body that does not come" "$slow" 408 timeout

# ---- who is asking
bad "nobody" 403 auth-none device simpleenroll "" "$T/dev1.b64"
for forged in HTTP_SSL_CLIENT_CERT HTTP_X_CLIENT_CERT HTTP_CLIENT_CERT \
	HTTP_X_SSL_CLIENT_CERT HTTP_X_ARR_CLIENTCERT; do
	bad "nobody, with a forged $forged" 403 auth-none device simpleenroll \
		"" "$T/dev1.b64" "$forged=$(cat "$T/maker-ra.pem")" \
		HTTP_SSL_CLIENT_VERIFY=SUCCESS REMOTE_USER=admin
done
bad "SUCCESS without a certificate" 403 auth-config device simpleenroll "" \
	"$T/dev1.b64" SSL_CLIENT_VERIFY=SUCCESS
bad "a certificate that lighttpd did not verify" 403 auth-config device \
	simpleenroll maker-ra "$T/dev1.b64" SSL_CLIENT_VERIFY=NONE
bad "one that it says expired" 403 client-expired device simpleenroll "" \
	"$T/dev1.b64" 'SSL_CLIENT_VERIFY=FAILED:error:0000000A:lib(0)::reason(10)'
cat "$T/maker-ra.pem" "$T/maker.pem" >"$T/two.pem"
bad "two certificates" 403 auth-config device simpleenroll two "$T/dev1.b64"
echo hello >"$T/none.pem"
bad "a text that is none" 403 auth-config device simpleenroll none \
	"$T/dev1.b64"
leaf_make stranger root "/CN=stranger" 2>/dev/null
bad "a certificate of the root itself" 403 client-untrusted device \
	simpleenroll stranger "$T/dev1.b64"
bad "a CA certificate" 403 client-isca device simpleenroll maker \
	"$T/dev1.b64"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout "$T/self.key" -out "$T/self.pem" -days 9 \
	-subj "/CN=Line 1 RA" -addext basicConstraints=CA:FALSE 2>/dev/null
bad "self-signed, with a good one's name" 403 client-untrusted device \
	simpleenroll self "$T/dev1.b64"
csr caddy /CN=caddy
is "DER in base64, where the front end is Caddy" "$(post caddy simpleenroll \
	"" "$T/caddy.b64" SSL_CLIENT_VERIFY= "SSL_CLIENT_CERT=$(openssl x509 \
		-in "$T/maker-ra.pem" -outform DER | openssl base64 -A)")" 200
csr nginx /CN=nginx
is "URL-escaped PEM, where it is nginx" "$(post nginx simpleenroll \
	"" "$T/nginx.b64" SSL_CLIENT_VERIFY=SUCCESS "SSL_CLIENT_CERT=$(jq -rRs \
		'@uri' "$T/maker-ra.pem")")" 200
bad "and not where it is lighttpd" 403 auth-config device simpleenroll "" \
	"$T/dev1.b64" SSL_CLIENT_VERIFY=SUCCESS \
	"SSL_CLIENT_CERT=$(jq -rRs '@uri' "$T/maker-ra.pem")"

# ---- where it is asked
bad "an operation that is off" 404 path readonly simpleenroll maker-ra \
	"$T/dev1.b64"
bad "a label that is not listed" 404 path device late/simpleenroll maker-ra \
	"$T/dev1.b64"
before_refusal
got=$(cgi simpleenroll REQUEST_METHOD=GET "REQUEST_URI=$EST/simpleenroll" \
	MICROCA_ENDPOINT=device </dev/null)
refused "GET" "$got" 405 method
is "GET is told what goes" "$(header Allow)" POST

# ---- what is asked
csr name /CN=Xdev
bad "a name outside the manufacturer's pattern" 403 ra-scope device \
	simpleenroll maker-ra "$T/name.b64"
csr ca /CN=dev2 -addext basicConstraints=critical,CA:TRUE
bad "to be a CA" 403 profile-ca device simpleenroll maker-ra "$T/ca.b64"
csr eku /CN=dev2 -addext extendedKeyUsage=serverAuth
bad "a usage that the profile does not have" 403 profile-eku device \
	simpleenroll maker-ra "$T/eku.b64"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 \
	-out "$T/p521.key" 2>/dev/null
csr p521 /CN=dev2
bad "a curve that the profile does not take" 400 curve device simpleenroll \
	maker-ra "$T/p521.b64"
is "the audit names who asked" "$(last_refusal requester | grep -c 'Line 1 RA')" 1
is "and the request" "$(last_refusal csr_sha256)" \
	"$(sha256sum "$T/p521.der" | cut -d' ' -f1)"
is "and the client's certificate" "$(last_refusal client_sha256)" \
	"$(openssl x509 -in "$T/maker-ra.pem" -outform DER | sha256sum |
		cut -d' ' -f1)"
is "and the id that the answer gave" "$(last_refusal request)" \
	"$(sed -n 's/.*(request \(.*\))$/\1/p' "$T/body")"
like "the log has it too" "$(cat "$T/log")" "request $(last_refusal request)"

# ---- a device's own certificate
csr other /CN=other
bad "a device cannot ask for another name" 403 name-policy device \
	simpleenroll dev1 "$T/other.b64"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
	-out "$T/dev1.new.key" 2>/dev/null
csr dev1.new /CN=dev1 -addext subjectAltName=DNS:dev1.example
is "a device is renewed here too" \
	"$(post device simpleenroll dev1 "$T/dev1.new.b64")" 200
serial=$(field dev1 -serial | cut -d= -f2)
ok "a certificate is revoked" admin revoke --reason keyCompromise "$serial"
bad "and opens nothing from then on" 403 client-revoked device simpleenroll \
	dev1 "$T/dev1.new.b64"
is "a subordinate CA" "$(csr sub /CN=Sub1 && post subca simpleenroll \
	maker-ra "$T/sub.b64")" 200
certs | openssl x509 -out "$T/sub.pem"
like "is one" "$(openssl x509 -in "$T/sub.pem" -noout -ext basicConstraints)" \
	"CA:TRUE, pathlen:0"
bad "and no client" 403 client-isca subca simpleenroll sub "$T/sub.b64"

# ---- what is broken
key_hide
csr late /CN=late1
before_refusal
got=$(post device simpleenroll maker-ra "$T/late.b64")
is "a key that is gone" "$got issued $(($(issued) - issued_before))" \
	"503 issued 0"
like "says when to come back" "$(header Retry-After)" '^[1-9][0-9]*$'
key_back
is "and comes back by itself" \
	"$(post device simpleenroll maker-ra "$T/late.b64")" 200
mv "$T/state/microca.db" "$T/away.db"
is "no database: never a new one" \
	"$(post device simpleenroll maker-ra "$T/late.b64") $(reason)" \
	"500 db-missing"
ok "none was made" test ! -e "$T/state/microca.db"
mv "$T/away.db" "$T/state/microca.db"
done_testing
