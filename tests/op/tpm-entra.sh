#!/bin/sh
# An application's key in a TPM: what it signs for Entra, PS256 and RS256, is
# what openssl(1) takes, and SoftHSM's the same.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/tpm-lib.sh
. "$SRCDIR/tests/op/tpm-lib.sh"
tpm_need
command -v softhsm2-util >/dev/null || bail "no softhsm2-util"

make_pki() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout ca.key -out ca.pem -subj "/CN=Root" -days 2 &&
		openssl req -x509 -newkey ec -pkeyopt \
			ec_paramgen_curve:P-256 -nodes -keyout server.key \
			-out server.pem -subj "/CN=login" -days 2 -CA ca.pem \
			-CAkey ca.key -addext subjectAltName=DNS:localhost \
			-addext basicConstraints=CA:false
}

# login_start: something that takes any assertion, and keeps it.
login_start() {
	mkdir "$T/login"
	cat >"$T/login/token" <<-'END'
		#!/bin/sh
		b='{"token_type":"Bearer","expires_in":3599,"access_token":"abc"}'
		printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
		printf 'Content-Length: %d\r\n\r\n%s' "${#b}" "$b"
	END
	chmod +x "$T/login/token"
	"$BUILDDIR/tests/tools/answer" -c "$T/server.pem" -k "$T/server.key" \
		"$T/login" 2>"$T/login.log" &
	started="$started $!"
	wait_for 10 test -s "$T/login/port"
}

# app_make NAME: a key in the token, and a certificate for it.
app_make() {
	pkcs11-tool --module "$MODULE" --token-label "$1" --login \
		--pin "$TPM_TOKEN_PIN" --keypairgen --key-type rsa:2048 \
		--label app --id 07 &&
		pkcs11-tool --module "$MODULE" --token-label "$1" \
			--read-object --type pubkey --id 07 -o "$1.der" &&
		{ openssl pkey -pubin -inform DER -in "$1.der" \
			-out "$1.pub" ||
			openssl rsa -RSAPublicKey_in -inform DER \
				-in "$1.der" -pubout -out "$1.pub"; } &&
		openssl x509 -new -CA ca.pem -CAkey ca.key -days 2 \
			-subj "/CN=$1" -force_pubkey "$1.pub" -out "$1.pem"
}

# conf NAME ALGORITHM
conf() {
	mkdir -p "$T/$1"
	cat >"$T/$1/azure.conf" <<-END
		hub = "h.azure-devices.net"; anchors = "$T/ca.pem";
		auth = "certificate"; tenant = "t"; client_id = "app";
		login = "https://localhost:$(cat "$T/login/port")";
		certificate = "$T/$1.pem";
		key = "pkcs11:token=$1;object=app"; module = "$MODULE";
		pin_file = "$T/pin"; algorithm = "$2";
	END
}

# judged NAME ALGORITHM OPTION...: a token comes, and the assertion is good.
judged() {
	token=$1
	conf "$token" "$2"
	shift 2
	"$BUILDDIR/tests/tools/hub" "$T/$token/azure.conf" token || return
	last=$(tail -n 1 "$T/login/log" | cut -d' ' -f1)
	sed 's/.*client_assertion=//' "$T/login/request.$last.body" >"$T/jwt"
	printf %s "$(cut -d. -f1-2 "$T/jwt")" >"$T/signed"
	{ cut -d. -f3 "$T/jwt" | tr -- -_ +/ && echo "=="; } | tr -d '\n' |
		base64 -di >"$T/signature" 2>/dev/null
	openssl dgst -sha256 "$@" -verify "$T/$token.pub" \
		-signature "$T/signature" "$T/signed"
}

cd "$T" || exit 1
{ make_pki && tpm_make && app_make op-test; } >"$T/setup.log" 2>&1 ||
	bail "no TPM with a key"
login_start || bail "no login server"
PSS="-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32"
# shellcheck disable=SC2086 # words
ok "a TPM signs PS256" judged op-test PS256 $PSS
ok "a TPM signs RS256" judged op-test RS256

softhsm_find || bail "no SoftHSM module"
mkdir -p "$T/tokens"
echo "directories.tokendir = $T/tokens" >"$T/softhsm2.conf"
SOFTHSM2_CONF=$T/softhsm2.conf
export SOFTHSM2_CONF
{ softhsm2-util --init-token --free --label soft --pin "$TPM_TOKEN_PIN" \
	--so-pin 12345678 && app_make soft; } >"$T/setup.log" 2>&1 ||
	bail "no SoftHSM token with a key"
# shellcheck disable=SC2086
ok "SoftHSM signs PS256" judged soft PS256 $PSS
ok "SoftHSM signs RS256" judged soft RS256
done_testing
