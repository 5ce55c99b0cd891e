#!/bin/sh
# The record holds programs' starts, stops and configurations; and can be looked
# at: microca audit list, show.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
ca_make pem
sed -i '$d' "$CONF"
cat >>"$CONF" <<END
, { name = "once"; port = 8460; profile = "device"; auth = "secret";
    allow = ( { secret = true; } ); }
);
END

rows() { sql "SELECT count(*) FROM audit"; }
last() { # last MEMBERS of the newest record
	sql "SELECT record FROM audit ORDER BY seq DESC LIMIT 1" | jq -r "$1"
}
more_than() { [ "$(rows)" -gt "$1" ]; }
effective() { admin check --config | sha256sum | cut -d' ' -f1; }

# ---- programs
for program in simpleenroll ocsp; do
	start "$program"
	is "$program starts" "$(last '.event, .operation, .conf_sha256' | xargs)" \
		"start $program $(effective)"
	like "… with its version" "$(last .text)" '^version [0-9]'
	stop TERM
	is "… and stops" "$rc $(last '.event, .operation' | xargs)" \
		"0 stop $program"
done
before=$(rows)
start cacerts
stop TERM
is "what has no store records nothing" "$(rows)" "$before"

start simpleenroll
before=$(rows)
kill -HUP "$pid"
wait_for 10 grep -q 'read anew' "$T/simpleenroll.log"
is "the same configuration read anew is no row" "$(rows)" "$before"
# changed NAME: read anew it is a row with the hash of what is in force.
changed() {
	before=$(rows)
	kill -HUP "$pid"
	wait_for 10 more_than "$before"
	is "$1" "$(last '.event, .operation, .conf_sha256' | xargs)" \
		"config simpleenroll $(effective)"
}
sed -i 's/validity = "90d"/validity = "89d"/' "$T/profiles.conf"
changed "a profile that is another one is"
printf 'repeat_window = "2h";\n' >"$T/more.conf"
printf '@include "more.conf"\n' >>"$CONF"
changed "a file that is included is"
printf 'repeat_window = "3h";\n' >"$T/more.conf"
changed "… and when it is another one"
sed -i '/@include/d' "$CONF"
changed "… and when it is not any more"
cp "$CONF" "$T/good.conf"
before=$(rows)
sed -i 's/body_wait = "2s";/body_wait = "3s";/' "$CONF"
kill -HUP "$pid"
ok "another one is" wait_for 10 more_than "$before"
is "… with its hash" "$(last '.event, .operation, .conf_sha256' | xargs)" \
	"config simpleenroll $(effective)"
before=$(rows)
echo 'nonsense = 1;' >>"$CONF"
kill -HUP "$pid"
ok "one that is not used is, too" wait_for 10 more_than "$before"
is "… with the reason" "$(last '.event, .operation, .reason' | xargs)" \
	"config simpleenroll config"
like "… and where" "$(last .text)" 'microca.conf:[0-9]+: .*nonsense'
cp "$T/good.conf" "$CONF"
stop TERM
is "the chain is good" "$(admin audit verify >"$T/out"; echo $?)" 0

# ---- looking
admin audit list >"$T/list"
is "list has all" "$(wc -l <"$T/list")" "$(rows)"
like "… in lines for people" "$(tail -n 1 "$T/list")" \
	"^ *$(rows)  20[0-9TZ:-]*  stop  *simpleenroll$"
is "… as JSON" "$(admin audit list --json | jq -c '[.lane, .seq, .hash]' |
	tail -n 1)" "[0,$(rows),\"$(sql "SELECT lower(hex(hash)) FROM audit
		ORDER BY seq DESC LIMIT 1")\"]"
is "… records to the octet" "$(admin audit list --json | head -n 3 |
	sed 's/.*"record":\(.*\)}$/\1/')" \
	"$(sql "SELECT record FROM audit ORDER BY seq LIMIT 3")"
listed() { admin audit list "$@" | awk '{ printf "%s%s", s, $1; s = " " }'; }
seqs() { sql "SELECT group_concat(seq, ' ') FROM audit WHERE $1"; }
is "by event" "$(listed --event start)" "$(seqs "event = 'start'")"
is "by what is in them" "$(listed --with nonsense)" \
	"$(seqs "record LIKE '%nonsense%'")"
is "the last ones" "$(listed --last 2)" "$(($(rows) - 1)) $(rows)"
is "no more than so many" "$(listed --limit 2)" "1 2"
is "since a time to come: none" "$(listed --since 2999-01-01T00:00:00Z)" ""
is "since one gone by: all" "$(listed --since 2020-01-01T00:00:00Z | wc -w)" \
	"$(rows)"
is "until one gone by: none" "$(listed --until 2020-01-01T00:00:00Z)" ""
enrol dev1 /CN=dev1 || bail "no enrolment"
serial=$(openssl x509 -in "$T/dev1.pem" -noout -serial | sed 's/.*=//')
admin revoke "$serial" >"$T/out" 2>&1
is "by serial, as it is typed" \
	"$(listed --serial "$(echo "$serial" | tr A-F a-f | sed 's/../&:/')")" \
	"$(seqs "serial = '$serial'")"
is "show: the record" "$(admin audit show --json "$(rows)" | jq -r .serial)" \
	"$serial"
is "… for people" "$(admin audit show 1 | sed -n '1s/,.*//p')" "record 1"
is "… that is not there" "$(admin audit show 999 2>"$T/err"; echo $?)" 6
is "… that is no number" "$(admin audit show x 2>"$T/err"; echo $?)" 2
is "a time that is none" "$(admin audit list --since x 2>"$T/err"; echo $?)" 5

# ---- what the operator does
# does EVENT COMMAND...: is a row of that event, by whoever is the operator.
does() {
	does_event=$1
	shift
	before=$(rows)
	admin "$@" >"$T/out" 2>&1
	is "microca $1 ${2##*/} is recorded" \
		"$(sql "SELECT record FROM audit WHERE seq > $before AND
			event = '$does_event'" | jq -r .requester | sort -u)" \
		"operator:nobody"
}
csr dev2 /CN=dev2
does check check
does csr csr -o "$T/again.csr"
does issue issue --profile device -o "$T/dev2.pem" "$T/dev2.der"
does refuse issue --profile device -o "$T/dev3.pem" "$T/again.csr"
serial=$(openssl x509 -in "$T/dev2.pem" -noout -serial | sed 's/.*=//')
does revoke revoke -r certificateHold "$serial"
does release release "$serial"
does secret-add secret add once dev4
does secret-revoke secret revoke --device dev4
does crl crl --force
does issue ocsp --force
does issue proof 1234ABCD
does install install published
does backup backup "$T/it.tar"
before=$(rows)
for looks in "audit list" "audit verify" list "show $serial" pending \
	"secret list" issuers status forecast "check --config"; do
	# shellcheck disable=SC2086 # words
	admin $looks >"$T/out" 2>&1
done
is "who only looks leaves none" "$(rows)" "$before"
done_testing
