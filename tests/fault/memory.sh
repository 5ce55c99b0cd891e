#!/bin/sh
# Out of memory, at any allocation: a request gets its right answer, 500 or 503,
# or none, for then the program ends and is begun anew; nobody holds what is not
# recorded, no memory is used wrongly, and the tools do a thing or say that they
# did not.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/../op/fcgi.sh"
# shellcheck source=tests/fault/lib.sh
. "$(dirname "$0")/lib.sh"
# A token's opening is for key-lib's own; here it is what a request allocates.
SHIM=$BUILDDIR/tests/shim/memory-shim.so
MEMORY=$T/memory # see the shim
SPENT=$T/spent
scarce() { echo "$1" >"$MEMORY.new" && mv "$MEMORY.new" "$MEMORY"; }
spent() { stat -c %s "$SPENT" 2>/dev/null || echo 0; }
starved() { # starved COMMAND...
	env LD_PRELOAD="$SHIM" MEMORY_FAULT="$MEMORY" MEMORY_LOG="$SPENT" "$@"
}
watch_starved() {
	watch "$1" env LD_PRELOAD="$SHIM" MEMORY_FAULT="$MEMORY" \
		MEMORY_LOG="$SPENT"
}
# misused FILE: what a sanitizer says, but for a library's own use of what it
# did not get.
misused() { grep -A8 -E 'ERROR: AddressSanitizer|runtime error' "$1"; }

ca_make pem
watch_starved simpleenroll
clients 3
goes_on "memory enough"
for n in 20000 4000 1000; do
	scarce $n
	before=$(spent)
	more_spent() { [ "$(spent)" -gt $((before + 40)) ]; }
	ok "one in $n allocations fails" wait_for 60 more_spent
	rm "$MEMORY"
	goes_on "one in $n, and memory again"
done
clients_end
ok "some had to ask again" test -s "$T/again"
is "no memory was misused" "$(misused "$T/simpleenroll.log")" ""
consistent "memory was scarce"
cp "$T/simpleenroll.log" /tmp/fault-mem.log
done_testing
