#!/usr/bin/env bash
# Bouncy Castle's org.bouncycastle.est: every operation it has that we have.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
if ! command -v javac >/dev/null; then
	echo "1..0 # SKIP no JDK is installed"
	exit 0
fi
demo_start
jars=/usr/share/java
export CLASSPATH=$T:$jars/bcpkix.jar:$jars/bcprov.jar:$jars/bcutil.jar:$jars/bctls.jar
ok "compile" javac -d "$T" "$SRCDIR/tests/httpd/BcEst.java"
here=localhost:$PORT
maker=(ca="$DEMO/root.pem" cert="$DEMO/manufacturer.pem"
	key="$T/manufacturer.p8")
openssl pkcs8 -topk8 -nocrypt -in "$DEMO/manufacturer.key" \
	-out "$T/manufacturer.p8"
bc() { java BcEst "$@"; }
tls() { bc "$@" "${maker[@]}"; }

ok "cacerts, bootstrap" bc cacerts "$here"
ok "cacerts, trusted" bc cacerts "$here" ca="$DEMO/root.pem"
ok "cacerts with a label" bc cacerts "$here" ca="$DEMO/root.pem" label=device
ok "csrattrs" tls csrattrs "$here"
ok "simpleenroll" tls simpleenroll "$here" cn=bc-dev1
ok "simpleenroll over TLS 1.2" tls simpleenroll "$here" cn=bc-dev2 tls=TLSv1.2
ok "simpleenroll without a certificate is refused" \
	sh -c "! java BcEst simpleenroll $here ca='$DEMO/root.pem' cn=bc-dev3"
enrol bcre bc-renew || exit 1
openssl pkcs8 -topk8 -nocrypt -in "$T/bcre.key" -out "$T/bcre.p8"
ok "simplereenroll: PrintableString for UTF8String" bc simplereenroll "$here" \
	ca="$DEMO/root.pem" cert="$T/bcre.pem" key="$T/bcre.p8" cn=bc-renew
ok "simplereenroll: the certificate's own encoding" bc simplereenroll "$here" \
	ca="$DEMO/root.pem" cert="$T/bcre.pem" key="$T/bcre.p8" dnfromcert
ok "both are listed" sh -c "[ \$('$BUILDDIR/bin/microca' \
	-c '$DEMO/etc/microca.conf' list --subject CN=bc-renew --format csv |
	tail -n +2 | wc -l) = 3 ]"

# ---- a one-time secret in HTTP Basic
ok "an endpoint that takes secrets" demo_secrets
secret=$(secret_of bc-once)
ok "a wrong secret is refused" sh -c "! java BcEst simpleenroll \
	localhost:$((PORT + 3)) ca='$DEMO/root.pem' \
	user='bc-once:$(other_secret "$secret")' cn=bc-once"
ok "simpleenroll with a secret" bc simpleenroll "localhost:$((PORT + 3))" \
	ca="$DEMO/root.pem" user="bc-once:$secret" cn=bc-once
is "it is used up" \
	"$(admin secret list --device bc-once --csv | tail -n 1 | cut -d, -f2)" \
	'"used"'
done_testing
