#!/bin/sh
# Manual approval (RFC 7030, 4.2.3): 202 until somebody approves, and then.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
ca_make pem
leaf_make maker-ra2 maker "/CN=Line 2 RA" 2>/dev/null

# Endpoints more; the row of a request, not the repeat window, is what
# has the certificate fetched again.
sed -i '$d' "$CONF"
sed -i '$s/);$//' "$T/profiles.conf"
{
	echo ","
	profile made 'serverkeygen = "p256";'
	echo ");"
} >>"$T/profiles.conf"
{
	echo ","
	endpoint hold 8470 device 'approval = "enroll";'
	echo ","
	endpoint always 8471 device 'approval = "always";'
	echo ","
	endpoint made 8473 made 'approval = "enroll";
		operations = ("serverkeygen");'
	echo ","
	cat <<-END
	{ name = "once"; port = 8474; profile = "device"; auth = "secret";
	  approval = "enroll"; allow = ( { secret = true; } ); },
	END
	endpoint holdca 8472 subca 'approval = "enroll";'
	echo ');  repeat_window = "0"; approval_retry = "2m";'
} >>"$CONF"

ask() { # ask CLIENT NAME [ENDPOINT [OPERATION]]: the status
	post "${3:-hold}" "${4:-simpleenroll}" "$1" "$T/$2.b64"
}
sha() { openssl dgst -sha256 -r "$T/$1.der" | cut -d' ' -f1; }
events() { sql "SELECT count(*) FROM audit WHERE event = '$1'"; }
last_event() { # last_event EVENT MEMBER
	sql "SELECT record FROM audit WHERE event = '$1'
		ORDER BY seq DESC LIMIT 1" | jq -r ".$2 // empty"
}
said() { # said NAME STATUS PATTERN COMMAND...
	said_name=$1 said_status=$2 said_pattern=$3
	shift 3
	run_out=$(admin "$@" 2>&1 </dev/null)
	said_got=$?
	is "$said_name: exit status" "$said_got" "$said_status"
	like "$said_name" "$run_out" "$said_pattern"
}

# ---- 202, and 202 again
csr a /CN=dev-a -addext subjectAltName=DNS:a.example \
	-addext keyUsage=critical,digitalSignature
is "a first enrolment waits" "$(ask maker-ra a)" 202
is "… it is told when to ask again" "$(header Retry-After)" 120
is "… with nothing more, which known clients fail on" \
	"$(header Content-Type) $(header Content-Length) $(wc -c <"$T/body")" \
	" 0 0"
is "it waits on" "$(ask maker-ra a)" 202
is "the audit has it once, and no refusal" \
	"$(events pending) $(refusals)" "1 0"
is "… by whom, for what" "$(last_event pending requester) \
$(last_event pending csr_sha256) $(last_event pending status)" \
	"ra:CN=Line 1 RA $(sha a) 202"
is "the same CSR of another client waits for itself" "$(ask maker-ra2 a)" 202
is "… beside the first" "$(sql "SELECT count(*) FROM pending") $(issued)" "2 0"

# ---- seen by the operator
like "it is listed" "$(admin pending)" "^$(sha a | cut -c1-16)  1 +open +[0-9]+s \
+hold +EC P-256 +CN=dev-a; DNS:a.example; ra:CN=Line 1 RA$"
is "as JSON" "$(admin pending --json | jq -r '.[0] | [.id, .state, .csr_sha256,
	.endpoint, .operation, .requester, .subject, .san, .key] | join(" ")')" \
	"1 open $(sha a) hold simpleenroll ra:CN=Line 1 RA CN=dev-a \
DNS:a.example EC P-256"
is "as CSV" "$(admin pending --csv | sed -n 2p | cut -d, -f1-4)" \
	"\"$(sha a)\",\"1\",\"open\",\"hold\""
is "by endpoint" "$(admin pending --endpoint always --json)" "[]"
said "decoded" 0 "^State +open" pending "$(sha a | cut -c1-8)"
like "… who asks" "$run_out" "^Requester +ra:CN=Line 1 RA$"
like "… for what" "$run_out" "^Asks for +CN=dev-a$"
like "… with which extensions" "$run_out" \
	"^  X509v3 Key Usage \(critical\): Digital Signature$"
like "… which key" "$run_out" "^Key +EC P-256$"
like "… what it will get" "$run_out" "^  validity: 90d$"
like "… no CA" "$run_out" "^  CA: no$"
said "digits in capitals" 0 "dev-a" pending "$(sha a | tr a-f A-F)"
said "too few digits" 2 "8 to 64 hex digits" pending "$(sha a | cut -c1-7)"
said "no hex" 2 "hex digits" pending "zzzzzzzz"
said "an unknown one" 6 "no such request" pending 00000000
said "approve an unknown one" 6 "no such request" approve --yes 00000000

# ---- approved: no token is needed
key_hide
said "two with this CSR have to be told apart" 2 \
	"^--id 1: CN=dev-a of ra:CN=Line 1 RA at hold" approve --yes "$(sha a)"
like "… both are shown" "$run_out" "^--id 2: CN=dev-a of ra:CN=Line 2 RA"
said "nobody to ask" 2 "nobody is there to ask: --yes" \
	approve --id 1 "$(sha a)"
is "… changes nothing" "$(events approve)" 0
said "approve, without a token" 0 "^approved$" \
	approve --yes --id 1 --text "call 4711" "$(sha a | cut -c1-10)"
like "… shows what it approves of" "$run_out" "^Asks for +CN=dev-a$"
said "approve again" 0 "^already approved$" approve --id 1 "$(sha a)"
is "the audit says who" "$(events approve) $(last_event approve requester) \
$(last_event approve csr_sha256) $(last_event approve text)" \
	"1 operator:$(id -un 2>/dev/null || id -u) $(sha a) \
the request of ra:CN=Line 1 RA: call 4711"
is "nothing is issued by that" "$(issued)" 0
is "without its token the CA cannot issue yet" "$(ask maker-ra a)" 503
is "… and the approval stays" \
	"$(sql "SELECT state FROM pending WHERE id = 1")" 1
key_back
is "another client with the same CSR still waits" "$(ask maker-ra2 a)" 202
is "the one approved gets its certificate" "$(ask maker-ra a)" 200
certs | openssl x509 -out "$T/a.pem"
is "… its own" "$(openssl x509 -in "$T/a.pem" -noout -subject -pubkey)" \
	"subject=CN = dev-a
$(openssl pkey -in "$T/a.key" -pubout)"
cp "$T/body" "$T/first"
is "a repeat" "$(ask maker-ra a)" 200
ok "… gets the same one" cmp "$T/first" "$T/body"
is "… and nothing more is issued" "$(issued)" 1
said "an issued one is not decided on" 4 "issued already.*revoke it" \
	deny --id 1 "$(sha a)"
like "it shows what was issued" "$(admin pending --all)" "  1 +issued "
is "another client never gets it" "$(ask maker-ra2 a)" 202

# ---- denied
said "deny" 0 "^denied$" deny --reason "not one of ours" "$(sha a)"
before_refusal
is "403" "$(ask maker-ra2 a)" 403
refused "… once denied" 403 403 approval-denied
like "the cause is for the operator alone" "$(last_refusal cause)" \
	"by operator:.*: not one of ours"
ok "… not for the requester" sh -c "! grep -q ours '$T/body'"
is "… and not listed among those that wait" "$(admin pending --json)" "[]"

# ---- the policy runs again when it is fetched
csr b /CN=dev-b
is "another waits" "$(ask maker-ra b)" 202
admin approve --yes "$(sha b)" >/dev/null
cp "$T/profiles.conf" "$T/profiles.kept"
sed -i 's/\[A-Za-z0-9._-\]+/only-.*/' "$T/profiles.conf"
before_refusal
got=$(ask maker-ra b)
refused "approved, but against a policy that changed" "$got" 400 dn-rule
cp "$T/profiles.kept" "$T/profiles.conf"
is "… and back" "$(ask maker-ra b)" 200

# ---- what was approved is what is issued, nothing else
swap() { # swap PROFILE: the endpoint's
	sed -i "s/\(name = \"hold\"; port = 8470; profile = \)\"[a-z]*\"/\1\"$1\"/" \
		"$CONF"
}
csr sw /CN=sw
is "one without a subjectAltName waits" "$(ask maker-ra sw)" 202
like "… which is seen" "$(admin pending)" "CN=sw; -; ra:CN=Line 1 RA$"
said "somebody approves of a device" 0 "CA: no" approve --yes "$(sha sw)"
swap subca
n=$(issued)
is "the endpoint makes CAs by now: it opens anew" \
	"$(ask maker-ra sw) $(($(issued) - n))" "202 0"
is "… the audit says why" "$(last_event expire text)" \
	"the request of ra:CN=Line 1 RA: it would get something else by now"
like "… and it is seen to be a CA" "$(admin pending "$(sha sw)")" \
	"^  CA: YES, path length 0 at most$"
is "… once" "$(admin pending --json | jq length)" 1
swap device
is "and back" "$(ask maker-ra sw)" 202
admin approve --yes "$(sha sw)" >/dev/null
is "… approved once more" "$(ask maker-ra sw)" 200
swap late
repeats() { # the sum of repeated answers
	cgi metrics REQUEST_METHOD=GET REQUEST_URI=/metrics \
		REMOTE_ADDR=127.0.0.1 </dev/null >/dev/null
	sed -n 's/^microca_repeated_total{program="simpleenroll".*} //p' \
		"$T/body" | awk '{ n += $1 } END { print n + 0 }'
}
before=$(repeats)
is "what is issued may be fetched again, whatever is made by now" \
	"$(ask maker-ra sw)" 200
is "… which is counted as a repeat" "$(($(repeats) - before))" 1
swap device

# ---- renewals
enrol dev /CN=dev
csr dev2 /CN=dev
is "\"enroll\" lets a renewal through" \
	"$(ask dev dev2 hold simplereenroll)" 200
certs | openssl x509 -out "$T/dev2.pem"
csr dev3 /CN=dev
is "… by simpleenroll too" "$(ask dev2 dev3 hold)" 200
csr dev4 /CN=dev
is "\"always\" holds one" "$(ask dev dev4 always simplereenroll)" 202
admin approve --yes "$(sha dev4)" >/dev/null
is "… until it is approved" "$(ask dev dev4 always simplereenroll)" 200
csr dev5 /CN=dev
is "one waits" "$(ask dev dev5 always simplereenroll)" 202
admin approve --yes "$(sha dev5)" >/dev/null
serial=$(openssl x509 -in "$T/dev.pem" -noout -serial | cut -d= -f2)
admin revoke --reason keyCompromise "$serial" >/dev/null
before_refusal
got=$(ask dev dev5 always simplereenroll)
refused "approved, but its certificate was revoked since" "$got" 403 \
	client-revoked

# ---- a client is its name, not its certificate: that is renewed meanwhile
enrol box /CN=box
csr box2 /CN=box
is "a renewal waits" "$(ask box box2 always simplereenroll)" 202
csr box3 /CN=box
is "… another comes first" "$(ask box box3 hold simplereenroll)" 200
certs | openssl x509 -out "$T/box3.pem"
is "with the new certificate the same request waits on" \
	"$(ask box3 box2 always simplereenroll) \
$(admin pending --json "$(sha box2)" | jq length)" "202 1"
admin approve --yes "$(sha box2)" >/dev/null
is "… until it is approved" "$(ask box3 box2 always simplereenroll)" 200
cp "$T/body" "$T/first"
is "and may be fetched with the old one" \
	"$(ask box box2 always simplereenroll)" 200
ok "… the same" cmp "$T/first" "$T/body"
leaf_make maker-ra-new maker "/CN=Line 1 RA" 2>/dev/null
csr fresh /CN=fresh
is "a manufacturer's client waits" "$(ask maker-ra fresh)" 202
admin approve --yes "$(sha fresh)" >/dev/null
is "… and fetches with its next certificate" "$(ask maker-ra-new fresh)" 200

# ---- who would be refused does not wait
csr taken /CN=dev-a
before_refusal
got=$(ask maker-ra2 taken)
refused "a name that is another's" "$got" 403 name-taken
csr X1 /CN=X1
before_refusal
got=$(ask maker-ra X1)
refused "a name outside the registration authority's" "$got" 403 ra-scope
is "nothing was recorded of them" "$(sql "SELECT count(*) FROM pending
	WHERE csr_sha256 IN (x'$(sha taken)', x'$(sha X1)')")" 0

# ---- limits
for i in 1 2 3 4; do csr "many$i" "/CN=many$i"; done
is "three wait" "$(ask maker-ra many1) $(ask maker-ra many2) \
$(ask maker-ra many3)" "202 202 202"
before_refusal
got=$(ask maker-ra many4)
refused "a fourth does not" "$got" 429 pending-limit
is "… it is told when to ask again" "$(header Retry-After)" 120
is "the three wait on" "$(ask maker-ra many2)" 202
admin deny "$(sha many2)" >/dev/null
is "one decided makes room" "$(ask maker-ra many4)" 202
sed -i '$s/$/ approval_open = 4;/' "$CONF"
csr many5 /CN=many5
is "more, where the operator allows it" "$(ask maker-ra many5)" 202

# ---- told to those who look after it
open=$(sql "SELECT count(*) FROM pending WHERE state = 0")
like "check counts those that wait" "$(admin check)" \
	"^note: $open requests wait for approval: microca pending$"
start simpleenroll
ok "a program that runs tells health" wait_for 20 \
	grep -q "\"waiting\":${open}[,}]" "$T/run/health-simpleenroll"
cgi health REQUEST_METHOD=GET REQUEST_URI=/health REMOTE_ADDR=127.0.0.1 \
	</dev/null >/dev/null
like "… and health tells" "$(cat "$T/body")" "^ok: approval-waiting: $open requests wait for approval$"
stop TERM

# ---- time
sqlite3 "$T/state/microca.db" "UPDATE pending SET expires = created
	WHERE csr_sha256 = x'$(sha many1)'"
like "an expired one" "$(admin pending --all)" "expired .* CN=many1;"
said "… is not approved" 6 "opens anew" approve --yes "$(sha many1)"
is "it opens anew" "$(ask maker-ra many1)" 202
is "… and the audit has its end" "$(events expire) $(last_event expire text)" \
	"3 the request of ra:CN=Line 1 RA: nobody decided in time"

# ---- a CA's request is shown as one
csr sub /CN=Sub
is "a subordinate CA waits" "$(ask maker-ra2 sub holdca)" 202
like "… and is seen to be one" "$(admin pending "$(sha sub)")" \
	"^  CA: YES, path length 0 at most$"

# ---- a key made here
sed -i '$s/repeat_window = "0"/repeat_window = "1h"/' "$CONF"
csr made /CN=made
is "a key is asked for" "$(ask maker-ra2 made made serverkeygen)" 202
like "… it is shown as such" "$(admin pending "$(sha made)")" \
	"^Key +made here$"
admin approve --yes "$(sha made)" >/dev/null
is "the answer" "$(ask maker-ra2 made made serverkeygen)" 200
like "… has it" "$(header Content-Type)" "^multipart/mixed"
is "another key for the same request within the repeat window" \
	"$(ask maker-ra2 made made serverkeygen)" 200
is "… in place of the first" "$(sql "SELECT count(*) FROM certificate
	WHERE endpoint = 'made' AND status = 0")" 1
sqlite3 "$T/state/microca.db" "UPDATE pending SET changed = changed - 3601
	WHERE csr_sha256 = x'$(sha made)'"
is "later it has to be approved again" \
	"$(ask maker-ra2 made made serverkeygen)" 202

# ---- a one-time secret
secret=$(admin secret add once pump 2>/dev/null)
csr pump /CN=pump
with_secret() { # with_secret NAME: the status
	post once simpleenroll "" "$T/$1.b64" "HTTP_AUTHORIZATION=Basic $(
		printf 'pump:%s' "$secret" | openssl base64 -A)"
}
used() { sql "SELECT used > 0 FROM secret"; }
is "a secret's request waits" "$(with_secret pump)" 202
is "… the secret is not used up by that" "$(used)" 0
admin approve --yes "$(sha pump)" >/dev/null
is "… but by the certificate" "$(with_secret pump) $(used)" "200 1"
cp "$T/body" "$T/first"
is "… which may be fetched again" "$(with_secret pump)" 200
ok "… the same" cmp "$T/first" "$T/body"
csr pump2 /CN=pump
is "… and opens nothing more" "$(with_secret pump2)" 401

# ---- the administrator's own order
csr own /CN=own
ok "microca issue is held nowhere" admin issue --endpoint hold \
	-o "$T/own.pem" "$T/own.der"
ok "the record is good" admin audit verify
done_testing
