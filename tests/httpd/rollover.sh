#!/usr/bin/env bash
# A client that asks all the time, through lighttpd, while the issuing
# certificate changes: published, the web server's reload, activation.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
demo_start
restart=$(date +%s)

serial() { openssl x509 -in "$1" -noout -serial | sed 's/.*=//'; }
keyid() { # keyid subject|authority FILE
	openssl x509 -in "$2" -noout -ext "$1KeyIdentifier" |
		sed -n '2s/[ :]//gp' | tr 'A-F' 'a-f' | sed 's/^keyid//'
}
wait_for() { # wait_for SECONDS COMMAND...
	local end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# ---- the client: one device that renews itself without end ------------------
poll() { # poll NAME: what it is told in $T/NAME.log
	local name=$1 n said T=$T/$1
	mkdir "$T" && mv "$T.pem" "$T/$name.pem" && mv "$T.key" "$T/$name.key"
	for ((n = 1; ; n++)); do
		said=$(est 0 cacerts 2>&1)
		echo "cacerts $said" >>"$T.log"
		rm -f "$T/next.key"
		csr next "/CN=$name"
		said=$(post 0 simplereenroll "$T/next.b64" \
			--cert "$T/$name.pem" --key "$T/$name.key" 2>&1)
		echo "simplereenroll $said" >>"$T.log"
		if [ "$said" = 200 ]; then
			certs | openssl x509 -out "$T/$name.pem"
			mv "$T/next.key" "$T/$name.key"
			keyid authority "$T/$name.pem" >>"$T.issuers"
		else
			cat "$T/body" >>"$T.log"
		fi
		[ ! -f "$T/stop" ] || return 0
	done
}
polls=()
for name in poll1 poll2; do
	enrol "$name" "$name" || echo "Bail out! enrol"
	poll "$name" &
	polls+=($!)
done
enrol old old || echo "Bail out! enrol"
ok "two devices renew themselves" wait_for 20 test -s "$T/poll2.issuers"

# ---- stage -------------------------------------------------------------------
second="pkcs11:token=microca-demo;object=intermediate-2"
cp -p "$DEMO/etc/microca.conf" "$DEMO/etc/second.conf"
sed "s/object=intermediate\"/object=intermediate-2\"/" \
	"$DEMO/etc/microca.conf" >"$DEMO/etc/second.conf"
"$BUILDDIR/bin/microca" -c "$DEMO/etc/second.conf" init >"$T/second.log" 2>&1 &&
	"$BUILDDIR/bin/microca" -c "$DEMO/etc/second.conf" csr >"$T/second.csr" &&
	printf '%s\n' basicConstraints=critical,CA:TRUE,pathlen:1 \
		keyUsage=critical,keyCertSign,cRLSign \
		subjectKeyIdentifier=hash authorityKeyIdentifier=keyid \
		>"$T/second.ext" &&
	openssl x509 -req -in "$T/second.csr" -CA "$DEMO/root.pem" \
		-CAkey "$DEMO/root.key" -set_serial 0x4711 -days 3660 \
		-extfile "$T/second.ext" -out "$T/second.pem" 2>>"$T/second.log"
is "a certificate for a second key" "$? $(tail -n 1 "$T/second.log")" \
	"0 subject=CN = Micro CA Demo Intermediate, O = Micro CA Demo"
ok "it is staged" admin install --root "$DEMO/root.pem" --key "$second" \
	--activate +10s intermediate "$T/second.pem"
is "it waits" "$(admin issuers --json | jq -r '[.[].state] | join(" ")')" \
	"active staged"
served() { # cacerts has N certificates
	est 0 cacerts >/dev/null && [ "$(certs | grep -c BEGIN)" = "$1" ]
}
ok "cacerts shows it before it issues" wait_for 8 served 3
is "nothing was issued by it yet" \
	"$(cat "$T"/poll?.issuers | grep -c "$(keyid subject "$T/second.pem")")" 0

# ---- the web server's reload -------------------------------------------------
before=$(wc -l <"$T/poll1.issuers")
kill -USR1 "$(cat "$DEMO/pid/lighttpd")"
listed() { # lighttpd asks for certificates of the new one
	openssl s_client -connect "localhost:$PORT" -tls1_2 \
		-CAfile "$DEMO/root.pem" </dev/null 2>/dev/null |
		grep -A 20 'Acceptable client' |
		grep -c 'CN = Micro CA Demo Intermediate'
}
ok "the client goes on" wait_for 10 sh -c \
	"[ \$(wc -l <'$T/poll1.issuers') -gt $((before + 3)) ]"
is "lighttpd names both" "$(grep -c BEGIN "$DEMO/public/client-ca-device.pem") \
$(listed)" "4 1"

# ---- activation --------------------------------------------------------------
new_issues() {
	grep -q "$(keyid subject "$T/second.pem")" "$T/poll1.issuers" &&
		grep -q "$(keyid subject "$T/second.pem")" "$T/poll2.issuers"
}
ok "then it issues" wait_for 20 new_issues
before=$(wc -l <"$T/poll2.issuers")
ok "and what it issued renews itself" wait_for 10 sh -c \
	"[ \$(wc -l <'$T/poll2.issuers') -gt $((before + 3)) ]"
mapfile -t old < <(as "$T/old")
csr old2 /CN=old
is "a device of the old one renews" \
	"$(post 0 simplereenroll "$T/old2.b64" "${old[@]}")" 200
certs | openssl x509 -out "$T/old2.pem"
is "and is the new one's now" "$(keyid authority "$T/old2.pem")" \
	"$(keyid subject "$T/second.pem")"
est 0 cacerts >/dev/null
certs >"$T/bag.pem"
for cert in old old2; do
	ok "$cert.pem verifies with what cacerts says" openssl verify \
		-CAfile "$DEMO/root.pem" -untrusted "$T/bag.pem" "$T/$cert.pem"
done
ok "the old one's certificates are revoked still" \
	admin revoke "$(serial "$T/old.pem")"
is "and refused" "$(post 0 simplereenroll "$T/old2.b64" "${old[@]}")" 403
ok "promote" admin issuers promote
for name in poll1 poll2; do
	: >"$T/$name/stop"
done
wait "${polls[@]}"
for name in poll1 poll2; do
	is "$name: none of $(wc -l <"$T/$name.log") requests failed" \
		"$(grep -v ' 200$' "$T/$name.log")" ""
done
is "all this in a minute" "$(($(date +%s) - restart < 60))" 1
done_testing
