#!/usr/bin/env bash
# The inventory's pages in Chromium behind the web server.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}
chromium=$(command -v chromium) || skip_all "chromium is not installed"
[ -d "$BUILDDIR/tests/browser/node_modules" ] ||
	skip_all "tests/browser is not installed"
demo_start

echo 'approval_retry = "1s";' >>"$DEMO/etc/microca.conf"
demo_endpoint 403 'name = "wait"; approval = "always"; allow = (
	{ issuer = "'"$DEMO"'/manufacturer-ca.pem"; names = "pattern [a-z0-9-]+";
	subject = "CN=Demo Manufacturer RA,O=Demo Manufacturer"; } );' ||
	{ echo "Bail out! no endpoint"; exit 1; }
for n in 1 2 3; do
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/w.key" -subj "/CN=wait-$n" -outform DER 2>/dev/null |
		base64 >"$T/w.b64"
	mapfile -t who < <(as manufacturer)
	is "request $n waits" "$(post 3 simpleenroll "$T/w.b64" "${who[@]}")" 202
done
owner=$(stat -c %U "$DEMO/var")
store=$(find "$DEMO/var" -name microca.db)
if [ "$owner" = "$(id -un)" ]; then
	as_owner=()
else
	as_owner=(setpriv --reuid "$owner" --regid "$(stat -c %G "$DEMO/var")"
		--clear-groups --)
fi
ok "a hostile subject" "${as_owner[@]}" "$BUILDDIR/tests/tools/fill" \
	"sqlite:$store" issue '<img src=x onerror=alert(1)>' 1 1
ok "a thousand more" "${as_owner[@]}" "$BUILDDIR/tests/tools/fill" \
	"sqlite:$store" issue many 1 1000
cp "$SRCDIR/tests/browser/pages.mjs" "$BUILDDIR/tests/browser/"
(cd "$BUILDDIR/tests/browser" && node pages.mjs \
	"https://localhost:$((PORT + 7))/inventory/" "$DEMO" "$chromium") \
	>"$T/pages.tap" 2>"$T/pages.err"
rc=$?
# Their results as one of ours.
ok "the pages in Chromium" test "$rc" = 0
grep -A 12 '^not ok' "$T/pages.tap" | sed 's/^/# /'
sed 's/^/# /' "$T/pages.err"
[ -z "${SHOTS:-}" ] || cp -r "$DEMO/shots/." "$SHOTS"
done_testing
