#!/bin/sh
# The audit's counter in a TPM's token: tpm2-pkcs11 keeps it, an image of state
# and public folder that is put back is noticed, and one of the token's own
# store is not: that is a file as well.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
# shellcheck source=tests/op/tpm-lib.sh
. "$SRCDIR/tests/op/tpm-lib.sh"
tpm_need
counts='the store is not behind what the token counts'
checked() { admin check 2>/dev/null | grep -q "^$1: $2"; }
asked() { csr "$1" "/CN=$1" && send_csr plain "$T/$1.b64"; }
rc_of() {
	"$@" >"$T/out" 2>&1
	echo "$?"
}
objects() {
	pkcs11-tool --module "$MODULE" --token-label op-test --login \
		--pin "$TPM_TOKEN_PIN" --list-objects --type data 2>/dev/null |
		grep -c "label: *'microca audit issuer 0'"
}
image() {
	sqlite3 "$T/state/microca.db" "PRAGMA wal_checkpoint(TRUNCATE)" \
		>/dev/null
	cp -a "$T/state" "$T/public" "$1"
}
put_back() {
	rm -rf "$T/state" "$T/public" && cp -a "$T/$1/state" "$T/$1/public" "$T"
}
live() { # live NAME: one certificate more, and a head of it
	csr "$1" "/CN=$1" && admin issue --endpoint device \
		-o "$T/$1.pem" "$T/$1.der" && admin audit head
}
TOKEN=tpm
ca_make tpm
live one >"$T/setup.log" 2>&1 || bail "one"
is "a head is signed, and the token keeps it" "$(objects)" 1
ok "check knows it" checked ok "$counts"
mkdir "$T/old" "$T/new"
image "$T/old"
cp -a "$TPM/store" "$T/old"
live two >"$T/setup.log" 2>&1 || bail "two"
is "the next one takes its place" "$(objects)" 1
image "$T/new"

put_back old
start simpleenroll
is "an image of the folders: nothing is issued" "$(asked three)" \
	"0 503 db-behind"
ok "check finds it" checked FAIL "$counts"
is "the loss is taken" "$(rc_of admin audit gap)" 0
ok "… the program goes on by itself" wait_for 20 grep -q \
	'not behind any more' "$T/simpleenroll.log"
is "… issues" "$(asked three)" "0 200 "
is "… and heads go on" "$(rc_of admin audit head)" 0
ok "… check" checked ok "$counts"
stop TERM
is "still one" "$(objects)" 1

put_back old
rm -rf "$TPM/store" && cp -a "$T/old/store" "$TPM"
ok "an image that has the token's store too is not seen by it" checked ok \
	"$counts"
done_testing
