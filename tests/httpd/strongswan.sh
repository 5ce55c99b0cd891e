#!/usr/bin/env bash
# strongSwan's pki, a client that takes one form of answer only.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
if ! command -v pki >/dev/null; then
	echo "1..0 # SKIP strongswan-pki is not installed"
	exit 0
fi
demo_start
server=https://localhost:$PORT

ok "pki --estca" pki --estca --url "$server" --cacert "$DEMO/root.pem" \
	--caout "$T/estca.pem" --outform pem --force
ok "… gave the chain" sh -c "cat '$T'/estca*.pem |
	openssl x509 -noout -subject"
enrol dev dev-swan || exit 1
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
	-out "$T/re.key" 2>/dev/null
openssl req -new -key "$T/re.key" -subj /CN=dev-swan -out "$T/re.csr"
renew() {
	pki --est --url "$server" --in "$T/re.csr" \
		--cacert "$DEMO/root.pem" --cacert "$DEMO/intermediate.pem" \
		--cert "$T/dev.pem" --key "$T/dev.key" --outform pem >"$T/re.pem"
}
ok "pki --est: simplereenroll" renew
is "… the certificate" "$(openssl x509 -in "$T/re.pem" -noout -subject)" \
	"subject=CN = dev-swan"

# ---- a one-time secret in HTTP Basic
ok "an endpoint that takes secrets" demo_secrets
secret=$(secret_of swan-once)
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
	-out "$T/once.key" 2>/dev/null
openssl req -new -key "$T/once.key" -subj /CN=swan-once -out "$T/once.csr"
once() {
	pki --est --url "https://localhost:$((PORT + 3))" --in "$T/once.csr" \
		--cacert "$DEMO/root.pem" --cacert "$DEMO/intermediate.pem" \
		--userpass "swan-once:$1" --outform pem >"$T/once.pem"
}
wrong() { ! once "$@"; }
ok "pki --est --userpass: a wrong secret is refused" \
	wrong "$(other_secret "$secret")"
ok "pki --est --userpass: the right one" once "$secret"
is "… the certificate" "$(openssl x509 -in "$T/once.pem" -noout -subject)" \
	"subject=CN = swan-once"
done_testing
