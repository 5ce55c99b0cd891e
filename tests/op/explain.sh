#!/bin/sh
# microca explain: rule by rule what a request would get, in the words in which
# it is then answered; nothing is written.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

CA_SUBJECT="CN=Example Issuing CA 1"
CA_EXTENSION="nameConstraints=critical,excluded;DNS:outside.test"
ca_make pem
sed -i 's/^endpoints = (/&\
  { name = "waits"; port = 8470; profile = "device"; approval = "enroll";\
    allow = ( { issuer = "maker.pem"; names = "any"; } ); },\
  { name = "either"; port = 8471; profile = "device"; auth = "either";\
    allow = ( { secret = true; } ); },/' "$CONF"

explain() { # explain NAME ENDPOINT ARGUMENT...: the exit status
	explain_csr=$1 explain_endpoint=$2
	shift 2
	admin explain --endpoint "$explain_endpoint" --csr "$T/$explain_csr.b64" \
		"$@" >"$T/out" 2>"$T/err"
	echo $?
}
# told NAME ENDPOINT ARGUMENT...: "outcome, the rules that do not pass"
told() {
	explain "$@" --json >/dev/null
	jq -r '.outcome + ([.rules[] | select(.verdict != "pass") |
		" " + .rule + ":" + (.reason // .verdict)] | join(""))' "$T/out"
}
rows() { sql "SELECT (SELECT count(*) FROM audit) || ' ' ||
	(SELECT count(*) FROM certificate) || ' ' ||
	(SELECT count(*) FROM pending)"; }

# ---- the words are those of the answer ---------------------------------------
before=$(rows)
wrong=0
tab=$(printf '\t')
tail -n +2 "$SRCDIR/tests/vectors/csr-expected.tsv" >"$T/table"
while IFS="$tab" read -r file _ status word _; do
	# Bodies that are too large never become a request.
	[ "$status" != 413 ] || continue
	[ "$word" != - ] || word=null
	got=$(admin explain -e device --csr "$SRCDIR/tests/vectors/$file" \
		--cert "$T/maker-ra.pem" --json 2>/dev/null |
		jq -r '[.rules[] | select(.verdict == "fail")][0] | .reason')
	[ "$got" = "$word" ] || {
		echo "# $file: $got, wanted $word"
		wrong=$((wrong + 1))
	}
done <"$T/table"
is "each of $(wc -l <"$T/table") requests gets the word that it is refused with" \
	"$wrong" 0
is "… and nothing was written" "$(rows)" "$before"

# ---- a certificate as it will be ---------------------------------------------
csr one /CN=one -addext subjectAltName=DNS:one.example
is "one that is granted" "$(explain one device --cert "$T/maker-ra.pem") \
$(grep -c -e ' pass$' "$T/out") $(grep -c FAIL "$T/out")" "0 25 0"
is "by whom" "$(sed -n 's/^Requester *//p' "$T/out")" "ra:CN=Line 1 RA"
sed -n '/^Extensions/,$p' "$T/out" | grep -v 'Identifier' >"$T/would"
is "the same is then issued" "$(post device simpleenroll maker-ra "$T/one.b64")" 200
certs | openssl x509 -out "$T/one.pem"
admin show "$(openssl x509 -in "$T/one.pem" -noout -serial | cut -d= -f2)" |
	sed -n '/^Extensions/,$p' | grep -v 'Identifier' >"$T/is"
is "… with these extensions" "$(cat "$T/would")" "$(cat "$T/is")"
is "asked again it is a repeat" "$(told one device --cert "$T/maker-ra.pem")" repeat

# ---- every rule, not only the first ------------------------------------------
csr many /CN=Xmany -addext keyUsage=keyCertSign \
	-addext extendedKeyUsage=serverAuth -addext basicConstraints=CA:TRUE \
	-addext subjectAltName=email:a@b.example
is "all that is wrong" "$(told many device --cert "$T/maker-ra.pem")" \
	"refuse basic-constraints:profile-ca key-usage:profile-ku \
ext-key-usage:profile-eku subject:ra-scope subject-alt-name:san-policy \
secret-device:open device-id:open all:open all:open"
is "the exit status is that of the first" \
	"$(explain many device --cert "$T/maker-ra.pem")" 4
like "… and so is what is said" "$(cat "$T/err")" 'profile device issues no CA'
before_refusal
is "… and so is the answer" \
	"$(post device simpleenroll maker-ra "$T/many.b64") $(reason)" \
	"403 profile-ca"
is "nobody known: the rest is judged all the same" "$(told one device)" \
	"refuse certificate:auth-none key:key-reuse name:name-taken"

# ---- renewals ----------------------------------------------------------------
sed -i 's/{ name = "device";/& max_live = 1;/; s/{ name = "late";/& key_reuse = false;/' \
	"$T/profiles.conf"
csr one-next /CN=one -addext subjectAltName=DNS:one.example
is "a renewal" "$(told one-next device --cert "$T/one.pem" \
	--operation simplereenroll) $(jq .renewal "$T/out")" "issue true"
is "… at simpleenroll, too" "$(told one-next device --cert "$T/one.pem") \
$(jq .renewal "$T/out")" "issue true"
is "… with its old key" "$(told one device --cert "$T/one.pem")" \
	"refuse new-key:key-reuse all:open all:open"
csr one-other /CN=two
is "… with another name" "$(told one-other device --cert "$T/one.pem" \
	--operation simplereenroll)" \
	"refuse reenroll-names:reenroll-name subject:name-policy \
secret-device:open device-id:open all:open all:open"
enrol late1 /CN=late1 late
csr late1-next /CN=late1
is "… too early" "$(told late1-next late --cert "$T/late1.pem" \
	--operation simplereenroll)" "refuse window:window all:open all:open"
is "a second one beside the first: the quota" "$(csr one-more /CN=one &&
	told one-more device --cert "$T/maker-ra.pem")" "refuse name:quota"
admin revoke --reason keyCompromise "$(openssl x509 -in "$T/one.pem" -noout \
	-serial | cut -d= -f2)" >/dev/null
is "revoked, and its key is known to be bad" \
	"$(told one-next device --cert "$T/one.pem")" \
	"refuse certificate:client-revoked"
is "… for anybody" "$(told one device --cert "$T/maker-ra.pem")" \
	"refuse key:key-reuse"
csr outside /CN=outside -addext subjectAltName=DNS:a.outside.test
is "outside of the issuer's names" \
	"$(told outside device --cert "$T/maker-ra.pem")" \
	"refuse certificate:name-constraint"

# ---- approval, secrets, keys made here ---------------------------------------
csr wait /CN=wait
is "waits for approval" "$(explain wait waits --cert "$T/maker-ra.pem") \
$(grep -c 'approval *wait  202 approval' "$T/out")" "3 1"
is "… which is asked for" "$(post waits simpleenroll maker-ra "$T/wait.b64")" 202
admin approve --yes "$(sha256sum <"$T/wait.der" | cut -d' ' -f1)" >/dev/null
is "… and given" "$(told wait waits --cert "$T/maker-ra.pem")" issue
csr dev /CN=dev-7
is "a device with a secret" "$(told dev either --device dev-7)" issue
is "… of another name" "$(told dev either --device dev-8)" \
	"refuse subject:name-policy secret-device:open device-id:open all:open all:open"
is "no secrets there" "$(told dev device --device dev-7)" \
	"refuse secret:auth-none"
is "an operation that is off" "$(told dev readonly --cert "$T/maker-ra.pem")" \
	"refuse operation:path"

# ---- wrong orders ------------------------------------------------------------
for wrong in "--csr $T/dev.b64" "-e device" "-e nowhere --csr $T/dev.b64" \
	"-e device --csr $T/none" "-e device --csr $T/dev.b64 --cert $T/dev.b64" \
	"-e device --csr $T/dev.b64 --operation cacerts" \
	"-e device --csr $T/dev.b64 --cert $T/one.pem --device x"; do
	# shellcheck disable=SC2086 # several words
	admin explain $wrong >"$T/out" 2>"$T/err"
	case $? in 2 | 6) refused=yes ;; *) refused=no ;; esac
	is "explain $(echo "$wrong" | sed "s|$T/||g")" \
		"$refused $(wc -l <"$T/err") $(wc -c <"$T/out")" "yes 1 0"
done
done_testing
