#!/usr/bin/env bash
# serverkeygen through lighttpd: curl, openssl and Bouncy Castle as clients.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
demo_start
csr dev1 /CN=skg-dev1
mapfile -t maker < <(as manufacturer)
is "off in the demo" \
	"$(post 0 serverkeygen "$T/dev1.b64" "${maker[@]}")" 404

# Turned on by an operator, at the device endpoint.
sed -i '0,/name = "device";/s//&\n\t\toperations = ("cacerts", "csrattrs", "simpleenroll", "simplereenroll", "serverkeygen");/' \
	"$DEMO/etc/microca.conf"
sed -i '0,/name = "device";/s//&\n\t\tserverkeygen = "rsa2048";/' \
	"$DEMO/etc/profiles.conf"
ok "quickstart again starts it" quick
is "on" "$(post 0 serverkeygen "$T/dev1.b64" "${maker[@]}")" 200
is "nowhere else" "$(post 1 serverkeygen "$T/dev1.b64" "${maker[@]}")" 404
is "with the label too" \
	"$(post 0 device/serverkeygen "$T/dev1.b64" "${maker[@]}")" 200

# part N: of the last answer, decoded
part() {
	tr -d '\r' <"$T/body" | awk -v want="$1" '
		/^--/ { n++; head = 1; next }
		n == want && head && /^$/ { head = 0; next }
		n == want && !head { print }' | openssl base64 -d
}
part 1 | openssl pkey -inform DER -out "$T/made.key"
part 2 | openssl pkcs7 -inform DER -print_certs | openssl x509 -out "$T/made.pem"
is "key and certificate belong together" \
	"$(openssl pkey -in "$T/made.key" -pubout)" \
	"$(openssl x509 -in "$T/made.pem" -noout -pubkey)"
ok "the certificate verifies" openssl verify -purpose sslclient \
	-CAfile "$DEMO/root.pem" -untrusted "$DEMO/intermediate.pem" "$T/made.pem"
ok "long enough for libest: 256 characters of base64" \
	test "$(part 1 | openssl base64 -A | wc -c)" -ge 256
csr renew /CN=skg-dev1
is "the pair is good for a renewal" "$(post 0 simplereenroll "$T/renew.b64" \
	--cert "$T/made.pem" --key "$T/made.key")" 200
is "nobody gets none" "$(post 0 serverkeygen "$T/dev1.b64")" 403
is "a chunked request" "$(post 0 serverkeygen "$T/dev1.b64" "${maker[@]}" \
	-H 'Transfer-Encoding: chunked')" 200
is "health is ok with one program more" \
	"$(curl -sS --cacert "$DEMO/root.pem" "https://localhost:$PORT/health" |
		head -n 1)" ok

if command -v javac >/dev/null; then
	jars=/usr/share/java
	export CLASSPATH=$T:$jars/bcpkix.jar:$jars/bcprov.jar:$jars/bcutil.jar:$jars/bctls.jar
	ok "compile" javac -d "$T" "$SRCDIR/tests/httpd/BcEst.java"
	openssl pkcs8 -topk8 -nocrypt -in "$DEMO/manufacturer.key" \
		-out "$T/manufacturer.p8"
	bc() { # bc NAME
		java BcEst serverkeygen "localhost:$PORT" ca="$DEMO/root.pem" \
			cert="$DEMO/manufacturer.pem" key="$T/manufacturer.p8" \
			cn="$1"
	}
	is "Bouncy Castle gets an RSA key" "$(bc skg-bc1 | tail -n 1)" \
		"key 1.2.840.113549.1.1.1"
	sed -i 's/serverkeygen = "rsa2048"/serverkeygen = "p256"/' \
		"$DEMO/etc/profiles.conf"
	for ((i = 0; i < 100; i++)); do # the program reads it by itself
		bc "skg-bc2-$i" >"$T/bc.out" 2>&1 || break
		tail -n 1 "$T/bc.out" | grep -q 'key 1.2.840.10045.2.1' && break
	done
	is "and an EC key" "$(tail -n 1 "$T/bc.out")" "key 1.2.840.10045.2.1"
fi
is "no answer was lost" "$(admin list --status revoked --format csv |
	grep -c cessationOfOperation)" 0
done_testing
