#!/bin/sh
# microca - the admin tool: what it does, its exit statuses, its messages.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
export PATH="$PATH:/usr/sbin"
ca_make pem

# run ARGUMENT...: its exit status; output in $T/out, errors in $T/err.
run() {
	admin "$@" >"$T/out" 2>"$T/err" </dev/null
	echo $?
}
# says NAME STATUS PATTERN ARGUMENT...: a failure with one line that fits.
says() {
	says_name=$1 says_status=$2 says_pattern=$3
	shift 3
	is "$says_name" "$(run "$@")" "$says_status"
	is "$says_name: one line" "$(wc -l <"$T/err")" 1
	like "$says_name: the words" "$(cat "$T/err")" "$says_pattern"
}
rows() { sql "SELECT count(*) FROM audit WHERE event = '$1'"; }
record() { # record EVENT MEMBER: of the newest audit record of that event
	sql "SELECT record FROM audit WHERE event = '$1'
		ORDER BY seq DESC LIMIT 1" | jq -r ".$2 // empty"
}
serial() { openssl x509 -in "$1" -noout -serial | sed 's/.*=//'; }

# ---- usage ------------------------------------------------------------------
is "no command is a usage error" "$(run)" 2
like "which lists the commands" "$(cat "$T/err")" '^  revoke '
is "--help is not" "$("$BUILDDIR/bin/microca" --help >"$T/out"; echo $?)" 0
is "--version" "$("$BUILDDIR/bin/microca" --version | cut -d' ' -f1)" microca
is "help of a command" "$(run help issue)" 0
like "has its usage" "$(cat "$T/out")" '^usage: .* issue '
is "--help after a command" "$(run list --help)" 0
says "an unknown command" 2 'no such command: nosuch' nosuch
says "help for an unknown command" 2 'no such command: nosuch' help nosuch
says "an unknown option" 2 'unknown option --nosuch' list --nosuch
says "a missing value" 2 '\-\-profile wants a value' list --profile
says "too many operands" 2 'too many operands' list all
says "too few operands" 2 'too few operands' revoke
says "a bad word" 2 'none of: table json csv' list --format xml
says "a bad duration" 2 'not a duration' list --expiring soon
says "a bad number" 2 'not a number from 1' list --limit 0
says "a bad serial" 2 'hex digits' show 12xy
says "an unknown web server" 2 'lighttpd, nginx, ' httpd iis
echo 'nonsense = true;' >"$T/bad.conf"
is "a broken configuration" "$("$BUILDDIR/bin/microca" -c "$T/bad.conf" \
	list 2>"$T/err"; echo $?)" 2
like "is named with its line" "$(cat "$T/err")" 'bad.conf:1: .*nonsense'
is "an absent one" "$("$BUILDDIR/bin/microca" -c "$T/absent.conf" \
	list 2>"$T/err"; echo $?)" 2
is "is named once" "$(grep -o "$T" "$T/err" | wc -l)" 1
is "one in the root folder" "$("$BUILDDIR/bin/microca" -c /absent.conf \
	list 2>"$T/err"; echo $?)" 2
like "has one slash" "$(cat "$T/err")" ' /absent.conf'
is "an option without its file" "$("$BUILDDIR/bin/microca" -c \
	2>"$T/err"; echo $?)" 2
like "is told so" "$(cat "$T/err")" '^microca: -c wants a file$'
is "an unknown global option" "$("$BUILDDIR/bin/microca" --nosuch list \
	2>"$T/err"; echo $?)" 2
like "is named" "$(cat "$T/err")" 'unknown option --nosuch .*microca help'
is "--conf=FILE" "$("$BUILDDIR/bin/microca" --conf="$CONF" list \
	>"$T/out"; echo $?)" 0
: >"$T/empty.conf"
"$BUILDDIR/bin/microca" -c "$T/empty.conf" list 2>"$T/err"
like "a missing key is named with its group" "$(cat "$T/err")" "'ca.key' is missing"

# ---- init -------------------------------------------------------------------
is "init left one audit row" "$(rows init)" 1
like "with who did it" "$(record init requester)" '^operator:.'
before=$(sha256sum "$T/issuer.key")
is "init again is harmless" "$(run init)" 0
like "but warns of a key in a file" "$(cat "$T/err")" 'warning: .* is a file'
is "and says what is there" "$(grep -c 'already there' "$T/out")" 6
is "the key is not replaced" "$(sha256sum "$T/issuer.key")" "$before"
is "nor recorded again" "$(rows init)" 1
is "state is closed" "$(stat -c %a "$T/state")" 700
is "the public folder is open" "$(stat -c %a "$T/public")" 755
sed "s|$T/state|$T/alone|; s|$T/public|$T/alone-pub|; \
	s|issuer.key|alone.key|" "$CONF" >"$T/alone.conf"
alone() { "$BUILDDIR/bin/microca" -c "$T/alone.conf" "$@"; }
is "no state folder: init is named" \
	"$(alone list 2>&1 | grep -c 'run microca init')" 1
alone init --self-signed --days 100 --path-length 1 >"$T/out" 2>&1
is "a root of our own" "$?" 0
ok "is self-signed" openssl verify -CAfile "$T/alone/issuer.pem" \
	"$T/alone/issuer.pem"
openssl x509 -in "$T/alone/issuer.pem" -noout -text >"$T/text"
like "has the path length" "$(cat "$T/text")" 'CA:TRUE, pathlen:1'
like "signs certificates and CRLs" "$(cat "$T/text")" 'Certificate Sign, CRL Sign'
like "has the name" "$(cat "$T/text")" 'Subject: CN = Op Test CA, O = Example'
csr lonely "/CN=lonely"
alone issue --profile device -o "$T/lonely.pem" "$T/lonely.der" 2>"$T/err"
ok "and issues" openssl verify -CAfile "$T/alone/issuer.pem" "$T/lonely.pem"
alone init --self-signed >"$T/out" 2>&1
like "it is not replaced" "$(cat "$T/out")" 'issuer .*already there'

# ---- csr --------------------------------------------------------------------
is "csr" "$(run csr --path-length 2 intermediate)" 0
ok "is signed by the key" openssl req -in "$T/out" -noout -verify
like "asks for a CA" "$(openssl req -in "$T/out" -noout -text)" \
	'CA:TRUE, pathlen:2'
is "is for the CA's key" "$(openssl req -in "$T/out" -noout -pubkey)" \
	"$(openssl pkey -in "$T/issuer.key" -pubout)"
is "is recorded" "$(rows csr)" 2
says "another name" 2 'certificates has no "server"' csr server

# ---- install ----------------------------------------------------------------
before=$(sha256sum "$T/state/issuer.pem")
says "a foreign certificate" 4 'for the CA.s key' \
	install intermediate "$T/maker.pem"
says "a chain without its root" 4 'RFC 5280, 6.1: .*Op Test Root' \
	install intermediate "$T/ca.pem"
says "another root than --root" 4 'RFC 5280, 6.1' \
	install --root "$T/maker.pem" intermediate "$T/ca.pem"
says "a root that --root does not name" 4 '\-\-root' \
	install --root "$T/maker.pem" intermediate "$T/ca.pem" "$T/root.pem"
# sign NAME EXTENSION...: the CA's request with other extensions
sign() {
	sign_name=$1
	shift
	printf '%s\n' subjectKeyIdentifier=hash "$@" >"$T/sign.ext"
	openssl x509 -req -in "$T/ca.csr" -CA "$T/root.pem" \
		-CAkey "$T/root.key" -CAcreateserial -days 100 \
		-extfile "$T/sign.ext" -out "$T/$sign_name.pem" 2>/dev/null
}
sign noca basicConstraints=critical,CA:FALSE keyUsage=critical,keyCertSign
says "no CA" 2 'RFC 5280' install intermediate "$T/noca.pem" "$T/root.pem"
sign nosign basicConstraints=critical,CA:TRUE keyUsage=critical,cRLSign
says "no keyCertSign" 2 'RFC 5280' \
	install intermediate "$T/nosign.pem" "$T/root.pem"
sign short basicConstraints=critical,CA:TRUE,pathlen:0 \
	keyUsage=critical,keyCertSign,cRLSign
says "no room for the subca profile" 2 'subca' \
	install intermediate "$T/short.pem" "$T/root.pem"
says "no file" 2 'absent.pem' install intermediate "$T/absent.pem"
says "something else" 2 'certificates has no "server"' install server "$T/ca.pem"
is "all that changed nothing" "$(sha256sum "$T/state/issuer.pem")" "$before"
is "any order of files does" \
	"$(run install intermediate "$T/root.pem" "$T/maker.pem" "$T/ca.pem")" 0
like "what is installed is said" "$(cat "$T/out")" \
	'^installed [0-9A-F]* CN=Op Test CA'
is "and recorded" "$(record install serial)" "$(serial "$T/ca.pem")"
is "issuer first, root last" "$(grep -c BEGIN "$T/state/issuer.pem")" 2

# ---- issue ------------------------------------------------------------------
csr one "/CN=one" -addext subjectAltName=DNS:one.example
openssl req -inform DER -in "$T/one.der" -out "$T/one.csr"
is "issue by profile" "$(run issue --profile device "$T/one.csr")" 0
cp "$T/out" "$T/one.pem"
ok "the certificate verifies" openssl verify -CAfile "$T/root.pem" \
	-untrusted "$T/ca.pem" "$T/one.pem"
is "it is recorded" "$(sql "SELECT count(*) FROM certificate
	WHERE serial = '$(serial "$T/one.pem")'")" 1
is "as issued here" "$(record issue operation) $(record issue endpoint)" \
	"issue local"
like "by whom" "$(record issue requester)" '^operator:.'
is "a request in base64" "$(run issue --profile device "$T/one.b64")" 0
is "the same request gets the same certificate" "$(serial "$T/out")" \
	"$(serial "$T/one.pem")"
csr two "/CN=two"
is "standard input" "$(admin issue --endpoint late - <"$T/two.der" |
	openssl x509 -noout -subject)" "subject=CN = two"
is "is recorded for the endpoint" \
	"$(record issue endpoint) $(record issue profile)" "late late"
csr three "/CN=three"
is "-o" "$(run issue -p device -o "$T/three.pem" "$T/three.b64")" 0
is "holds the certificate" "$(grep -c BEGIN "$T/three.pem")" 1
is "and may be read by others" "$(stat -c %a "$T/three.pem")" 644
before=$(sha256sum "$T/three.pem")
csr foreign "/CN=with blank"
before_refusal
rows_before=$(refusals)
says "a name that the profile refuses" 5 'CN' \
	issue -p device -o "$T/three.pem" "$T/foreign.b64"
is "one refusal is recorded" "$(($(refusals) - rows_before))" 1
is "nothing is issued" "$(($(issued) - issued_before))" 0
is "with its reason" "$(last_refusal reason) $(last_refusal operation)" \
	"dn-rule issue"
is "the old file stays" "$(sha256sum "$T/three.pem")" "$before"
says "no request at all" 5 'RFC' issue -p device "$T/root.pem"
run issue -p device -o "$T/never.pem" "$T/foreign.b64" >/dev/null
ok "a new file does not stay behind" test ! -e "$T/never.pem"
says "an unknown profile" 6 'no profile' issue -p nosuch "$T/one.b64"
says "an unknown endpoint" 6 'no endpoint' issue -e nosuch "$T/one.b64"
says "a profile that is not the endpoint's" 2 'issues under' \
	issue -e late -p device "$T/one.b64"
says "neither" 2 '\-\-profile or --endpoint' issue "$T/one.b64"
says "an absent file" 6 'absent.csr' issue -p device "$T/absent.csr"
says "a place that cannot be written" 2 'cannot write' \
	issue -p device -o "$T/absent/x.pem" "$T/one.b64"
echo 'no request' >"$T/garbage"
says "garbage is told what is wanted" 5 'PEM, base64 or DER' \
	issue -p device "$T/garbage"

# ---- revoke -----------------------------------------------------------------
one=$(serial "$T/one.pem")
says "an unknown reason" 2 'RFC 5280, 5.3.1: .*keyCompromise' \
	revoke --reason bored "$one"
says "an unknown serial" 6 'AB12' revoke ab:12
is "revoke" "$(run revoke --reason keyCompromise --text lost \
	"$(echo "$one" | tr A-F a-f | sed 's/../&:/g; s/:$//')")" 0
is "says so" "$(cat "$T/out")" "revoked $one keyCompromise"
is "is recorded" "$(record revoke serial) $(record revoke reason) \
$(record revoke text)" "$one keyCompromise lost"
is "again" "$(run revoke --reason keyCompromise "$one")" 0
is "is harmless" "$(cat "$T/out")" "already revoked $one keyCompromise"
is "one row" "$(rows revoke)" 1
says "for another reason" 4 'already revoked' \
	revoke --reason superseded "$one"
enrol pump "/CN=pump" >/dev/null
csr pump2 "/CN=pump"
is "a device renews" "$(post device simplereenroll pump "$T/pump2.b64")" 200
run revoke "$(serial "$T/pump.pem")" >/dev/null
csr pump3 "/CN=pump"
post device simplereenroll pump "$T/pump3.b64" >/dev/null
is "revoked it does not" "$(reason)" client-revoked

# ---- list -------------------------------------------------------------------
all=$(issued)
is "all of them" "$(admin list | tail -n +2 | wc -l)" "$all"
is "as JSON" "$(admin list --format json | jq length)" "$all"
is "as CSV" "$(admin list --format csv | wc -l)" "$((all + 1))"
is "with CRLF" "$(admin list --format csv | grep -c "$(printf '\r')\$")" \
	"$((all + 1))"
is "the header" "$(admin list --format csv | head -n 1 | cut -d, -f1-3)" \
	"serial,status,reason"
is "nothing as JSON" "$(admin list --serial 00 --format json)" "[]"
is "by serial" "$(admin list --serial "$one" --format json |
	jq -r '.[].subject')" "CN=one"
is "by profile" "$(admin list --profile late --format json |
	jq -r '.[].subject')" "CN=two"
is "by endpoint" "$(admin list --endpoint late --format json | jq length)" 1
is "by subject" "$(admin list --subject 'CN=t*' --format json | jq length)" 2
is "a pattern is whole" "$(admin list --subject 'CN=t' --format json)" "[]"
is "revoked" "$(admin list --status revoked --subject CN=one --format json |
	jq -r '.[] | .status + " " + .reason')" "revoked keyCompromise"
is "good" "$(admin list --status good --format json |
	jq -r 'map(.status) | unique | .[]')" good
is "none has expired" "$(admin list --status expired --format json)" "[]"
is "none expires soon" "$(admin list --expiring 30d --format json)" "[]"
is "all good ones expire" "$(admin list --expiring 2y --format json |
	jq length)" "$(admin list --status good --format json | jq length)"
is "expired later" "$(faketime '+100 days' "$BUILDDIR/bin/microca" \
	-c "$CONF" list --status expired --subject CN=two \
	--format json | jq -r '.[].status')" expired
is "a limit" "$(admin list --limit 2 --format json | jq length)" 2
is "times are RFC 3339" "$(admin list --limit 1 --format json |
	jq -r '.[].not_after' | grep -cE '^....-..-..T..:..:..Z$')" 1
sed 's/name = "mute"/name = "-mute"/g; s/"mute",/"-mute",/' "$CONF" \
	>"$T/odd.conf"
sed -i 's/profile = "-mute"/profile = "mute"/' "$T/odd.conf"
csr odd "/CN=odd"
"$BUILDDIR/bin/microca" -c "$T/odd.conf" issue -e -mute "$T/odd.b64" \
	>"$T/odd.pem" 2>"$T/err"
like "no formula in a cell" "$(admin list --subject CN=odd --format csv)" \
	",\"'-mute\","

# ---- show -------------------------------------------------------------------
is "show" "$(run show "$one")" 0
like "the record" "$(cat "$T/out")" '^Reason +keyCompromise'
like "the fields" "$(cat "$T/out")" 'Extended Key Usage.*Client'
like "the key" "$(cat "$T/out")" '^Key +EC P-256'
admin show --pem "$one" >"$T/out"
is "the same certificate" \
	"$(openssl x509 -in "$T/out" -noout -fingerprint -sha256)" \
	"$(openssl x509 -in "$T/one.pem" -noout -fingerprint -sha256)"
is "with its chain" "$(admin show --chain "$one" | grep -c BEGIN)" 3
is "as JSON" "$(admin show --json "$one" | jq -r .serial)" "$one"
is "to a file" "$(run show --pem -o "$T/shown.pem" "$one")" 0
ok "which is PEM" openssl x509 -in "$T/shown.pem" -noout
says "an unknown one" 6 'no certificate with serial' show 0102
says "two forms" 2 'one of' show --pem --json "$one"

# ---- check and httpd --------------------------------------------------------
chmod 750 "$T/run"
is "check finds what is missing" "$(run check)" 8
is "the web server's certificate alone" "$(grep -c ^FAIL "$T/out")" 1
like "by name" "$(grep FAIL "$T/out")" 'server.pem'
leaf_make localhost maker "/CN=localhost"
cp "$T/localhost.pem" "$T/public/server.pem"
cp "$T/localhost.key" "$T/public/server.key"
chmod 640 "$T/public/server.key"
is "check" "$(run check)" 0
is "all is ok" "$(grep -vc '^ok: ' "$T/out")" 1
like "but that the key is a file" "$(cat "$T/out")" '^note: .* is a file'
like "it is recorded" "$(rows check)" '^[1-9]'
is "the configuration" "$(run check --config)" 0
cp "$T/out" "$T/effective.conf"
like "with its defaults" "$(cat "$T/out")" '^repeat_window = "1h"'
# broken NAME PATTERN: one test fails, with these words
broken() {
	is "$1" "$(run check)" 8
	like "$1: the words" "$(grep ^FAIL "$T/out")" "$2"
}
echo >>"$T/public/chain.pem"
broken "a published file that differs" 'chain.pem .*install published'
is "is mended" "$(run install published)" 0
is "then all is well" "$(run check)" 0
rm "$T/public/client-ca-late.pem"
broken "a bundle that is gone" 'client-ca-late.pem'
run install published >/dev/null
cp "$CONF" "$T/kept.conf"
sed -i 's/^web_server_users.*//' "$CONF"
echo 'web_server_users = ("nosuchuser");' >>"$CONF"
broken "a web server's user who is not there" 'no user nosuchuser'
cp "$T/kept.conf" "$CONF"
chmod 755 "$T/state"
broken "a state folder open to others" 'mode 0755'
chmod 700 "$T/state"
chmod 644 "$T/public/server.key"
broken "a server key for everybody" 'server.key has mode 0644'
chmod 640 "$T/public/server.key"
mv "$T/maker.pem" "$T/maker.away"
says "a rule's file that is gone" 2 'microca.conf:.*maker.pem' check
echo nonsense >"$T/maker.pem"
broken "a rule's file without a certificate" 'rules.* files: .*maker.pem'
mv "$T/maker.away" "$T/maker.pem"
chmod 644 "$T/issuer.key"
broken "a key for everybody" 'issuer.key has mode 0644'
chmod 600 "$T/issuer.key"
mv "$T/state/microca.db" "$T/away.db"
broken "no database" 'init'
mv "$T/away.db" "$T/state/microca.db"
mv "$T/issuer.key" "$T/issuer.away"
broken "no key" 'issuer.key'
mv "$T/issuer.away" "$T/issuer.key"
mv "$T/state/issuer.pem" "$T/issuer.pem"
broken "no issuing certificate" 'issuer'
mv "$T/issuer.pem" "$T/state/issuer.pem"
is "in the end all is well" "$(run check)" 0

for server in lighttpd nginx apache apache-fcgid apache-cgi caddy; do
	is "the sample's web server: $server" "$("$BUILDDIR/bin/microca" \
		-c "$SRCDIR/etc/microca.conf" httpd "$server")" \
		"$(cat "$SRCDIR/httpd-examples/$server.conf")"
done
admin httpd lighttpd >"$T/lighttpd.conf"
if command -v lighttpd >/dev/null; then
	ok "lighttpd takes it" lighttpd -tt -f "$T/lighttpd.conf"
else
	skip "lighttpd takes it" "no lighttpd"
fi
done_testing
