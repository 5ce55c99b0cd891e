#!/bin/bash
# long.sh BUILD MINUTES FOLDER [NAME...]: run the harnesses of a build made with
# --enable-fuzzers, each for so many minutes of CPU, with seeds, kept corpus and
# what FOLDER/NAME has from before.  What is found goes on there; FOLDER/report
# says for each harness how long it ran and what it met, FOLDER/NAME.log more.
# A finding lies in FOLDER as crash-, leak-, oom- or timeout-… .
#
#	long.sh keep BUILD FOLDER [NAME...]: FOLDER's inputs, as few as have the same
#	coverage, become tests/fuzz/corpus/NAME.tar.xz.
set -eu
SRCDIR=${SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
CHUNK=120 # s of wall clock between two looks at the CPU's
OPTIONS=(-max_len=8192 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1)

absolute() { (cd "$1" && pwd); }
names() {
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@"
	else
		for c in "$SRCDIR"/tests/fuzz/*.c; do
			[ "$(basename "$c")" = main.c ] || basename "$c" .c
		done
	fi
}
prepare() { # prepare FOLDER: its seeds
	[ -d "$1/seeds" ] || "$SRCDIR/tests/fuzz/seeds.sh" "$1/seeds"
}
kept() { # kept NAME FOLDER
	[ ! -f "$SRCDIR/tests/fuzz/corpus/$1.tar.xz" ] ||
		tar -xJf "$SRCDIR/tests/fuzz/corpus/$1.tar.xz" -C "$2"
}
# Of this shell's children that ended, in seconds; `times` would tell of those
# of the subshell that it runs in.
cpu() {
	awk -v ticks="$(getconf CLK_TCK)" '{ print int(($16 + $17) / ticks) }' \
		"/proc/$$/stat"
}

keep() {
	build=$(absolute "$1")
	mkdir -p "$2" "$SRCDIR/tests/fuzz/corpus"
	folder=$(absolute "$2")
	shift 2
	prepare "$folder"
	for name in $(names "$@"); do
		mkdir -p "$folder/$name" "$folder/min/$name"
		kept "$name" "$folder/$name"
		find "$folder/min/$name" -type f -delete
		"$build/tests/fuzz/$name" -merge=1 "${OPTIONS[@]}" \
			"$folder/min/$name" "$folder/$name" >"$folder/min/$name.log" 2>&1
		tar --sort=name --owner=0 --group=0 --mtime=@0 --format=ustar \
			-C "$folder/min/$name" -cJf "$SRCDIR/tests/fuzz/corpus/$name.tar.xz" .
		echo "$name: $(find "$folder/min/$name" -type f | wc -l) inputs"
	done
}

if [ "${1:-}" = keep ]; then
	shift
	keep "$@"
	exit 0
fi
[ $# -ge 3 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
build=$(absolute "$1")
want=$(($2 * 60))
mkdir -p "$3"
folder=$(absolute "$3")
shift 3
prepare "$folder"
cd "$folder"
rc=0
for name in $(names "$@"); do
	mkdir -p "$name"
	kept "$name" "$name"
	: >"$name.log"
	start=$(cpu)
	found=none
	while [ $(($(cpu) - start)) -lt "$want" ]; do
		left=$((want - $(cpu) + start))
		"$build/tests/fuzz/$name" "${OPTIONS[@]}" \
			-max_total_time="$((left < CHUNK ? left + 1 : CHUNK))" \
			"$name" "seeds/$name" >>"$name.log" 2>&1 ||
			{ found="a finding, see $name.log"; rc=1; break; }
	done
	echo "$name: $(($(cpu) - start)) s of CPU, $(grep -c . <(ls "$name")) inputs, $found" |
		tee -a report
done
exit "$rc"
