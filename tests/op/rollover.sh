#!/bin/sh
# A new issuing certificate takes over under running programs: no request
# fails, and what the old one issued stays good.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
if ! command -v softhsm2-util >/dev/null || ! softhsm_find; then
	[ "${CI:-}" = true ] && bail "no SoftHSM"
	echo "1..0 # SKIP no SoftHSM"
	exit 0
fi
ca_make softhsm
chmod 750 "$T/run"

run() {
	admin "$@" >"$T/out" 2>"$T/err"
	rc=$?
	cat "$T/out" "$T/err" >>"$T/setup.log"
	echo "$rc"
}
says() { # says NAME STATUS PATTERN COMMAND...
	says_name=$1 says_status=$2 says_pattern=$3
	shift 3
	is "$says_name" "$(run "$@")" "$says_status"
	like "$says_name: the words" "$(cat "$T/err")" "$says_pattern"
}
states() { admin issuers --json | jq -r '[.[].state] | join(" ")'; }
active() { admin issuers --json | jq -r '.[] | select(.state == "active").serial'; }
serial() { openssl x509 -in "$1" -noout -serial | sed 's/.*=//'; }
keyid() {
	openssl x509 -in "$1" -noout -ext subjectKeyIdentifier |
		sed -n '2s/[ :]//gp' | tr 'A-F' 'a-f'
}
authority_of() {
	openssl x509 -in "$1" -noout -ext authorityKeyIdentifier |
		sed -n '2s/[ :]//gp' | tr 'A-F' 'a-f' | sed 's/^keyid//'
}
audits() {
	sql "SELECT count(*) FROM audit WHERE event = 'install'
		AND record LIKE '%$1%'"
}
# issue_ca NAME CSR DAYS [EXTENSION...]: by $T/root, or $SIGNER
SIGNER=root
issue_ca() {
	issue_name=$1 issue_csr=$2 issue_days=$3
	shift 3
	[ $# -gt 0 ] || set -- basicConstraints=critical,CA:TRUE,pathlen:1 \
		keyUsage=critical,keyCertSign,cRLSign
	printf '%s\n' subjectKeyIdentifier=hash "$@" >"$T/issue.ext"
	openssl x509 -req -in "$T/$issue_csr.csr" -CA "$T/$SIGNER.pem" \
		-CAkey "$T/$SIGNER.key" -set_serial "0x$(openssl rand -hex 8)" \
		-days "$issue_days" -extfile "$T/issue.ext" \
		-out "$T/$issue_name.pem" ${DIGEST:+"-$DIGEST"} 2>>"$T/setup.log"
}
# key_add NAME: another key in the token, and a request for it.
key_add() {
	sed "s/object=issuer\"/object=$1\"/" "$CONF" >"$T/$1.conf"
	"$BUILDDIR/bin/microca" -c "$T/$1.conf" init >>"$T/setup.log" 2>&1 &&
		"$BUILDDIR/bin/microca" -c "$T/$1.conf" csr -o "$T/$1.csr"
}
# What check finds, but for the web server that is not there.
check() { admin check | grep ^FAIL | grep -v "the web server's cert"; }
uri() { echo "pkcs11:token=op-test;object=$1"; }

# ---- who asks all the time --------------------------------------------------
hammer() { # hammer NAME: one client of several
	ANSWER=$T/$1.answer BODY=$T/$1.body
	n=0
	while [ ! -f "$T/stop" ]; do
		n=$((n + 1))
		csr "$1-$n" "/CN=$1-$n"
		echo "$n $(send_csr plain "$T/$1-$n.b64")" >>"$T/$1.log"
		rm -f "$T/$1-$n.key" "$T/$1-$n.der" "$T/$1-$n.b64"
	done
}
HAMMERS="hammer1 hammer2 hammer3"
hammer_start() {
	rm -f "$T/stop" "$T"/hammer?.log
	hammer_pids=
	for h in $HAMMERS; do
		hammer "$h" &
		hammer_pids="$hammer_pids $!"
	done
	started="$started $hammer_pids"
	for h in $HAMMERS; do
		wait_for 10 test -s "$T/$h.log"
	done
}
# hammer_stop NAME: none of the requests failed.
hammer_stop() {
	: >"$T/stop"
	# shellcheck disable=SC2086
	wait $hammer_pids
	is "$1: no request failed of $(cat "$T"/hammer?.log | wc -l)" \
		"$(cat "$T"/hammer?.log | grep -v '^[0-9]* 0 200 $')" ""
}
reenroll() { # reenroll NAME PROGRAM: with its own certificate and a new key
	rm -f "$T/$1-new.key"
	csr "$1-new" "/CN=$1"
	send plain "$2" REQUEST_METHOD=POST "REQUEST_URI=$EST/$2" \
		MICROCA_ENDPOINT=device CONTENT_TYPE=application/pkcs10 \
		SSL_CLIENT_VERIFY=SUCCESS "SSL_CLIENT_CERT=$(cat "$T/$1.pem")" \
		<"$T/$1-new.b64"
}
answered() { # answered NAME: the last answer's certificate
	tr -d '\r\n' <"$BODY" | openssl base64 -d -A |
		openssl pkcs7 -inform DER -print_certs | openssl x509 -out "$T/$1.pem"
}
bag() { # what cacerts says now
	send_get plain cacerts >"$T/said"
	tr -d '\r\n' <"$BODY" | openssl base64 -d -A |
		openssl pkcs7 -inform DER -print_certs >"$T/bag.pem"
	grep -c BEGIN "$T/bag.pem"
}
bag_has() { [ "$(bag)" = "$1" ]; }
count() { grep -c BEGIN "$T/public/$1.pem"; }
is_active() { [ "$(active)" = "$(serial "$T/$1.pem")" ]; }

for old in old1 old2 old3 old4; do
	enrol "$old" "/CN=$old" || bail "enrol $old"
done
start cacerts
start simplereenroll
reenroll_log=$T/simplereenroll.log
start simpleenroll

# ---- the same key, a renewed certificate ------------------------------------
is "one issuer: active" "$(states)" active
issue_ca ca1 ca 1900
hammer_start
at=$(date -u -d '+3 seconds' +%Y-%m-%dT%H:%M:%SZ)
is "a renewed certificate is staged" \
	"$(run install --activate "$at" intermediate "$T/ca1.pem" "$T/root.pem")" 0
like "and says when it begins" "$(cat "$T/out")" \
	"^staged $(serial "$T/ca1.pem") CN=Op Test CA,O=Example, active from $at"
is "the old one issues still" "$(states)" "active staged"
is "it is recorded with its time" "$(audits "active from $at")" 1
is "the bundle has it before it issues" "$(count client-ca-device)" 4
ok "so has cacerts" wait_for 10 bag_has 3
is "cacerts shows the active one first" "$(serial "$T/bag.pem")" \
	"$(serial "$T/ca.pem")"
ok "it becomes active by itself" wait_for 10 is_active ca1
is "the old one is past" "$(states)" "past active"
is "a certificate of before is renewed" "$(reenroll old1 simplereenroll)" \
	"0 200 "
answered old1-new
ok "its path is the new one's" openssl verify -CAfile "$T/root.pem" \
	-untrusted "$T/ca1.pem" "$T/old1-new.pem"
ok "a certificate of before has the new path too" openssl verify \
	-CAfile "$T/root.pem" -untrusted "$T/ca1.pem" "$T/old2.pem"
is "promote tidies up" "$(run issuers promote)" 0
like "it says what is new" "$(cat "$T/out")" "^active $(serial "$T/ca1.pem")"
is "it is recorded" "$(audits 'has become active')" 1
is "twice is harmless" "$(run issuers promote) $(cat "$T/out")" "0 "
ok "cacerts shows the new one first" wait_for 10 sh -c \
	"[ \"\$(openssl x509 -in '$T/public/chain.pem' -noout -serial)\" = \
	serial=$(serial "$T/ca1.pem") ]"
hammer_stop "the same key"

# ---- another key -------------------------------------------------------------
key_add issuer-2 || bail "no second key"
issue_ca ca2 issuer-2 2000
says "without --key it is a stranger's" 4 'for the CA.s key' \
	install intermediate "$T/ca2.pem" "$T/root.pem"
hammer_start
is "another key is staged" "$(run install --key "$(uri issuer-2)" \
	--activate +4s intermediate "$T/ca2.pem" "$T/root.pem")" 0
is "three generations" "$(states)" "past active staged"
ok "cacerts has all" wait_for 10 bag_has 4
is "the bundle, too" "$(count client-ca-device)" 5
is "check is content" "$(check)" ""
ok "it becomes active" wait_for 10 is_active ca2
begins=$(admin issuers --json | jq -r '.[] | select(.state == "active").activate')
begins=$(date -d "$begins" +%s)
ok "certificates of the new one come" wait_for 10 sh -c \
	"[ \"\$(sqlite3 -readonly '$T/state/microca.db' \"SELECT count(*) FROM
	certificate WHERE issuer = '$(keyid "$T/ca2.pem")'\")\" -gt 3 ]"
hammer_stop "another key"
is "the issuer changed with that second" "$(sql "SELECT count(*) FROM certificate
	WHERE (issued < $begins) = (issuer = '$(keyid "$T/ca2.pem")')")" 0
like "both issued meanwhile" "$(sql "SELECT count(*) FROM certificate
	WHERE issuer = '$(keyid "$T/ca.pem")' AND issued >= $begins - 4")" \
	'^[1-9]'
is "a certificate of before is renewed" "$(reenroll old2 simplereenroll)" \
	"0 200 "
answered old2-new
is "by the new key" "$(authority_of "$T/old2-new.pem")" "$(keyid "$T/ca2.pem")"
ok "its path is whole" openssl verify -CAfile "$T/root.pem" \
	-untrusted "$T/bag.pem" "$T/old2-new.pem"
is "and through simpleenroll" "$(reenroll old3 simpleenroll)" "0 200 "
is "a certificate of before is revoked" "$(run revoke "$(serial "$T/old4.pem")")" 0
is "and is nobody's any more" "$(reenroll old4 simplereenroll)" \
	"0 403 client-revoked"
is "show knows the old one's chain" "$(admin show --chain \
	"$(serial "$T/old1.pem")" | grep -c BEGIN)" 3
is "check is content still" "$(check)" ""

# ---- certificate status under both -------------------------------------------
is "each key gets a responder" "$(admin ocsp --json | jq -r \
	'[.[] | select(.made)] | length')" 2
start ocsp
status_under() { # status_under CA NAME
	openssl ocsp -issuer "$T/$1.pem" -cert "$T/$2.pem" -no_nonce \
		-reqout "$T/rq" >/dev/null 2>&1
	send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request <"$T/rq" >/dev/null
	openssl ocsp -issuer "$T/$1.pem" -cert "$T/$2.pem" -no_nonce \
		-respin "$BODY" -CAfile "$T/root.pem" \
		-verify_other "$T/$1.pem" 2>&1
}
like "the past one's answers" "$(status_under ca old4)" 'old4.pem: revoked'
like "are its responder's" "$(status_under ca old1)" 'Response verify OK'
like "the active one's too" "$(status_under ca2 old2-new)" \
	'old2-new.pem: good'
like "by its own" "$(status_under ca2 old2-new)" 'Response verify OK'
stop TERM

# A TPM's store may be busy with the programs' own sessions.
key_delete() { # key_delete LABEL
	delete_it() {
		pkcs11-tool --module "$MODULE" --token-label op-test --login \
			--pin 987654 --delete-object --type privkey --label "$1" \
			>>"$T/setup.log" 2>&1
	}
	wait_for 20 delete_it "$1"
}

# ---- a key that is not there when its time comes ----------------------------
key_add issuer-3 || bail "no third key"
issue_ca ca3 issuer-3 2100
hammer_start
is "a third is staged" "$(run install --key "$(uri issuer-3)" \
	--activate +20s intermediate "$T/ca3.pem" "$T/root.pem")" 0
key_delete issuer-3 || bail "the key cannot be deleted"
like "check finds its key missing" "$(check)" 'staged for .* has its key'
health() {
	cgi health REQUEST_METHOD=GET REQUEST_URI=/health REMOTE_ADDR=127.0.0.1 \
		</dev/null >"$T/said"
	cat "$T/body"
}
# The programs that run hold their sessions; a new one sees the token anew.
start simplereenroll
ok "health is told while there is time" wait_for 20 sh -c \
	"grep -q '\"staged\":\"token-key\"' '$T/run/health-simplereenroll'"
like "and tells" "$(health)" '^degraded: issuer-staged: simplereenroll: .*token-key$'
ok "its time comes" wait_for 30 is_active ca3
ok "the former one goes on" wait_for 20 sh -c \
	"grep -q issuer-former '$T/run/health-simplereenroll'"
like "health is degraded, not down" "$(health)" \
	'^degraded.*' 
like "the log says so" "$(cat "$T/simplereenroll.log" "$T/simpleenroll.log" \
	"$reenroll_log")" \
	"$(serial "$T/ca3.pem"), active now, cannot be used: $(serial \
	"$T/ca2.pem") goes on issuing"
is "it issues" "$(reenroll old3 simplereenroll)" "0 200 "
answered old3-new
is "under the former one" "$(authority_of "$T/old3-new.pem")" \
	"$(keyid "$T/ca2.pem")"
hammer_stop "a key that is missing"
says "what is active cannot be dropped" 4 'not staged' \
	issuers drop "$(serial "$T/ca3.pem")"
forget() { # forget NAME: its file
	rm -f "$T"/state/issuers/*"$(openssl x509 -in "$T/$1.pem" -outform DER |
		sha256sum | cut -c 1-16)".pem
}
forget ca3
is "its file removed, the former one is active" "$(states)" "past past active"

# ---- a key that goes when everybody has opened it ---------------------------
key_add issuer-4 || bail "no fourth key"
issue_ca lost issuer-4 2100
hammer_start
due=$(($(date +%s) + 8))
run install --key "$(uri issuer-4)" --activate "$(date -u -d "@$due" \
	+%Y-%m-%dT%H:%M:%SZ)" intermediate "$T/lost.pem" "$T/root.pem" >/dev/null
nearly() { [ "$(date +%s)" -ge $((due - 1)) ]; }
wait_for 20 nearly
key_delete issuer-4 || bail "the key cannot be deleted"
ok "the time of one comes whose key went" wait_for 15 is_active lost
after() {
	[ "$(sql "SELECT count(*) FROM certificate WHERE issued > $due")" -gt 5 ]
}
ok "the former one goes on there, too" wait_for 20 after
hammer_stop "a key that goes in the last moment"
forget lost
is "what is published follows" "$(run install published)" 0
is "all is well" "$(check)" ""

# ---- each fault refused alone -----------------------------------------------
before=$(admin issuers)
says_ca() { # says_ca NAME STATUS PATTERN FILE [OPTION...]
	ca_name=$1 ca_status=$2 ca_pattern=$3 ca_file=$4
	shift 4
	says "$ca_name" "$ca_status" "$ca_pattern" install "$@" \
		intermediate "$T/$ca_file.pem" "$T/root.pem"
}
key=--key=$(uri issuer-2)
issue_ca shorter issuer-2 1999
says_ca "an end before the present one's" 4 'no later than the present' \
	shorter "$key"
issue_ca constrained issuer-2 2100 basicConstraints=critical,CA:TRUE,pathlen:1 \
	keyUsage=critical,keyCertSign nameConstraints=critical,permitted\;DNS:x.example
says_ca "new name constraints" 4 'RFC 5280, 4.2.1.10' constrained "$key"
issue_ca bad issuer-2 2100 basicConstraints=critical,CA:FALSE \
	keyUsage=critical,keyCertSign
says_ca "no CA" 2 '6.1.4 \(k\)' bad "$key"
issue_ca bad issuer-2 2100 basicConstraints=critical,CA:TRUE \
	keyUsage=critical,cRLSign
says_ca "no keyCertSign" 2 '6.1.4 \(n\)' bad "$key"
issue_ca bad issuer-2 2100 basicConstraints=critical,CA:TRUE,pathlen:0 \
	keyUsage=critical,keyCertSign
says_ca "no room for a profile" 2 'path length is 0' bad "$key"
issue_ca bad issuer-2 2100 basicConstraints=critical,CA:TRUE,pathlen:1 \
	keyUsage=critical,keyCertSign 1.2.3.4=critical,ASN1:NULL
says_ca "an unknown critical extension" 2 'RFC 5280, 4.2: unknown' bad "$key"
DIGEST=sha1 issue_ca bad issuer-2 2100
says_ca "SHA-1" 2 'SHA-1' bad "$key"
faketime -f +2d openssl x509 -req -in "$T/issuer-2.csr" -CA "$T/root.pem" \
	-CAkey "$T/root.key" -set_serial 77 -days 2100 \
	-extfile "$T/issue.ext" -out "$T/bad.pem" 2>>"$T/setup.log"
says_ca "not valid yet" 7 'notBefore' bad "$key"
faketime -f -3000d openssl x509 -req -in "$T/issuer-2.csr" -CA "$T/root.pem" \
	-CAkey "$T/root.key" -set_serial 78 -days 10 \
	-extfile "$T/issue.ext" -out "$T/bad.pem" 2>>"$T/setup.log"
says_ca "expired" 4 'expired' bad "$key"
issue_ca ca4 issuer-2 2100
says_ca "an activation after the present one's end" 4 'nothing could be issued' \
	ca4 "$key" --activate +2050d
says_ca "no time at all" 2 'is no time' ca4 "$key" --activate tomorrow
is "all that changed nothing" "$(admin issuers)" "$before"

# ---- by default, and taken back ---------------------------------------------
is "a fourth, without a time" "$(run install "$key" intermediate \
	"$T/ca4.pem" "$T/root.pem")" 0
due=$(admin issuers --json | jq -r '.[] | select(.state == "staged").activate')
due=$(($(date -d "$due" +%s) - $(date +%s)))
is "begins in a day" "$((due > 86000 && due <= 86400))" 1
issue_ca ca5 issuer-2 2200
says_ca "one waits at a time" 4 'staged already' ca5 "$key"
is "its time is moved" "$(run install "$key" --activate +7d intermediate \
	"$T/ca4.pem" "$T/root.pem")" 0
is "there is one still" "$(states)" "past past active staged"
is "published once more" "$(count chain)" 5
is "it is dropped" "$(run issuers drop "$(serial "$T/ca4.pem")")" 0
is "and gone" "$(states) $(count chain)" "past past active 4"
is "and recorded" "$(audits 'is dropped')" 1
says "nothing of that name" 6 'no issuing certificate' issuers drop 00

# ---- a new root (RFC 4210, 4.4) ---------------------------------------------
root_make root2 "/CN=Op Test Root" 2>>"$T/setup.log"
# cross NAME SUBJECT-OF SIGNER
cross() {
	openssl x509 -in "$T/$2.pem" -signkey "$T/$2.key" -x509toreq \
		-out "$T/$1.csr" 2>>"$T/setup.log"
	SIGNER=$3 issue_ca "$1" "$1" 3000 basicConstraints=critical,CA:TRUE \
		keyUsage=critical,keyCertSign,cRLSign
}
cross old-with-new root root2
cross new-with-old root2 root
SIGNER=root2
issue_ca ca6 issuer-2 2500
SIGNER=root
says "a new root without NewWithOld" 4 'RFC 4210, 4.4' \
	install "$key" intermediate "$T/ca6.pem" "$T/root2.pem"
says "a root that --root does not name" 4 '\-\-root' \
	install "$key" --root "$T/maker.pem" intermediate "$T/ca6.pem" \
	"$T/root2.pem"
is "by way of the old root it can come first" "$(run install "$key" \
	--root "$T/root.pem" intermediate "$T/ca6.pem" "$T/root2.pem" \
	"$T/new-with-old.pem") $(cat "$T/err")" "0 "
run issuers drop "$(serial "$T/ca6.pem")" >/dev/null
hammer_start
is "with it clients can follow" "$(run install "$key" --activate +2s \
	intermediate "$T/ca6.pem" "$T/root2.pem" "$T/old-with-new.pem" \
	"$T/new-with-old.pem" "$T/maker.pem")" 0
ok "cacerts: four issuers, two cross, two roots" wait_for 10 bag_has 8
ok "it becomes active" wait_for 10 is_active ca6
is "and issues" "$(reenroll old2 simplereenroll)" "0 200 "
answered old2-new
hammer_stop "a new root"
ok "who knows the old root verifies the new" openssl verify -CAfile \
	"$T/root.pem" -untrusted "$T/bag.pem" "$T/old2-new.pem"
ok "who knows the new root verifies the old" openssl verify -no-CAfile \
	-no-CApath -trusted "$T/root2.pem" -untrusted "$T/bag.pem" "$T/old1.pem"
is "two roots at the end" "$(awk '/BEGIN/{n++} {print > "'"$T"'/bag-" n ".pem"}' \
	"$T/bag.pem"; for i in 7 8; do openssl verify -CAfile "$T/bag-$i.pem" \
	"$T/bag-$i.pem" >/dev/null 2>&1 && echo root; done | tr '\n' ' ')" \
	"root root "
is "check is content" "$(check)" ""

# ---- the end of the old ones ------------------------------------------------
is "years later the oldest goes" "$(
	faketime -f +1850d "$BUILDDIR/bin/microca" -c "$CONF" issuers promote \
		>"$T/out" 2>&1
	echo $?
)" 0
like "it says so" "$(cat "$T/out")" 'dropped 1 past'
is "issuer.pem is gone, all goes on" \
	"$(test -f "$T/state/issuer.pem" || states)" "past past active"
csr last /CN=last
is "and issues" "$(send_csr plain "$T/last.b64")" "0 200 "
ok "the record is good" admin audit verify
done_testing
