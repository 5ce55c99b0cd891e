# shellcheck shell=bash
# Part of suite.sh: every operation at every endpoint, by curl and openssl.
# shellcheck source=tests/httpd/lib.sh
[ -n "${DEMO:-}" ] || . "$(dirname "$0")/lib.sh"

# ---- cacerts (RFC 7030, 4.1)
for offset in 0 1 2; do
	is "cacerts at port base+$offset, without a certificate" \
		"$(est "$offset" cacerts)" 200
done
is "cacerts: type" "$(head_of Content-Type)" "application/pkcs7-mime"
is "cacerts: encoding" "$(head_of Content-Transfer-Encoding)" base64
is "cacerts: length" "$(head_of Content-Length)" "$(wc -c <"$T/body")"
certs >"$T/chain.pem"
is "cacerts: intermediate and root" \
	"$(grep -c BEGIN "$T/chain.pem")" 2
ok "cacerts: the chain verifies with the root alone" \
	openssl verify -CAfile "$DEMO/root.pem" -untrusted "$T/chain.pem" \
	"$DEMO/intermediate.pem"
is "cacerts with the endpoint's own label" "$(est 0 device/cacerts)" 200
is "HEAD cacerts" "$(est 0 cacerts -I)" 200
is "HEAD: the length of GET" "$(head_of Content-Length)" \
	"$(est 0 cacerts >/dev/null && head_of Content-Length)"

# ---- csrattrs (RFC 7030, 4.5; RFC 8951, 4)
is "csrattrs" "$(est 0 csrattrs)" 200
is "csrattrs: type" "$(head_of Content-Type)" "application/csrattrs"
ok "csrattrs: base64 of DER" sh -c \
	"tr -d '\r\n' <'$T/body' | openssl base64 -d -A | openssl asn1parse -inform DER"

# ---- simpleenroll (RFC 7030, 4.2)
csr dev1 /CN=dev1
mapfile -t maker < <(as manufacturer)
is "simpleenroll by the manufacturer" \
	"$(post 0 simpleenroll "$T/dev1.b64" "${maker[@]}")" 200
is "simpleenroll: type" "$(head_of Content-Type)" \
	"application/pkcs7-mime; smime-type=certs-only"
is "simpleenroll: length" "$(head_of Content-Length)" "$(wc -c <"$T/body")"
certs >"$T/answer.pem"
is "simpleenroll: the leaf alone" "$(grep -c BEGIN "$T/answer.pem")" 1
openssl x509 -in "$T/answer.pem" -out "$T/dev1.pem"
ok "simpleenroll: it verifies" openssl verify -purpose sslclient \
	-CAfile "$DEMO/root.pem" -untrusted "$DEMO/intermediate.pem" "$T/dev1.pem"
is "simpleenroll: the subject asked for" \
	"$(openssl x509 -in "$T/dev1.pem" -noout -subject)" "subject=CN = dev1"
cp "$T/body" "$T/first"
is "the same request again" \
	"$(post 0 simpleenroll "$T/dev1.b64" "${maker[@]}")" 200
ok "the same answer again" cmp "$T/first" "$T/body"
is "it is listed once" \
	"$(admin list --subject 'CN=dev1' --format csv | tail -n +2 | wc -l)" 1

# ---- the form of the answer follows the request's
openssl base64 -A -in "$T/dev1.der" -out "$T/line.b64"
post 0 simpleenroll "$T/line.b64" "${maker[@]}" >/dev/null
is "an unwrapped request, an unwrapped answer" "$(wc -l <"$T/body")" 1
is "a chunked request" "$(post 0 simpleenroll "$T/dev1.b64" "${maker[@]}" \
	-H 'Transfer-Encoding: chunked')" 200
is "TLS 1.2" "$(post 0 simpleenroll "$T/dev1.b64" "${maker[@]}" \
	--tls-max 1.2)" 200
is "Expect: 100-continue" "$(post 0 simpleenroll "$T/dev1.b64" "${maker[@]}" \
	-H 'Expect: 100-continue')" 200

# ---- renewal (RFC 7030, 4.2.2)
rm -f "$T/new.key"
csr new /CN=dev1
mapfile -t dev1 < <(as "$T/dev1")
is "simplereenroll with a new key" \
	"$(post 0 simplereenroll "$T/new.b64" "${dev1[@]}")" 200
certs | openssl x509 -out "$T/new.pem"
is "simplereenroll: the same subject bytes" \
	"$(openssl x509 -in "$T/new.pem" -noout -subject_hash)" \
	"$(openssl x509 -in "$T/dev1.pem" -noout -subject_hash)"
rm -f "$T/again.key"
csr again /CN=dev1
mapfile -t new < <(as "$T/new")
is "a renewal through simpleenroll" \
	"$(post 0 simpleenroll "$T/again.b64" "${new[@]}")" 200
csr other /CN=dev2
is "a renewal for another name" \
	"$(post 0 simplereenroll "$T/other.b64" "${new[@]}")" 403
is "… says which rule" "$(reason)" reenroll-name
is "simplereenroll with the manufacturer's certificate" \
	"$(post 0 simplereenroll "$T/other.b64" "${maker[@]}")" 403
is "… says why" "$(reason)" reenroll-issuer

# ---- the other endpoints
csr id1 /CN=id1
is "an IDevID" "$(post 1 simpleenroll "$T/id1.b64" "${maker[@]}")" 200
certs | openssl x509 -out "$T/id1.pem"
is "an IDevID never expires" \
	"$(openssl x509 -in "$T/id1.pem" -noout -enddate)" \
	"notAfter=Dec 31 23:59:59 9999 GMT"
mapfile -t id1 < <(as "$T/id1")
csr id1op /CN=id1
is "an IDevID opens the device endpoint for its own name" \
	"$(post 0 simpleenroll "$T/id1op.b64" "${id1[@]}")" 200
csr sub /CN=sub-ca-1
is "the manufacturer does not open subca" \
	"$(post 2 simpleenroll "$T/sub.b64" "${maker[@]}")" 403
mapfile -t operator < <(as subca-operator)
is "its operator does" \
	"$(post 2 simpleenroll "$T/sub.b64" "${operator[@]}")" 200
certs | openssl x509 -out "$T/sub.pem"
ok "a CA with path length" sh -c \
	"openssl x509 -in '$T/sub.pem' -noout -text | grep -q 'CA:TRUE, pathlen:0'"
is "the operator does not open device" \
	"$(post 0 simpleenroll "$T/other.b64" "${operator[@]}")" 403
is "a device does not open subca" \
	"$(post 2 simpleenroll "$T/sub.b64" "${new[@]}")" 403

# ---- who is not asked in
before=$(issued)
is "no certificate" "$(post 0 simpleenroll "$T/other.b64")" 403
is "… says so" "$(reason)" auth-none
is "no certificate, no challenge" "$(head_of WWW-Authenticate)" ""
cert=$(openssl x509 -in "$DEMO/manufacturer.pem" -outform DER |
	openssl base64 -A)
is "forged headers give nothing" "$(post 0 simpleenroll "$T/other.b64" \
	-H "SSL-Client-Cert: $cert" -H "SSL_CLIENT_CERT: $cert" \
	-H 'SSL-Client-Verify: SUCCESS' -H 'SSL_CLIENT_VERIFY: SUCCESS' \
	-H "X-SSL-Client-Cert: $cert" -H "Client-Cert: :$cert:" \
	-H 'MICROCA_ENDPOINT: subca' -H 'MICROCA-ENDPOINT: subca')" 403
is "… as without any" "$(reason)" auth-none
is "the endpoint is the port's, whatever a header says" \
	"$(post 2 simpleenroll "$T/other.b64" "${maker[@]}" \
		-H 'MICROCA_ENDPOINT: device' -H 'MICROCA-ENDPOINT: device' \
		-H "Host: localhost:$PORT")" 403
admin revoke "$(openssl x509 -in "$T/new.pem" -noout -serial |
	cut -d= -f2)" --reason keyCompromise >/dev/null
is "a revoked certificate renews nothing, at once" \
	"$(post 0 simplereenroll "$T/again.b64" "${new[@]}")" 403
is "… says so" "$(reason)" client-revoked

# ---- certificates of strangers, and such as have ended: what each front end
# can do with them is in httpd-examples/README.md
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout "$T/stranger.key" -out "$T/stranger.pem" -subj /CN=stranger \
	-days 1 -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') \
	-addext basicConstraints=critical,CA:FALSE 2>/dev/null
csr ended "/CN=Demo Manufacturer RA/O=Demo Manufacturer"
faketime '2 years ago' openssl x509 -req -inform DER -in "$T/ended.der" \
	-CA "$DEMO/manufacturer-ca.pem" -CAkey "$DEMO/manufacturer-ca.key" \
	-extfile <(printf 'basicConstraints=critical,CA:FALSE\n') \
	-set_serial 7 -days 90 -out "$T/ended.pem" 2>/dev/null
mapfile -t stranger < <(as "$T/stranger")
mapfile -t ended < <(as "$T/ended")
is "a stranger's certificate" "$(post 0 simpleenroll "$T/other.b64" \
	"${stranger[@]}") $(reason)" "403 client-untrusted"
is "… reads what is for everybody" "$(est 0 cacerts "${stranger[@]}")" 200
said=$(post 0 simpleenroll "$T/other.b64" "${ended[@]}" 2>/dev/null)
case $SERVER in
nginx) is "one that has ended: nginx's own refusal" "$said" 400 ;;
apache*) is "one that has ended: Apache ends the handshake" "$said" 000 ;;
*) is "one that has ended" "$said $(reason)" "403 client-expired" ;;
esac
is "nothing was issued to any of them" "$(issued)" "$before"

# ---- without TLS: RFC 6960, A.1
ocsp() { # ocsp GREP [openssl ocsp arguments]: its standard output has this
	local want=$1
	shift
	openssl ocsp -issuer "$DEMO/intermediate.pem" -CAfile "$DEMO/root.pem" \
		-verify_other "$DEMO/intermediate.pem" "$@" 2>&1 | tee "$T/ocsp" |
		grep -q "$want"
}
at=http://localhost:$((PORT + 6))/ocsp
ok "OCSP: good" ocsp 'dev1.pem: good' -cert "$T/dev1.pem" -url "$at"
ok "OCSP: revoked" ocsp 'new.pem: revoked' -cert "$T/new.pem" -url "$at"
# Two slashes one after the other are one for some web servers, so a request that
# has none is taken for the form that is not escaped.
for digest in sha1 sha256; do
	openssl ocsp "-$digest" -issuer "$DEMO/intermediate.pem" \
		-cert "$T/dev1.pem" -no_nonce -reqout "$T/ocsp.der" 2>/dev/null
	openssl base64 -A -in "$T/ocsp.der" | grep -q // || break
done
in_path=$(openssl base64 -A -in "$T/ocsp.der" |
	sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g')
is "OCSP by GET" "$(plain "/ocsp/$in_path")" 200
is "… its type" "$(head_of Content-Type)" application/ocsp-response
ok "… its answer" ocsp 'dev1.pem: good' "-$digest" -cert "$T/dev1.pem" \
	-respin "$T/body"
is "OCSP by GET, slashes as they are" \
	"$(plain "/ocsp/$(openssl base64 -A -in "$T/ocsp.der")")" 200
ok "… its answer" ocsp 'dev1.pem: good' "-$digest" -cert "$T/dev1.pem" -respin "$T/body"
keyid=$(openssl x509 -in "$DEMO/intermediate.pem" -noout \
	-ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' | tr A-F a-f)
is "the revocation list" "$(plain "/crl/$keyid.crl") \
$(head_of Content-Type)" "200 application/pkix-crl"
is "… not again" "$(plain "/crl/$keyid.crl" \
	-H "If-None-Match: $(head_of ETag)")" 304
is "the issuer" "$(plain "/ca/$keyid.cer") $(head_of Content-Type)" \
	"200 application/pkix-cert"
for offset in 0 1 2; do
	is "/health at port base+$offset" "$(at "$offset" /health) \
$(head -n 1 "$T/body")" "200 ok"
done
is "/health without TLS" "$(plain /health) $(head -n 1 "$T/body")" "200 ok"
is "no EST without TLS" "$(plain /.well-known/est/cacerts)" 404
is "no inventory without TLS" "$(plain /api/v1/session)" 404
is "nothing from files" "$(plain /chain.pem)" 404
