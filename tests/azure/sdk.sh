#!/bin/sh
# Microsoft's own clients, azure-iothub and @azure/identity, take the stand-in
# for Azure; and what they send is what sdk-requests.json says.
#
#	sdk.sh --record      write that file anew

# Azure Arc's key files are in one folder only, and not this machine's.
if [ -z "${SDK_APART:-}" ]; then
	for how in -m -rm; do
		unshare $how true 2>/dev/null &&
			SDK_APART=$how exec unshare $how "$0" "$@"
	done
	SDK_APART=no
fi
export SDK_APART
# shellcheck source=tests/azure/run.sh
. "$(dirname "$0")/run.sh"

# The packages, by their lock file, in the build folder.
source=$SRCDIR/tests/azure
programs=$BUILDDIR/tests/azure
packages_there() {
	cmp -s "$source/package-lock.json" "$programs/package-lock.json" &&
		[ -f "$programs/node_modules/.package-lock.json" ]
}
packages_install() {
	mkdir -p "$programs" &&
		cp "$source/package.json" "$source/package-lock.json" \
			"$programs/" &&
		(cd "$programs" && npm ci --silent)
}
if ! packages_there; then
	packages_install >"$T/npm" 2>&1 || bail "npm ci: $(cat "$T/npm")"
fi
cp "$source"/sdk-*.mjs "$source/tap.mjs" "$programs/" ||
	bail "no folder $programs"

parts="entra federation machine assigned appService"
if [ "$SDK_APART" != no ] && mount -t tmpfs tmpfs /var/opt 2>/dev/null; then
	azure_start_in "$T/azure" --arc-folder /var/opt/azcmagent/tokens
	parts="$parts arc"
else
	azure_start
fi
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/other.key" \
	-out "$T/other.crt" -subj /CN=other -days 2 2>/dev/null
cat "$T/other.key" "$T/other.crt" >"$T/other.pem"
export OTHER_PEM="$T/other.pem" NODE_EXTRA_CA_CERTS="$HUB_CA"

run sdk-hub.mjs "$T/requests.json"
azure_ctl /reset '{}' >/dev/null
for part in $parts; do
	run sdk-tokens.mjs "$T/requests.json" "$part"
done
sed 's/^/# /' "$T/azure/out"

if [ "${1:-}" = --record ]; then
	cp "$T/requests.json" "$source/sdk-requests.json"
fi
cp "$source/sdk-requests.json" "$T/want"
case $parts in
*arc) ;;
*)
	ok "Azure Arc # SKIP no mount namespace for its folder" true
	sed -i '/Azure Arc/d' "$T/want"
	;;
esac
ok "they send what sdk-requests.json says" diff "$T/want" "$T/requests.json"
done_testing
