#!/bin/sh
# microca proof: a certificate that shows IoT Hub or DPS that the intermediate
# is ours, and nothing else.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem
profiles_write
conf_write "$T/issuer.key"
CODE=106A5SD242AF512B3498BD6098C4941E66R34H268DDB3288

run() {
	admin "$@" >"$T/out" 2>"$T/err"
	echo $?
}
refuses() { # refuses NAME PATTERN ARGUMENT...
	refuses_name=$1 refuses_pattern=$2
	shift 2
	is "$refuses_name" "$(run "$@")" 2
	like "$refuses_name: why" "$(cat "$T/err")" "$refuses_pattern"
	is "$refuses_name: nothing issued" "$(sql "SELECT count(*)
		FROM certificate")" 0
}
refuses "no code" 'too few' proof
refuses "an empty code" '1 to 64' proof ''
refuses "a name instead of a code" '1 to 64' proof "plant 7"
refuses "a name with more than one attribute" '1 to 64' proof 'A,O=B'
refuses "a code that no CN can hold" '1 to 64' proof \
	"$(printf '%065d' 0)"
refuses "a week" '168' proof --hours 169 "$CODE"

is "a proof" "$(run proof -o "$T/proof.pem" "$CODE")" 0
text=$(openssl x509 -in "$T/proof.pem" -noout -text)
is "the code is its whole name" "$(openssl x509 -in "$T/proof.pem" -noout \
	-subject -nameopt RFC2253)" "subject=CN=$CODE"
ok "the intermediate signed it" openssl verify -CAfile "$T/root.pem" \
	-untrusted "$T/ca.pem" "$T/proof.pem"
like "it is no CA" "$text" 'CA:FALSE'
is "it has no purpose" "$(printf '%s' "$text" | grep -c 'Extended Key')" 0
ok "it ends tomorrow" openssl x509 -in "$T/proof.pem" -noout -checkend 80000
ok "and not later" sh -c "! openssl x509 -in '$T/proof.pem' -noout \
	-checkend 90000"
is "it is recorded as any" "$(sql "SELECT subject || ' ' || profile ||
	' ' || coalesce(device, 'none') FROM certificate")" "CN=$CODE proof none"
is "nothing is told about it" "$(sql "SELECT count(*) FROM outbox")" 0
is "it is audited" "$(sql "SELECT count(*) FROM audit
	WHERE event = 'issue' AND json_extract(record, '\$.profile') = 'proof'")" 1
is "for an hour" "$(run proof --hours 1 "$CODE")" 0
ok "on standard output" openssl x509 -in "$T/out" -noout -checkend 3000
ok "an hour and not more" sh -c "! openssl x509 -in '$T/out' -noout \
	-checkend 3700"
done_testing
