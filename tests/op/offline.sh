#!/bin/sh
# docs/offline.md: every command of it is run with the network cut off, and
# issuing, renewing and listing work afterwards.
#
# What is put in place of what, and nothing else:
#	/root, /media/usb            folders below $T
#	microca                      the one built, with a configuration of ours
#
# A network namespace of its own has no interface but a loopback that is down.
if [ -z "$MICROCA_OFFLINE" ]; then
	export MICROCA_OFFLINE=1
	if [ "$(id -u)" = 0 ]; then
		unshare -n true 2>/dev/null && exec unshare -n "$0" "$@"
	else
		unshare -cn true 2>/dev/null && exec unshare -cn "$0" "$@"
	fi
	echo "1..0 # SKIP no network namespace can be made here"
	exit 0
fi
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
PAGE=$SRCDIR/docs/offline.md

# ---- cut off
is "there is no interface but the loopback" \
	"$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')" lo
is "there is no route" "$(tail -n +2 /proc/net/route)" ""
curl -s --max-time 5 http://192.0.2.1/ >/dev/null 2>&1
is "and no way out" "$?" 7

# ---- the machine as it comes
MODULE=
key=$T/issuer.key
if softhsm_find; then
	key="pkcs11:token=op-test;object=issuer"
	softhsm_make >"$T/setup.log" 2>&1 || bail "SoftHSM"
else
	MODULE=
fi
mkdir -p "$T/root" "$T/usb" "$T/words"
mkdir -m 750 "$T/run"
profiles_write
sed -i -e '0,/name = "device";/s//name = "device"; key_reuse = true;/' \
	-e '$ s/ );$//' "$T/profiles.conf"
cat >>"$T/profiles.conf" <<'END'
, { name = "server"; validity = "90d"; ext_key_usage = ("serverAuth");
    subject = ( { type = "CN"; from = "required"; } );
    san = ( { type = "dns"; } ); } );
END
CA_SUBJECT="O=Example,CN=Plant 7 Issuing CA"
conf_write "$key" 'certificates = ( { name = "server"; source = "self";
	subject = "CN=localhost"; san = ("DNS:localhost");
	profile = "server"; } );'
{
	root_make maker "/CN=Op Test Maker" &&
		leaf_make maker-ra maker "/CN=Line 1 RA"
} >"$T/setup.log" 2>&1 || bail "no manufacturer"
cat >"$T/words/microca" <<END
#!/bin/sh
exec "$BUILDDIR/bin/microca" -c "$CONF" "\$@"
END
chmod 755 "$T/words/microca"

# ---- the page, in one shell that says where it is
awk -v into="$T/sh." '
	$0 == "```sh" { n++; file = sprintf("%s%02d", into, n); next }
	/^```/ { file = ""; next }
	file != "" { print >file }' "$PAGE"
{
	echo "set -eu"
	for block in "$T"/sh.[0-9][0-9]; do
		sed -e "s|/root/|$T/root/|g" -e "s|/media/usb|$T/usb|g" "$block"
		echo "echo end ${block##*.} >>'$T/steps'"
	done
} >"$T/page.sh"
PATH="$T/words:$PATH" sh "$T/page.sh" >"$T/page.log" 2>&1 </dev/null
rc=$?
for block in "$T"/sh.[0-9][0-9]; do
	number=${block##*.}
	ok "block $number runs: $(sed -n 1p "$block" | cut -c 1-50)" \
		grep -qx "end $number" "$T/steps"
done
is "the page runs to its end" "$rc" 0
[ "$rc" = 0 ] || tail -n 30 "$T/page.log" | sed 's/^/# /'
is "every block was run" "$(grep -c '^end ' "$T/steps")" \
	"$(grep -c '^```sh$' "$PAGE")"
is "and nothing is a block of another kind" \
	"$(grep -c '^```..*' "$PAGE")" "$(grep -c '^```sh$' "$PAGE")"
like "the request was for the name configured" "$(cat "$T/page.log")" \
	'subject=O = Example, CN = Plant 7 Issuing CA'
ok "what was issued verifies" openssl verify -CAfile "$T/usb/root.pem" \
	-untrusted "$T/usb/issuer.pem" "$T/usb/pump-7.pem"
ok "what was issued again, too" openssl verify -CAfile "$T/usb/root.pem" \
	-untrusted "$T/usb/issuer.pem" "$T/usb/pump-7-again.pem"
is "the chain is complete: device, issuer, root" \
	"$(grep -c BEGIN "$T/usb/pump-7-chain.pem")" 3
is "the first of the two is revoked" \
	"$(admin list --status revoked --format csv | tail -n +2 | wc -l)" 1
is "the web server has a certificate" "$(openssl x509 -noout -subject \
	-in "$T/public/server.pem")" "subject=CN = localhost"
is "the second intermediate issues" "$(admin issuers |
	sed -n 's/^active \([0-9A-F]*\) .*/serial=\1/p')" \
	"$(openssl x509 -noout -serial -in "$T/usb/next.pem")"

# ---- devices on the plant's own network
cp "$T/usb/root.pem" "$T/root.pem"
csr dev1 /CN=dev1
is "a device enrols" "$(post device simpleenroll maker-ra "$T/dev1.b64")" 200
certs | openssl x509 -out "$T/dev1.pem"
cat "$T/usb/issuer.pem" "$T/usb/next.pem" >"$T/above.pem"
ok "its certificate verifies" openssl verify -CAfile "$T/root.pem" \
	-untrusted "$T/above.pem" "$T/dev1.pem"
rm "$T/dev1.key"
csr dev1 /CN=dev1
is "and renews" "$(post device simplereenroll dev1 "$T/dev1.b64")" 200
is "cacerts are served" "$(get device cacerts)" 200
is "all are listed" "$(admin list --subject 'CN=dev1' --format csv |
	tail -n +2 | wc -l)" 2
ok "and everything is in order" admin check

# ---- what install refuses
usb=$T/usb
before() { find "$T/state" "$T/public" -name '*.pem' -type f -exec sha256sum {} + | sort; }
# refuses NAME STATUS PHRASE install-arguments...: the phrase is the page's
refuses() {
	refuses_name=$1 refuses_status=$2 refuses_phrase=$3
	shift 3
	before >"$T/before"
	admin install "$@" >"$T/out" 2>"$T/err"
	is "$refuses_name" "$?" "$refuses_status"
	ok "$refuses_name: it says so" grep -qF "$refuses_phrase" "$T/err"
	ok "$refuses_name: as the page has it" \
		grep -qF "($refuses_status) | \`$refuses_phrase" "$PAGE"
	before >"$T/after"
	ok "$refuses_name: nothing has changed" cmp "$T/before" "$T/after"
}
# signed NAME DAYS EXTENSION...: the request signed by the root
signed() {
	signed_name=$1 signed_days=$2
	shift 2
	printf '%s\n' "$@" subjectKeyIdentifier=hash >"$T/signed.ext"
	# shellcheck disable=SC2086
	openssl x509 -req -in "$usb/issuer.csr" -CA "$T/root/ca/root.pem" \
		-CAkey "$T/root/ca/root.key" -days "$signed_days" \
		-extfile "$T/signed.ext" $signed_hash -set_serial "0x$(
			openssl rand -hex 16 | sed 's/^./4/')" \
		-out "$usb/$signed_name.pem" 2>/dev/null
}
signed_hash=
CA=basicConstraints=critical,CA:TRUE,pathlen:1
SIGN=keyUsage=critical,keyCertSign,cRLSign

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	-keyout "$T/other.key" -out "$usb/other.pem" -days 4000 \
	-subj "/O=Example/CN=Example Root" -addext "$CA" -addext "$SIGN" \
	2>/dev/null
refuses "another key" 4 "none of the certificates is for the CA's key" \
	intermediate "$usb/other.pem" "$usb/root.pem"
signed good 3800 "$CA" "$SIGN"
refuses "no root" 4 'RFC 5280, 6.1: no valid certificate of "O=Example,CN=Example Root" among the files' \
	intermediate "$usb/good.pem"
refuses "a root of the same name" 4 \
	'RFC 5280, 6.1: no valid certificate of' \
	--root "$usb/other.pem" intermediate "$usb/good.pem"
refuses "another root than --root names" 4 \
	'RFC 5280, 6.1.1 (d): the chain does not end in a root that --root or the configuration names' \
	--root "$usb/other.pem" intermediate "$usb/good.pem" "$usb/root.pem"
signed leaf 3800 basicConstraints=critical,CA:FALSE "$SIGN"
refuses "no CA" 2 'RFC 5280, 6.1.4 (k): not a CA certificate: "O=Example,CN=Plant 7 Issuing CA"' \
	intermediate "$usb/leaf.pem" "$usb/root.pem"
signed mute 3800 "$CA" keyUsage=critical,cRLSign
refuses "no keyCertSign" 2 'RFC 5280, 6.1.4 (n): keyUsage without keyCertSign' \
	intermediate "$usb/mute.pem" "$usb/root.pem"
signed short 3800 basicConstraints=critical,CA:TRUE,pathlen:0 "$SIGN"
refuses "too short a path" 2 \
	"RFC 5280, 4.2.1.9: the issuer's path length is 0: it may not issue CA certificates" \
	intermediate "$usb/short.pem" "$usb/root.pem"
signed ended -1 "$CA" "$SIGN"
refuses "one that has ended" 4 \
	'the issuing certificate or its chain expired' \
	intermediate "$usb/ended.pem" "$usb/root.pem"
signed_hash=-sha1
signed sha1 3800 "$CA" "$SIGN"
signed_hash=
refuses "SHA-1" 2 'signed with SHA-1, MD5 or unknown' intermediate "$usb/sha1.pem" "$usb/root.pem"
echo hello >"$usb/hello.pem"
refuses "no certificate" 2 'no PEM certificate in it' \
	intermediate "$usb/hello.pem" "$usb/root.pem"
signed brief 100 "$CA" "$SIGN"
refuses "one that ends before the present one" 4 \
	"no later than the present one's" \
	intermediate "$usb/brief.pem" "$usb/root.pem"
openssl ca -batch -notext -config "$T/root/ca/openssl.cnf" \
	-extensions issuing_ca \
	-startdate 20400101000000Z -enddate 20450101000000Z \
	-in "$usb/issuer.csr" -out "$usb/future.pem" >/dev/null 2>&1
refuses "one that begins in the future" 7 "the clock is before the issuer's notBefore" \
	intermediate "$usb/future.pem" "$usb/root.pem"
is "every line of the page's table was tried" \
	"$(sed -n '/^## 8/,$p' "$PAGE" | grep -cE '^\| .* \([0-9]\) \|')" 12
is "after all that, issuing goes on" "$(csr dev2 /CN=dev2
	post device simpleenroll maker-ra "$T/dev2.b64")" 200
done_testing
