#!/bin/sh
# microca import-appviewx: another product's two JSON files made into ours.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
V=$SRCDIR/tests/vectors/appviewx

import() { # import CONFIG APICONFIG: the exit status; out and err in files
	"$BUILDDIR/bin/microca" import-appviewx -o "$T/out" "$1" "$2" \
		>"$T/report" 2>"$T/err"
	echo $?
}
anew() {
	rm -rf "$T/out" "$T/in"
	mkdir "$T/out" "$T/in"
	cp "$V/config.json" "$V/APIconfig" "$T/in"
	chmod 755 "$T/in" "$T/out"
}
# change FILTER: config.json by jq
change() {
	anew
	jq "$1" "$V/config.json" >"$T/in/config.json"
}
ours() { "$BUILDDIR/bin/microca" -c "$T/out/microca.conf" check --config; }
said() { grep -E "^$1" "$T/report"; }

# ---- the whole of it
anew
is "both files are taken" "$(import "$T/in/config.json" "$T/in/APIconfig")" 0
is "three files are made" "$(cd "$T/out" && echo *)" \
	"microca.conf pin profiles.conf"
ok "which microca reads" ours
ours >"$T/effective"
for want in \
	'key = "pkcs11:object=intermediate";' \
	'module = "/usr/lib/x86_64-linux-gnu/pkcs11/libtpm2_pkcs11.so";' \
	'key_type = "rsa4096";' \
	'subject = "C=DE,ST=Bavaria,L=Nürnberg,O=Example,OU=OT,CN=Plant 7' \
	'url = "https://pki.example.com:30021";' \
	'label = "micro-ca_1";' \
	'label = "device.forever";' \
	'subject = "C=DE,O=Example,CN=box-4711";' \
	'key_type = "p521";' \
	'hash = "sha512";' \
	'renew_before = "15d";' \
	'initial_key = "pkcs11:object=est%20auth";' \
	"hook = (\"$T/in/scripts/restart.sh\");" \
	'port = 8445;' \
	'validity = "30d";' \
	'key_usage = ("digitalSignature", "keyEncipherment");' \
	'ca = true;' \
	'device_id = "CN";'; do
	ok "our configuration says: $want" grep -qF "$want" "$T/effective"
done
is "the PIN is in a file of its own" "$(cat "$T/out/pin")" 's3cret-PIN "7"'
is "that others do not read" "$(stat -c %a "$T/out/pin")" 600
is "and nowhere else" \
	"$(grep -rlF s3cret "$T/out" "$T/report" "$T/err" | tr '\n' ' ')" \
	"$T/out/pin "
like "what is known but has no place is said, and why" \
	"$(said 'no match')" 'renewal_check_interval_time_in_minutes: microca renew'
like "what is not known is listed" "$(said 'not understood')" \
	'config.json: log_level$'
like "deep down too" "$(said 'not understood')" 'config.json: more.deep.x$'
like "in endpoints" "$(said 'not understood')" \
	'end_certificate_config\[0\].colour$'
like "in the other file" "$(said 'not understood')" 'APIconfig: another$'
like "guesses are called so" "$(said guessed)" end_certificate_config
like "so are assumptions" "$(said assumed)" 'ca.key: the token'
like "and a usage nobody knows" "$(said 'not understood')" quantumAuth
is "every name of the files is in the report" "$(jq -r '[paths(scalars) |
	map(select(type == "string")) | last] | unique[]' "$T/in/config.json" \
	"$T/in/APIconfig" | while read -r name; do
	grep -q "$name" "$T/report" || echo "$name"
done | grep -vE '^(province|locality|organizational_unit|hub|mtls_auth_key_path)$')" ""

# ---- nothing is overwritten
is "a second time" "$(import "$T/in/config.json" "$T/in/APIconfig")" 4
like "is refused with the name" "$(cat "$T/err")" \
	"$T/out/microca.conf is there already and is not replaced"
anew
echo precious >"$T/out/pin"
is "nor is a PIN" "$(import "$T/in/config.json" "$T/in/APIconfig")" 4
is "which stays" "$(cat "$T/out/pin")" precious
is "alone" "$(ls "$T/out")" pin

# ---- the client CA's file is there
anew
mkdir -p "$T/in/certs"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout "$T/mtls.key" -out "$T/in/certs/mtls_ca.crt" -subj /CN=mtls \
	2>/dev/null
cp "$T/in/certs/mtls_ca.crt" "$T/in/certs/est_auth.crt"
is "with its files beside it" \
	"$(import "$T/in/config.json" "$T/in/APIconfig")" 0
ours >"$T/effective"
is "clients of their CA may enrol" \
	"$(grep -cF "issuer = \"$T/in/certs/mtls_ca.crt\"" "$T/effective")" 3
ok "the client's name is its certificate's" \
	grep -qF 'subject = "CN=mtls"' "$T/effective"

# ---- less of it
change 'del(.end_certificate_config)'
is "without endpoints" "$(import "$T/in/config.json" "$T/in/APIconfig")" 0
like "there is one" "$(ours)" 'name = "device"'
change '.certificateRenewal_config.isRenewalOfCertificatesRequired = false'
is "without renewal" "$(import "$T/in/config.json" "$T/in/APIconfig")" 0
is "nothing is renewed" "$(grep -c 'renew_before = "0"' \
	"$T/out/microca.conf")" 4
change '.intermediate_cert_config.use_est = false |
	.device_cert_config.is_device_cert_required = false'
is "by hand" "$(import "$T/in/config.json" "$T/in/APIconfig")" 0
like "the intermediate comes by hand" "$(ours)" 'source = "manual"'
is "there is no device certificate" "$(ours | grep -c box-4711)" 0
change '.intermediate_cert_config.key_size = 1024'
is "a key too small" "$(import "$T/in/config.json" "$T/in/APIconfig")" 0
like "has no match" "$(said 'no match')" 'no keys of type RSA 1024'
echo '{}' >"$T/in/config.json"
rm -rf "$T/out" && mkdir "$T/out"
echo '{}' >"$T/in/APIconfig"
is "nothing at all" "$(import "$T/in/config.json" "$T/in/APIconfig")" 0
ok "is still a configuration" ours
change '.end_certificate_config[0].key_usage =
	["Digital Signature", "digital_signature", "Content Commitment",
	"nonRepudiation"] |
	.end_certificate_config[0].extended_key_usage =
	"clientAuth,Client Authentication"'
is "one usage in several words" "$(import "$T/in/config.json" "$T/in/APIconfig")" 0
is "is there once" "$(grep -m 2 usage "$T/out/profiles.conf" | tr -d '\t')" \
	'key_usage = ("digitalSignature", "nonRepudiation");
ext_key_usage = ("clientAuth");'
change 'del(.end_certificate_config[1].isCA)'
is "a CA by its key usage alone" \
	"$(import "$T/in/config.json" "$T/in/APIconfig")" 0
ok "is one" grep -q 'ca = true' "$T/out/profiles.conf"
like "which is said" "$(said assumed)" \
	'endpoint subca: a CA, for its key usage has keyCertSign'
change '.end_certificate_config[1].isCA = false'
is "or against its word" "$(import "$T/in/config.json" "$T/in/APIconfig")" 0
is "is none" "$(grep -c 'ca = true' "$T/out/profiles.conf")" 0
like "which is said" "$(said 'not understood')" \
	'endpoint subca: usage CertificateSigning'
change '.end_certificate_config[1].port = 8443'
is "one port twice" "$(import "$T/in/config.json" "$T/in/APIconfig")" 2
like "is said" "$(cat "$T/err")" "port 8443 is that of endpoint"
is "and nothing stays" "$(ls "$T/out")" ""

# ---- what is not JSON
bad() { # bad NAME STATUS PATTERN: of the error
	is "$1" "$(import "$T/in/config.json" "$T/in/APIconfig")" "$2"
	like "$1: where" "$(cat "$T/err")" "$3"
	is "$1: nothing is made" "$(ls "$T/out")" ""
}
anew
cp "$V/config-quote.json" "$T/in/config.json"
bad "the published sample's typographic quote" 5 \
	'config.json: line 7, column 29: a typographic quote \(U\+201D\) .* write " there'
anew
printf '{\n "a": \342\200\234b" }\n' >"$T/in/APIconfig"
bad "one that opens a text" 5 'APIconfig: line 2, column 7: .*U\+201C'
anew
printf '{ "a": "it\342\200\231s", }' >"$T/in/config.json"
bad "one inside a text is none of it" 5 'config.json: not JSON: line 1, column'
anew
printf '{ "a": 1,\n  "a": 2 }' >"$T/in/config.json"
bad "a key twice" 5 'line 2, column .*duplicate'
anew
printf '[1]' >"$T/in/config.json"
bad "no object" 5 'not an object'
anew
printf '{"a": {' >"$T/in/config.json"
bad "cut off" 5 'line 1, column'
change '.intermediate_cert_config.country = "Germany"'
bad "a country that is none" 5 'intermediate certificate, C=Germany'
anew
cp "$V/config.json" "$T/in/APIconfig"
cp "$V/APIconfig" "$T/in/config.json"
bad "the two the other way round" 5 'config.json: no name in it is known: .* the second file'
anew
rm "$T/in/APIconfig"
bad "a file that is not there" 6 APIconfig
is "a folder that is not there" "$("$BUILDDIR/bin/microca" import-appviewx \
	-o "$T/none" "$V/config.json" "$V/APIconfig" >/dev/null 2>&1; echo $?)" 2
change '.intermediate_cert_config.common_name = {"x": 1}'
is "an object for a name" "$(import "$T/in/config.json" "$T/in/APIconfig")" 0
like "is not understood" "$(said 'not understood')" 'common_name: neither text'
printf '\357\273\277{}' >"$T/in/config.json"
rm -rf "$T/out" && mkdir "$T/out"
is "a byte order mark" "$(import "$T/in/config.json" "$T/in/APIconfig")" 0
done_testing
