#!/usr/bin/env bash
# RFC 7030, 3.5 through real web servers: nginx and Apache with the modules of
# extras/, built here, and HAProxy, which needs none.
export SERVER=nginx
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
for need in apxs2 haproxy; do
	command -v "$need" >/dev/null || PATH=$PATH:/usr/sbin
	if ! command -v "$need" >/dev/null || [ ! -d /usr/share/nginx/src ]; then
		echo "1..0 # SKIP needs apache2-dev, nginx-dev and haproxy"
		exit 0
	fi
done

proxy= # HAProxy's process
end() {
	[ -z "$proxy" ] || kill "$proxy" 2>/dev/null
	demo_stop
}

# ---- the modules, where the servers look for all of theirs
mkdir -p "$T/modules"
ok "Apache's module is built" "$SRCDIR/extras/apache/build.sh" "$T/modules"
"$SRCDIR/extras/nginx/build.sh" "$T/modules" >"$T/nginx.build" 2>&1 &
build=$!
ln -s /usr/lib/apache2/modules/* "$T/modules/"

demo_start
trap end EXIT
jars=/usr/share/java
export CLASSPATH=$T:$jars/bcpkix.jar:$jars/bcprov.jar:$jars/bcutil.jar:$jars/bctls.jar
javac -d "$T" "$SRCDIR/tests/httpd/BcEst.java" || exit 1
openssl pkcs8 -topk8 -nocrypt -in "$DEMO/manufacturer.key" -out "$T/maker.p8"

wait "$build"
ok "nginx' module is built" test -s "$T/modules/ngx_http_channel_binding_module.so"
[ ! -s "$T/nginx.build" ] || sed 's/^/# /' "$T/nginx.build"

# Endpoint `must` on PORT + 3, and `may`, of which tls-unique alone is taken, on
# PORT + 4: for the manufacturer's registration authority.
rules="profile = \"device\"; allow = ({ issuer = \"$DEMO/manufacturer-ca.pem\";
	names = \"pattern .*\"; });"
awk -v p="$PORT" -v modules="$T/modules" -v rules="$rules" '
	/^endpoints = \(/ { inside = 1 }
	inside && /^\);/ {
		print ", { name = \"must\"; port = " p + 3 "; " rules
		print "pop_link = \"required\";"
		print "channel_binding = (\"tls-unique\", \"tls-exporter\"); }"
		print ", { name = \"may\"; port = " p + 4 "; " rules
		print "channel_binding = \"tls-unique\"; }"
		inside = 0
	}
	{ print }
	/^httpd = \{/ { print "module_folder = \"" modules "\";" }
	' "$DEMO/etc/microca.conf" >"$T/microca.conf"
cat "$T/microca.conf" >"$DEMO/etc/microca.conf"

asked=0
# link OFFSET VERSION WHAT [OPTION...]: an enrolment, "VERSION HOW STATUS"
# and the refusal's reason.
link() {
	local offset=$1
	shift
	"$BUILDDIR/tests/tools/linked" $((PORT + offset)) "$DEMO/root.pem" \
		"$DEMO/manufacturer.pem" "$DEMO/manufacturer.key" \
		"dev-$SERVER-$((asked += 1))-$RANDOM" "$@" 2>&1 |
		sed -n -e 1p -e 's/^\([a-z-]*\): .*/\1/p' | tr '\n' ' ' |
		sed 's/ *$//'
}
# The programs see the new endpoints within a second or so.
ready() {
	local end=$((SECONDS + 20))
	until [ "$(link 3 1.2 none)" = "TLSv1.2 full 400 pop-link" ] &&
		[ "$(link 4 1.2 none)" = "TLSv1.2 full 200" ] &&
		[ "$(est 3 csrattrs)" = 200 ]; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}
lists() { # challengePassword in csrattrs: lists OFFSET
	est "$1" csrattrs >/dev/null
	openssl base64 -d -in "$T/body" | openssl asn1parse -inform DER |
		grep -c challengePassword
}
bc() { # bc OFFSET [name=value...]: Bouncy Castle's client
	local offset=$1
	shift
	java BcEst simpleenroll "localhost:$((PORT + offset))" \
		ca="$DEMO/root.pem" cert="$DEMO/manufacturer.pem" \
		key="$T/maker.p8" "cn=bc-$SERVER-$offset" "$@"
}
client() { # client OFFSET NAME [option...]: est-client
	local offset=$1 name=$2-$SERVER
	shift 2
	"$BUILDDIR/bin/est-client" enroll --url "https://localhost:$((PORT + offset))" \
		--anchors "$DEMO/root.pem" --folder "$T/$name" --subject "CN=$name" \
		--auth-cert "$DEMO/manufacturer.pem" \
		--auth-key "$DEMO/manufacturer.key" "$@"
}
refused() { # refused COMMAND...: it is, for its link
	! "$@" >"$T/refused" 2>&1 && grep -q pop-link "$T/refused"
}

# What holds before each of them: tls-unique and TLS 1.2.
unique_tests() {
	is "$SERVER: its tls-unique" "$(link 3 1.2 unique)" "TLSv1.2 full 200"
	is "$SERVER: that of a resumed session" "$(link 3 1.2 unique resume)" \
		"TLSv1.2 resumed 200"
	is "$SERVER: a bit of it wrong" "$(link 3 1.2 bent)" \
		"TLSv1.2 full 403 pop-link"
	is "$SERVER: the earlier one in a resumed session" \
		"$(link 3 1.2 earlier resume)" "TLSv1.2 resumed 403 pop-link"
	is "$SERVER: none, though required" "$(link 3 1.2 none)" \
		"TLSv1.2 full 400 pop-link"
	is "$SERVER: none, where it need not be" "$(link 4 1.2 none)" \
		"TLSv1.2 full 200"
	is "$SERVER: if present, its own" "$(link 4 1.2 unique)" \
		"TLSv1.2 full 200"
	is "$SERVER: if present, another's" "$(link 4 1.2 bent)" \
		"TLSv1.2 full 403 pop-link"
	is "$SERVER: TLS 1.3 has no tls-unique" "$(link 4 1.3 unique)" \
		"TLSv1.3 full 400 pop-link"
	is "$SERVER: … without one" "$(link 4 1.3 none)" "TLSv1.3 full 200"
	is "$SERVER: an exporter where it is not taken" "$(link 4 1.2 exporter)" \
		"TLSv1.2 full 403 pop-link"
	is "$SERVER: csrattrs ask for it, required" "$(lists 3)" 1
	is "$SERVER: csrattrs ask for it, if present" "$(lists 4)" 1
	is "$SERVER: csrattrs do not elsewhere" "$(lists 0)" 0
	ok "$SERVER: Bouncy Castle links" bc 3 pop bcjsse tls=TLSv1.2
	ok "$SERVER: est-client links when it is asked" client 3 asked
	ok "$SERVER: est-client always" client 4 always --pop-link always
	ok "$SERVER: est-client never: refused" refused client 3 never \
		--pop-link never
}
# Where there is an exporter, and RFC 7627 is looked at.
exporter_tests() {
	is "$SERVER: the exporter" "$(link 3 1.3 exporter)" "TLSv1.3 full 200"
	is "$SERVER: that of a resumed session" \
		"$(link 3 1.3 exporter resume)" "TLSv1.3 resumed 200"
	is "$SERVER: with TLS 1.2" "$(link 3 1.2 exporter)" "TLSv1.2 full 200"
	is "$SERVER: a bit of it wrong" "$(link 3 1.3 bent)" \
		"TLSv1.3 full 403 pop-link"
	is "$SERVER: the earlier one in a resumed session" \
		"$(link 3 1.3 earlier resume)" "TLSv1.3 resumed 403 pop-link"
	is "$SERVER: no extended master secret, full" \
		"$(link 3 1.2 unique noems)" "TLSv1.2 full 200"
	is "$SERVER: … resumed" "$(link 3 1.2 unique noems resume)" \
		"TLSv1.2 resumed 400 pop-link"
	is "$SERVER: … exporter" "$(link 3 1.2 exporter noems)" \
		"TLSv1.2 full 403 pop-link"
	ok "$SERVER: est-client with TLS 1.3" client 3 exported \
		--binding tls-exporter
}

# A client's headers arrive under other names.
header_tests() {
	local who
	mapfile -t who < <(as manufacturer)
	printf '%s\n' '[req]' distinguished_name=dn attributes=at prompt=no \
		'[dn]' CN=spoof '[at]' challengePassword=AAECAwQFBgcICQoL >"$T/spoof.cnf"
	openssl req -new -config "$T/spoof.cnf" -key "$DEMO/device.key" \
		-outform DER | openssl base64 >"$T/spoof.b64"
	is "$SERVER: a header is not believed" "$(post 3 simpleenroll \
		"$T/spoof.b64" "${who[@]}" --tls-max 1.2 \
		-H 'TLS_UNIQUE: AAECAwQFBgcICQoL' \
		-H 'TLS-UNIQUE: AAECAwQFBgcICQoL') $(reason)" "403 pop-link"
}

bc_refused() {
	! java BcEst simpleenroll "localhost:$((PORT + 3))" \
		ca="$DEMO/root.pem" cert="$DEMO/manufacturer.pem" \
		key="$T/maker.p8" cn=bc-not >"$T/bc.out" 2>&1 &&
		grep -q 'Status Code: 400' "$T/bc.out"
}

for SERVER in nginx apache apache-fcgid; do
	ok "$SERVER runs with its module" quick
	ok "$SERVER hands over to the new endpoints" ready
	[ "$SERVER" = apache-fcgid ] || unique_tests
	exporter_tests
	header_tests
	like "$SERVER: check --url sees this connection's own binding arrive" \
		"$(admin check --url "https://localhost:$((PORT + 3))" 2>&1)" \
		"ok: PoP linking: can be enforced"
done
ok "Bouncy Castle that does not link is refused" bc_refused

# ---- HAProxy: the example, with other paths and ports, and the two endpoints
# written like its first
ok "the programs run by themselves again" quick --server nginx
kill "$(cat "$DEMO/pid/nginx")" # which makes room on its ports
SERVER=haproxy
ln -s server.key "$DEMO/public/server.pem.key"
like_device() { # like_device ENDPOINT OFFSET
	sed -n '/^frontend device/,/^$/p' "$SRCDIR/httpd-examples/haproxy.cfg" |
		sed -e "s/device/$1/g" -e "s/:8443/:$((PORT + $2))/"
}
{
	cat "$SRCDIR/httpd-examples/haproxy.cfg"
	like_device must 3
	like_device may 4
} | sed -e "s|/var/lib/microca-public|$DEMO/public|g" \
	-e "s|/run/microca|$DEMO/run|g" -e "s/:8080/:$((PORT + 6))/" \
	-e "s/:8443/:$PORT/" -e "s/:8444/:$((PORT + 1))/" \
	-e "s/:8445/:$((PORT + 2))/" >"$T/haproxy.cfg"
ok "haproxy takes the example" haproxy -c -f "$T/haproxy.cfg"
haproxy -db -f "$T/haproxy.cfg" >"$T/haproxy.log" 2>&1 &
proxy=$!
ok "haproxy hands over to the new endpoints" ready
unique_tests
header_tests
is "haproxy: health" "$(est 0 ../../health --path-as-is >/dev/null
	plain /health)" 200
enrol hap hap-dev
is "haproxy: a device renews itself" "$(csr hap /CN=hap-dev &&
	post 0 simplereenroll "$T/hap.b64" --cert "$T/hap.pem" \
		--key "$T/hap.key")" 200
is "haproxy: by its label" "$(est 0 device/cacerts)" 200
is "haproxy: nobody is refused with a reason" "$(post 0 simpleenroll \
	"$T/hap.b64") $(reason)" "403 auth-none"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
	-addext basicConstraints=critical,CA:FALSE -subj /CN=stranger -keyout "$T/stranger.key" -out "$T/stranger.pem" \
	2>/dev/null
is "haproxy: a stranger too" "$(post 0 simpleenroll "$T/hap.b64" \
	--cert "$T/stranger.pem" --key "$T/stranger.key") $(reason)" \
	"403 client-untrusted"
is "haproxy: what is no operation" "$(est 0 fullcmc)" 404
is "haproxy: another path" "$(plain /etc/passwd)" 404
done_testing
