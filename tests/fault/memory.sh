#!/bin/sh
# Out of memory, at any allocation: a request gets its right answer, 500 or 503,
# or none, for then the program ends and is begun anew; nobody holds what is not
# recorded, no memory is misused, and a tool does a thing whole or says that it
# did not.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$(dirname "$0")/../op/fcgi.sh"
# shellcheck source=tests/fault/lib.sh
. "$(dirname "$0")/lib.sh"
SHIM=$BUILDDIR/tests/shim/memory-shim.so
MEMORY=$T/memory # see the shim
SPENT=$T/spent
scarce() { echo "$1" >"$MEMORY.new" && mv "$MEMORY.new" "$MEMORY"; }
spent() { stat -c %s "$SPENT" 2>/dev/null || echo 0; }
LD_STARVED="LD_PRELOAD=$SHIM MEMORY_ROOT=$BUILDDIR MEMORY_FAULT=$MEMORY
MEMORY_LOG=$SPENT"
starved() { # starved COMMAND...
	# shellcheck disable=SC2086
	env $LD_STARVED "$@"
}
watch_starved() { # watch_starved PROGRAM
	# shellcheck disable=SC2086
	watch "$1" env $LD_STARVED
}
# misused FILE...: what the sanitizers say.  That a library of the system does
# not look at what it was given (libconfig) is no misuse of ours: it ends there,
# at address 0.  A sanitizer that gets no memory either shows its own frames:
# then the program counter tells that it was a library.
misused() {
	cat "$@" | awk '
	/runtime error: / { print }
	/ERROR: AddressSanitizer/ { report = $0; frames = ""; system_s = 0 }
	/ERROR: AddressSanitizer/ && !/SEGV/ { print }
	report != "" && /^ *#[0-3] / {
		frames = frames "\n" $0
		if (/\(\/(usr\/)?lib\//) system_s = 1
		if (/libsanitizer/ && report ~ /SEGV.*\(pc 0x7f/) system_s = 1
		if (/^ *#3 /) {
			if (!system_s) print report frames
			report = ""
		}
	}'
}

ca_make pem
# Keys are made for devices, too, and somebody looks at all of it.
{
	root_make desk "/CN=Operators" && leaf_make ada desk "/CN=Ada"
} >"$T/setup.log" 2>&1 || bail "an operator"
sed -i 's/azure = true;/serverkeygen = "p256"; &/' "$T/profiles.conf"
all='"cacerts", "csrattrs", "simpleenroll", "simplereenroll", "serverkeygen"'
sed -i "s/port = 8443;/& operations = ($all);/" "$CONF"
cat >>"$CONF" <<-END
	inventory = { anchors = "desk.pem"; operators = (
	  { role = "viewer"; issuer = "CN=Operators"; subject = "CN=Ada"; } ); };
END
csr made /CN=made
for one in old gone; do
	enrol $one /CN=$one || bail "enrol"
done
admin revoke "$(openssl x509 -in "$T/gone.pem" -noout -serial |
	sed 's/.*=//')" >"$T/setup.log" || bail "revoke"
admin crl >"$T/setup.log" || bail "a list"
rm -f "$T/asked" "$T/given"
for one in old gone; do
	echo $one >>"$T/asked"
	openssl x509 -in "$T/$one.pem" -outform DER | sha256sum |
		sed "s/ .*/ $one/" >>"$T/given"
done

# ---- enrolling, many at once
watch_starved simpleenroll
clients 3
goes_on "memory enough"
for n in 1500 200; do
	scarce $n
	before=$(spent)
	more_spent() { [ "$(spent)" -gt $((before + 25)) ]; }
	ok "one in $n allocations fails" wait_for 60 more_spent
	rm "$MEMORY"
	goes_on "one in $n, and memory again"
done
clients_end
unwatch
ok "some had to ask again" test -s "$T/again"
consistent "memory was scarce"

# ---- what else is asked
admin ocsp >"$T/setup.log" 2>&1 || bail "a responder"
keyid=$(basename "$T"/public/crl/*.crl .crl)
openssl ocsp -issuer "$T/ca.pem" -cert "$T/gone.pem" -no_nonce \
	-reqout "$T/ocsp.der" 2>/dev/null
ask() { # ask PROGRAM: "exit-status HTTP-status reason"
	case $1 in
	cacerts | csrattrs) send_get plain "$1" ;;
	crl) send plain crl REQUEST_METHOD=GET \
		"REQUEST_URI=/crl/$keyid.crl" </dev/null ;;
	ocsp) send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request <"$T/ocsp.der" ;;
	health) send plain health REQUEST_METHOD=GET REQUEST_URI=/health \
		</dev/null ;;
	inventory) send plain inventory REQUEST_METHOD=GET \
		"REQUEST_URI=/api/v1/certificates?rows=5" QUERY_STRING=rows=5 \
		HTTP_HOST=ca.example:8446 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/ada.pem")" </dev/null ;;
	serverkeygen) send plain serverkeygen REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/serverkeygen" MICROCA_ENDPOINT=device \
		CONTENT_TYPE=application/pkcs10 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/maker-ra.pem")" <"$T/made.b64" ;;
	simplereenroll)
		rm -f "$T/new.key"
		csr new /CN=old
		send plain simplereenroll REQUEST_METHOD=POST \
			"REQUEST_URI=$EST/simplereenroll" \
			MICROCA_ENDPOINT=device \
			CONTENT_TYPE=application/pkcs10 \
			SSL_CLIENT_VERIFY=SUCCESS \
			"SSL_CLIENT_CERT=$(cat "$T/old.pem")" <"$T/new.b64"
		;;
	esac
}
recorded() { # <PEM: is that certificate in the store?
	hash=$(openssl x509 -outform DER | sha256sum | cut -d' ' -f1)
	[ "$(sql "SELECT count(*) FROM certificate
		WHERE hex(sha256) = upper('$hash')")" = 1 ]
}
known() { # is the certificate of this answer?
	tr -d '\r\n' <"$T/body" | openssl base64 -d -A |
		openssl pkcs7 -inform DER -print_certs | recorded
}
part() { # part N: of an answer of several
	tr -d '\r' <"$T/body" | awk -v want="$1" '
		/^--/ { n++; head = 1; next }
		n == want && head && /^$/ { head = 0; next }
		n == want && !head { print }' | openssl base64 -d
}
pair() { # is the certificate that key's, and recorded?
	part 1 | openssl pkey -inform DER -pubout >"$T/pair.key" 2>/dev/null &&
		part 2 | openssl pkcs7 -inform DER -print_certs >"$T/pair.pem" &&
		openssl x509 -in "$T/pair.pem" -noout -pubkey |
		cmp -s - "$T/pair.key" && recorded <"$T/pair.pem"
}
listed() { jq -c '.certificates | map(.serial)' "$1"; }
right() { # right PROGRAM: is this answer with status 200?
	case $1 in
	simplereenroll) known ;;
	serverkeygen) pair ;;
	inventory) [ "$(listed "$T/body")" = "$(listed "$T/golden.inventory")" ] ;;
	ocsp) openssl ocsp -respin "$T/body" -issuer "$T/ca.pem" -no_nonce \
		-cert "$T/gone.pem" -CAfile "$T/root.pem" 2>&1 |
		grep -q 'gone.pem: revoked' ;;
	health) [ "$(cat "$T/body")" = degraded ] || [ "$(cat "$T/body")" = ok ] ;;
	*) cmp -s "$T/body" "$T/golden.$1" ;;
	esac
}
for program in cacerts csrattrs crl ocsp health inventory simplereenroll \
	serverkeygen; do
	watch_starved $program
	first=$(ask $program)
	cp "$T/body" "$T/golden.$program"
	before=$(spent)
	: >"$T/all"
	for i in $(seq 10); do
		scarce $((15 * i))
		sleep 0.06 # it is seen
		ask $program >"$T/got" &
		asker=$!
		sleep 0.2
		rm "$MEMORY"
		wait $asker
		got=$(cat "$T/got")
		case $got in
		"0 200 ") right $program && echo right || echo wrong ;;
		"0 500 "* | "0 503 "* | "1  ") echo no ;;
		health*) ;;
		*) echo "$got" ;;
		esac >>"$T/all"
	done
	is "$program, $(grep -c right "$T/all") of 10: right, 500, 503 or none" \
		"$first $(grep -vE '^(right|no)$' "$T/all")" "0 200  "
	ok "… there were faults" test "$(spent)" -gt "$before"
	answers_again() { [ "$(ask "$program")" = "0 200 " ] && right "$program"; }
	ok "… and it serves on" wait_for 20 answers_again
	unwatch
done

# ---- the tools
serial=$(openssl x509 -in "$T/old.pem" -noout -serial | sed 's/.*=//')
mkdir "$T/backups"
# tried COMMAND...: 0 is told only of what is done; else it is said to be not.
tried() {
	tool=$*
	starved "$BUILDDIR/bin/microca" -c "$CONF" "$@" >"$T/out" 2>"$T/err"
	rc=$?
	cat "$T/err" >>"$T/tools.log"
	[ -s "$T/err" ] || [ $rc = 0 ] || echo "$tool: $rc and no word" >>"$T/bad"
	return $rc
}
audited() { sql "SELECT count(*) FROM audit WHERE event = '$1'"; }
fine=0 before=$(spent)
for i in $(seq 6); do
	scarce 4000
	lists=$(audited crl)
	tried crl --force && fine=$((fine + 1)) &&
		[ "$(audited crl)" = "$lists" ] && echo "crl $i" >>"$T/bad"
	openssl crl -inform DER -in "$T/public/crl/$keyid.crl" -noout \
		-CAfile "$T/ca.pem" -verify >"$T/out" 2>&1 ||
		echo "list $i" >>"$T/bad"
	tried revoke "$serial" && fine=$((fine + 1)) &&
		[ "$(sql "SELECT status FROM certificate
			WHERE serial = '$serial'")" != 1 ] &&
		echo "revoke $i" >>"$T/bad"
	tried audit head && fine=$((fine + 1)) && [ ! -s "$T/state/heads/local" ] &&
		echo "head $i" >>"$T/bad"
	tried backup "$T/backups" && fine=$((fine + 1))
	tried audit verify >"$T/verified" && fine=$((fine + 1))
	rm "$MEMORY"
	for backup in "$T"/backups/*.tar; do
		[ ! -e "$backup" ] || admin backup --verify "$backup" \
			>"$T/out" 2>&1 || echo "$backup" >>"$T/bad"
		rm -f "$backup"
	done
done
ok "the tools: $fine of 30 succeeded, not all" test $fine -lt 30
ok "… there were faults" test "$(spent)" -gt "$before"
is "… what is called done is done, and else that is said" \
	"$(cat "$T/bad" 2>/dev/null)" ""
ok "… all of it works" sh -c "for one in 'crl --force' 'audit head' \
	'backup $T/backups' 'audit verify'; do
		'$BUILDDIR/bin/microca' -c '$CONF' \$one || exit; done"
is "no memory was misused" "$(misused "$T"/*.log)" ""
done_testing
