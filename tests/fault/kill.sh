#!/bin/sh
# Killed at every step of an issuance, under load: nobody holds what is not
# recorded, nobody has two, and the CA serves on.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/../op/fcgi.sh"
# shellcheck source=tests/fault/lib.sh
. "$(dirname "$0")/lib.sh"

# Every place that an issuance passes; those of the tools are kill-tools.sh's.
places() {
	grep -rhoE 'fault_point\("[a-z-]+"\)' "$SRCDIR/lib" "$SRCDIR/bin" |
		sed 's/.*"\(.*\)".*/\1/' | sort -u |
		grep -vE '^(revoke|crl|issuer|backup|checkpoint)'
}
is "in a normal build it is nothing" "$(printf '%s\n' \
	'#include "lib/base/fault.h"' 'void f(void);' \
	'void f(void) { fault_point("x"); }' |
	${CC:-cc} -I"$SRCDIR" -x c -O1 -S -o - - | grep -c fault_point)" 0
ca_make pem
watch simpleenroll
if ! [ -e "$BUILDDIR/lib/base/fault.o" ] &&
	! grep -q -- -DFAULT_POINTS "$BUILDDIR/Makefile"; then
	skip "killed at each step" "not built with --enable-fault-points"
	done_testing
fi
clients 3

# killed_at PLACE: whoever comes there is; the file goes with it.
killed_at() {
	echo "$1 kill" >"$FAULT.new"
	mv "$FAULT.new" "$FAULT"
	wait_for 30 test ! -e "$FAULT"
}
kills=0
for place in $(places); do
	ok "killed at \"$place\"" killed_at "$place"
	kills=$((kills + 1))
done
ok "there were places" test $kills -ge 10
goes_on "killed at each step"
clients_end
ok "some had to ask again" test -s "$T/again"
consistent "killed at each step"

# ---- two programs, one request: both sign, one records
echo "signed wait 700" >"$FAULT"
csr twice /CN=twice
echo twice >>"$T/asked"
request twice 1 &
first=$!
request twice 2
wait "$first"
rm "$FAULT"
is "the same request twice at once: both are answered" \
	"$(grep -c ' twice$' "$T/given")" 2
is "… with the same certificate" \
	"$(grep ' twice$' "$T/given" | sort -u | wc -l)" 1

# ---- while what was written goes from the WAL into the database
fill() {
	MICROCA_FAULT=$FAULT "$BUILDDIR/tests/tools/fill" \
		"sqlite:$T/state/microca.db" issue d 1 "$1" >/dev/null 2>&1
}
filled() { sql "SELECT count(*) FROM certificate WHERE subject LIKE 'CN=d%'"; }
for place in checkpoint checkpointed; do
	echo "$place kill" >"$FAULT"
	until ! [ -e "$FAULT" ] || ! fill 3000; do :; done
	ok "killed at \"$place\"" test ! -e "$FAULT"
	rm -f "$FAULT"
	is "… transactions are whole" $(($(filled) % 1000)) 0
done
clients 2
goes_on "killed at a checkpoint"
clients_end
sqlite3 "$T/state/microca.db" "PRAGMA integrity_check" >"$T/checked"
is "the database is sound" "$(cat "$T/checked")" ok
ok "the chain verifies" admin audit verify
done_testing
