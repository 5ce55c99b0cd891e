#!/bin/sh
# microca backup and restore, killed at each change of names and each sync, and
# with the disk full at whatever write: the one or the other, whole.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem
SHIM=$BUILDDIR/tests/shim/cut-shim.so
B=$T/backups
mkdir "$B"
# A finding of a leak is none where a process is killed.
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
run() { # run COMMAND...: its exit status
	admin "$@" >"$T/out" 2>"$T/err"
	echo $?
}
shimmed() { # shimmed VARIABLE VALUE COMMAND...: its exit status, 137: killed
	cut_at="$1=$2"
	shift 2
	env "$cut_at" "LD_PRELOAD=$SHIM" "$BUILDDIR/bin/microca" -c "$CONF" "$@" \
		>"$T/out" 2>"$T/err"
	echo $?
}
records() { sql "SELECT max(seq) FROM audit"; }
whole() { sqlite3 -readonly "$T/state/microca.db" 'PRAGMA integrity_check'; }
# bad WHAT...: an answer that is told.
bad() { echo "$*" >>"$T/bad"; }
none_bad() { # none_bad NAME
	is "$1" "$(head -n 5 "$T/bad" 2>/dev/null)" ""
	rm -f "$T/bad"
}

enrol one /CN=one
enrol two /CN=two
admin crl >/dev/null
admin audit head >/dev/null

# ---- a backup -------------------------------------------------------------------
n=0 rc=137
while [ "$rc" = 137 ]; do
	n=$((n + 1))
	rc=$(shimmed CUT_AT "$n" backup "$B")
	for file in "$B"/microca-*.tar; do
		[ -e "$file" ] || continue
		[ "$(run backup --verify "$file")" = 0 ] || bad "cut $n: $file"
		rm "$file"
	done
	[ "$rc" = 137 ] || [ "$rc" = 0 ] || bad "cut $n: $rc: $(cat "$T/err")"
done
ok "a backup was killed at $((n - 1)) places" test "$n" -gt 8
none_bad "what has the name of a backup is good each time"
is "the audit is good" "$(run audit verify)" 0
# Work folders are nobody's after a minute.
NO_FAKE_STAT=1 faketime -f +2m "$BUILDDIR/bin/microca" -c "$CONF" backup "$B" \
	>"$T/out" 2>&1
is "the next one tidies up" "$(find "$B" -name '.microca-*' | wc -l)" 0
rm -f "$B"/*

n=0 rc=7 most=0
while [ "$rc" != 0 ]; do
	n=$((n + 1 + n / 4))
	rc=$(shimmed FULL_AT "$n" backup "$B")
	find "$B" -type f | grep -q . && [ "$rc" != 0 ] && {
		for file in "$B"/microca-*.tar; do
			[ "$(run backup --verify "$file")" = 0 ] || bad "full $n: $file"
			rm "$file"
		done
	}
	[ "$(find "$B" -mindepth 1 -name '.*' | wc -l)" = 0 ] ||
		bad "full $n: something is left"
	[ "$rc" = 7 ] || [ "$rc" = 0 ] || bad "full $n: $rc: $(cat "$T/err")"
	[ "$rc" = 0 ] || most=$n
done
ok "the disk was full at many writes, $most the last" test "$most" -gt 8
none_bad "which is said, and nothing half is left"
is "no room on standard output" "$(admin backup - 2>"$T/err" >/dev/full
	echo $?)" 7
like "… is said" "$(cat "$T/err")" 'full'

# ---- a restore --------------------------------------------------------------------
rm -f "$B"/*
is "a backup" "$(run backup "$B/it.tar")" 0
enrol three /CN=three
serial=$(openssl x509 -in "$T/two.pem" -noout -serial | cut -d= -f2)
admin revoke "$serial" >/dev/null
admin audit head >/dev/null
sqlite3 "$T/state/microca.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
rm -rf "$T/kept" && cp -a "$T/state" "$T/kept"
again() { # all as it was
	rm -rf "$T/state" && cp -a "$T/kept" "$T/state"
}
last=$(records)
lost_or_not() { # lost_or_not WHAT: the former or the restored one, whole
	[ "$(whole)" = ok ] || bad "$1: $(whole)"
	if [ "$(sql "SELECT count(*) FROM audit WHERE event = 'restore'")" = 0 ]; then
		[ "$(records)" = "$last" ] || bad "$1: $(records) of $last"
	else
		restored=$((restored + 1))
		[ "$(find "$T/state" -path '*before-restore-*/microca.db' |
			wc -l)" -ge 1 ] || bad "$1: the former one is gone"
		[ "$(run audit gap) $(run audit head)" = "0 0" ] ||
			bad "$1: no head: $(cat "$T/err")"
	fi
	[ "$(run audit verify)" = 0 ] || bad "$1: $(cat "$T/out")"
	[ "$(sql "SELECT status FROM certificate WHERE serial = '$serial'")" = 1 ] ||
		bad "$1: what was revoked is good"
}
again
shimmed CUT_LOG "$T/changes" restore --accept-loss "$B/it.tar" >/dev/null
changes=$(wc -l <"$T/changes")
n=0 rc=137 restored=0
while [ "$rc" = 137 ]; do
	# It is the end that counts.
	n=$((n < changes - 35 ? n + 6 : n + 1))
	again
	rc=$(shimmed CUT_AT "$n" restore --accept-loss "$B/it.tar")
	lost_or_not "cut $n"
	[ "$rc" = 137 ] || [ "$rc" = 0 ] || bad "cut $n: $rc: $(cat "$T/err")"
done
ok "a restore of $changes changes was killed anywhere" test "$n" -gt 40
ok "… after the change as well" test "$restored" -gt 1
none_bad "there is the one or the other, whole"
again
n=0 rc=7
while [ "$rc" != 0 ]; do
	n=$((n + 1 + n / 4))
	again
	rc=$(shimmed FULL_AT "$n" restore --accept-loss "$B/it.tar")
	lost_or_not "full $n"
	[ "$rc" = 7 ] || [ "$rc" = 0 ] || bad "full $n: $rc: $(cat "$T/err")"
	[ "$(find "$T/state" -name '.microca-*' | wc -l)" = 0 ] ||
		bad "full $n: something is left"
done
none_bad "with the disk full, too, and nothing half is left"
done_testing
