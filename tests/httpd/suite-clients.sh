# shellcheck shell=bash
# Part of suite.sh: the clients that people have.
# shellcheck source=tests/httpd/lib.sh
[ -n "${DEMO:-}" ] || . "$(dirname "$0")/lib.sh"
server=https://localhost:$PORT

# ---- our own
client() { # client COMMAND [ARGUMENT...]
	"$BUILDDIR/bin/est-client" "$1" --url "$server" \
		--anchors "$DEMO/root.pem" "${@:2}"
}
ok "est-client cacerts" client cacerts -o "$T/client-ca.pem"
ok "est-client csrattrs" client csrattrs
ok "est-client enroll" client enroll --folder "$T/client" \
	--subject CN=suite-client --auth-cert "$DEMO/manufacturer.pem" \
	--auth-key "$DEMO/manufacturer.key"
ok "est-client reenroll" client reenroll --folder "$T/client"
is "… has a second certificate" \
	"$(admin list --subject CN=suite-client --format csv | tail -n +2 |
		wc -l)" 2

# ---- strongSwan's pki, which takes one form of answer only
if command -v pki >/dev/null; then
	# Now and then it gives up when the body of an answer comes a moment after
	# the head, as from Caddy ("TLS socket second read failed ... HTTP 200").
	estca() {
		local _
		for _ in 1 2 3 4 5; do
			pki --estca --url "$server" --cacert "$DEMO/root.pem" \
				--caout "$T/estca.pem" --outform pem --force \
				>"$T/estca.out" 2>&1 && return
			grep -q 'second read failed' "$T/estca.out" || break
		done
		cat "$T/estca.out"
		return 1
	}
	ok "pki --estca" estca
	enrol swan suite-swan
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$T/swan-re.key" 2>/dev/null
	openssl req -new -key "$T/swan-re.key" -subj /CN=suite-swan \
		-out "$T/swan-re.csr"
	pki_renew() {
		pki --est --url "$server" --in "$T/swan-re.csr" \
			--cacert "$DEMO/root.pem" \
			--cacert "$DEMO/intermediate.pem" \
			--cert "$T/swan.pem" --key "$T/swan.key" \
			--outform pem >"$T/swan-re.pem"
	}
	ok "pki --est" pki_renew
	is "… the certificate" "$(openssl x509 -in "$T/swan-re.pem" -noout \
		-subject)" "subject=CN = suite-swan"
fi

# ---- Bouncy Castle
if command -v javac >/dev/null; then
	jars=/usr/share/java
	export CLASSPATH=$T:$jars/bcpkix.jar:$jars/bcprov.jar:$jars/bcutil.jar:$jars/bctls.jar
	ok "compile" javac -d "$T" "$SRCDIR/tests/httpd/BcEst.java"
	p8() { openssl pkcs8 -topk8 -nocrypt -in "$1" -out "$2"; }
	p8 "$DEMO/manufacturer.key" "$T/manufacturer.p8"
	ok "Bouncy Castle: cacerts" java BcEst cacerts "localhost:$PORT" \
		ca="$DEMO/root.pem"
	ok "Bouncy Castle: simpleenroll" java BcEst simpleenroll \
		"localhost:$PORT" ca="$DEMO/root.pem" \
		cert="$DEMO/manufacturer.pem" key="$T/manufacturer.p8" \
		cn=suite-bc
	enrol bc suite-bc-re
	p8 "$T/bc.key" "$T/bc.p8"
	ok "Bouncy Castle: simplereenroll" java BcEst simplereenroll \
		"localhost:$PORT" ca="$DEMO/root.pem" cert="$T/bc.pem" \
		key="$T/bc.p8" cn=suite-bc-re tls=TLSv1.2
fi
