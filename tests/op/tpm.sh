#!/bin/sh
# The CA's key in a TPM behind tpm2-pkcs11: made there, several programs at
# once, the TPM or its resource manager gone and back, a locked TPM, a slow one.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
# shellcheck source=tests/op/tpm-lib.sh
. "$SRCDIR/tests/op/tpm-lib.sh"
tpm_need

# sent PROGRAM NAME CLIENT: "status [reason] [later]"
sent() {
	got=$(send plain "$1" REQUEST_METHOD=POST "REQUEST_URI=$EST/$1" \
		MICROCA_ENDPOINT=device CONTENT_TYPE=application/pkcs10 \
		SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/$3.pem")" <"$T/$2.b64")
	[ "$got" != "0 200 " ] || {
		echo 200
		return
	}
	echo "${got#0 }$(sed -n 's/^Retry-After: [1-9][0-9]*\r*$/ later/p' \
		"$ANSWER")"
}
fresh() { csr "$1" "/CN=$1" && sent simpleenroll "$1" maker-ra; }
answers() { # answers NAME WANT
	fresh "$1" >"$T/last"
	[ "$(cat "$T/last")" = "$2" ]
}
becomes() { # becomes TITLE NAME WANT: after some time
	: >"$T/last"
	wait_for 45 answers "$2" "$3"
	is "$1" "$(cat "$T/last")" "$3"
}
tries() { # wrong PINs that the TPM counts
	tpm2_getcap properties-variable |
		sed -n 's/TPM2_PT_LOCKOUT_COUNTER: //p'
}
alive() { # alive TITLE: no program has crashed or given up
	ok "$1: the programs live on" kill -0 "$enroller" "$renewer"
}
TOKEN=tpm
ca_make tpm

# ---- several programs at once
start simplereenroll
renewer=$pid
start simpleenroll
enroller=$pid
is "a certificate from the TPM's key" "$(fresh dev1)" 200
for i in 1 2 3 4 5 6; do enrol "old$i" "/CN=old$i"; done
for i in 1 2 3 4 5 6; do
	rm "$T/old$i.key"
	csr "old$i" "/CN=old$i"
	csr "by-hand$i" "/CN=by-hand$i"
	csr "new$i" "/CN=new$i"
done
worker() { # worker KIND: six certificates
	ANSWER=$T/$1.answer
	BODY=$T/$1.body
	for i in 1 2 3 4 5 6; do
		case $1 in
		new) sent simpleenroll "new$i" maker-ra ;;
		old) sent simplereenroll "old$i" "old$i" ;;
		by-hand) admin issue -p device -o "$T/by-hand.pem$i" \
			"$T/by-hand$i.b64" 2>&1 && echo 200 ;;
		esac
	done
}
workers=
for kind in new old by-hand; do
	worker $kind >"$T/worker.$kind" &
	workers="$workers $!"
done
for one in $workers; do wait "$one"; done
is "enrolling, renewing and issuing at the same time" \
	"$(cat "$T"/worker.* | sort | uniq -c | tr -s ' ')" " 18 200"

# ---- keys that a TPM makes, and those that it does not
other() { "$BUILDDIR/bin/microca" -c "$T/other.conf" "$@"; }
key_of() { # key_of TYPE: the configuration of a CA with such a key
	sed "s|object=issuer|object=$1|; s|/state\"|/state-$1\"|
		s|/public\"|/public-$1\"|" "$CONF" >"$T/other.conf"
}
for type in p256 p384 rsa2048 rsa3072; do
	key_of $type
	ok "a key $type is made" other init --key-type $type
	ok "and signs a request" sh -c "'$BUILDDIR/bin/microca' \
		-c '$T/other.conf' csr 2>/dev/null | openssl req -noout -verify"
	# As a certificate of our own, for the upstream: RSA is PSS in TLS 1.3.
	got=$("$BUILDDIR/tests/tools/handshake" \
		"pkcs11:token=op-test;object=$type" "$MODULE" "$T/pin" \
		"$T/state-$type" 2>"$T/handshake.log")
	is "and opens TLS 1.2 and 1.3" "$got" "$(case $type in
	p256) echo "TLSv1.2 id-ecPublicKey SHA256"
		echo "TLSv1.3 id-ecPublicKey SHA256" ;;
	p384) echo "TLSv1.2 id-ecPublicKey SHA256"
		echo "TLSv1.3 id-ecPublicKey SHA384" ;;
	rsa*) echo "TLSv1.2 RSASSA-PSS SHA256"
		echo "TLSv1.3 RSASSA-PSS SHA256" ;;
	esac)"
done
for type in p521 rsa4096; do
	key_of $type
	got=$(other init --key-type $type 2>&1)
	is "a key $type is refused" $? 2
	like "with its reason" "$got" 'choose another key type'
	is "and none stays" "$(pkcs11-tool --module "$MODULE" --login --pin \
		"$TPM_TOKEN_PIN" -O 2>/dev/null | grep -c "$type")" 0
done

# ---- the resource manager goes away and comes back
before=$(tries)
manager_stop
like "without the resource manager" "$(fresh manager)" \
	'^503 token-[a-z]* later$'
csr old1 /CN=old1
like "renewals too" "$(sent simplereenroll old1 old1)" \
	'^503 token-[a-z]* later$'
manager_start || bail "the manager does not come back"
becomes "it comes back" manager 200
manager_stop KILL 2>/dev/null
like "it is killed" "$(fresh killed)" '^503 token-[a-z]* later$'
like "the log says what to look at" "$(cat "$T/simpleenroll.log")" \
	'tpm2-abrmd.*TPM2_PKCS11_TCTI'
manager_start || bail "the manager does not come back"
becomes "it comes back" killed 200
alive "resource manager"

# ---- the TPM goes away and comes back
tpm_stop
like "without the TPM" "$(fresh absent)" '^503 token-[a-z]* later$'
tpm_start || bail "the TPM does not come back"
manager_stop
manager_start || bail "the manager does not come back"
becomes "it comes back" absent 200
is "no PIN was spent" "$(tries)" "$before"
alive "TPM"

# ---- a wrong PIN is tried once, by two programs and many requests
kill "$renewer"
stop TERM
cp -p "$T/pin" "$T/pin.good"
echo wrong-pin-4711 >"$T/pin"
# A TPM forgets with time; not while this one looks.
tpm2_dictionarylockout --setup-parameters --max-tries=1000 \
	--recovery-time=1000 --lockout-recovery-time=1000
before=$(tries)
start simplereenroll
renewer=$pid
start simpleenroll
enroller=$pid
many() { # many PROGRAM CLIENT BODY: ten requests
	"$CLIENT" -k 10 "$T/$1.sock" REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/$1" MICROCA_ENDPOINT=device \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/$2.pem")" <"$T/$3.b64" \
		>"$T/answers.$1" 2>&1
	grep -cE '^token-pin: |^Status: 503|^Retry-After: [1-9]' \
		"$T/answers.$1"
}
csr pin /CN=pin
is "a wrong PIN: ten enrolments wait" \
	"$(many simpleenroll maker-ra pin)" 30
csr old1 /CN=old1
is "so do ten renewals" "$(many simplereenroll old1 old1)" 30
is "the TPM counts one" "$(($(tries) - before))" 1
cat "$T/pin.good" >"$T/pin"
becomes "the PIN is mended" pin 200

# ---- lockout: the right PIN is not taken for a wrong one
locked() { tpm2_getcap properties-variable | grep -qE 'inLockout: *1'; }
tpm2_dictionarylockout --clear-lockout
tpm2_dictionarylockout --setup-parameters --max-tries=2 --recovery-time=1000 \
	--lockout-recovery-time=1000
for i in 1 2 3; do
	pkcs11-tool --module "$MODULE" --token-label op-test --login \
		--pin "wrong$i" --list-objects >"$T/wrong" 2>&1
done
ok "wrong PINs put the TPM in lockout" locked
stop TERM
start simpleenroll
enroller=$pid
like "a TPM in lockout" "$(fresh locked)" '^503 token-pin later$'
like "the log says where to look" "$(cat "$T/simpleenroll.log")" \
	'PIN is locked.*lockout'
tpm2_dictionarylockout --clear-lockout
becomes "it opens again by itself" locked 200
stop TERM

# ---- a slow TPM: thirty clients, five signatures a second
SHIM_MODULE=$MODULE
SHIM_CONTROL=$T/faults
export SHIM_MODULE SHIM_CONTROL
echo sign-ms=200 >"$SHIM_CONTROL"
sed "s|module = \"$MODULE\"|module = \"$BUILDDIR/tests/shim/pkcs11-shim.so\"|" \
	"$CONF" >"$T/slow.conf"
cp "$T/slow.conf" "$CONF"
start simpleenroll
enroller=$pid
clients=
for i in $(seq 30); do csr "slow$i" "/CN=slow$i"; done
client() {
	ANSWER=$T/slow.$1.answer
	BODY=$T/slow.$1.body
	sent simpleenroll "slow$1" maker-ra
}
for i in $(seq 30); do
	client "$i" >"$T/slow.$i" &
	clients="$clients $!"
done
for one in $clients; do wait "$one"; done
is "a slow TPM: 200 or come back later" \
	"$(sort -u "$T"/slow.[0-9] "$T"/slow.[0-9][0-9] | tr '\n' ',')" \
	"200,503 token-busy later,"
is "each 200 is one certificate" \
	"$(sql "SELECT count(*) FROM certificate WHERE subject LIKE '%CN=slow%'")" \
	"$(cat "$T"/slow.[0-9] "$T"/slow.[0-9][0-9] | grep -cx 200)"
alive "a slow TPM"

# ---- what the module writes to stderr goes nowhere else
ok "the log has what the module says" grep -q '^ERROR: ' \
	"$T/simplereenroll.log"
ok "answers have none of it" sh -c "! grep -l 'ERROR:\|Esys' \
	'$T'/*answer* '$T'/*body*"
ok "no PIN in logs and answers" sh -c "! grep -lE \
	'$TPM_TOKEN_PIN|wrong-pin-4711' '$T'/*.log '$T'/*answer* '$T'/*body*"
done_testing
