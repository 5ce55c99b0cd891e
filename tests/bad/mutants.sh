#!/bin/sh
# C20: thousands of good requests with something changed, at the real program;
# each answer is a refusal with its word, or a right certificate.  $MUTANTS says
# how many (10,000), $MUTANT_SEED which (1); tests/tools/mutate how one is made.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"
MUTANTS=${MUTANTS:-10000}
MUTANT_SEED=${MUTANT_SEED:-1}

# A profile where one key may have many names, one name many keys.
profiles_more=$(profile mutant 'key_reuse = true; key_shared = true;
	renewal_window = "0";')
ca_make pem
{
	sed '$d' "$T/profiles.conf"
	sed -n '$s/ *);$//p' "$T/profiles.conf"
	printf ', %s );\n' "$profiles_more"
} >"$T/more" && mv "$T/more" "$T/profiles.conf"
sed '$d' "$CONF" >"$T/more"
{
	cat "$T/more"
	echo ","
	endpoint mutant 8460 mutant ''
	echo ");"
} >"$CONF"

# ---- good ones
seed() { # seed NAME SUBJECT KEY [ARGUMENT...]
	seed_name=$1 seed_subject=$2 seed_key=$3
	shift 3
	# shellcheck disable=SC2086
	if ! openssl genpkey $seed_key -out "$T/$seed_name.key" \
		2>"$T/setup.log" || ! csr "$seed_name" "$seed_subject" "$@"; then
		bail "openssl req"
	fi
	seeds="$seeds $T/$seed_name.der"
}
seeds=
p256="-algorithm EC -pkeyopt ec_paramgen_curve:P-256"
seed plain /CN=plain "$p256"
seed two /CN=two/serialNumber=7 "$p256"
seed san /CN=san "$p256" -addext subjectAltName=DNS:a.example,DNS:b.example,IP:192.0.2.1,IP:2001:db8::1
seed use /CN=use "$p256" -addext keyUsage=critical,digitalSignature \
	-addext extendedKeyUsage=clientAuth -addext basicConstraints=CA:FALSE \
	-addext subjectKeyIdentifier=hash
seed p384 /CN=p384 "-algorithm EC -pkeyopt ec_paramgen_curve:P-384" \
	-addext subjectAltName=DNS:p384.example
seed rsa /CN=rsa "-algorithm RSA -pkeyopt rsa_keygen_bits:2048" \
	-addext extendedKeyUsage=clientAuth
cat >"$T/attributes" <<'END'
[req]
distinguished_name = dn
attributes = more
prompt = no
[dn]
[more]
1.2.3.4 = FORMAT:UTF8,UTF8:something
END
seed attributes /CN=attributes "$p256" -config "$T/attributes"

# What is freed is kept for a while by AddressSanitizer: not here, for memory is
# looked at.
ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=4:thread_local_quarantine_size_kb=64
start simpleenroll
mkdir "$T/wrong"
rss() { awk '{ print $2 * 4 }' "/proc/$pid/statm"; }
mutate() { # mutate SEED COUNT
	# shellcheck disable=SC2086
	"$BUILDDIR/tests/tools/mutate" -s "$1" -n "$2" -j 6 -a 4 \
		"$T/simpleenroll.sock" "$T/ca.pem" "$T/wrong" $seeds -- \
		REQUEST_METHOD=POST "REQUEST_URI=$EST/simpleenroll" \
		MICROCA_ENDPOINT=mutant CONTENT_TYPE=application/pkcs10 \
		SSL_CLIENT_VERIFY=SUCCESS REMOTE_ADDR=192.0.2.7 \
		"SSL_CLIENT_CERT=$(cat "$T/maker-ra.pem")"
}
mutate 4711 300 >"$T/warm" 2>&1
memory=$(rss)
cp "$T/wrong/serials" "$T/serials"
begun=$(date +%s)
right() {
	mutate "$MUTANT_SEED" "$MUTANTS" 2>"$T/complaints" >"$T/tally" && return
	cat "$T/complaints"
	head -n 1 "$T"/wrong/wrong.*
	return 1
}
ok "$MUTANTS changed requests: refused, or a right certificate each" right
echo "# $(($(date +%s) - begun)) s; $(tr '\n' ',' <"$T/tally")"
cat "$T/wrong/serials" >>"$T/serials"
cat "$T/warm" "$T/tally" >"$T/all"

# ---- and then
sum() { awk -v want="$1" '$1 ~ want { n += $NF } END { print n + 0 }' "$T/all"; }
is "each was answered" "$(sum '^[1-5]')" $((MUTANTS + 300))
ok "many were good: $(sum 200)" test "$(sum 200)" -gt $((MUTANTS / 20))
is "every certificate is recorded, no other is" \
	"$(sort -u "$T/serials" | cksum)" \
	"$(sql "SELECT serial FROM certificate" | sort -u | cksum)"
is "every refusal is recorded, once for each time" "$(refusals)" \
	"$(($(sum '^4') + $(sum again-refused)))"
ok "one of four came twice, with the same answer: $(sum again)" \
	test "$(sum again)" -ge $((MUTANTS / 4))
ok "the audit is whole" admin audit verify
is "the database, too" "$(sqlite3 "$T/state/microca.db" 'PRAGMA integrity_check')" ok
sed -n 's/^4[0-9]* \([a-z0-9-]*\) .*/\1/p' "$T/all" | sort -u >"$T/words"
not_documented() {
	while read -r word; do
		grep -qE "^\| .*\`$word\`" "$SRCDIR/docs/refusals.md" || echo "$word"
	done <"$T/words"
}
is "every reason is in docs/refusals.md" "$(not_documented)" ""
ok "of many kinds: $(wc -l <"$T/words")" test "$(wc -l <"$T/words")" -gt 15
is "no line of the log has a control character" \
	"$(LC_ALL=C grep -c '[[:cntrl:]]' "$T/simpleenroll.log")" 0
is "no sanitizer spoke" "$(grep -cE 'Sanitizer|runtime error' "$T/simpleenroll.log")" 0
ok "memory: $memory KiB, then $(rss)" test "$(rss)" -lt $((4 * memory + 65536))
is "the same process goes on" "$(send_csr plain "$T/plain.b64" \
	MICROCA_ENDPOINT=)" "0 403 auth-config"
ok "… it does" kill -0 "$pid"
stop TERM
is "and ends cleanly" "$rc" 0
done_testing
