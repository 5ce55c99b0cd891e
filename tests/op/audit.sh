#!/bin/sh
# The record that cannot be changed unseen: microca audit verify.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem
db=$T/state/microca.db

made() { # made NAME: a certificate by hand
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/$1.key" -subj "/CN=$1" -out "$T/$1.csr" \
		2>>"$T/setup.log" &&
		admin issue --profile device -o "$T/$1.pem" "$T/$1.csr"
}
seq_of() { # seq_of EVENT NTH
	sql "SELECT seq FROM audit WHERE event = '$1' ORDER BY seq
		LIMIT 1 OFFSET $(($2 - 1))"
}
verify() { # its status, then what it says first
	admin audit verify >"$T/out" 2>"$T/err"
	echo "$? $(head -n 1 "$T/out")"
}
# found NAME WANT SQL: done to the database it is found, undone it is not.
found() {
	cp "$db" "$T/kept.db"
	sqlite3 "$db" "$3; PRAGMA wal_checkpoint(TRUNCATE)" >>"$T/setup.log" 2>&1
	is "$1" "$(verify)" "8 broken: $2"
	rm -f "$db-wal" "$db-shm"
	cp "$T/kept.db" "$db"
}

for name in one two three; do
	made "$name" >>"$T/setup.log" 2>&1 || bail "issue $name"
done
serial=$(openssl x509 -in "$T/two.pem" -noout -serial | sed 's/.*=//')
admin revoke "$serial" >>"$T/setup.log" 2>&1 || bail "revoke"
sqlite3 "$db" "PRAGMA wal_checkpoint(TRUNCATE)" >>"$T/setup.log"

admin audit verify >"$T/out" 2>&1
is "a good record" "$? $(sed 's/hash is .*/hash is/' "$T/out")" \
	"0 $(sql "SELECT count(*) FROM audit") records are good, $(issued) of \
them certificates; the last one's hash is"
is "… and its hash" "$(sed 's/.* //' "$T/out")" \
	"$(sql "SELECT lower(hex(hash)) FROM audit ORDER BY seq DESC LIMIT 1")"

second=$(seq_of issue 2)
third=$(seq_of issue 3)
at="lane 0, record"
found "a changed record" "$at $second: it is not what was written" \
	"UPDATE audit SET record = replace(record, 'CN=two', 'CN=tow')
		WHERE seq = $second"
found "a deleted record" "$at $second: it is not there" \
	"DELETE FROM audit WHERE seq = $second"
found "two in another order" "$at $second: it is not what was written" \
	"UPDATE audit SET seq = -1 WHERE seq = $second;
	UPDATE audit SET seq = $second WHERE seq = $third;
	UPDATE audit SET seq = $third WHERE seq = -1"
found "a certificate deleted" \
	"$at $second: its certificate is not there" \
	"DELETE FROM certificate WHERE subject LIKE '%two%'"
found "a certificate changed" \
	"$at $second: its certificate is another one" \
	"UPDATE certificate SET der = x'3000' WHERE subject LIKE '%two%'"
is "undone, it is good" "$(verify | cut -d' ' -f1)" 0
is "an act that is none" "$(admin audit deny >"$T/out" 2>&1; echo $?)" 2
done_testing
