# shellcheck shell=sh
# What the operation tests share: a throw-away CA, the real programs run as
# plain CGI, openssl(1) as judge, TAP.
#
# The programs refuse to run as root, so root becomes nobody first.

SRCDIR=${SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILDDIR=${BUILDDIR:-$SRCDIR}
export SRCDIR BUILDDIR
# A sanitizer wants to be the first library; faketime is.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
export ASAN_OPTIONS
if [ "$(id -u)" = 0 ]; then
	exec setpriv --reuid 65534 --regid 65534 --clear-groups \
		env HOME=/nonexistent "$0" "$@"
fi

umask 022
T=$(mktemp -d "${TMPDIR:-/tmp}/microca-op.XXXXXX") || exit 1
CONF=$T/microca.conf
BIN=$BUILDDIR/cgi-bin
EST=/.well-known/est
CA_SUBJECT="CN=Op Test CA,O=Example"
CA_EXTENSION= # one more extension of the CA's certificate
CA_KEY_TYPE=p256
MODULE_ENV= # microca.conf's module_environment, as a list's inside
tap_n=0
tap_bad=0
started=

cleanup() {
	for pid in $started; do
		kill "$pid" 2>/dev/null
	done
	rm -rf "$T"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# ok NAME COMMAND...: what the command prints is shown when it fails.
ok() {
	tap_name=$1
	shift
	tap_n=$((tap_n + 1))
	if tap_out=$("$@" 2>&1); then
		echo "ok $tap_n - $tap_name"
		return 0
	fi
	echo "not ok $tap_n - $tap_name"
	printf '%s\n' "$tap_out" | sed 's/^/# /' | head -n 30
	tap_bad=$((tap_bad + 1))
}

# is NAME GOT WANT
is() {
	tap_n=$((tap_n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $tap_n - $1"
		return 0
	fi
	echo "not ok $tap_n - $1"
	printf 'got:  %s\nwant: %s\n' "$2" "$3" | sed 's/^/# /' | head -n 20
	tap_bad=$((tap_bad + 1))
}

# like NAME GOT PATTERN: an extended regular expression, somewhere in GOT.
like() {
	tap_n=$((tap_n + 1))
	if printf '%s\n' "$2" | grep -qE -e "$3"; then
		echo "ok $tap_n - $1"
		return 0
	fi
	echo "not ok $tap_n - $1"
	printf 'got:  %s\nwant: %s\n' "$2" "$3" | sed 's/^/# /' | head -n 20
	tap_bad=$((tap_bad + 1))
}

skip() { # skip NAME REASON
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

done_testing() {
	refused_all
	echo "1..$tap_n"
	exit "$((tap_bad > 0))"
}

bail() {
	[ -f "$T/setup.log" ] && sed 's/^/# /' "$T/setup.log" | tail -n 30
	echo "Bail out! $1"
	exit 1
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	wait_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$wait_end" ] || return 1
		sleep 0.05
	done
}

# ---- the CA -----------------------------------------------------------------

admin() { "$BUILDDIR/bin/microca" -c "$CONF" "$@"; }
STORE=
STORE_URL=sqlite:$T/state/microca.db
# store_at HOST: the store is a database of this test's own in PostgreSQL, whose
# socket is in that folder.
store_at() {
	STORE_HOST=$1
	store_name=op_$$
	STORE_URL="postgresql://microca@/$store_name?host=$STORE_HOST"
	STORE="store = \"$STORE_URL\";"
	psql -Xq -h "$STORE_HOST" -U microca -d postgres \
		-c "CREATE DATABASE $store_name" || bail "CREATE DATABASE"
	# What the tests' SQL takes from SQLite.
	psql -Xq -h "$STORE_HOST" -U microca -d "$store_name" \
		-c "CREATE FUNCTION hex(bytea) RETURNS text LANGUAGE sql
		AS 'SELECT upper(encode(\$1, ''hex''))'" || bail "hex"
}
# pgsql-suite.sh has tests run again so.
[ -z "${STORE_HOST:-}" ] || store_at "$STORE_HOST"
sql_write() {
	if [ -n "$STORE" ]; then
		sql "$1"
	else
		sqlite3 "$T/state/microca.db" "$1"
	fi
}
sql() {
	if [ -n "$STORE" ]; then
		psql -XAtq -h "$STORE_HOST" -U microca -d "$store_name" -c "$1"
	else
		sqlite3 -readonly "$T/state/microca.db" "$1"
	fi
}
issued() { sql "SELECT count(*) FROM certificate"; }
refusals() { sql "SELECT count(*) FROM audit WHERE event = 'refuse'"; }
last_refusal() { # last_refusal MEMBER of the audit record
	sql "SELECT record FROM audit WHERE event = 'refuse'
		ORDER BY seq DESC LIMIT 1" | jq -r ".$1 // empty"
}

profile() { # profile NAME MORE: one that takes what devices usually send
	cat <<-END
	{ name = "$1"; validity = "90d"; ca = false;
	  key_usage = ("digitalSignature"); ext_key_usage = ("clientAuth");
	  keys = ("p256", "p384", "rsa2048");
	  subject = (
	    { type = "CN"; from = "required"; pattern = "[A-Za-z0-9._-]+"; },
	    { type = "serialNumber"; from = "optional"; } );
	  san = ( { type = "dns"; }, { type = "ip"; } );
	  $2 }
	END
}

profiles_write() {
	{
		echo "profiles = ("
		profile device 'renewal_window = "0";'
		echo ","
		profile late 'renewal_window = "30d";'
		echo ","
		profile mute 'csrattrs = "none";'
		echo ","
		profile template 'csrattrs = "both"; key_reuse = true;
			renewal_window = "0";'
		cat <<-END
		, { name = "subca"; validity = "365d"; ca = true;
		    path_length = 0; key_usage = ("keyCertSign", "cRLSign");
		    keys = ("p256"); renewal_window = "0";
		    subject = ( { type = "CN"; from = "required"; } ); } );
		END
	} >"$T/profiles.conf"
}

# One endpoint: endpoint NAME PORT PROFILE MORE.  The manufacturer may name
# devices as the profile lets it, but none that begins with X.
endpoint() {
	cat <<-END
	{ name = "$1"; port = $2; profile = "$3"; $4
	  allow = ( { own = ("$3"); },
	    { issuer = "maker.pem"; names = "pattern [^X].*"; } ); }
	END
}

conf_write() { # conf_write KEY MORE
	{
		cat <<-END
		state = "$T/state"; public = "$T/public"; run = "$T/run";
		profiles = "profiles.conf"; allow_cgi = true; threads = 10;
		web_server_users = ("$(id -u)"); body_wait = "2s";
		disk_reserve = "1M"; $STORE $2
		ca = { key = "$1"; module = "$MODULE"; pin_file = "pin";
		  key_type = "$CA_KEY_TYPE"; subject = "$CA_SUBJECT";
		  module_environment = ($MODULE_ENV); };
		endpoints = (
		END
		endpoint device 8443 device 'labels = ("mute", "template");'
		echo ","
		endpoint late 8453 late ''
		echo ","
		endpoint mute 8454 mute ''
		echo ","
		endpoint template 8455 template ''
		echo ","
		endpoint lenient 8456 device 'lenient = true;'
		echo ","
		endpoint readonly 8457 device \
			'operations = ("cacerts", "csrattrs");'
		echo ","
		endpoint nginx 8458 device 'frontend = "nginx";'
		echo ","
		endpoint caddy 8459 device 'frontend = "caddy";'
		echo ","
		endpoint subca 8445 subca ''
		echo ");"
	} >"$CONF"
}

# A root of our own making for $1 with the extensions of $2.
root_make() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/$1.key" -out "$T/$1.pem" -days 3650 -subj "$2" \
		-addext basicConstraints=critical,CA:TRUE \
		-addext keyUsage=critical,keyCertSign,cRLSign
}

softhsm_find() {
	for MODULE in /usr/lib/softhsm/libsofthsm2.so \
		/usr/lib/*/softhsm/libsofthsm2.so; do
		[ -f "$MODULE" ] && return 0
	done
	return 1
}

softhsm_make() {
	mkdir -p "$T/tokens"
	echo "directories.tokendir = $T/tokens" >"$T/softhsm2.conf"
	echo "log.level = ERROR" >>"$T/softhsm2.conf"
	export SOFTHSM2_CONF="$T/softhsm2.conf"
	(umask 077 && echo 987654 >"$T/pin")
	softhsm2-util --init-token --free --label op-test --pin 987654 \
		--so-pin 12345678
}

# Root signs our CA's request.
ca_certify() {
	admin csr -o "$T/ca.csr" &&
		printf '%s\n' basicConstraints=critical,CA:TRUE,pathlen:1 \
			keyUsage=critical,keyCertSign,cRLSign \
			subjectKeyIdentifier=hash "$CA_EXTENSION" >"$T/ca.ext" &&
		openssl x509 -req -in "$T/ca.csr" -CA "$T/root.pem" \
			-CAkey "$T/root.key" -CAcreateserial -days 1825 \
			-extfile "$T/ca.ext" -out "$T/ca.pem" &&
		admin install --root "$T/root.pem" intermediate "$T/ca.pem"
}

# ca_make [pem|softhsm|tpm]: a CA below a root, and a manufacturer's CA whose
# registration authority (maker-ra) may enrol.  $TOKEN goes before what the
# test wants: tpm-suite.sh has tests run again with a TPM.
ca_make() {
	MODULE=
	key="pkcs11:token=op-test;object=issuer"
	case ${TOKEN:-${1:-pem}} in
	pem) key=$T/issuer.key ;;
	softhsm)
		softhsm_find || bail "no SoftHSM module"
		softhsm_make >"$T/setup.log" 2>&1 || bail "SoftHSM"
		;;
	tpm)
		# shellcheck source=tests/op/tpm-lib.sh
		. "$SRCDIR/tests/op/tpm-lib.sh"
		tpm_make "${TPM_MODE:-managed}" >"$T/setup.log" 2>&1 || bail "no TPM"
		;;
	*) bail "TOKEN is pem, softhsm or tpm" ;;
	esac
	mkdir -p "$T/run"
	profiles_write
	conf_write "$key"
	{
		root_make root "/CN=Op Test Root" &&
			root_make maker "/CN=Op Test Maker" &&
			leaf_make maker-ra maker "/CN=Line 1 RA" &&
			admin init && ca_certify
	} >"$T/setup.log" 2>&1 || bail "the CA could not be made"
}

# The CA's key, wherever it is, goes away and comes back.
key_home() {
	case $key in
	pkcs11:*) [ "${TOKEN:-}" = tpm ] && echo "$TPM/store" || echo "$T/tokens" ;;
	*) echo "$key" ;;
	esac
}
key_hide() { mv "$(key_home)" "$T/key.away"; }
key_back() { rm -rf "$(key_home)" && mv "$T/key.away" "$(key_home)"; }

# leaf_make NAME CA SUBJECT [openssl x509 arguments]: $T/NAME.pem and .key
leaf_make() {
	leaf=$1 leaf_ca=$2 leaf_subject=$3
	shift 3
	printf '%s\n' basicConstraints=critical,CA:FALSE \
		keyUsage=critical,digitalSignature extendedKeyUsage=clientAuth \
		>"$T/leaf.ext"
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/$leaf.key" -subj "$leaf_subject" \
		-out "$T/leaf.csr" 2>/dev/null &&
		openssl x509 -req -in "$T/leaf.csr" -CA "$T/$leaf_ca.pem" \
			-CAkey "$T/$leaf_ca.key" -CAcreateserial -days 30 \
			-extfile "$T/leaf.ext" "$@" -out "$T/$leaf.pem"
}

# ---- requests ---------------------------------------------------------------

# csr NAME SUBJECT [openssl req arguments]: $T/NAME.key, .der and .b64; a key
# that is there is used again.
csr() {
	csr_name=$1 csr_subject=$2
	shift 2
	[ -f "$T/$csr_name.key" ] ||
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
			-out "$T/$csr_name.key" 2>/dev/null
	openssl req -new -key "$T/$csr_name.key" -subj "$csr_subject" -utf8 \
		"$@" -outform DER -out "$T/$csr_name.der" &&
		openssl base64 -in "$T/$csr_name.der" -out "$T/$csr_name.b64"
}

# cgi PROGRAM NAME=VALUE... <body: the status; headers in $T/head, the body in
# $T/body, the log in $T/log.
cgi() {
	cgi_program=$1
	shift
	# For whoever asks the same again: refused.sh.
	echo "$cgi_program" >"$T/asked.program"
	printf '%s\0' REMOTE_ADDR=192.0.2.7 "$@" >"$T/asked"
	readlink /proc/self/fd/0 >"$T/asked.body"
	env -i PATH="$PATH" MICROCA_CONF="$CONF" \
		${SOFTHSM2_CONF+"SOFTHSM2_CONF=$SOFTHSM2_CONF"} \
		${ASAN_OPTIONS+"ASAN_OPTIONS=$ASAN_OPTIONS"} \
		REMOTE_ADDR=192.0.2.7 "$@" \
		"$BIN/$cgi_program" >"$T/answer" 2>"$T/log"
	# lib/web/confine.h: all that a program does is what it may.
	! grep 'is none that this program makes' "$T/log" >"$T/setup.log" ||
		bail "$cgi_program was refused a system call"
	cgi_answer
}
# cgi_answer: $T/answer's parts, and its status.
cgi_answer() {
	sed '/^\r*$/,$d' "$T/answer" | tr -d '\r' >"$T/head"
	sed '1,/^\r*$/d' "$T/answer" >"$T/body"
	sed -n 's/^Status: \([0-9]*\).*/\1/p' "$T/head"
}

# get ENDPOINT [LABEL/]OPERATION [NAME=VALUE...]
get() {
	get_endpoint=$1 get_path=$2
	shift 2
	cgi "${get_path##*/}" REQUEST_METHOD=GET "REQUEST_URI=$EST/$get_path" \
		MICROCA_ENDPOINT="$get_endpoint" "$@" </dev/null
}

# post ENDPOINT [LABEL/]OPERATION CLIENT BODY [NAME=VALUE...]: CLIENT is the
# name of a certificate, "" for none.
post() {
	post_endpoint=$1 post_path=$2 post_client=$3 post_body=$4
	shift 4
	if [ -n "$post_client" ]; then
		set -- SSL_CLIENT_VERIFY=SUCCESS \
			"SSL_CLIENT_CERT=$(cat "$T/$post_client.pem")" "$@"
	else
		set -- SSL_CLIENT_VERIFY=NONE "$@"
	fi
	cgi "${post_path##*/}" REQUEST_METHOD=POST \
		"REQUEST_URI=$EST/$post_path" \
		MICROCA_ENDPOINT="$post_endpoint" \
		CONTENT_TYPE=application/pkcs10 "$@" <"$post_body"
}

reason() { sed 's/:.*//' "$T/body"; }
header() { sed -n "s/^$1: //p" "$T/head"; }
# The certificates of the last answer as PEM.
certs() {
	tr -d '\r\n' <"$T/body" | openssl base64 -d -A |
		openssl pkcs7 -inform DER -print_certs
}

# enrol NAME SUBJECT [ENDPOINT]: by the manufacturer; $T/NAME.pem.
enrol() {
	csr "$1" "$2" &&
		[ "$(post "${3:-device}" simpleenroll maker-ra \
			"$T/$1.b64")" = 200 ] &&
		certs | openssl x509 -out "$T/$1.pem"
}

# before_refusal and refused, which a test of many refusals calls for each.
# shellcheck source=tests/op/refused.sh
. "$SRCDIR/tests/op/refused.sh"
