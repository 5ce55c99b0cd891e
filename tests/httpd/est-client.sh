#!/usr/bin/env bash
# est-client against the real server: every command, keys in files and in a
# token, trust by anchors, by pin and on first use, a fleet's configuration.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"

C=$BUILDDIR/bin/est-client
U=https://localhost:$PORT
demo_start
cd "$T" || exit 1

# client COMMAND [ARGUMENT...]: its status in $rc, output in $T/out, $T/err.
client() {
	timeout 60 "$C" "$@" >"$T/out" 2>"$T/err"
	rc=$?
	return "$rc"
}
says() { grep -qE -e "$1" "$T/out" "$T/err" || { cat "$T/out" "$T/err"; false; }; }
one_line() { [ "$(wc -l <"$T/err")" -eq 1 ] || { cat "$T/err"; false; }; }
subject_of() { openssl x509 -in "$1" -noout -subject -nameopt RFC2253; }
# The key is the certificate's, and nobody else's to read.
pair_ok() {
	[ "$(openssl pkey -in "$1/current/key.pem" -pubout)" = \
		"$(openssl x509 -in "$1/current/cert.pem" -noout -pubkey)" ] &&
		[ "$(stat -L -c %a "$1/current/key.pem")" = 600 ] &&
		openssl verify -CAfile "$DEMO/root.pem" \
			-untrusted "$1/current/chain.pem" "$1/current/cert.pem"
}
maker=(--auth-cert "$DEMO/manufacturer.pem" --auth-key "$DEMO/manufacturer.key")
anchors=(--anchors "$DEMO/root.pem")
root_pin=$(openssl x509 -in "$DEMO/root.pem" -outform DER | sha256sum | cut -c1-64)

# ---- trust ------------------------------------------------------------------
client cacerts --url "$U" -o none.pem
is "without anything to trust nothing is asked" "$rc" 2
ok "... and one line says what is needed" one_line
ok "... nothing is written" test ! -e none.pem
client cacerts --url "$U" --pin "sha256:${root_pin%??}00" --state s1 -o none.pem
is "a wrong pin is refused" "$rc" 4
ok "... in one line" one_line
ok "... and nothing is kept" sh -c '! ls s1/anchors.pem none.pem 2>/dev/null'
ok "the right pin is enough" client cacerts --url "$U" \
	--pin "sha256:$root_pin" --state s1 -o ca.pem
is "the intermediate and the root come" "$(grep -c BEGIN ca.pem)" 2
ok "the root is learnt" cmp <(openssl x509 -in s1/anchors.pem) \
	<(openssl x509 -in "$DEMO/root.pem")
ok "from then on it is the anchor" client cacerts --url "$U" --state s1 -o ca.pem
ok "colons and capitals in a pin do no harm" client cacerts --url "$U" \
	--pin "sha256:$(sed 's/../&:/g; s/:$//' <<<"${root_pin^^}")" -o ca.pem
ok "trust on first use, when it is asked for" client cacerts --url "$U" \
	--trust-first-use --state s2 -o ca.pem
ok "... says the whole fingerprint" says "$root_pin"
client enroll --url "$U" --anchors "$DEMO/manufacturer-ca.pem" --folder none \
	--subject CN=x "${maker[@]}"
is "a server of another CA is not asked" "$rc" 4
ok "... nothing is kept but the refusal" sh -c '! ls none/current 2>/dev/null'
client cacerts --url "https://127.0.0.1:$PORT" "${anchors[@]}" -o none.pem
ok "the address in the URL is checked too" sh -c \
	"[ $rc = 0 ] || [ $rc = 4 ]"

# ---- files ------------------------------------------------------------------
ok "csrattrs are shown" client csrattrs --url "$U" "${anchors[@]}"
ok "... as what they wish" says '^extension X509v3 Key Usage critical'
ok "enroll with the manufacturer's certificate" client enroll --url "$U" \
	"${anchors[@]}" --folder dev --subject CN=est-1 --san DNS:est-1.example \
	"${maker[@]}"
ok "the pair is whole" pair_ok dev
is "the subject is the one asked for" "$(subject_of dev/current/cert.pem)" \
	"subject=CN=est-1"
is "the chain goes to the root" "$(grep -c BEGIN dev/current/chain.pem)" 3
ok "enroll again does nothing" client enroll --url "$U" "${anchors[@]}" \
	--folder dev --subject CN=est-1
ok "... and says so" says 'there already'
before=$(issued)
ok "renew before its time does nothing" client renew --url "$U" \
	"${anchors[@]}" --folder dev
is "... no certificate is issued" "$(issued)" "$before"
ok "reenroll renews by the certificate itself" client reenroll --url "$U" \
	"${anchors[@]}" --folder dev
ok "the new pair is whole" pair_ok dev
is "the pair before is kept" "$(readlink dev/previous)" 000001
ok "with another key" sh -c '! cmp -s dev/current/key.pem dev/previous/key.pem'
is "the names stay" "$(openssl x509 -in dev/current/cert.pem -noout -ext \
	subjectAltName -subject -nameopt RFC2253 | tr -s '\n ' ' ')" \
	"X509v3 Subject Alternative Name: DNS:est-1.example subject=CN=est-1 "
ok "renew when it is due" client renew --url "$U" "${anchors[@]}" \
	--folder dev --renew-before 89d23h59m59s --renew-percent 0
is "... does" "$(readlink dev/current)" 000003
is "two generations stay" "$(find dev -maxdepth 1 -name '0*' | wc -l)" 2
ok "status is told" client status --url "$U" --folder dev
ok "... in text" says '^certificate: good'
ok "... and as JSON" sh -c "$C status --url $U --folder dev --json |
	jq -e '.state == \"good\" and .subject == \"CN=est-1\"'"
ok "status.json is JSON too" jq -e '.failures == 0' dev/status.json
client status --url "$U" --folder nowhere
is "status of nothing" "$rc" 6
client reenroll --url "$U" "${anchors[@]}" --folder nowhere
is "reenroll of nothing" "$rc" 6
for type in p384 rsa2048; do
	ok "a key of type $type" client enroll --url "$U" "${anchors[@]}" \
		--folder "$type" --subject "CN=est-$type" --key-type "$type" \
		"${maker[@]}"
	ok "... is whole" pair_ok "$type"
done

# ---- refusals ---------------------------------------------------------------
client enroll --url "$U" "${anchors[@]}" --folder refused --subject CN=x
is "without authentication: refused" "$rc" 4
ok "... the server's words in one line" one_line
ok "... are in the status" jq -e '.state == "refused" and .failures == 1 and
	(.text | length) > 0 and .next_try' refused/status.json
client renew --url "$U" "${anchors[@]}" --folder refused --subject CN=x
is "the next run waits and says so" "$rc" 4
ok "... it has not asked" jq -e '.failures == 1' refused/status.json
key=$(sha256sum refused/000001/key.pem)
ok "enroll with authentication asks at once" client enroll --url "$U" \
	"${anchors[@]}" --folder refused --subject CN=est-ok "${maker[@]}"
is "... with the key that was made" "$(sha256sum refused/000001/key.pem)" "$key"
client enroll --url "https://localhost:1" "${anchors[@]}" --folder offline \
	--subject CN=x "${maker[@]}"
is "nobody there" "$rc" 7
ok "... the state says retry" jq -e '.state == "retry"' offline/status.json
client enroll --url "http://localhost:$PORT" --folder x
is "http is refused" "$rc" 2
client enroll --url "$U" --folder x --key-type rsa1024
is "a weak key is refused" "$rc" 2
client enroll --url "$U" --no-such-key 1
is "an unknown option is refused" "$rc" 2

# ---- a token ----------------------------------------------------------------
softhsm() {
	mkdir -p tokens &&
		echo "directories.tokendir = $T/tokens" >softhsm2.conf &&
		echo "log.level = ERROR" >>softhsm2.conf &&
		softhsm2-util --init-token --free --label est --pin 4711 \
			--so-pin 12345678
}
for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
	[ -f "$module" ] && break
done
export SOFTHSM2_CONF=$T/softhsm2.conf
(umask 077 && echo 4711 >pin)
objects() { pkcs11-tool --module "$module" --login --pin 4711 -O --type privkey 2>/dev/null | grep -c label:; }
token=(--key-uri "pkcs11:token=est;object=dev" --module "$module" --pin-file "$T/pin")
ok "a token is there" softhsm
ok "enroll with a key made in the token" client enroll --url "$U" \
	"${anchors[@]}" --folder hsm --subject CN=est-hsm "${maker[@]}" "${token[@]}"
ok "no key is on the disk" sh -c '! ls hsm/*/key.pem 2>/dev/null'
is "its URI is" "$(cat hsm/current/key.uri)" "pkcs11:token=est;object=dev-000001"
ok "reenroll over TLS with the token's key" client reenroll --url "$U" \
	"${anchors[@]}" --folder hsm "${token[@]}"
is "has a key of its own" "$(cat hsm/current/key.uri)" \
	"pkcs11:token=est;object=dev-000002"
if command -v pkcs11-tool >/dev/null; then
	is "the old key is not deleted" "$(objects)" 2
fi

# ---- keys made by the server -------------------------------------------------
client serverkeygen --url "$U" "${anchors[@]}" --subject CN=est-made \
	"${maker[@]}" --key-out made.key -o made.pem
is "serverkeygen where it is off" "$rc" 4
ok "... writes nothing" sh -c '! ls made.key made.pem 2>/dev/null'
sed -i '0,/name = "device";/s//&\n\t\toperations = ("cacerts", "csrattrs", "simpleenroll", "simplereenroll", "serverkeygen");/' \
	"$DEMO/etc/microca.conf"
sed -i -e '0,/name = "device";/s//&\n\t\tserverkeygen = "rsa2048";/' \
	-e '0,/keys = ("p256", "p384", "rsa2048");/s//keys = ("rsa2048");/' \
	-e '0,/key_usage = ("digitalSignature");/s//key_usage = ("digitalSignature", "keyEncipherment");/' \
	"$DEMO/etc/profiles.conf"
# Who signs what is encrypted: nobody's certificate for anything else.
sed -i '0,/^profiles = (/s//&\n\t{ name = "generator"; validity = "1y"; keys = ("p256");\n\t  key_usage = ("digitalSignature"); subject = ( { type = "CN"; from = "required"; } ); },/' \
	"$DEMO/etc/profiles.conf"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout "$DEMO/etc/keygen.key" -subj "/CN=Key Generator" \
	-out keygen.csr 2>/dev/null
"$BUILDDIR/bin/microca" -c "$DEMO/etc/microca.conf" issue --profile generator \
	- <keygen.csr >"$DEMO/etc/keygen.pem" 2>issue.err || cat issue.err
chown "$(stat -c %U:%G "$DEMO/var")" "$DEMO"/etc/keygen.*
chmod 600 "$DEMO/etc/keygen.key"
printf 'keygen = { key = "%s"; certificate = "%s"; };\n' \
	"$DEMO/etc/keygen.key" "$DEMO/etc/keygen.pem" >>"$DEMO/etc/microca.conf"
ok "the CA makes keys from now on" quick
ok "serverkeygen" client serverkeygen --url "$U" "${anchors[@]}" \
	--subject CN=est-made "${maker[@]}" --key-out made.key -o made.pem
is "the key is the certificate's" "$(openssl pkey -in made.key -pubout)" \
	"$(openssl x509 -in made.pem -noout -pubkey)"
is "... and nobody else's to read" "$(stat -c %a made.key)" 600
ok "the chain is there" openssl verify -CAfile "$DEMO/root.pem" \
	-untrusted made.pem made.pem
client serverkeygen --url "$U" "${anchors[@]}" --subject CN=est-made \
	"${maker[@]}" --key-out made.key -o made.pem
is "a key that is there is not replaced" "$rc" 2
ok "... one line says how" one_line
ok "encrypted to a certificate that the server knows" client serverkeygen \
	--url "$U" "${anchors[@]}" --subject CN=est-made --auth-cert made.pem \
	--auth-key made.key --decrypt-cert made.pem --decrypt-key made.key \
	--key-out wrapped.key -o wrapped.pem
is "... decrypted here" "$(openssl pkey -in wrapped.key -pubout)" \
	"$(openssl x509 -in wrapped.pem -noout -pubkey)"

# ---- a fleet ----------------------------------------------------------------
{
	echo "state = \"$T/fleet\";"
	sed -e "s#https://est.example.com:8443#$U#" "$SRCDIR/etc/est-client.conf"
} >sample.conf
ok "the sample is read" sh -c "$C status -c sample.conf >/dev/null; [ \$? = 6 ]"
cat >fleet.conf <<-END
	state = "$T/fleet";
	servers = ( { name = "plant"; url = "$U"; pin = "sha256:$root_pin"; } );
	certificates = (
	  { name = "one"; subject = "CN=fleet-1"; auth_cert = "$DEMO/manufacturer.pem";
	    auth_key = "$DEMO/manufacturer.key";
	    hook = ("/bin/sh", "-c", "echo \"\$EST_NAME\" >>$T/hook"); },
	  { name = "two"; subject = "CN=fleet-2"; auth_cert = "$DEMO/manufacturer.pem";
	    auth_key = "$DEMO/manufacturer.key"; },
	  { name = "three"; subject = "CN=fleet-3"; } );
END
mkdir -p fleet
client renew -c fleet.conf
is "renew does all that is due, the worst counts" "$rc" 4
ok "the first" pair_ok fleet/one
ok "the second" pair_ok fleet/two
ok "the third is the one that is refused" says 'est-client renew: three:'
is "the hook ran" "$(cat hook)" one
ok "the anchors are the server's" test -s fleet/anchors-plant.pem
ok "one by name" client reenroll -c fleet.conf two
is "... that one alone" "$(readlink fleet/one/current) $(readlink fleet/two/current)" \
	"000001 000002"
client status -c fleet.conf nobody
is "no such certificate" "$rc" 2
printf 'state = "/x";\nservers = ( { name = "a"; url = "x"; } );\n' >bad.conf
client status -c bad.conf
is "a bad configuration is refused" "$rc" 2
ok "... with file and line" says 'bad.conf:2'

done_testing
