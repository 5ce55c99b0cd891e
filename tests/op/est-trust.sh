#!/bin/sh
# What est-client is told, and that it holds to it: flags, folders, anchors
# learnt of something else, a token's PIN, a server that has no address.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/est-lib.sh
. "$(dirname "$0")/est-lib.sh"

client() { # client COMMAND [ARGUMENT...]: status in $rc, output in out and err
	timeout 60 "$C" "$@" >out 2>err
	rc=$?
	return "$rc"
}
asked() { wc -l <"$W/log"; }
# configure [SERVER-KEYS [CERTIFICATE-KEYS]]: one server, one certificate
configure() {
	cat >c.conf <<-END
	state = "$T/state";
	servers = ( { name = "plant"; url = "$U"; timeout = "5s"; ${1-} } );
	certificates = ( { name = "pump"; subject = "CN=pump-7"; ${2-} } );
	END
}
# told NAME STATUS PATTERN COMMAND...: it ends so and says why, in one line
told() {
	told_name=$1 told_status=$2 told_pattern=$3
	shift 3
	client "$@"
	is "$told_name" "$rc" "$told_status"
	like "$told_name: it says why" "$(cat err)" "$told_pattern"
}

server_start "$W" server
good=https://localhost:$port
W2=$T/foreign
certificate stranger other /CN=localhost subjectAltName=DNS:localhost \
	extendedKeyUsage=serverAuth
server_start "$W2" stranger
foreign=https://localhost:$port
U=$good
bag cas.b64 root.pem
bag other.b64 other.pem
answer cacerts "200 OK" application/pkcs7-mime other.b64
mv "$W/cacerts" "$W2/cacerts"
answer cacerts "200 OK" application/pkcs7-mime cas.b64
issuer leaf.ext
: >"$W/log"
pin_of() {
	echo "sha256:$(openssl x509 -in "$1" -outform DER | openssl dgst -sha256 -r |
		cut -d' ' -f1)"
}

# ---- flags ------------------------------------------------------------------------
told "a flag that is neither true nor false" 2 \
	'trust-first-use: "no" is not true or false' \
	cacerts --url "$U" --state "$T/flags" --trust-first-use=no
told "=false is false" 2 'nothing says which server is trusted' \
	cacerts --url "$U" --state "$T/flags" --trust-first-use=false
told "a command's own flag has no value" 2 '.-json takes no value' \
	status --url "$U" --state "$T/flags" --json=false
is "nobody was asked" "$(asked)" 0

# ---- folders ----------------------------------------------------------------------
configure "anchors = \"$T/root.pem\";" 'csrattrs = false;'
ok "the state folder is made" client enroll -c c.conf
ok "... the pair is in it" openssl verify -CAfile root.pem \
	state/pump/current/cert.pem
chmod 777 state/pump
told "a folder that everybody may write to" 2 'anybody may write' \
	renew -c c.conf
chmod 755 state/pump
configure "anchors = \"$T/root.pem\";" 'hook = ("systemctl", "reload", "web");'
requests=$(asked)
told "a hook without a path" 2 'hook.*systemctl.*absolute' reenroll -c c.conf
is "... before anything is asked" "$(asked)" "$requests"

# ---- kinds of keys ----------------------------------------------------------------
for kind in 'p384 secp384r1 sha384' 'p521 secp521r1 sha512' \
	'rsa2048 2048.bit sha256' 'rsa3072 3072.bit sha384' \
	'rsa4096 4096.bit sha512'; do
	# shellcheck disable=SC2086
	set -- $kind
	configure "anchors = \"$T/root.pem\";" \
		"folder = \"$T/$1\"; key_type = \"$1\"; hash = \"$3\";"
	ok "a key of type $1" client enroll -c c.conf
	like "... is the certificate's" \
		"$(openssl x509 -in "$1/current/cert.pem" -noout -text)" "$2"
	is "... and fits it" "$(openssl pkey -in "$1/current/key.pem" -pubout)" \
		"$(openssl x509 -in "$1/current/cert.pem" -noout -pubkey)"
	like "... the request is signed with $3" "$(openssl req -inform DER \
		-in asked.der -noout -text | tr SHA sha)" "$3"
done

# ---- J01: a server whose name nobody knows ----------------------------------------
configure "anchors = \"$T/root.pem\";"
before=$(sha256sum state/pump/current/cert.pem)
U=https://est.invalid:8443
configure "anchors = \"$T/root.pem\";"
told "an unknown name" 7 "resolve" reenroll -c c.conf
is "... in one line" "$(wc -l <err)" 1
is "... is told in the status" \
	"$(jq -r .reason,.failures,.state state/pump/status.json | tr '\n' ' ')" \
	"up-net 1 retry "
ok "... and tried again" jq -e \
	'(.next_try | fromdate) > (.tried | fromdate)' state/pump/status.json
is "... the pair in use stays" "$(sha256sum state/pump/current/cert.pem)" "$before"
configure "pin = \"$(pin_of root.pem)\";"
rm -r state
told "an unknown name at the first contact" 7 "resolve" enroll -c c.conf
ok "... the request waits for no answer" test -s state/pump/status.json
U=$good

# ---- what was learnt of something else ---------------------------------------------
rm -r state
U=$foreign
configure "trust_first_use = true;"
ok "learnt at first use" client cacerts -c c.conf
like "... and said" "$(cat err)" "$(pin_of other.pem)"
configure
ok "it is known from then on" client cacerts -c c.conf
configure "pin = \"$(pin_of root.pem)\";"
told "a pin says otherwise" 4 'fingerprint' cacerts -c c.conf
configure "anchors = \"$T/root.pem\";"
told "anchors say otherwise" 4 'not trusted' cacerts -c c.conf
U=$good
configure "anchors = \"$T/root.pem\";"
ok "they alone count" client cacerts -c c.conf
configure "pin = \"$(pin_of root.pem)\";"
ok "the pin alone counts" client cacerts -c c.conf -o ca.pem
is "... what is learnt is its root" "$(grep -c BEGIN state/anchors-plant.pem)" 1
ok "... which is" grep -q "$(pin_of root.pem)" state/anchors-plant.pem

# The root rolls while the pin is not named: it is still of that pin.
root_make newroot "/CN=Test Root 2" 2>/dev/null
openssl req -new -key newroot.key -subj "/CN=Test Root 2" -out cert.csr
printf '%s\n' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign \
	>link.ext
openssl x509 -req -in cert.csr -CA root.pem -CAkey root.key -set_serial 77 \
	-days 30 -extfile link.ext -out link.pem 2>/dev/null
bag roll.b64 newroot.pem link.pem root.pem
answer cacerts "200 OK" application/pkcs7-mime roll.b64
configure
ok "a new root is followed" client cacerts -c c.conf
is "... and learnt" "$(grep -c BEGIN state/anchors-plant.pem)" 2
bag new.b64 newroot.pem
answer cacerts "200 OK" application/pkcs7-mime new.b64
configure "pin = \"$(pin_of root.pem)\";"
ok "the pinned root is shown no more" client cacerts -c c.conf -o ca.pem
is "... the new one is" "$(openssl x509 -in ca.pem -noout -subject)" \
	"subject=CN = Test Root 2"

# ---- what was learnt is damaged ----------------------------------------------------
cp state/anchors-plant.pem whole.pem
configure
: >state/anchors-plant.pem
requests=$(asked)
told "an empty file of anchors" 2 'anchors-plant.pem' cacerts -c c.conf
head -c $(($(wc -c <whole.pem) - 100)) whole.pem >state/anchors-plant.pem
told "one that was cut" 2 'anchors-plant.pem' cacerts -c c.conf
is "nobody was asked" "$(asked)" "$requests"
cp whole.pem state/anchors-plant.pem
chmod 666 state/anchors-plant.pem
told "one that everybody may write to" 2 'anybody may write' cacerts -c c.conf
is "nobody was asked then" "$(asked)" "$requests"
chmod 644 state/anchors-plant.pem
ok "mended" client cacerts -c c.conf

# ---- a wrong PIN is one try for all certificates -----------------------------------
if softhsm_find && command -v softhsm2-util >/dev/null; then
	softhsm_make >/dev/null 2>&1
	: >faults
	: >calls
	SHIM_MODULE=$MODULE SHIM_CONTROL=$T/faults SHIM_LOG=$T/calls
	export SHIM_MODULE SHIM_CONTROL SHIM_LOG
	(umask 077 && echo wrong-pin-4711 >pin)
	token="key_uri = \"pkcs11:token=op-test\"; pin_file = \"$T/pin\";
		module = \"$BUILDDIR/tests/shim/pkcs11-shim.so\"; csrattrs = false;"
	cat >c.conf <<-END
	state = "$T/state";
	servers = ( { name = "plant"; url = "$U"; anchors = "$T/newroot.pem"; } );
	certificates = (
	  { name = "one"; subject = "CN=one"; $token },
	  { name = "two"; subject = "CN=two"; $token },
	  { name = "three"; subject = "CN=three"; $token } );
	END
	client enroll -c c.conf
	is "a wrong PIN" "$rc" 7
	is "... is tried once for all" "$(grep -c C_Login calls)" 1
	client enroll -c c.conf
	client renew --force -c c.conf
	is "... and not again" "$(grep -c C_Login calls)" 1
	like "... which is said" "$(cat err)" 'not tried again'
	ok "... but not the PIN" sh -c "! grep -r wrong-pin-4711 state err out"
	(umask 077 && echo 987654 >pin)
	configure "anchors = \"$T/newroot.pem\";" "$token"
	client enroll -c c.conf
	ok "another PIN file is tried" test "$(grep -c C_Login calls)" -gt 1
	ok "... the key is made" grep -q object=pump-000001 \
		state/pump/000001/key.uri

	# The token lost the key that is in use: a board was changed.
	W3=$T/keyless
	W=$W3
	server_start "$W" server -C root.pem
	U=https://localhost:$port
	answer cacerts "200 OK" application/pkcs7-mime cas.b64
	issuer leaf.ext
	certificate maker root /CN=maker extendedKeyUsage=clientAuth
	configure "anchors = \"$T/root.pem\";" "$token"
	ok "a pair in the token" client enroll -c c.conf
	pkcs11-tool --module "$SHIM_MODULE" --token-label op-test --login \
		--pin 987654 --delete-object --type privkey \
		--label "$(sed 's/.*object=//' state/pump/current/key.uri)" >/dev/null 2>&1
	told "its key is lost, and nothing else is there to show" 7 \
		'no private key in the token' reenroll -c c.conf
	is "... nobody was asked to renew" \
		"$(grep -c simplereenroll "$W/log")" 0
	configure "anchors = \"$T/root.pem\";" "$token
		auth_cert = \"$T/maker.pem\"; auth_key = \"$T/maker.key\";"
	ok "what was for the first time is shown again" client reenroll -c c.conf
	like "... which is said" "$(cat err)" 'warning: pump: the key in use is gone'
	like "... and is no renewal" "$(grep 'POST' "$W/log" | tail -n 1)" \
		'/simpleenroll .*CN=maker'
	ok "the new pair works" client reenroll -c c.conf
	like "... by itself" "$(grep 'POST' "$W/log" | tail -n 1)" \
		'/simplereenroll .*CN=pump-7'
elif [ "${CI:-}" = true ]; then
	bail "no SoftHSM"
else
	skip "a wrong PIN" "no SoftHSM"
fi

done_testing
