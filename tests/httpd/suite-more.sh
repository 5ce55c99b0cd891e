# shellcheck shell=bash
# Part of suite.sh: what the sample has not turned on: serverkeygen, one-time
# secrets, the inventory; by what `microca httpd` prints.
# shellcheck source=tests/httpd/lib.sh
[ -n "${DEMO:-}" ] || . "$(dirname "$0")/lib.sh"

sed -i '0,/name = "device";/s//&\n\t\toperations = ("cacerts", "csrattrs", "simpleenroll", "simplereenroll", "serverkeygen");/' \
	"$DEMO/etc/microca.conf"
sed -i '0,/name = "device";/s//&\n\t\tserverkeygen = "p256";/' \
	"$DEMO/etc/profiles.conf"
ok "another configuration" demo_secrets
mapfile -t maker < <(as manufacturer)

# ---- serverkeygen (RFC 7030, 4.4)
csr skg /CN=suite-skg
is "serverkeygen" "$(post 0 serverkeygen "$T/skg.b64" "${maker[@]}")" 200
like "… its type" "$(head_of Content-Type)" '^multipart/mixed; *boundary='
is "… its length" "$(head_of Content-Length)" "$(wc -c <"$T/body")"
is "… two parts" "$(tr -d '\r' <"$T/body" | grep -c '^Content-Type: ')" 2
is "… for nobody" "$(post 0 serverkeygen "$T/skg.b64")" 403
is "… of another port" "$(post 1 serverkeygen "$T/skg.b64" "${maker[@]}")" 404

# ---- HTTP Basic (RFC 7030, 3.2.3)
csr basic /CN=suite-basic
secret=$(secret_of suite-basic)
is "nothing shown" "$(post 3 simpleenroll "$T/basic.b64")" 401
is "… a challenge" "$(head_of WWW-Authenticate)" \
	'Basic realm="either", charset="UTF-8"'
for name in "a wrong secret|suite-basic:$(other_secret "$secret")" \
	"no secret|suite-basic:" "another device|suite-other:$secret"; do
	is "${name%|*}" "$(post 3 simpleenroll "$T/basic.b64" \
		--user "${name#*|}")" 401
done
# An Authorization header that is none of ours: B23.
for value in "Basic $(printf suite-basic | openssl base64)" \
	"Basic $(printf 'suite-basic:%s\0' "$secret" | openssl base64 -A)" \
	'Basic !!!!' Basic 'Bearer x' 'Negotiate x'; do
	is "Authorization: ${value%% *} …" "$(post 3 simpleenroll \
		"$T/basic.b64" -H "Authorization: $value")" 401
done
one_of "two Authorization headers" "$(post 3 simpleenroll "$T/basic.b64" \
	-H 'Authorization: Basic cHVtcC0xOng=' -H "Authorization: Basic $(
		printf 'suite-basic:%s' "$secret" | openssl base64 -A)")" 401 400
one_of "Authorization of 32 KiB" "$(post 3 simpleenroll "$T/basic.b64" \
	-H "Authorization: Basic $(head -c 24000 /dev/zero | openssl base64 -A)")" \
	400 401 431
is "REMOTE_USER from a header is nothing" "$(post 3 simpleenroll \
	"$T/basic.b64" -H 'Remote-User: suite-basic' \
	-H 'REMOTE_USER: suite-basic' -H 'X-Remote-User: suite-basic')" 401
is "the right secret" "$(post 3 simpleenroll "$T/basic.b64" \
	--user "suite-basic:$secret")" 200
certs | openssl x509 -out "$T/basic.pem"
csr basic2 /CN=suite-basic
is "used up" "$(post 3 simpleenroll "$T/basic2.b64" \
	--user "suite-basic:$secret")" 401
is "the certificate renews" "$(post 3 simplereenroll "$T/basic2.b64" \
	--cert "$T/basic.pem" --key "$T/basic.key")" 200

# ---- the inventory
look() { # look NAME PATH [curl arguments]
	local who=()
	[ -z "$1" ] || mapfile -t who < <(as "$1")
	at 7 "$2" "${who[@]}" "${@:3}"
}
is "inventory: nobody" "$(look '' /api/v1/certificates)" 403
is "… a device" "$(look "$T/basic" /api/v1/certificates)" 403
is "… a viewer" "$(look viewer '/api/v1/certificates?subject=CN%3Dsuite-basic') \
$(jq '.certificates | length' "$T/body")" "200 2"
is "… its page" "$(look viewer /inventory/ -H 'Accept: text/html')" 200
is "… an export" "$(look viewer /api/v1/certificates.csv) $(head -n 1 \
	"$T/body" | cut -d, -f1)" "200 fingerprint"
look operator /api/v1/session >/dev/null
sha=$(openssl x509 -in "$T/basic.pem" -outform DER | sha256sum | cut -d' ' -f1)
is "… an operator revokes" "$(look operator \
	"/api/v1/certificates/$sha/revoke" -H "Origin: https://localhost:$((PORT + 7))" \
	--data "confirm=yes&reason=superseded&token=$(jq -r .token "$T/body")")" 200
is "… and it opens nothing from then on" "$(post 3 simplereenroll \
	"$T/basic2.b64" --cert "$T/basic.pem" --key "$T/basic.key")" 403
is "health is ok in the end" "$(at 0 /health) $(head -n 1 "$T/body")" "200 ok"
