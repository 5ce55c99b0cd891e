#!/bin/sh
# Recorded first: an order that cannot be recorded changes nothing.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem
sed -i '$d' "$CONF"
{
	echo ","
	endpoint hold 8470 device 'approval = "enroll";'
	echo ","
	cat <<-END
	{ name = "once"; port = 8471; profile = "device"; auth = "secret";
	  allow = ( { secret = true; } ); }
	);
	END
} >>"$CONF"

# issue_ca NAME DAYS: one more certificate for the CA's key.
issue_ca() {
	openssl x509 -req -in "$T/ca.csr" -CA "$T/root.pem" -CAkey "$T/root.key" \
		-set_serial "0x$(openssl rand -hex 8)" -days "$2" \
		-extfile "$T/ca.ext" -out "$T/$1.pem" 2>>"$T/setup.log"
}
serial() { openssl x509 -in "$T/$1.pem" -noout -serial | sed 's/.*=//'; }
sha() { openssl dgst -sha256 -r "$T/$1.der" | cut -d' ' -f1; }

# The chain of audit rows as on a disk that is full, and not any more.
full() {
	sqlite3 "$T/state/microca.db" "CREATE TRIGGER full BEFORE INSERT ON audit
		BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
}
free() { sqlite3 "$T/state/microca.db" "DROP TRIGGER full"; }
# All that is kept, but for SQLite's own files.
kept() {
	find "$T/state" "$T/public" -type f ! -name 'microca.db*' -exec \
		sha256sum {} + | sort
	sql "SELECT * FROM pending; SELECT * FROM secret;
		SELECT id, status FROM certificate"
}
# lost NAME COMMAND...: fails, and all is as it was.
lost() {
	lost_name=$1
	shift
	kept >"$T/before"
	full
	"$@" >"$T/out" 2>"$T/err"
	lost_rc=$?
	free
	kept >"$T/after"
	ok "$lost_name: fails" test "$lost_rc" != 0
	is "$lost_name: the reason" "$(grep -c 'database' "$T/err")" 1
	ok "$lost_name: nothing has changed" cmp "$T/before" "$T/after"
}

# ---- one at a time: what is being staged is not published away
mkfifo "$T/gate"
flock "$T/state/issuers" sh -c ": >'$T/locked'; cat '$T/gate' >'$T/freed'" &
started="$started $!"
wait_for 10 test -e "$T/locked"
admin install published >"$T/out" 2>&1 &
publisher=$!
started="$started $publisher"
wait_for 1 test -s "$T/out" # nothing comes
is "who publishes waits for who stages" "$(cat "$T/out")" ""
echo >"$T/gate"
wait "$publisher"
is "… and then does it" "$? $(cut -d' ' -f1 "$T/out")" "0 published"

enrol dev /CN=dev || bail "enrol"
csr wait /CN=wait
is "one waits" "$(post hold simpleenroll maker-ra "$T/wait.b64")" 202
issue_ca next 1900
issue_ca third 2000

lost "what is published, anew" admin install published
lost "a new issuer" admin install intermediate "$T/next.pem" "$T/root.pem"
is "recorded, it is staged" "$(admin install intermediate "$T/next.pem" \
	"$T/root.pem" | cut -d' ' -f1,2)" "staged $(serial next)"
lost "another time for it" admin install --activate +2d \
	intermediate "$T/next.pem" "$T/root.pem"
lost "a staged one dropped" admin issuers drop "$(serial next)"
is "recorded, it is" "$(admin issuers drop "$(serial next)" | cut -d' ' -f1)" \
	dropped
lost "one that issues at once" admin install --activate now \
	intermediate "$T/next.pem" "$T/root.pem"
admin install --activate now intermediate "$T/next.pem" "$T/root.pem" \
	>/dev/null || bail "install"
cp "$T/public/chain.pem" "$T/chain.now"

# ---- what is recorded and then fails is recorded as that
told() { # the last rows' texts, the newest first
	sql "SELECT record FROM audit WHERE event = 'install'
		ORDER BY seq DESC LIMIT 2" | jq -r .text | tr '\n' '|'
}
kept >"$T/before"
chmod 500 "$T/public"
admin install intermediate "$T/third.pem" "$T/root.pem" >/dev/null 2>"$T/err"
is "what cannot be published is not staged" "$?" 1
chmod 700 "$T/public"
kept >"$T/after"
ok "… nothing has changed" cmp "$T/before" "$T/after"
like "… and the audit knows" "$(told)" \
	'^intermediate, that failed\|intermediate, active from 20'
admin install intermediate "$T/third.pem" "$T/root.pem" >/dev/null ||
	bail "install"
chmod 500 "$T/state/issuers"
admin issuers drop "$(serial third)" >/dev/null 2>"$T/err"
is "what cannot be removed is not dropped" "$?" 1
chmod 700 "$T/state/issuers"
like "… and the audit knows" "$(told)" \
	'^intermediate, that failed\|intermediate, staged, is dropped'
ok "… it is dropped then" admin issuers drop "$(serial third)"

cat "$T/ca.pem" "$T/next.pem" "$T/root.pem" >"$T/public/chain.pem"
lost "what has become active" admin issuers promote
is "recorded, it is told" "$(admin issuers promote)" \
	"active $(serial next) $CA_SUBJECT"
ok "… and published" cmp "$T/chain.now" "$T/public/chain.pem"
lost "a request approved of" admin approve --yes "$(sha wait)"
lost "a request denied" admin deny "$(sha wait)"
lost "a secret" admin secret add once pump-1
is "… which nobody has" "$(wc -c <"$T/out")" 0
admin secret add once pump-1 >/dev/null 2>&1
lost "a secret revoked" admin secret revoke 1
lost "a certificate revoked" admin revoke "$(serial dev)"
lost "a certificate by hand" admin issue --endpoint device -o "$T/hand.pem" \
	"$T/wait.der"
ok "… is not written" test ! -e "$T/hand.pem"
csr late /CN=late
kept >"$T/before"
full
like "an enrolment fails" "$(post device simpleenroll maker-ra "$T/late.b64")" '^5'
like "a request that would wait fails" \
	"$(post hold simpleenroll maker-ra "$T/late.b64")" '^5'
free
kept >"$T/after"
ok "… nothing has changed" cmp "$T/before" "$T/after"
done_testing
