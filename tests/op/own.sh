#!/bin/sh
# microca csr, install, enroll, renew and status of the CA's own certificates:
# by hand, and by this CA itself.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem
OWN=$T/state/own

profiles_write
sed -i 's/^profiles = (/&\n{ name = "server"; validity = "90d";\n\
	key_usage = ("digitalSignature"); ext_key_usage = ("serverAuth");\n\
	subject = ( { type = "CN"; from = "required"; } );\n\
	san = ( { type = "dns"; max = 2; } ); },/' "$T/profiles.conf"
cat >"$T/hook" <<END
#!/bin/sh
echo "\$1 \$EST_NAME \$EST_FOLDER" >>"$T/hooks"
END
chmod 755 "$T/hook"
GROUP=$(id -gn)
configure() { # configure MORE for the server
	conf_write "$T/issuer.key" "httpd = { group = \"$GROUP\"; };
	certificates = (
	  { name = \"device\"; subject = \"CN=box\"; san = (\"DNS:box.example\");
	    key_type = \"p384\"; },
	  { name = \"client\"; subject = \"CN=box\"; source = \"self\";
	    profile = \"device\"; new_key = true; },
	  { name = \"server\"; subject = \"CN=localhost\"; $1
	    hook = (\"hook\", \"told\"); } );"
}
run() {
	admin "$@" >"$T/out" 2>"$T/err"
	echo $?
}
refuses() { # refuses NAME STATUS PATTERN ARGUMENT...
	refuses_name=$1 refuses_status=$2 refuses_pattern=$3
	shift 3
	is "$refuses_name" "$(run "$@")" "$refuses_status"
	like "$refuses_name: why" "$(cat "$T/err")" "$refuses_pattern"
}
told() { admin status --json "$1" | jq -r ".[0].$2 // empty"; }
# certify NAME OUT [openssl x509 arguments]: the root signs a request.
certify() {
	certify_csr=$1 certify_out=$2
	shift 2
	openssl x509 -req -in "$T/$certify_csr.csr" -CA "$T/root.pem" \
		-CAkey "$T/root.key" -CAcreateserial -copy_extensions copy \
		"$@" -out "$T/$certify_out.pem" 2>/dev/null
}

# ---- usage ----------------------------------------------------------------------
configure 'source = "manual";'
refuses "no name" 2 'too few' enroll
refuses "another name" 2 'not a certificate of ours' enroll issuer
refuses "one that is not configured" 2 'has no "intermediate"' \
	enroll intermediate
refuses "one that comes by hand" 2 'microca csr device' enroll device
is "status" "$(admin status | cut -d, -f1 | tr '\n' ' ')" \
	"client: none device: none server: none "
refuses "nothing waits" 6 'no request waits' install device "$T/root.pem"
is "renew leaves those by hand alone" "$(run renew device server)" 0

# ---- by hand ----------------------------------------------------------------------
is "a request" "$(run csr -o "$T/box.csr" device)" 0
like "as configured" "$(openssl req -in "$T/box.csr" -noout -text)" \
	'Subject: CN = box'
like "its names" "$(openssl req -in "$T/box.csr" -noout -text)" DNS:box.example
like "its key" "$(openssl req -in "$T/box.csr" -noout -text)" '384 bit'
is "the same one until it is answered" \
	"$(admin csr device | openssl dgst -sha256)" \
	"$(openssl dgst -sha256 <"$T/box.csr")"
is "it waits" "$(told device state)" pending
csr other "/CN=box" -addext subjectAltName=DNS:box.example
openssl req -inform DER -in "$T/other.der" -out "$T/other.csr"
certify other other -days 30
refuses "another key's certificate" 4 'none of the certificates is for the key' \
	install device "$T/other.pem" "$T/root.pem"
is "the refusal is recorded" "$(sql "SELECT count(*) FROM audit
	WHERE event = 'own-refused' AND reason = 'up-cert'")" 1
certify box past -days 1
faketime -f -10d openssl x509 -req -in "$T/box.csr" -CA "$T/root.pem" \
	-CAkey "$T/root.key" -days 2 -out "$T/past.pem" 2>/dev/null
refuses "an expired one" 4 'has expired' install device "$T/past.pem"
is "it still waits, the reason told" "$(told device state) $(
	told device reason)" "pending up-cert"
is "its refusal is recorded, too" "$(sql "SELECT count(*) FROM audit
	WHERE event = 'own-refused' AND reason = 'up-cert'")" 2
is "the request is the same" "$(admin csr device | openssl dgst -sha256)" \
	"$(openssl dgst -sha256 <"$T/box.csr")"
certify box box -not_after 99991231235959Z 2>/dev/null ||
	certify box box -days 2912000
is "the right one" "$(run install device "$T/root.pem" "$T/box.pem")" 0
like "is told" "$(cat "$T/out")" '^device: good, CN=box, until '
is "and kept" "$(openssl x509 -in "$OWN/device/current/cert.pem" -noout \
	-serial)" "$(openssl x509 -in "$T/box.pem" -noout -serial)"
is "with its chain" "$(grep -c BEGIN "$OWN/device/current/chain.pem")" 2
is "and its key" "$(openssl pkey -in "$OWN/device/current/key.pem" -pubout)" \
	"$(openssl x509 -in "$T/box.pem" -noout -pubkey)"
is "closed" "$(stat -c %a "$OWN/device/current/key.pem")" 600
is "recorded" "$(sql "SELECT json_extract(record, '\$.operation') FROM audit
	WHERE event = 'own-enrolled'")" device

# A web server's, by hand: published, the hook told.
is "a web server's request" "$(run csr -o "$T/web.csr" server)" 0
certify web web -days 40
is "its certificate" "$(run install server "$T/web.pem" "$T/root.pem")" 0
is "is published" "$(openssl x509 -in "$T/public/server.pem" -noout -serial)" \
	"$(openssl x509 -in "$T/web.pem" -noout -serial)"
is "with its key" "$(openssl pkey -in "$T/public/server.key" -pubout)" \
	"$(openssl x509 -in "$T/web.pem" -noout -pubkey)"
is "for the web server's group" \
	"$(stat -L -c '%a %G' "$T/public/server.key")" "640 $GROUP"
is "the hook was told" "$(cat "$T/hooks")" "told server $OWN/server"
is "it is due in time" "$(faketime -f +20d "$BUILDDIR/bin/microca" -c "$CONF" \
	renew server | cut -d: -f2 | cut -d, -f1)" " due"
is "what to do is said" "$(faketime -f +20d "$BUILDDIR/bin/microca" \
	-c "$CONF" status server | grep -o 'microca csr server')" \
	"microca csr server"

# ---- by this CA -------------------------------------------------------------------
configure 'source = "self"; profile = "server"; san = ("DNS:localhost");'
is "this CA's own instead" "$(run enroll --force server)" 0
ok "is published" openssl verify -purpose sslserver -CAfile "$T/root.pem" \
	-untrusted "$T/ca.pem" "$T/public/server.pem"
is "with the intermediate" "$(grep -c BEGIN "$T/public/server.pem")" 2
is "the one before stays" "$(openssl x509 -noout -serial \
	-in "$OWN/server/previous/cert.pem")" \
	"$(openssl x509 -in "$T/web.pem" -noout -serial)"
is "in the record as issued" "$(sql "SELECT profile FROM certificate
	WHERE subject = 'CN=localhost'")" server
rm "$T/public/server.pem"
is "a published file that is lost" "$(run renew server)" 0
ok "is written again" openssl x509 -in "$T/public/server.pem" -noout
is "enroll does not renew what is good" "$(run enroll server)" 0
is "it is the same" "$(sql "SELECT count(*) FROM certificate
	WHERE subject = 'CN=localhost'")" 1
is "a client certificate" "$(run enroll client)" 0
is "status in JSON" "$(admin status --json | jq -r '.[].state' | tr '\n' ' ')" \
	"good good good "

# What the profile does not give is refused and recorded.
configure 'source = "self"; profile = "device"; key_type = "p521";'
is "a key that the profile does not give" "$(run enroll --force server)" 4
is "the reason stands in the status" "$(told server reason)" curve
is "in the audit chain" "$(sql "SELECT count(*) FROM audit
	WHERE event = 'own-refused' AND reason = 'curve'")" 1
like "and on standard error" "$(cat "$T/err")" curve
ok "the one in use stays" openssl x509 -in "$T/public/server.pem" -noout

# A hook that fails: the certificate is in use, the failure told, and the hook
# run again.
configure 'source = "self"; profile = "server"; san = ("DNS:localhost");'
printf '#!/bin/sh\nexit 3\n' >"$T/hook"
is "a hook that fails" "$(run enroll --force server)" 1
like "is told" "$(cat "$T/err")" 'hook.* ended with status 3'
is "the new one is in use" "$(sql "SELECT count(*) FROM certificate
	WHERE subject = 'CN=localhost'")" 2
printf '#!/bin/sh\n: >%s/told\n' "$T" >"$T/hook"
is "the next run" "$(run enroll server)" 0
ok "tells it again" test -e "$T/told"

# The web server's group is none of ours: said, not served.
GROUP=root
chmod g-s "$T/public/server"
configure 'source = "self"; profile = "server"; san = ("DNS:localhost");'
refuses "a group that we are not in" 2 'chgrp root .*chmod g.s' \
	enroll --force server
is "what is published stays a pair" \
	"$(openssl pkey -in "$T/public/server.key" -pubout)" \
	"$(openssl x509 -in "$T/public/server.pem" -noout -pubkey)"

# ---- two at once --------------------------------------------------------------------
exec 9<"$OWN/client/lock"
flock 9
refuses "another run has it" 7 'locked|in use' enroll --force client
exec 9<&-
done_testing
