#!/bin/sh
# The record that cannot be changed unseen: microca audit verify, head, gap.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem
db=$T/state/microca.db
heads=$T/state/heads/local

made() { # made NAME [CN]: a certificate by hand
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/$1.key" -utf8 -subj "/CN=${2:-$1}" -out "$T/$1.csr" \
		2>>"$T/setup.log" &&
		admin issue --profile device -o "$T/$1.pem" "$T/$1.csr"
}
seq_of() { # seq_of EVENT NTH
	sql "SELECT seq FROM audit WHERE event = '$1' ORDER BY seq
		LIMIT 1 OFFSET $(($2 - 1))"
}
serial_of() { openssl x509 -in "$T/$1.pem" -noout -serial | sed 's/.*=//'; }
verify() { # its status, then what it says first
	admin audit verify "$@" >"$T/out" 2>"$T/err"
	echo "$? $(head -n 1 "$T/out")"
}
# What is in the database file alone, and nowhere else.
settle() { sqlite3 "$db" "PRAGMA wal_checkpoint(TRUNCATE)" >>"$T/setup.log"; }
keep() {
	settle
	cp "$db" "$T/kept.db"
}
back() {
	rm -f "$db-wal" "$db-shm"
	cp "$T/kept.db" "$db"
}
# found NAME WANT SQL: done to the database it is found, undone it is not.
found() {
	keep
	sqlite3 "$db" "$3" >>"$T/setup.log" 2>&1 || bail "$1"
	settle
	like "$1" "$(verify)" "^8 broken: $2"
	back
}
# seen NAME WANT COMMAND...: the same of the heads' file.
seen() {
	seen_name=$1 seen_want=$2
	shift 2
	cp "$heads" "$T/kept.heads"
	"$@"
	like "$seen_name" "$(verify)" "^8 broken: $seen_want"
	cp "$T/kept.heads" "$heads"
}
# All hashes from number $1 on computed again, as one who can write would.
anew() {
	sqlite3 "$db" "SELECT hex(hash) FROM audit WHERE seq = $1 - 1;
		SELECT hex(record) FROM audit WHERE seq >= $1 ORDER BY seq" |
		perl -MDigest::SHA=sha256 -lne '
			if ($. == 1) { $h = pack("H*", $_); }
			else { $h = sha256($h . pack("H*", $_));
				printf "UPDATE audit SET hash = x\x27%s\x27
					WHERE seq = %d;\n", unpack("H*", $h),
					$ENV{FIRST} + $. - 2 }' |
		sqlite3 "$db"
}

for name in one two three; do
	made "$name" >>"$T/setup.log" 2>&1 || bail "issue $name"
done
admin revoke "$(serial_of two)" >>"$T/setup.log" 2>&1 || bail "revoke"

# ---- what is good
admin audit verify >"$T/out" 2>&1
is "a good record" "$? $(sed -n '1s/hash is .*/hash is/p' "$T/out")" \
	"0 $(sql "SELECT count(*) FROM audit") records are good, $(issued) of \
them certificates; the last one's hash is"
is "… and its hash" "$(sed -n '1s/.* //p' "$T/out")" \
	"$(sql "SELECT lower(hex(hash)) FROM audit ORDER BY seq DESC LIMIT 1")"
is "… and that no head covers it" "$(sed -n '2s/:.*//p' "$T/out")" \
	"no head covers them"

last=$(sql "SELECT max(seq) FROM audit")
admin audit head >"$T/head" 2>"$T/err"
is "a head tells of the last record" \
	"$? $(jq -r '.head | fromjson | .lanes[0] | "\(.lane) \(.seq) \(.hash)"' \
		"$T/head")" \
	"0 0 $last $(sed -n '1s/.* //p' "$T/out")"
is "… and of the certificates" "$(jq -r '.head | fromjson | .certificates' \
	"$T/head")" "$(issued)"
is "… is kept" "$(jq -r '.result + " " + .signature' "$heads")" \
	"accepted $(jq -r .signature "$T/head")"
jq -jr '(.signature | split(".")[0]) + "." + (.head | @base64)' "$T/head" |
	tr '+/' '-_' | tr -d '=' >"$T/signed"
# r and s as DER, for openssl.
jq -r '.signature | split(".")[2]' "$T/head" | tr '_-' '/+' |
	sed 's/$/==/' | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n' |
	sed 's/^\(.\{64\}\)\(.\{64\}\)$/asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x\1\ns=INTEGER:0x\2/' \
	>"$T/asn1"
openssl asn1parse -genconf "$T/asn1" -noout -out "$T/signature"
openssl x509 -in "$T/ca.pem" -noout -pubkey -out "$T/ca.pub"
is "… and signed by the CA's key" "$(openssl dgst -sha256 -verify "$T/ca.pub" \
	-signature "$T/signature" "$T/signed")" "Verified OK"
is "nothing new: the same head again" "$(admin audit head | cmp - "$T/head" &&
	wc -l <"$heads")" 1
is "verify covers it" "$(verify | cut -d' ' -f1) $(sed -n '2s/, of [^,]*,//p' \
	"$T/out")" \
	"0 1 heads are good; the last one covers $last records, 0 came later"

# ---- what is not
second=$(seq_of issue 2)
third=$(seq_of issue 3)
revoked=$(seq_of revoke 1)
at="lane 0, record"
found "a changed record" "$at $second: it is not what was written" \
	"UPDATE audit SET record = replace(record, 'CN=two', 'CN=tow')
		WHERE seq = $second"
found "a deleted record" "$at $second: it is not there" \
	"DELETE FROM audit WHERE seq = $second"
found "an inserted record" "$at $((last + 1)): it is not what was written" \
	"INSERT INTO audit SELECT seq + 1, time, event, reason, serial,
		hash, record FROM audit WHERE seq = $last"
found "one before the first" "$at -5: it is before the first" \
	"INSERT INTO audit SELECT -5, time, event, reason, serial,
		hash, record FROM audit WHERE seq = 1"
found "two in another order" "$at $second: it is not what was written" \
	"UPDATE audit SET seq = -1 WHERE seq = $second;
	UPDATE audit SET seq = $second WHERE seq = $third;
	UPDATE audit SET seq = $third WHERE seq = -1"
found "records cut off the end" \
	"$at $last: it is not there: $heads, line 1, a head of .* tells of $last" \
	"DELETE FROM audit WHERE seq = $last;
	UPDATE certificate SET status = 0, reason = 0, revoked = 0"
for column in "time:time + 1" "event:'config'" "reason:'x'" "serial:'00'"; do
	found "the column ${column%%:*}" \
		"$at $revoked: the columns beside it do not say the same" \
		"UPDATE audit SET ${column%%:*} = ${column#*:}
			WHERE seq = $revoked"
done
found "a certificate deleted" \
	"$at $second: its certificate is not there" \
	"DELETE FROM certificate WHERE subject LIKE '%two%'"
found "a certificate changed" \
	"$at $second: its certificate is another one" \
	"UPDATE certificate SET der = x'3000' WHERE subject LIKE '%two%'"
for change in "profile = 'late'" "endpoint = 'late'" "operation = 'x'" \
	"requester = 'x'" "issuer = '00'" "subject = 'CN=two,O=x'" \
	"not_before = 0" "not_after = not_after - 1" \
	"csr_sha256 = spki_sha256" "spki_sha256 = csr_sha256"; do
	found "of its row: ${change%% =*}" \
		"$at $second: its certificate's row does not say the same" \
		"UPDATE certificate SET $change WHERE subject LIKE '%two%'"
done
found "a certificate put in" "certificates have no record" \
	"CREATE TEMP TABLE t AS SELECT * FROM certificate WHERE id = 1;
	UPDATE t SET id = 99, serial = '99', sha256 = randomblob(32);
	INSERT INTO certificate SELECT * FROM t"
found "a revocation taken back" \
	"$at $revoked: certificate [0-9A-F]* is not revoked or held as" \
	"UPDATE certificate SET status = 0, reason = 0, revoked = 0"
found "another reason" \
	"$at $revoked: certificate [0-9A-F]* is not revoked or held as" \
	"UPDATE certificate SET reason = 1 WHERE status <> 0"
found "a revocation without a record" \
	"certificate $(serial_of one) is revoked or held without a record" \
	"UPDATE certificate SET status = 1, reason = 0, revoked = 1
		WHERE subject LIKE '%one%'"

keep
sqlite3 "$db" "UPDATE audit SET record = replace(record, 'operator', 'stranger')
	WHERE seq = $second;
	UPDATE certificate SET requester = replace(requester, 'operator', 'stranger')
	WHERE subject LIKE '%two%'"
FIRST=$second anew "$second"
settle
like "a record changed and all hashes made anew" "$(verify)" \
	"^8 broken: $at $last: it is not what was signed: $heads, line 1"
back

# ---- heads themselves
flip() { sed -i 's/\(\\"seq\\":\)[0-9]*/\12/' "$heads"; }
seen "a head that was changed" \
	"$at 2: $heads, line 1: RFC 7515, 5.2: the signature is not over" flip
unsign() { sed -i 's/,"signature":"[^"]*"//' "$heads"; }
seen "a head without a signature" \
	"$at $last: $heads, line 1: the head is not signed" unsign
strange() { echo "{}" >>"$heads"; }
seen "a line that is no head" "$heads, line 2: this is no head" strange
torn() { printf '{"at":"20' >>"$heads"; }
cp "$heads" "$T/kept.heads"
torn
is "half a line is what a loss of power leaves" "$(verify | cut -d' ' -f1)" 0
cp "$T/kept.heads" "$heads"

# ---- an older database
keep
made four >>"$T/setup.log" 2>&1 || bail "issue four"
ok "one more head" admin audit head
back
like "an older database" "$(verify)" \
	"^8 broken: $at $((last + 1)): it is not there: $heads, line 2"
# Nothing is issued from it while the head lies there (tests/fault/rollback.sh).
mv "$heads" "$T/heads.away"
made five >>"$T/setup.log" 2>&1 || bail "issue five"
mv "$T/heads.away" "$heads"
like "… that went on" "$(verify)" \
	"^8 broken: $at $((last + 1)): it is not what was signed: $heads, line 2"
admin audit head >"$T/out" 2>"$T/err"
is "… has no head" "$?" 4
like "… and says why" "$(cat "$T/err")" "the audit of local went back"
cp "$heads" "$T/elsewhere"
rm "$heads"
is "… nor shows without its heads" "$(verify | cut -d' ' -f1)" 0
like "… but by those kept elsewhere" "$(verify --heads "$T/elsewhere")" \
	"^8 broken: $at $((last + 1)): it is not what was signed: $T/elsewhere"
sed 's/^/Nov 24 10:00:00 box microca[7]: audit head /' "$T/elsewhere" \
	>"$T/syslog"
like "… as syslog has them, too" "$(verify --heads "$T/syslog")" \
	"^8 broken: $at $((last + 1)): it is not what was signed: $T/syslog"
cp "$T/elsewhere" "$heads"
is "the gap is recorded" "$(admin audit gap)" \
	"the gap is recorded; heads begin anew"
like "… with what is lost" \
	"$(sql "SELECT record FROM audit WHERE event = 'gap'" | jq -r .text)" \
	"^records $((last + 1)) to $((last + 1)) are lost: a head of 20"
is "… and forgiven" "$(verify | cut -d' ' -f1) $(grep -c '^1 gaps' "$T/out")" \
	"0 1"
ok "heads are made again" admin audit head
is "… and good" "$(verify | cut -d' ' -f1) $(sed -n '3s/ heads.*//p' "$T/out")" \
	"0 2"
is "no second gap" "$(admin audit gap)" "no head and no list tells of more than is here"
rm "$T"/state/heads/local.*

# ---- while others write
{
	for n in 1 2 3 4 5 6 7 8; do
		made "load$n" && admin revoke -r certificateHold \
			"$(serial_of "load$n")" &&
			admin release "$(serial_of "load$n")"
	done >"$T/load.log" 2>&1
	touch "$T/enough"
} &
load=$! turns=0
while [ ! -e "$T/enough" ]; do
	turns=$((turns + 1))
	admin audit head >"$T/out" 2>&1 || echo "head: $(cat "$T/out")"
	admin audit verify >"$T/out" 2>&1 || echo "verify: $(cat "$T/out")"
done >"$T/wrong"
wait "$load"
is "signed and verified while certificates are issued and held" \
	"$(cat "$T/wrong") $(grep -c ^released "$T/load.log")" " 8"
ok "… more than once" test "$turns" -gt 1

# ---- names of all kinds
sed -i 's/from = "required"; pattern = "[^"]*"/from = "required"/' \
	"$T/profiles.conf"
for name in 'ü 日本 🐟' 'a\\b,c' 'q"<=;' "'; DROP TABLE audit; --"; do
	made odd "$name" >>"$T/setup.log" 2>&1 || bail "issue $name"
done
is "names of all kinds are good" "$(verify | cut -d' ' -f1)" 0
like "… and read as they are" "$(admin audit list --event issue)" \
	'  CN=ü 日本 🐟  '
like "… with their escapes" "$(admin audit list --event issue)" \
	'  CN=a\\\\b\\,c  '
is "what would move a cursor is not" "$(admin revoke --text \
	"$(printf 'x\033[2J\342\200\256y')" "$(serial_of one)" >>"$T/setup.log" 2>&1
	admin audit list --last 1 | sed 's/.*unspecified *//')" \
	'x\x1b[2J\xe2\x80\xaey'

is "undone, it is good" "$(verify | cut -d' ' -f1)" 0
is "an act that is none" "$(admin audit deny >"$T/out" 2>&1; echo $?)" 2
is "no act" "$(admin audit >"$T/out" 2>&1; echo $?)" 2
done_testing
