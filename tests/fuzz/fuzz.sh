#!/bin/bash
# Each parser of foreign bytes: seeds and kept corpus once with the sanitizers
# of this build, then libFuzzer for some seconds where there is a build for it
# (FUZZDIR).  README.md says how to go on for longer.
set -u
SRCDIR=${SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILDDIR=${BUILDDIR:-$SRCDIR/build}
FUZZDIR=${FUZZDIR:-}
SECONDS_EACH=${FUZZ_SECONDS:-2}
T=$(mktemp -d "${TMPDIR:-/tmp}/microca-fuzz.XXXXXX")
trap 'rm -rf "$T"' EXIT
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}allocator_may_return_null=1"

"$SRCDIR/tests/fuzz/seeds.sh" "$T/seeds" ||
	{ echo "Bail out! no seeds"; exit 1; }
n=0
bad=0
result() { # result RC NAME LOG
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
		return
	fi
	echo "not ok $n - $2"
	tail -n 40 "$3" | sed 's/^/# /'
	bad=$((bad + 1))
}
for folder in "$T"/seeds/*/; do
	name=$(basename "$folder")
	mkdir -p "$T/corpus/$name"
	kept=$SRCDIR/tests/fuzz/corpus/$name.tar.xz
	[ ! -f "$kept" ] || tar -xJf "$kept" -C "$T/corpus/$name"
	timeout 300 "$BUILDDIR/tests/fuzz/$name" "$folder" "$T/corpus/$name" \
		>"$T/log" 2>&1
	result $? "$name: $(tail -n 1 "$T/log" | grep -o '^[0-9]* inputs')" "$T/log"
	[ -n "$FUZZDIR" ] || continue
	(cd "$T" && timeout 300 "$FUZZDIR/tests/fuzz/$name" -max_len=8192 -timeout=20 \
		-rss_limit_mb=2048 -max_total_time="$SECONDS_EACH" \
		"$T/corpus/$name" "$folder") >"$T/log" 2>&1
	result $? "$name: $SECONDS_EACH s of new ones" "$T/log"
done
echo "1..$n"
exit "$((bad > 0))"
