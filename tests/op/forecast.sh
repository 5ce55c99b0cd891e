#!/bin/sh
# microca forecast: what ends when, and what there is to renew.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem
profiles_write
sed -i '0,/validity = "[^"]*";/s//validity = "until 99991231"; outlives_issuer = "allow";/' \
	"$T/profiles.conf"
conf_write "$T/issuer.key"

run() {
	admin forecast "$@" >"$T/out" 2>"$T/err"
	echo $?
}
of() { admin forecast --json --days 3650 | jq -r "$1"; } # of FILTER
ends=$(($(date -d "$(openssl x509 -in "$T/ca.pem" -noout -enddate |
	cut -d= -f2)" +%s)))

is "nothing soon" "$(run --days 1)" 0
like "nothing to renew" "$(cat "$T/out")" '^certificates: 0 live'
like "the token is measured" "$(cat "$T/out")" \
	'^token: [0-9]* signatures a second'
is "the issuer's end, with nothing after it" "$(run --days 3650)" 8
like "stands first" "$(head -n 1 "$T/out")" \
	"^! $(date -ud "@$ends" +%Y-%m-%dT%H:%M:%SZ) .* and none follows it"
is "in JSON" "$(of '.ends[] | "\(.kind) \(.alarm)"')" "issuer true"
csr one /CN=one
admin issue --profile device "$T/one.der" >/dev/null
is "certificates that outlive it" "$(of '.ends[0].text' |
	grep -c '1 certificates under it that end later')" 1
is "are live" "$(of .live)" 1
is "and new" "$(of .issued_30_days)" 1
is "their renewal is far away" "$(of .renewals)" 0
admin crl >/dev/null
is "a revocation list" "$(of '.ends[0] | "\(.kind) \(.alarm)"')" "crl false"
is "past its end" "$(faketime -f +8d "$BUILDDIR/bin/microca" -c "$CONF" \
	forecast --json | jq -r '.ends[0] | "\(.kind) \(.alarm)"')" "crl true"
list=$(find "$T/public/crl" -name '*.crl')
mv "$list" "$T/away"
is "gone, though it is wanted" "$(of '.ends[0] | "\(.kind) \(.alarm)"')" \
	"crl true"
mv "$T/away" "$list"
admin ocsp >/dev/null
is "the responder" "$(of '.ends[] | select(.kind == "responder") | .alarm')" false
is "nobody looks after the key past its end" "$(faketime -f +3000d \
	"$BUILDDIR/bin/microca" -c "$CONF" forecast --json |
	jq -r '.ends[].kind' | sort -u | tr '\n' ' ')" "issuer "
mv "$T/issuer.key" "$T/issuer.away"
is "without the token" "$(of .token_reason)" token-absent
mv "$T/issuer.away" "$T/issuer.key"
is "no day" "$(run --days 0)" 2
is "an operand" "$(run x)" 2
done_testing
