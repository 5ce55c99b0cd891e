#!/bin/sh
# The CA's key in a token: made there, used from there, gone and back.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
if ! command -v softhsm2-util >/dev/null || ! softhsm_find; then
	[ "${CI:-}" = true ] && bail "no SoftHSM"
	echo "1..0 # SKIP no SoftHSM"
	exit 0
fi
ca_make softhsm

csr dev1 /CN=dev1
is "a certificate is issued" \
	"$(post device simpleenroll maker-ra "$T/dev1.b64")" 200
certs >"$T/dev1.pem"
ok "the token's key signed it" openssl verify -purpose sslclient \
	-CAfile "$T/root.pem" -untrusted "$T/ca.pem" "$T/dev1.pem"
like "the key cannot be taken out of the token" "$(pkcs11-tool --module "$MODULE" \
	--login --pin 987654 --list-objects --type privkey 2>/dev/null)" \
	'Access: *sensitive, always sensitive, never extract'
ok "the PIN is in no log" sh -c "! grep -r 987654 '$T/log' '$T/setup.log'"

AGAIN=cgi # one that runs on has the token already
mv "$T/tokens" "$T/away"
mkdir "$T/tokens"
csr dev2 /CN=dev2
before_refusal
got=$(post device simpleenroll maker-ra "$T/dev2.b64")
refused "a token that is gone" "$got" 503 token-absent
like "says when to come back" "$(header Retry-After)" '^[1-9][0-9]*$'
ok "and names no token" sh -c "! grep -q op-test '$T/body'"
rmdir "$T/tokens"
mv "$T/away" "$T/tokens"
is "it is back" "$(post device simpleenroll maker-ra "$T/dev2.b64")" 200

echo 111111 >"$T/pin.new"
chmod 600 "$T/pin.new"
mv "$T/pin" "$T/pin.good"
mv "$T/pin.new" "$T/pin"
csr dev3 /CN=dev3
before_refusal
got=$(post device simpleenroll maker-ra "$T/dev3.b64")
refused "a wrong PIN" "$got" 503 token-pin
before_refusal
got=$(post device simpleenroll maker-ra "$T/dev3.b64")
refused "is not tried again" "$got" 503 token-pin
mv "$T/pin.good" "$T/pin"
is "the right PIN in its place" \
	"$(post device simpleenroll maker-ra "$T/dev3.b64")" 200
mv "$T/pin" "$T/pin.good"
csr dev4 /CN=dev4
before_refusal
got=$(post device simpleenroll maker-ra "$T/dev4.b64")
refused "a PIN that is not there yet" "$got" 503 token-pin
mv "$T/pin.good" "$T/pin"
is "… is waited for" "$(post device simpleenroll maker-ra "$T/dev4.b64")" 200
chmod 644 "$T/pin"
is "a PIN that everybody may read: no start" \
	"$(post device simpleenroll maker-ra "$T/dev3.b64")" 500
done_testing
