#!/bin/sh
# microca crl: what is published is what openssl(1) takes, and what is revoked.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem
profiles_write
conf_write "$T/issuer.key"

KEYID=$(openssl x509 -in "$T/ca.pem" -noout -ext subjectKeyIdentifier |
	tail -n 1 | tr -d ' :' | tr A-F a-f)
LIST=$T/public/crl/$KEYID.crl
run() {
	admin "$@" >"$T/out" 2>"$T/err"
	echo $?
}
list() { openssl crl -inform DER -in "$LIST" -noout "$@" 2>/dev/null; }
number() { admin crl --json | jq -r '.[0].number'; }
made() { admin crl --json | jq -r '.[0].made'; }
in_days() { # in_days DAYS COMMAND...: what it says then
	in_days_n=$1
	shift
	faketime -f "+${in_days_n}d" "$BUILDDIR/bin/microca" -c "$CONF" "$@"
}
issue() { # issue CN: into CN.pem; its serial
	csr "$1" "/CN=$1"
	admin issue --profile device -o "$T/$1.pem" "$T/$1.der"
	openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2
}
# What openssl says of a certificate with the list.
judged() {
	openssl crl -inform DER -in "$LIST" -out "$T/list.pem"
	cat "$T/root.pem" "$T/ca.pem" "$T/list.pem" >"$T/all.pem"
	openssl verify -CAfile "$T/all.pem" -crl_check "$T/$1.pem" 2>&1 |
		grep -o 'certificate revoked\|OK' | head -n 1
}

is "the first list" "$(run crl)" 0
like "is said" "$(cat "$T/out")" "^$KEYID: made, number [0-9]*, 0 revoked, until"
like "openssl verifies it" "$(openssl crl -inform DER -in "$LIST" -noout \
	-CAfile "$T/ca.pem" 2>&1)" 'verify OK'
like "version 2" "$(list -text)" 'Version 2'
like "names its key" "$(list -text | tr -d ' :' | tr A-F a-f)" "$KEYID"
like "has a number" "$(list -crlnumber)" 'crlNumber=0x'
like "no field for entries" "$(list -text)" 'No Revoked Certificates'
is "everybody may read it" "$(stat -c %a "$LIST" "$T/public/crl" |
	tr '\n' ' ')" "644 755 "
is "it is recorded" "$(sql "SELECT count(*) FROM audit WHERE event = 'crl'")" 1
before=$(sha256sum <"$LIST")
is "again there is nothing to do" "$(made)" false
is "and nothing is written" "$(sha256sum <"$LIST")" "$before"
first=$(number)
is "unless it is forced" "$(run crl --force)" 0
ok "with a higher number" test "$(number)" -gt "$first"

# ---- what is revoked --------------------------------------------------------
one=$(issue one)
two=$(issue two)
three=$(issue three)
is "good ones" "$(judged one) $(judged two)" "OK OK"
admin revoke --reason keyCompromise "$one" >/dev/null
admin revoke "$two" >/dev/null
admin revoke --reason certificateHold "$three" >/dev/null
is "what was revoked makes a list" "$(made)" true
is "openssl refuses them" "$(judged one), $(judged two), $(judged three)" \
	"certificate revoked, certificate revoked, certificate revoked"
issue four >/dev/null
is "and no other" "$(judged four)" OK
is "their serials" "$(list -text | sed -n 's/.*Serial Number: //p' | sort)" \
	"$(printf '%s\n' "$one" "$two" "$three" | sort)"
is "the reasons, none for unspecified" "$(list -text |
	grep -A1 'Reason Code' | grep -v 'Reason\|--' | tr -d '\n' | tr -s ' ')" \
	" Key Compromise Certificate Hold"
admin revoke --reason keyCompromise "$two" >/dev/null
is "another reason is another list" "$(made)" true

# ---- time -------------------------------------------------------------------
is "before half of its time" "$(in_days 3 crl --json | jq -r '.[0].made')" false
is "after that" "$(in_days 4 crl --json | jq -r '.[0].made')" true
last=$(number)
is "nextUpdate does not go back" "$(run crl --force)" 0
ok "nor does the number" test "$(number)" -gt "$last"
until=$(list -nextupdate | cut -d= -f2)
ok "it ends as late" test "$(date -d "$until" +%s)" -gt \
	"$(($(date +%s) + 10 * 86400))"
in_days 3000 crl --force >/dev/null
far=$(number)
ok "what was made while the clock was far ahead does not hold for years" \
	test "$(date -d "$(list -nextupdate | cut -d= -f2)" +%s)" -le \
	"$(($(date +%s) + 14 * 86400))"
ok "its number is higher still" test "$(number)" -ge "$far"
is "and there is nothing more to do" "$(made)" false
is "a clock behind the newest issuance" "$(faketime -f -1d \
	"$BUILDDIR/bin/microca" -c "$CONF" crl --force >/dev/null 2>"$T/err"
	echo $?)" 7
like "is named" "$(cat "$T/err")" "the CA's clock is not right"
# RFC 5280, 3.3: an entry is there once after the certificate's end.
long=$(openssl x509 -in "$T/one.pem" -noout -enddate | cut -d= -f2)
days=$((($(date -d "$long" +%s) - $(date +%s)) / 86400 + 2))
in_days $days crl >/dev/null
is "after its end it is shown once more" "$(list -text |
	grep -c "Serial Number: $one")" 1
in_days $((days + 4)) crl >/dev/null
is "and then no more" "$(list -text | grep -c "Serial Number: $one")" 0

# ---- what goes wrong --------------------------------------------------------
echo rubbish >"$LIST"
is "a file that is none" "$(run crl)" 1
like "is named" "$(cat "$T/err")" "$KEYID.crl is no revocation list"
is "and kept" "$(cat "$LIST")" rubbish
rm "$LIST"
mv "$T/issuer.key" "$T/issuer.away"
is "without the key" "$(run crl)" 7
mv "$T/issuer.away" "$T/issuer.key"
is "with it again" "$(run crl)" 0
is "an operand" "$(run crl x)" 2
done_testing
