#!/bin/sh
# The tools killed at every step while the CA serves: what they were doing is
# done whole or not at all, is done when it is told again, and nobody waits.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/../op/fcgi.sh"
# shellcheck source=tests/fault/lib.sh
. "$(dirname "$0")/lib.sh"
if ! grep -q -- -DFAULT_POINTS "$BUILDDIR/Makefile"; then
	echo "1..0 # SKIP not built with --enable-fault-points"
	exit 0
fi

export MICROCA_FAULT="$T/tools" # another file than the program's
# killed PLACE COMMAND...: by the place; told again it succeeds.
killed() {
	killed_at=$1
	shift
	echo "$killed_at kill" >"$MICROCA_FAULT"
	"$@" >"$T/out" 2>&1
	is "$1 $2 killed at \"$killed_at\"" "$? $(find "$T" -name tools)" "137 "
	is "… the chain verifies" "$(admin audit verify >"$T/verify" 2>&1
		echo $?)" 0
}
again() { # again TITLE COMMAND...: it is done now
	again_title=$1
	shift
	ok "$again_title" "$@"
}
serial_of() { openssl x509 -in "$T/$1.pem" -noout -serial | sed 's/.*=//'; }
status_of() { sql "SELECT status FROM certificate WHERE serial = '$1'"; }
events() { sql "SELECT count(*) FROM audit WHERE event = '$1'"; }
keyid=
list() { openssl crl -inform DER -in "$T/public/crl/$keyid.crl" -noout "$@"; }

ca_make pem
for d in one two three four; do
	enrol $d /CN=$d || bail "enrol"
done
rm -f "$T/asked" "$T/given"
sql "SELECT lower(hex(sha256)) || ' ' || substr(subject, 4) FROM certificate" \
	>"$T/given"
cut -d' ' -f2 "$T/given" >"$T/asked"
watch simpleenroll
clients 1

# ---- revoke: row, audit and outbox are one
before=$(events revoke)
for place in revoke-row commit; do
	killed $place admin revoke "$(serial_of one)"
	is "… and it is not revoked" "$(status_of "$(serial_of one)") \
$(($(events revoke) - before))" "0 0"
done
killed committed admin revoke "$(serial_of one)"
is "… and it is, and recorded" "$(status_of "$(serial_of one)") \
$(($(events revoke) - before))" "1 1"
again "told again, nothing more happens" admin revoke "$(serial_of one)"
is "… is recorded" $(($(events revoke) - before)) 1

# ---- the list: recorded before it is published
admin crl >/dev/null || bail crl
keyid=$(basename "$T"/public/crl/*.crl .crl)
number=$(list -crlnumber)
admin revoke "$(serial_of two)" >/dev/null || bail revoke
killed crl-recorded admin crl
is "… the list is the one before" "$(list -crlnumber)" "$number"
again "the list is made then" admin crl
ok "… and names it" sh -c "openssl crl -inform DER -noout -text \
	-in '$T/public/crl/$keyid.crl' | grep -q '$(serial_of two)'"
killed crl-published admin crl --force
ok "… a whole one" list -CAfile "$T/ca.pem" -verify

# ---- a new issuer: published, then staged
openssl x509 -req -in "$T/ca.csr" -CA "$T/root.pem" -CAkey "$T/root.key" \
	-set_serial 0x4711 -days 1900 -extfile "$T/ca.ext" -out "$T/next.pem" \
	2>/dev/null
staged() { find "$T/state/issuers" -name "*.pem" | wc -l; }
for place in issuer-recorded issuer-published; do
	killed $place admin install intermediate "$T/next.pem" "$T/root.pem"
	is "… is not staged" "$(staged)" 0
	goes_on "… meanwhile"
done
killed issuer-staged admin install intermediate "$T/next.pem" "$T/root.pem"
is "… is staged" "$(staged)" 1
again "told again, it is as well" admin install intermediate "$T/next.pem" \
	"$T/root.pem"
is "… once" "$(staged)" 1

# ---- a backup: whole under its name, or not there
mkdir "$T/backups"
whole() { ls "$T/backups"; }
for place in backup-copied backup-written; do
	killed $place admin backup "$T/backups"
	is "… there is none" "$(whole)" ""
done
killed backup-named admin backup "$T/backups"
ok "… it is whole" admin backup --verify "$T/backups/$(whole)"
rm "$T/backups/$(whole)"
again "made then" admin backup "$T/backups"

# ---- each of the tools' places was one of these
grep -oE '(^killed|in|^	killed) [a-z -]+' "$0" | xargs -n1 >"$T/named"
is "no place is left out" "$(grep -rhoE 'fault_point\("[a-z-]+"\)' \
	"$SRCDIR/lib" "$SRCDIR/bin" | sed 's/.*"\(.*\)".*/\1/' |
	grep -E '^(revoke|crl|issuer|backup)' | sort -u |
	grep -vxFf "$T/named")" ""
clients_end
consistent "killed tools"
done_testing
