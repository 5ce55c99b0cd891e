#!/bin/sh
# Retention: certificates that ended long ago leave the database, and all that
# depends on them is as it was; killed at each change of names and each sync,
# each certificate is in one place.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem
KEEP='retention = { expired_after = "30d"; };'
conf_write "$T/issuer.key" "$KEEP"
PRELOAD=$(faketime -m 2000-01-01 printenv LD_PRELOAD)
# A finding of a leak is none where a process is killed.
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
later() { # later DAYS COMMAND...: what it says then
	later_days=$1
	shift
	env "LD_PRELOAD=$PRELOAD" "FAKETIME=+${later_days}d" \
		"$BUILDDIR/bin/microca" -c "$CONF" "$@"
}
run() { # run DAYS COMMAND...: its exit status
	later "$@" >"$T/out" 2>"$T/err"
	echo $?
}
issue() { # issue DAYS NAME: its serial
	csr "$2" "/CN=$2"
	later "$1" issue --profile device -o "$T/$2.pem" "$T/$2.der" \
		>"$T/out" 2>"$T/err" &&
		openssl x509 -in "$T/$2.pem" -noout -serial | cut -d= -f2
}
here() { sql "SELECT count(*) FROM certificate WHERE serial = '$1'"; }
retired() { sql "SELECT count(*) FROM retired WHERE serial = '$1'"; }
shelf() { sql "SELECT path FROM shelf ORDER BY id LIMIT 1"; }

one=$(issue 0 one)
two=$(issue 0 two)
three=$(issue 0 three)
admin revoke --reason keyCompromise "$two" >/dev/null
admin revoke --reason certificateHold "$three" >/dev/null
admin crl >/dev/null

# ---- what does not leave -------------------------------------------------------
is "before its time nothing leaves" "$(run 100 retire --idle) $(issued)" "0 3"
is "a clock that is years ahead" "$(run 1500 retire)" 7
like "… is said" "$(cat "$T/err")" 'clock'
is "… and nothing left" "$(issued)" 3
four=$(issue 150 four)
is "what the list has yet to name" "$(run 150 retire --look) $(sed -n \
	's/^\([0-9]*\) .*/\1/p' "$T/out" | tr '\n' ' ')" "0 1 2 "
is "… looking changed nothing" "$(issued) $(find "$T/state/retired" -type f | wc -l)" \
	"4 0"
sed -i "s/30d/29d/" "$CONF"
is "too short a time is refused" "$(run 0 retire)" 2
conf_write "$T/issuer.key"
is "without the setting nothing leaves" "$(run 150 retire) $(issued)" "0 4"
like "… which is said" "$(cat "$T/out")" 'off'
conf_write "$T/issuer.key" "$KEEP"
later 150 crl --force >/dev/null

# ---- cut off ----------------------------------------------------------------------
rm -rf "$T/kept"
sqlite3 "$T/state/microca.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
cp -a "$T/state" "$T/kept"
# whole WHAT: each is in the database, or known there and in its file.
whole() {
	[ "$(sqlite3 -readonly "$T/state/microca.db" 'PRAGMA integrity_check')" = ok ] ||
		echo "$1: the database"
	for serial in "$one" "$two" "$three" "$four"; do
		[ "$(here "$serial")$(retired "$serial")" = 10 ] ||
			[ "$(here "$serial")$(retired "$serial")" = 01 ] ||
			echo "$1: $serial is $(here "$serial") $(retired "$serial")"
	done
	[ "$(run 150 audit verify --retired)" = 0 ] || echo "$1: $(cat "$T/out" "$T/err")"
}
cut_off() { # cut_off VARIABLE VALUE: the exit status, 137: killed
	env "$1=$2" "LD_PRELOAD=$PRELOAD $BUILDDIR/tests/shim/cut-shim.so" \
		FAKETIME=+150d "$BUILDDIR/bin/microca" -c "$CONF" retire \
		>"$T/out" 2>"$T/err"
	echo $?
}
: >"$T/bad"
n=0 rc=137 between=0
while [ "$rc" = 137 ]; do
	n=$((n + 1))
	rm -rf "$T/state" && cp -a "$T/kept" "$T/state"
	rc=$(cut_off CUT_AT "$n")
	[ "$rc" = 137 ] || [ "$rc" = 0 ] || echo "cut $n: $rc: $(cat "$T/err")" >>"$T/bad"
	[ "$(sql "SELECT count(*) FROM shelf WHERE done = 0")" = 0 ] ||
		between=$((between + 1))
	whole "cut $n" >>"$T/bad"
	[ "$(run 150 retire) $(issued) $(sql 'SELECT count(*) FROM retired')" = \
		"0 1 3" ] || echo "cut $n: the next run: $(issued)" >>"$T/bad"
	[ "$(find "$T/state/retired" -name '*.jsonl' | wc -l) $(find \
		"$T/state/retired" -name .new | wc -l)" = "1 0" ] ||
		echo "cut $n: files" >>"$T/bad"
done
whole "in the end" >>"$T/bad"
ok "it was killed at $((n - 1)) places" test "$n" -gt 7
ok "… between the record and the last certificate as well" test "$between" -gt 0
is "each was in one place, and the next run went on" "$(head -n 5 "$T/bad")" ""
n=0 rc=7
: >"$T/bad"
while [ "$rc" != 0 ] && [ "$n" -lt 500 ]; do
	n=$((n + 1 + n / 4))
	rm -rf "$T/state" && cp -a "$T/kept" "$T/state"
	rc=$(cut_off FULL_AT "$n")
	grep -q libfaketime "$T/err" && continue # it has no room itself
	[ "$rc" = 7 ] || [ "$rc" = 0 ] || echo "full $n: $rc: $(cat "$T/err")" >>"$T/bad"
	whole "full $n" >>"$T/bad"
done
is "with the disk full, too" "$(head -n 5 "$T/bad")" ""

# ---- afterwards ----------------------------------------------------------------------
is "the newest stays" "$(here "$four")" 1
is "it is recorded" "$(sql "SELECT count(*) FROM audit WHERE event = 'retire'")" 1
file=$T/state/retired/$(shelf)
is "with the file's hash" "$(sql "SELECT record FROM audit WHERE event = 'retire'" |
	jq -r .text | sed 's/.*SHA-256 //')" "$(sha256sum "$file" | cut -d' ' -f1)"
is "the file is nobody else's" "$(stat -c %a "$file" "$T/state/retired" | tr '\n' ' ')" \
	"600 700 "
is "three certificates in it" "$(jq -r 'select(.serial) | .serial' "$file" | sort)" \
	"$(printf '%s\n' "$one" "$two" "$three" | sort)"
jq -r 'select(.serial == "'"$one"'") | .der' "$file" | openssl base64 -d -A |
	openssl x509 -inform DER -out "$T/again.pem"
ok "… each as it was issued" cmp "$T/again.pem" "$T/one.pem"
later 150 show --pem "$one" >"$T/shown.pem"
ok "show has it from there" cmp "$T/shown.pem" "$T/one.pem"
is "… with its standing" "$(later 150 show --json "$two" | jq -r '.status, .reason' |
	tr '\n' ' ')" "revoked keyCompromise "
like "list says where they are" "$(later 150 list --retired)" \
	"$(shelf): 3 certificates"
is "audit verify without files" "$(run 150 audit verify)" 0
like "… tells of them" "$(cat "$T/out")" '3 of the certificates were retired'
is "revoking one" "$(run 150 revoke "$one")" 4
like "… is refused with where it is" "$(cat "$T/err")" "$(shelf)"
csr new /CN=two
cp "$T/two.key" "$T/reuse.key"
csr reuse /CN=two
is "a compromised key stays known" "$(run 150 issue --profile device "$T/reuse.der")" 5
like "… as that" "$(cat "$T/err")" 'compromised'
cp "$T/one.key" "$T/stolen.key"
csr stolen /CN=stolen
is "another name's key" "$(run 150 issue --profile device "$T/stolen.der")" 5
like "… as that" "$(cat "$T/err")" 'another name'
is "a list is made" "$(run 150 crl --force)" 0
is "a bundle with all certificates" "$(run 150 audit export --certificates --no-head \
	"$T/bundle") $(grep -c '^{"issued"' "$T/bundle")" "0 4"
is "a backup" "$(run 150 backup "$T/b.tar")" 0
like "… says that the files are not in it" "$(cat "$T/out")" \
	"1 files of certificates that were retired"
is "… and is good" "$(run 150 backup --verify "$T/b.tar")" 0
is "again there is nothing" "$(run 150 retire --json) $(jq .certificates "$T/out")" "0 0"

# ---- the same after an older backup came back --------------------------------------------
cp -a "$T/state" "$T/after"
rm -rf "$T/state" && cp -a "$T/kept" "$T/state"
rm -rf "$T/state/retired" && cp -a "$T/after/retired" "$T/state/"
is "an older database, the files as they are" "$(run 150 retire) $(issued)" "0 1"
is "… it is the same file" "$(find "$T/state/retired" -name '*.jsonl' | wc -l)" 1
is "… and the audit is good" "$(run 150 audit verify --retired)" 0

# ---- somebody changes something ------------------------------------------------------------
tamper() { # tamper NAME SQL WORDS
	rm -rf "$T/state" && cp -a "$T/after" "$T/state"
	sqlite3 "$T/state/microca.db" "$2"
	is "$1" "$(run 150 audit verify)" 8
	like "… is told" "$(cat "$T/out")" "$3"
}
tamper "one is gone" "DELETE FROM retired WHERE serial = '$one'" 'not there'
tamper "another hash" "UPDATE retired SET sha256 = randomblob(32)
	WHERE serial = '$one'" 'not there'
tamper "what was revoked is good" "UPDATE retired SET status = 0
	WHERE serial = '$two'" 'not revoked or held as it was recorded'
tamper "what was good is revoked" "UPDATE retired SET status = 1
	WHERE serial = '$one'" 'revoked or held without a record'
tamper "one that is hidden so" "INSERT INTO retired SELECT id, 1, 0, status,
	reason, revoked, compromised, not_after, spki_head, sha256, spki_sha256,
	subject_hash, owner, serial, issuer FROM certificate; DELETE FROM certificate
	WHERE id < (SELECT max(id) FROM certificate)" 'certificates have no record'
tamper "a file of nobody's" "UPDATE shelf SET path = '2000/x.jsonl'" 'no record'
rm -rf "$T/state" && cp -a "$T/after" "$T/state"
sed -i 's/"profile":"device"/"profile":"devise"/' "$file"
is "a line that was changed" "$(run 150 audit verify --retired)" 8
like "… is told" "$(cat "$T/out")" "does not say the same"
sed -i 's/"profile":"devise"/"profile":"device"/;$s/3/4/' "$file"
is "another line" "$(run 150 audit verify --retired)" 8
like "… is told by its file" "$(cat "$T/out")" "$(shelf) is not the file"
is "… without it all is good" "$(run 150 audit verify)" 0
rm "$file"
is "one that is not there" "$(run 150 show "$one")" 6
like "… is named" "$(cat "$T/err")" "$(shelf)"
is "… and for verify" "$(run 150 audit verify --retired)" 6
done_testing
