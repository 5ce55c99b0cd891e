#!/usr/bin/env bash
# Manual approval behind the web server: strongSwan's pki waits for it.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
if ! command -v pki >/dev/null; then
	echo "1..0 # SKIP strongswan-pki is not installed"
	exit 0
fi
demo_start
enrol dev dev-wait || exit 1
before=$(issued)
echo 'approval_retry = "1s";' >>"$DEMO/etc/microca.conf"
ok "an endpoint that holds renewals" demo_endpoint 403 \
	'name = "hold"; approval = "always"; allow = ( { own = ("device"); } );'

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
	-out "$T/re.key" 2>/dev/null
openssl req -new -key "$T/re.key" -subj /CN=dev-wait -out "$T/re.csr"
pki --est --url "https://localhost:$((PORT + 3))" --in "$T/re.csr" \
	--cacert "$DEMO/root.pem" --cacert "$DEMO/intermediate.pem" \
	--cert "$T/dev.pem" --key "$T/dev.key" --interval 1 --maxpolltime 60 \
	--outform pem >"$T/re.pem" 2>"$T/pki.log" &
client=$!

waits() { [ "$(admin pending --json | jq length)" = 1 ]; }
until_true() {
	local end=$((SECONDS + 30))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}
ok "pki --est: its request waits" until_true waits
sha=$(openssl req -in "$T/re.csr" -outform DER | openssl dgst -sha256 -r |
	cut -d' ' -f1)
is "… and is the one it sent" "$(admin pending --json | jq -r '.[0].csr_sha256')" \
	"$sha"
is "nothing is issued meanwhile" "$(issued)" "$before"
ok "approve" admin approve --yes "$sha"
wait "$client"
is "pki --est: waited, and got its certificate" "$?" 0
is "… the certificate" "$(openssl x509 -in "$T/re.pem" -noout -subject)" \
	"subject=CN = dev-wait"
is "the audit has the way of it" "$(admin pending --all --json |
	jq -r '.[0] | [.state, .csr_sha256] | join(" ")')" "issued $sha"
done_testing
