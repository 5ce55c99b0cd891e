#!/bin/sh
# Microsoft's own clients, azure-iothub and @azure/identity, take the stand-in
# for Azure; and what they send is what sdk-requests.json says.
#
#	sdk.sh --record      write that file anew
# shellcheck source=tests/azure/run.sh
. "$(dirname "$0")/run.sh"

apart "$@"
packages_ready
recorded=$SRCDIR/tests/azure/sdk-requests.json
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/other.key" \
	-out "$T/other.crt" -subj /CN=other -days 2 2>/dev/null
cat "$T/other.key" "$T/other.crt" >"$T/other.pem"
export OTHER_PEM="$T/other.pem" NODE_EXTRA_CA_CERTS="$HUB_CA"

run sdk-hub.mjs "$T/requests.json"
azure_ctl /reset '{}' >/dev/null
for part in entra federation machine assigned appService ${ARC:+arc}; do
	run sdk-tokens.mjs "$T/requests.json" "$part"
done
sed 's/^/# /' "$T/azure/out"

[ "${1:-}" = --record ] && cp "$T/requests.json" "$recorded"
cp "$recorded" "$T/want"
if [ -z "$ARC" ]; then
	ok "Azure Arc # SKIP no mount namespace for its folder" true
	sed -i '/Azure Arc/d' "$T/want"
fi
ok "they send what sdk-requests.json says" diff "$T/want" "$T/requests.json"
done_testing
