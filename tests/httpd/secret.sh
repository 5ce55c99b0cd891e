#!/usr/bin/env bash
# One-time secrets through lighttpd: what curl --user gets, and what is logged.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
demo_start
ok "an endpoint that takes secrets" demo_secrets

secret=$(secret_of pump-1)
csr pump-1 /CN=pump-1
is "nothing shown" "$(post 3 simpleenroll "$T/pump-1.b64")" 401
is "… a challenge" "$(head_of WWW-Authenticate)" \
	'Basic realm="either", charset="UTF-8"'
is "… an empty body" "$(head_of Content-Length) $(wc -c <"$T/body")" "0 0"
is "cacerts is for everybody" "$(est 3 cacerts)" 200
wrong=$(other_secret "$secret")
is "a wrong secret" "$(post 3 simpleenroll "$T/pump-1.b64" \
	--user "pump-1:$wrong")" 401
is "two Authorization headers" "$(post 3 simpleenroll "$T/pump-1.b64" \
	--user "pump-1:$secret" -H 'Authorization: Basic cHVtcC0xOng=' \
	-H "Authorization: Basic $(printf 'pump-1:%s' "$secret" |
		openssl base64 -A)")" 401
is "REMOTE_USER from a header is nothing" "$(post 3 simpleenroll \
	"$T/pump-1.b64" -H 'Remote-User: pump-1' -H 'REMOTE_USER: pump-1')" 401
mapfile -t maker < <(as manufacturer)
is "a certificate of a stranger, beside the secret" \
	"$(post 3 simpleenroll "$T/pump-1.b64" --user "pump-1:$secret" \
		"${maker[@]}")" 200
certs | openssl x509 -out "$T/pump-1.pem"
cp "$T/body" "$T/first"
is "a lost reply" "$(post 3 simpleenroll "$T/pump-1.b64" \
	--user "pump-1:$secret")" 200
ok "… the same octets" cmp "$T/first" "$T/body"
csr again /CN=pump-1
is "another request" "$(post 3 simpleenroll "$T/again.b64" \
	--user "pump-1:$secret")" 401

mapfile -t own < <(as "$T/pump-1")
is "the certificate renews, whatever old secret comes along" \
	"$(post 3 simplereenroll "$T/again.b64" --user "pump-1:$secret" \
		"${own[@]}")" 200
is "another device's name beside it" \
	"$(post 3 simplereenroll "$T/again.b64" --user "pump-2:$secret" \
		"${own[@]}")" 403
is "… says so" "$(reason)" auth-mismatch
is "where secrets are off they open nothing" \
	"$(post 0 simpleenroll "$T/again.b64" --user "pump-1:$secret")" 403

# ---- our own client: the secret first, then the certificate it got
C=$BUILDDIR/bin/est-client
device=(--url "https://localhost:$((PORT + 3))" --anchors "$DEMO/root.pem"
	--folder "$T/pump-9" --user pump-9 --password-file "$T/password")
(umask 077 && secret_of pump-9 >"$T/password")
ok "est-client enrols with a secret" \
	"$C" enroll "${device[@]}" --subject CN=pump-9
is "… as the device" "$(openssl x509 -in "$T/pump-9/current/cert.pem" \
	-noout -subject)" "subject=CN = pump-9"
ok "est-client renews, the old secret still at hand" \
	"$C" reenroll "${device[@]}" --subject CN=pump-9
is "… two certificates of one owner" "$(admin list --subject CN=pump-9 \
	--format json | jq -r '.[].owner' | uniq -c | sed 's/^ *//')" \
	"2 secret:either/pump-9"

basic=$(printf 'pump-1:%s' "$secret" | openssl base64 -A)
ok "no log has the secret" sh -c \
	"! grep -rqF -e '$secret' -e '$basic' '$DEMO/log' '$DEMO/var'"
ok "the web server's log was written" grep -q simpleenroll "$DEMO/log/access.log"

i=0
while [ $i -lt 30 ]; do
	post 3 simpleenroll "$T/again.b64" --user "x-$i:wrong" >/dev/null
	i=$((i + 1))
done
is "too many" "$(post 3 simpleenroll "$T/again.b64" --user "y:wrong")" 429
ok "… with Retry-After" test "$(head_of Retry-After)" -gt 0
is "a certificate is heard as before" \
	"$(post 3 simpleenroll "$T/again.b64" "${own[@]}")" 200
done_testing
