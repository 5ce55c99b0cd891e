#!/bin/sh
# The audit of three nodes: a lane for each, one head over all of them, a bundle that
# has all; what is changed in any lane is found.
# shellcheck disable=SC2016 # perl's
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/pgsql-lib.sh
. "$SRCDIR/tests/op/pgsql-lib.sh"
# shellcheck source=tests/op/nodes-lib.sh
. "$SRCDIR/tests/op/nodes-lib.sh"
nodes_store
nodes_make "$(pg_url pg ca)"
cc -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined -o "$T/audit-verify" \
	"$SRCDIR/docs/audit-verify.c" -lcrypto 2>"$T/setup.log" ||
	bail "no audit-verify"
issue_at() { # issue_at N NAME...
	issue_n=$1
	shift
	for name in "$@"; do
		csr "$name" "/CN=$name"
		at "$issue_n" issue --profile device -o "$T/$name.pem" \
			"$T/$name.der" >"$T/setup.log" 2>&1 || bail "issue"
	done
}
holds() { at "$1" audit verify >"$T/out" 2>&1; echo "$? $(head -n 1 "$T/out")"; }
offline() { # offline ARGUMENT...: audit-verify's status and first line
	ASAN_OPTIONS=exitcode=99:detect_leaks=0 "$T/audit-verify" "$@" \
		>"$T/out" 2>&1
	echo "$? $(head -n 1 "$T/out")"
}
key() { echo $((($1 << 40) + $2)); } # of audit.seq: lane and number
last() { rows_sql "SELECT max(seq) & ((1::bigint << 40) - 1) FROM audit
	WHERE seq >> 40 = $1"; }

issue_at 0 a1 a2
issue_at 2 c1 c2
at 0 audit head >"$T/setup.log" 2>&1 || bail "head"
issue_at 1 b1
issue_at 2 c3
issue_at 0 a3
like "three lanes hold" "$(holds 1)" "^0 $(rows_sql "SELECT count(*)
	FROM audit") records are good, 7 of them certificates"

# ---- a bundle ---------------------------------------------------------------------
ok "a bundle" at 0 audit export --certificates "$T/good"
heads=$T/state/heads/local
is "the head covers each lane's end" "$(tail -n 1 "$heads" | jq -r .head |
	jq -c '[.lanes[] | [.lane, .seq]]')" "[[0,$(last 0)],[1,$(last 1)],[2,$(last 2)]]"
like "the bundle is good, offline" "$(offline -a "$T/root.pem" "$T/good")" \
	"^0 $(($(last 0) + $(last 1) + $(last 2))) records are good, 7 of them \
certificates \\(7 are here\\)"
like "… each lane of it" "$(grep '^lane' "$T/out" | cut -d, -f1 | xargs)" \
	"lane 0: $(last 0) records lane 1: $(last 1) records lane 2: $(last 2) records"
like "… covered by two heads" "$(grep 'heads are' "$T/out")" \
	'^2 heads are good.* 0 came later$'
cp "$heads" "$T/elsewhere"
like "… and the heads kept elsewhere agree" \
	"$(offline -k "$T/elsewhere" "$T/good")" "^0 "
# bad NAME WANT PERL [ARGUMENT...]: what perl makes of the bundle is found.
bad() {
	bad_name=$1 bad_want=$2
	perl -0777 -pe "$3" "$T/good" >"$T/bad"
	shift 3
	if cmp -s "$T/good" "$T/bad"; then
		ok "$bad_name (nothing was changed)" false
		return
	fi
	like "$bad_name" "$(offline "$@" "$T/bad")" "^1 broken: $bad_want"
}
# What counts the records, and the heads, is made good where some are taken out.
counts='$n = () = /^\{"lane"/mg; $h = () = /^\{"schema":"microca.head/mg;
	s/"records":\d+,"heads":\d+/"records":$n,"heads":$h/;'
row2='\{"lane":2,"seq":'
two=$(last 2)
bad "a record of lane 2 changed" "lane 2, record 2: " 's/CN=c2/CN=cc/'
bad "one of it taken out" "lane 2, record " \
	"s/${row2}1,[^\\n]*\\n(\\{\"issued[^\\n]*\\n)?//; $counts"
bad "its last one cut off: a head tells" "lane 2, record $two: it is not there" \
	"s/$row2$two,[^\\n]*\\n(\\{\"issued[^\\n]*\\n)?//; $counts"
bad "the whole lane taken out" "lane 2, record 1: it is not there" \
	"s/${row2}[^\\n]*\\n(\\{\"issued[^\\n]*\\n)?//g; $counts"
bad "a record moved to another lane" "" 's/"lane":2,"seq":2,/"lane":1,"seq":2,/'
bad "lanes in another order" "" \
	's/((?:\{"lane":1,[^\n]*\n(?:\{"issued[^\n]*\n)?)+)((?:\{"lane":2,[^\n]*\n(?:\{"issued[^\n]*\n)?)+)/$2$1/'
bad "heads put where their lanes are over" "" \
	's/(\{"schema":"microca.head[^\n]*\n)//; $h1 = $1; s/(\{"end")/$h1$1/'
# anew LANE CHANGE BUNDLE: that lane with all its hashes, by one who can write.
anew() {
	LANE=$1 CHANGE=$2 perl -MDigest::SHA=sha256 -MJSON::PP -ne '
	BEGIN { $h = "\0" x 32; $j = JSON::PP->new->canonical->allow_nonref; }
	if (/^\{"lane":$ENV{LANE},/) {
		$r = decode_json($_);
		$_ = $r->{record};
		eval $ENV{CHANGE};
		utf8::encode($text = $_);
		$h = sha256($h . $text);
		printf "{\"lane\":%d,\"seq\":%d,\"hash\":\"%s\",\"record\":%s}\n",
			$r->{lane}, $r->{seq}, unpack("H*", $h), $j->encode($_);
	} else { print }' "$3"
}
# headless: of a bundle, all but its heads
headless() {
	sed '/^{"schema":"microca.head/d; s/"heads":[0-9]*/"heads":0/'
}
anew 2 's/CN=c2/CN=cc/' "$T/good" >"$T/bad"
like "lane 2 made anew: the head of all lanes says otherwise" \
	"$(offline "$T/bad")" "^1 broken: lane 2, record [0-9]*: .*not what was signed"
headless <"$T/bad" >"$T/bare"
like "… without any head it is whole by itself" "$(offline "$T/bare")" "^0 "
like "… and found by those kept elsewhere" \
	"$(offline -k "$T/elsewhere" "$T/bare")" "^1 broken: lane 2, record "

# ---- the database -----------------------------------------------------------------------
# tampered NAME WANT SQL: found by node 0 and node 1, and made good again.
rows_sql "CREATE TABLE kept AS SELECT * FROM audit"
mkdir -p "$T/state1/heads"
cp "$heads" "$T/state1/heads/local"
tampered() {
	rows_sql "$3"
	for n in 0 1; do
		like "$1 (by node $n)" "$(holds $n)" "^8 broken: $2"
	done
	rows_sql "DELETE FROM audit; INSERT INTO audit SELECT * FROM kept"
}
tampered "a record of lane 2 changed" "lane 2, record 2: " "UPDATE audit SET
	record = replace(record, 'CN=c2', 'CN=cc') WHERE seq = $(key 2 2)"
tampered "lane 2's last cut off" "lane 2, record $two: it is not there" \
	"DELETE FROM audit WHERE seq = $(key 2 "$two")"
tampered "lane 2 gone" "lane 2, record 1: it is not there" \
	"DELETE FROM audit WHERE seq >> 40 = 2"
tampered "lane 1's only record made anew" "lane 1, record 1: " "UPDATE audit SET
	record = replace(record, '\"operator', '\"operatox') WHERE seq = $(key 1 1);
	UPDATE audit SET hash = sha256(decode(repeat('00', 32), 'hex') ||
	convert_to(record, 'UTF8')) WHERE seq = $(key 1 1)"
like "all is good again" "$(holds 1)" "^0 "
rows_sql "DROP TABLE kept"

# ---- an older database is put back ---------------------------------------------------------
pg_sql pg postgres "CREATE DATABASE older TEMPLATE ca"
issue_at 1 b2 b3
issue_at 2 c4
at 0 audit head >"$T/setup.log" 2>&1
lost1=$(last 1) lost2=$(last 2)
at 0 audit export "$T/full" 2>"$T/setup.log"
cp "$heads" "$T/elsewhere"
pg_sql pg postgres "ALTER DATABASE ca RENAME TO newer"
pg_sql pg postgres "ALTER DATABASE older RENAME TO ca"
like "lanes 1 and 2 lack what a head tells of" "$(holds 0)" "^8 broken: lane [12]"
csr d1 /CN=d1
like "nothing is issued over it" "$(at 0 issue --profile device "$T/d1.der" 2>&1)" \
	'older than what this CA has signed'
like "the gap is told" "$(at 0 audit gap 2>&1)" 'the gap is recorded'
is "… of each lane that lost something, and of no other" "$(rows_sql "SELECT
	substring(record from '(records \d+ to \d+[a-z0-9 ]*) are lost')
	FROM audit WHERE event = 'gap' ORDER BY seq" | paste -sd,)" \
	"records $(($(last 1) + 1)) to $lost1 of lane 1,records $(($(last 2) + 1)) to \
$lost2 of lane 2"
like "… and forgiven" "$(holds 0)" "^0 "
like "… for these lanes" "$(tail -n +2 "$T/out")" '2 gaps are recorded'
issue_at 0 d2 d3
issue_at 2 d4
ok "a head is signed again" at 0 audit head
like "… and all holds" "$(holds 0)" "^0 "
ok "a bundle of it" at 0 audit export "$T/after"
like "… is good offline, with the heads from before" \
	"$(offline -k "$T/elsewhere" "$T/after")" "^0 "
like "… which tells of the gaps" "$(cat "$T/out")" \
	"records $lost2 to $lost2 of lane 2 are lost"
anew 0 's/ of lane 2 are lost/ of lane 1 are lost/' "$T/after" |
	headless >"$T/bad"
like "… the gap of another lane forgives nothing" \
	"$(offline -k "$T/elsewhere" "$T/bad")" \
	"^1 broken: lane 2, record "
done_testing
