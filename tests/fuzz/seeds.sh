#!/bin/sh
# seeds.sh FOLDER: a folder of good and nearly good inputs for each harness,
# from the tests' vectors, the samples and openssl(1).
set -eu
SRCDIR=${SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
V=$SRCDIR/tests/vectors
out=$1
for name in body csr client csrattrs certsonly multipart uri conf json ocsp \
	crl header query tar; do
	mkdir -p "$out/$name"
done

# der FOLDER FILE.b64...: decoded; what is no base64 is left out.
der() {
	der_to=$1
	shift
	for der_file in "$@"; do
		der_out=$out/$der_to/$(basename "$der_file" .b64)
		openssl base64 -d -in "$der_file" -out "$der_out" 2>/dev/null || true
		[ -s "$der_out" ] || rm -f "$der_out"
	done
}
der csr "$V"/csr-made/*.b64 "$V"/csr-public/*.b64 "$V"/rfc7030/A[34]*request.b64 \
	"$V"/est-coaps/*.b64
der csrattrs "$V"/csrattrs-bad/*.b64 "$V"/rfc9908/*.b64 \
	"$V"/rfc7030/*csrattrs*.b64
der certsonly "$V"/rfc7030/A1*.b64 "$V"/rfc7030/A3*response.b64 \
	"$V"/rfc7030/A4*cert.b64
der ocsp "$V"/pyasn1-alt/*ocsp*.b64
cp "$V"/csr-made/0[0-2]*.b64 "$V"/est-coaps/*.b64 "$out/body/"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
new="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
# shellcheck disable=SC2086 # several words
{
	openssl req -x509 $new -keyout ca.key -out ca.pem -days 3650 \
		-subj "/O=Fuzz/CN=Root" -addext keyUsage=critical,keyCertSign,cRLSign
	openssl req -new $new -keyout leaf.key -out leaf.csr -subj /CN=leaf/serialNumber=7
	printf '%s\n' extendedKeyUsage=clientAuth subjectAltName=DNS:leaf,IP:192.0.2.1 \
		>leaf.ext
	openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 7 \
		-days 30 -extfile leaf.ext -out leaf.pem
	openssl ocsp -issuer ca.pem -cert leaf.pem -reqout "$out/ocsp/nonce"
	openssl ocsp -issuer ca.pem -cert leaf.pem -serial 12 -sha256 \
		-no_nonce -cert leaf.pem -reqout "$out/ocsp/two"
	: >index.txt
	printf 'R\t360101000000Z\t260101000000Z,keyCompromise\t07\tunknown\t/CN=leaf\n' \
		>index.txt
	echo 1000 >crlnumber
	printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\n' >ca.conf
	printf 'default_md=sha256\ndefault_crl_days=7\ncrl_extensions=e\n[e]\n' >>ca.conf
	printf 'authorityKeyIdentifier=keyid\n' >>ca.conf
	openssl ca -config ca.conf -gencrl -keyfile ca.key -cert ca.pem -out crl.pem
	openssl crl -in crl.pem -outform DER -out "$out/crl/one"
} >openssl.log 2>&1 || { cat openssl.log >&2; exit 1; }

for cert in ca leaf; do
	cp "$cert.pem" "$out/client/$cert.pem"
	openssl x509 -in "$cert.pem" -outform DER -out "$out/client/$cert.der"
	openssl base64 -A -in "$out/client/$cert.der" -out "$out/client/$cert.b64"
	tr '\n' '\t' <"$cert.pem" >"$out/client/$cert.tabs"
	sed 's/ /%20/g; s/$/%0A/' "$cert.pem" | tr -d '\n' >"$out/client/$cert.escaped"
done
openssl x509 -req -in leaf.csr -signkey leaf.key -out self.pem 2>/dev/null
openssl crl2pkcs7 -nocrl -certfile leaf.pem -certfile ca.pem -outform DER \
	-out "$out/certsonly/ours"

{
	echo 'multipart/mixed; boundary=estServerExampleBoundary'
	cat "$V/rfc7030/A4-serverkeygen-response.multipart"
} >"$out/multipart/rfc7030"
printf '%s\n' 'multipart/mixed; boundary="x"' --x \
	'Content-Type: application/pkcs8' '' AAAA --x \
	'Content-Type: application/pkcs7-mime; smime-type=certs-only' \
	'Content-Transfer-Encoding: base64' '' AAAA --x-- >"$out/multipart/small"

lines() { # lines FOLDER: each line of the input is one
	lines_n=0
	while IFS= read -r lines_line; do
		lines_n=$((lines_n + 1))
		printf '%s' "$lines_line" >"$out/$1/line$lines_n"
	done
}
lines uri <<'END'
pkcs11:token=My%20token;manufacturer=Some%20Corp;serial=0a1B;object=k;id=%00%ff
pkcs11:token=a;object=b?pin-source=file:///p
pkcs11:token=a;object=b?pin-value=1
pkcs11:model=m;object=b;type=private
pkcs11:token=a;token=b;id=%zz
END
lines header <<'END'
Basic cHVtcC03OjdLUTItNFdYOS1aTVQ1LUIzSFItNlZKOC1ORDJD
Basic realm="est", charset="UTF-8"
Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256, opaque="o", stale=true
Digest realm="r", nonce="n", algorithm=MD5, Digest realm="s", nonce="m", algorithm=SHA-256-sess
Bearer abc
/.well-known/est/simpleenroll
/.well-known/est/label-1/simpleenroll?x=%00
multipart/mixed; boundary="a\"b"; x=y
application/pkcs10; charset=utf-8
18446744073709551616
CN=pump-7,serialNumber=12+OU=a,O=Plant\, North
CN=(pump|valve)-[0-9]{1,4}|O=.*
CN=#0c0161
END
lines query <<'END'
subject=pump-*&state=good&sort=ends&cursor=abc
serial=0A1b:2c&fingerprint=deadbeef&device=x%20y&profile=device&endpoint=idevid
issued_from=2026-01-01&issued_to=2026-12-31T23:59:59Z&limit=50&go=on
csrf=1.2.3&reason=keyCompromise&confirm=yes&text=%F0%9F%98%80
a=1&a=2&%=&=&&b
END

n=0
for conf in "$SRCDIR"/etc/profiles.conf "$SRCDIR"/etc/microca.conf \
	"$SRCDIR"/etc/connector.conf; do
	# A NUL, a 1, a 2: which file it is.
	# shellcheck disable=SC2059 # the format is the octet
	{ printf "\\00$n"; cat "$conf"; } >"$out/conf/sample$n"
	# shellcheck disable=SC2059
	{ printf "\\00$n"; sed 's/^\([[:space:]]*\)#\([a-z_]* =\)/\1\2/' "$conf"; } \
		>"$out/conf/all$n"
	n=$((n + 1))
done
printf '\000profiles = ( { name = "a"; validity = "90d"; keys = ("p256"); key_usage = ("digitalSignature"); subject = ( { type = "CN"; from = "required"; pattern = "[a-z]+"; } ); san = ( { type = "dns"; max = 2; } ); } );' \
	>"$out/conf/small"

jq -c '.[]? // .' "$V/azure-sdk/requests.json" 2>/dev/null | head -n 12 | lines json
lines json <<'END'
{"schema":"microca.cc/1","edgeId":"e1","batchId":"b1","sentAt":"2026-01-02T03:04:05Z","items":[{"seq":1,"deviceId":"d1","event":"issued","certificate":{"serial":"0A","thumbprint":"AA","notBefore":"2026-01-02T03:04:05Z","notAfter":"2027-01-02T03:04:05Z"}}]}
{"schema":"microca.cc/1","results":[{"seq":1,"status":"applied"},{"seq":2,"status":"rejected","error":{"code":"x","message":"y"}}]}
{"error":{"code":"not_allowed","message":"no"}}
{"deviceId":"d1","etag":"AAA=","generationId":"1","status":"enabled","authentication":{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":"AA","secondaryThumbprint":null}},"tags":{"microca":{"seq":17}}}
{"access_token":"t","expires_in":"3599","token_type":"Bearer"}
{"head":"{\"schema\":\"microca.head/1\",\"lanes\":[{\"lane\":0,\"seq\":5,\"hash\":\"00\"}]}","signature":"a..b"}
{"a":1,"a":2}
END

printf 'one' >one
printf '{}\n' >manifest.json
mkdir -p issuers
head -c 700 leaf.pem >issuers/x.pem
tar --format=ustar --owner=0 --group=0 -cf "$out/tar/ustar" manifest.json one issuers/x.pem
tar --format=pax -cf "$out/tar/pax" one
tar --format=gnu -cf "$out/tar/gnu" one
