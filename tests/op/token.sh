#!/bin/sh
# Token, issuer, clock and database fail under running programs: what clients
# are told meanwhile, that all comes back by itself, and that the store holds
# what was handed out, no more, no less.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/fcgi.sh"
if ! command -v softhsm2-util >/dev/null ||
	! command -v pkcs11-tool >/dev/null || ! softhsm_find; then
	[ "${CI:-}" = true ] && bail "no SoftHSM or no pkcs11-tool"
	echo "1..0 # SKIP no SoftHSM or no pkcs11-tool"
	exit 0
fi

SHIM_MODULE=$MODULE
SHIM_CONTROL=$T/faults
SHIM_LOG=$T/calls
export SHIM_MODULE SHIM_CONTROL SHIM_LOG
: >"$SHIM_CONTROL"
: >"$T/given"
softhsm_find() { MODULE=$BUILDDIR/tests/shim/pkcs11-shim.so; }
faults() { echo "$*" >"$SHIM_CONTROL"; } # see the shim
WRONG_PIN=wrong-pin-4711

# deliver NAME [PROGRAM CLIENT]: send $T/NAME.b64, "status [reason] [later]";
# what a 200 hands out is noted in $T/given, "sha256 NAME".
deliver() {
	got=$(send plain "${2:-simpleenroll}" REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/${2:-simpleenroll}" MICROCA_ENDPOINT=device \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/${3:-maker-ra}.pem")" \
		<"$T/$1.b64")
	if [ "$got" = "0 200 " ]; then
		tr -d '\r\n' <"$BODY" | openssl base64 -d -A |
			openssl pkcs7 -inform DER -print_certs |
			openssl x509 -out "$BODY.pem"
		openssl x509 -in "$BODY.pem" -outform DER | sha256sum |
			sed "s/ .*/ $1/" >>"$T/given"
		echo 200
		return
	fi
	retry=$(sed -n 's/^Retry-After: [1-9][0-9]*\r*$/ later/p' "$ANSWER")
	echo "${got#0 }$retry"
}
ask() { # ask NAME: a fresh request for it
	csr "$1" "/CN=$1" && deliver "$1"
}
answers() { # answers NAME WANT
	ask "$1" >"$T/last"
	[ "$(cat "$T/last")" = "$2" ]
}
becomes() { # becomes TITLE NAME WANT: after some time
	: >"$T/last"
	wait_for 60 answers "$2" "$3"
	is "$1" "$(cat "$T/last")" "$3"
}
whole() { # whole TITLE: the store holds what was handed out
	is "$1: the store holds what was handed out" \
		"$(sql "SELECT lower(hex(sha256)) FROM certificate" | sort)" \
		"$(cut -d' ' -f1 "$T/given" | sort -u)"
}
health() {
	cgi health REQUEST_METHOD=GET REQUEST_URI=/health \
		REMOTE_ADDR=127.0.0.1 "$@" </dev/null
	tail -n 1 "$T/body"
}
health_says() { health | grep -q -e "$1"; }
cacerts() { send_get plain cacerts; }
counted() { # counted NAME LABELS: the metric's value
	cgi metrics REQUEST_METHOD=GET REQUEST_URI=/metrics \
		REMOTE_ADDR=127.0.0.1 </dev/null >/dev/null
	awk -v s="microca_$1{program=\"simpleenroll\",$2}" \
		'index($0, s) == 1 { n = $2 } END { print n + 0 }' "$T/body"
}
key_is() { # key_is LABEL: the configuration names it now
	conf_write "pkcs11:token=op-test;object=$1"
}
keypair() { # keypair LABEL ID
	pkcs11-tool --module "$SHIM_MODULE" --token-label op-test --login \
		--pin 987654 --keypairgen --key-type EC:prime256v1 \
		--label "$1" --id "$2"
}

ca_make softhsm
{ keypair twin 21 && keypair twin 22 && keypair other 23; } \
	>"$T/setup.log" 2>&1 || bail "keys for comparison"
start cacerts

# ---- H01: no token at the start
mv "$T/tokens" "$T/away"
mkdir "$T/tokens"
start simpleenroll
like "without a token the program starts" "$(cat "$T/simpleenroll.log")" \
	' ready, '
is "and says what is missing" "$(ask absent)" "503 token-absent later"
is "cacerts needs no token" "$(cacerts)" "0 200 "
ok "health is told" wait_for 5 health_says \
	'^down: token-absent: simpleenroll: '
whole "no token"
rmdir "$T/tokens"
mv "$T/away" "$T/tokens"
becomes "the token appears and is used" absent 200
ok "health is told that too" wait_for 5 jq -e '.key == "ok"' \
	"$T/run/health-simpleenroll"

# ---- H02: the token is pulled out while serving
faults device-removed
is "the token is pulled out" "$(ask pulled)" "503 token-absent later"
is "and stays out" "$(ask pulled)" "503 token-absent later"
is "cacerts goes on" "$(cacerts)" "0 200 "
faults
becomes "it is put back" pulled 200
like "the token's errors were counted" \
	"$(counted token_errors_total 'reason="token-absent"')" '^[1-9]'
like "… and what was refused for them" \
	"$(counted refused_total 'reason="token-absent"')" '^[2-9]$|^[1-9][0-9]'
whole "pulled out"

# ---- H09: sessions are lost
for n in 1 2 3; do
	faults "session-invalid=$n"
	is "lost sessions $n: nobody notices" "$(ask "session$n")" 200
done
faults
whole "lost sessions"

like "a failure that a second try mends is counted" \
	"$(counted token_errors_total 'reason="token-session"')" '^[1-9]'

# ---- H08: signatures are wrong
faults flip
like "a wrong signature" "$(ask flipped)" '^500 sign-check'
is "the answer holds no certificate" "$(grep -c MII "$BODY")" 0
like "the key is out of use" "$(ask flipped)" '^500 sign-check'
faults
becomes "right signatures again" flipped 200
whole "wrong signatures"

# ---- H10: a slow token, forty clients, each CSR sent by two of them
faults sign-ms=1000
rm -f "$T"/slow.*
for i in $(seq 20); do
	csr "slow$i" "/CN=slow$i"
done
client() { # client NUMBER
	ANSWER=$T/slow.$1.answer
	BODY=$T/slow.$1.body
	deliver "slow$((($1 + 1) / 2))"
}
clients=
for i in $(seq 40); do
	client "$i" >"$T/slow.$i" &
	clients="$clients $!"
done
for one in $clients; do
	wait "$one"
done
sort "$T"/slow.[0-9] "$T"/slow.[0-9][0-9] | uniq -c >"$T/slow.all"
is "a slow token: 200 or come back later" \
	"$(sed 's/^ *[0-9]* //' "$T/slow.all" | tr '\n' ',')" \
	"200,503 token-busy later,"
is "everybody had an answer" \
	"$(awk '{n += $1} END {print n}' "$T/slow.all")" 40
is "nobody has two certificates" \
	"$(sort -u "$T/given" | cut -d' ' -f2 | grep slow | uniq -d)" ""
whole "a slow token"
faults
becomes "it is fast again" slow-not 200
whole "fast again"

# ---- H05, H06: the key is not there, is two, is another
key_is nobody
kill -HUP "$pid"
becomes "no key of that label" label "503 token-key later"
key_is twin
kill -HUP "$pid"
ok "two keys of one label" wait_for 10 health_says 'token-key: simpleenroll: '
is "are none" "$(ask label)" "503 token-key later"
key_is other
kill -HUP "$pid"
becomes "a key that is not the certificate's" label "503 issuer-key later"
is "cacerts does not mind" "$(cacerts)" "0 200 "
key_is issuer
kill -HUP "$pid"
becomes "the right key again" label 200
whole "keys that are not ours"

# ---- H03: a wrong PIN is tried once, by two programs and twenty requests
cp "$BODY.pem" "$T/label.pem"
csr renewal /CN=label
stop TERM
cp -p "$T/pin" "$T/pin.good"
echo "$WRONG_PIN" >"$T/pin"
: >"$SHIM_LOG"
start simplereenroll
renewer=$pid
start simpleenroll
enroller=$pid
csr pin /CN=pin
many() { # many PROGRAM CLIENT BODY: ten requests, their statuses and reasons
	"$CLIENT" -k 10 "$T/$1.sock" REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/$1" MICROCA_ENDPOINT=device \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/$2.pem")" <"$T/$3.b64" \
		>"$T/answers.$1" 2>&1
	grep -cE '^token-pin: |^Status: 503|^Retry-After: [1-9]' \
		"$T/answers.$1"
}
is "a wrong PIN: ten enrolments wait" \
	"$(many simpleenroll maker-ra pin)" 30
is "so do ten renewals" "$(many simplereenroll label renewal)" 30
is "the token saw one login" "$(grep -c C_Login "$SHIM_LOG")" 1
whole "a wrong PIN"
cat "$T/pin.good" >"$T/pin"
becomes "the PIN is mended" pin 200
renewed() { [ "$(deliver renewal simplereenroll label)" = 200 ]; }
ok "for the other program too" wait_for 15 renewed
whole "the PIN is mended"
ok "no PIN in logs and answers" sh -c "! grep -lE '987654|$WRONG_PIN' \
	'$T'/*.log '$T/answer' '$T/body' '$T'/answers.*"
ok "nor in the process list" sh -c "! cat /proc/$enroller/cmdline \
	/proc/$renewer/cmdline | grep -qE '987654|$WRONG_PIN'"
kill "$renewer"
stop TERM

# ---- a PIN that is locked: the right one is not taken for a wrong one
faults login-pin-locked
start simpleenroll
is "the PIN is locked" "$(ask pinlocked)" "503 token-pin later"
ok "… health says so" wait_for 5 health_says '^down: token-pin: simpleenroll: '
faults
becomes "it is unlocked, and the same PIN tried again" pinlocked 200
whole "a locked PIN"
stop TERM

# ---- H04: a PIN for everybody to read
chmod 644 "$T/pin"
start simpleenroll
like "a PIN that everybody may read: no start" \
	"$(cat "$T/simpleenroll.log")" 'not started: file-mode'
wait "$pid"
is "is exit status 2" $? 2
chmod 600 "$T/pin"

# ---- I04, I05: the database cannot be written, is not there
start simpleenroll
is "all is well" "$(ask well)" 200
mkdir "$T/aside"
mv "$T"/state/microca.db* "$T/aside/"
is "the database is gone" "$(ask gone)" "503 db-write later"
ok "no new one is made" test ! -e "$T/state/microca.db"
is "cacerts goes on" "$(cacerts)" "0 200 "
mv "$T"/aside/* "$T/state/"
becomes "it is put back" gone 200
mv "$T/state" "$T/state.away"
is "the whole folder is gone" "$(ask folder)" "503 db-write later"
ok "no new one is made" test ! -e "$T/state"
mv "$T/state.away" "$T/state"
becomes "it is put back" folder 200
whole "database gone and back"
like "the database's errors were counted" \
	"$(counted store_errors_total 'reason="db-write"')" '^[1-9]'
stop TERM

no_start() { # no_start TITLE REASON STATUS
	start simpleenroll
	like "$1: no start" "$(cat "$T/simpleenroll.log")" "not started: $2: "
	wait "$pid"
	is "is exit status $3" $? "$3"
	is "cacerts goes on" "$(cacerts)" "0 200 "
}
mv "$T"/state/microca.db* "$T/aside/"
no_start "no database" db-missing 2
ok "and none is made" test ! -e "$T/state/microca.db"
mv "$T"/aside/* "$T/state/"
schema() { sql_write "UPDATE meta SET value = '$1' WHERE name = 'schema'"; }
schema_is=$(sql "SELECT value FROM meta WHERE name = 'schema'")
schema 99
no_start "a database of a newer version" db-schema 2
like "… both versions are said" "$(cat "$T/simpleenroll.log")" \
	"version 99, this program needs $schema_is: a newer microca"
schema "$schema_is"
chmod 500 "$T/state"
no_start "a folder that cannot be written" db-write 7
chmod 700 "$T/state"
chmod 400 "$T/state/microca.db"
no_start "a database that cannot be written" db-write 7
chmod 600 "$T/state/microca.db"
start simpleenroll
is "all is mended" "$(ask mended)" 200
whole "database not writable"
stop TERM

# ---- H15, H16: the clock; last, for what it leaves is dated in the future
if command -v faketime >/dev/null &&
	! ldd "$BIN/simpleenroll" | grep -qE 'lib[al]san'; then
	# shellcheck disable=SC2016
	PRELOAD=$(faketime -m -f +0 sh -c 'echo "$LD_PRELOAD"')
	FAKETIME_TIMESTAMP_FILE=$T/clock
	FAKETIME_NO_CACHE=1
	FAKETIME_DONT_FAKE_MONOTONIC=1
	export FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE \
		FAKETIME_DONT_FAKE_MONOTONIC
	# The registration authority's certificate is good at all times.
	(
		LD_PRELOAD=$PRELOAD FAKETIME=-7000d
		export LD_PRELOAD FAKETIME
		cd "$T" || exit
		openssl x509 -in maker.pem -signkey maker.key -days 20000 \
			-out long.pem && mv long.pem maker.pem &&
			leaf_make maker-ra maker "/CN=Line 1 RA" -days 20000
	) >"$T/setup.log" 2>&1 || bail "a certificate of long ago"
	clock() { echo "$1" >"$FAKETIME_TIMESTAMP_FILE"; }
	clock +0
	start simpleenroll
	is "a clock that is right" "$(ask clock1)" 200
	clock -3650d
	is "set back before the issuer" "$(ask clock2)" "503 clock later"
	like "health sees it" "$(health LD_PRELOAD="$PRELOAD" \
		FAKETIME_TIMESTAMP_FILE="$T/clock" \
		FAKETIME_DONT_FAKE_MONOTONIC=1)" '^down: clock: '
	is "cacerts goes on" "$(cacerts)" "0 200 "
	clock +10950d
	is "set forward by thirty years" "$(ask clock2)" \
		"503 issuer-time later"
	clock +30d
	is "a month ahead, nobody can tell" "$(ask clock2)" 200
	clock +0
	is "set back before the newest certificate" "$(ask clock3)" \
		"503 clock later"
	clock +30d
	is "set right" "$(ask clock3)" 200
	whole "clocks"
	stop TERM
else
	skip "the clock" "no faketime beside AddressSanitizer"
fi
done_testing
