#!/bin/sh
# The responder's key in the token beside the CA's: it answers, survives the
# token's loss, and leaves a slow token to issuing.
# shellcheck source-path=SCRIPTDIR source=lib.sh
# shellcheck disable=SC2119 # stop has a signal of its own
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"
if ! command -v softhsm2-util >/dev/null || ! softhsm_find; then
	[ "${CI:-}" = true ] && bail "no SoftHSM"
	echo "1..0 # SKIP no SoftHSM"
	exit 0
fi
SHIM_MODULE=$MODULE
SHIM_CONTROL=$T/faults
export SHIM_MODULE SHIM_CONTROL
: >"$SHIM_CONTROL"
softhsm_find() { MODULE=$BUILDDIR/tests/shim/pkcs11-shim.so; }
faults() { echo "$*" >"$SHIM_CONTROL"; } # see the shim
ca_make softhsm
conf_write "$key" 'ocsp = { key = "pkcs11:token=op-test;object=responder"; };'

KEYID=$(openssl x509 -in "$T/ca.pem" -noout -ext subjectKeyIdentifier |
	tail -n 1 | tr -d ' :' | tr A-F a-f)
MINE=$T/state/ocsp/$KEYID.pem
# ask [openssl ocsp option]: of one.pem; the status.
ask() {
	openssl ocsp -issuer "$T/ca.pem" -cert "$T/one.pem" "${1:--nonce}" \
		-reqout "$T/rq" >/dev/null 2>&1
	send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request <"$T/rq"
}
judged() {
	openssl ocsp -issuer "$T/ca.pem" -cert "$T/one.pem" -no_nonce -reqin "$T/rq" -respin "$BODY" \
		-CAfile "$T/root.pem" -verify_other "$T/ca.pem" 2>&1
}
has_nonce() { openssl ocsp -respin "$1" -noverify -resp_text 2>/dev/null |
	grep -c 'OCSP Nonce'; }
verifies() { ask -nonce >/dev/null && judged | grep -q 'verify OK'; }

# ---- it answers --------------------------------------------------------------
is "a certificate is issued" "$(admin ocsp --json | jq -r '.[0].made')" true
is "the key is not in its file" "$(grep -c PRIVATE "$MINE")" 0
is "it is in the token, beside the CA's" "$(pkcs11-tool --module \
	"$SHIM_MODULE" --token-label op-test --login --pin 987654 \
	--list-objects --type privkey 2>/dev/null |
	sed -n 's/^ *label: *//p' | sort | tr '\n' ' ')" "issuer responder "
is "again there is nothing to do" "$(admin ocsp --json | jq -r '.[0].made')" \
	false
is "renewed, with the same key" "$(admin ocsp --force --json |
	jq -r '.[0].made')" true
csr one /CN=one
admin issue --profile device -o "$T/one.pem" "$T/one.der" >/dev/null
start ocsp
responder=$pid
is "a question" "$(ask)" "0 200 "
like "openssl verifies the answer" "$(judged)" 'Response verify OK'
is "the nonce is in it" "$(has_nonce "$BODY")" 1

# ---- the token is away ----------------------------------------------------------
serial=$(openssl x509 -in "$T/one.pem" -noout -serial | cut -d= -f2)
ask -no_nonce >/dev/null
sum=$(sha256sum <"$BODY")
faults device-removed
ask -no_nonce >/dev/null
is "what is signed is given again without it" "$(sha256sum <"$BODY")" "$sum"
admin revoke --reason certificateHold "$serial" >/dev/null
ask -no_nonce >/dev/null
like "what is not has to wait" "$(judged)" 'trylater \(3\)'
is "with a nonce, too" "$(ask -nonce) $(judged | grep -c 'trylater (3)')" \
	"0 200  1"
faults ""
ok "it is back: answered and verified" wait_for 60 verifies
like "by what is true now" "$(judged)" 'one.pem: revoked'
admin release "$serial" >/dev/null
faults flip
ask -nonce >/dev/null
like "a false signature is not given away" "$(judged)" 'internalerror \(2\)'
faults ""
ok "a good one is" wait_for 60 verifies

# ---- a slow token -----------------------------------------------------------------
# 0.2 s a signature, one at a time whoever asks.  Four clients want as many
# answers with a nonce as they can have; meanwhile certificates are issued.
kill "$responder"
wait "$responder"
start simpleenroll
faults sign-ms=200
start ocsp
for n in 1 2 3 4 5 6; do csr "dev$n" "/CN=dev$n"; done
issue_six() {
	for n in 1 2 3 4 5 6; do
		send_csr plain "$T/dev$n.b64"
	done | sort | uniq -c | tr -s ' '
}
now() { date +%s.%N; }
verifies || bail "no answer"
began=$(now)
for n in 1 2 3 4; do
	(
		# shellcheck disable=SC2030
		ANSWER=$T/answer$n BODY=$T/body$n
		while [ ! -e "$T/enough" ]; do
			send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
				CONTENT_TYPE=application/ocsp-request \
				<"$T/rq" >>"$T/sent$n"
			has_nonce "$BODY" >>"$T/nonces$n"
		done
	) &
	started="$started $!"
	floods="${floods:-} $!"
done
is "all are issued" "$(issue_six)" " 6 0 200 "
touch "$T/enough"
# shellcheck disable=SC2086
wait $floods
took=$(awk -v a="$began" -v b="$(now)" 'BEGIN { print b - a }')
all=$(cat "$T"/nonces? | wc -l)
with=$(cat "$T"/nonces? | grep -c 1)
echo "# $took s: $all answers, $with of them with a nonce"
is "everybody was answered" "$(sort -u "$T"/sent?)" "0 200 "
ok "some with the nonce" test "$with" -gt 0
ok "not all: their share is used up" test "$with" -lt "$all"
# nonce_share = 25 of the time and of the 2 s before, and the one under way.
ok "no more than a quarter of the token's time" awk -v n="$with" -v t="$took" \
	'BEGIN { exit !(n <= 0.25 * (t + 2) / 0.2 + 1) }'
done_testing
