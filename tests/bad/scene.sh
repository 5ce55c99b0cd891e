# shellcheck shell=bash disable=SC2034,SC2154
# What the rows find: endpoints, certificates, requests; and what is done with
# the table itself.

mapfile -t maker < <(as manufacturer)
export maker
dev=()
as_web=()

# The rows without their comments, and without what defines words.
grep -v -e '^#' -e '^=' -e '^[[:space:]]*$' "$HERE/rows.tsv" >"$T/rows"

# "# A 28": the list has A01 to A28.
complete() {
	local section count i id
	cut -f1 "$T/rows" | sort -u >"$T/ids"
	while read -r section count; do
		for ((i = 1; i <= count; i++)); do
			printf -v id '%s%02d' "$section" "$i"
			grep -qx "$id" "$T/ids" || { echo "no row $id"; return 1; }
			echo "$id"
		done
	done < <(sed -n 's/^# \([A-Z]\) \([0-9]*\)$/\1 \2/p' "$HERE/rows.tsv") \
		>"$T/list"
	diff <(sort "$T/list") "$T/ids"
}
calm() {
	[ "${#wrong[@]}" = 0 ] || printf '%s\n' "${wrong[@]}"
	[ "${#wrong[@]}" = 0 ]
}

# proven FILE: WORDS: a test of this tree says so, under these words.
proven() {
	local file=${1%%: *} words=${1#*: }
	grep -qE "(^|[[:space:]])$file([[:space:]]|\$)|(^|[[:space:]])${file%.c}([[:space:]]|\$)" \
		"$SRCDIR/Makefile.am" || amiss "$file is no test of Makefile.am"
	grep -qF -e "$words" "$SRCDIR/$file" || amiss "$file has no \"$words\""
}

# ---- endpoints -------------------------------------------------------------------
insert() { # insert FILE AFTER: standard input, behind the line AFTER
	local text
	text=$(cat)
	awk -v after="$2" -v text="$text" '{ print } $0 == after { print text }' \
		"$1" >"$T/insert" && cat "$T/insert" >"$1"
}
endpoints() {
	middles >"$T/middles.log" 2>&1 || return 1
	shims
	more_profiles | insert "$DEMO/etc/profiles.conf" 'profiles = ('
	more_endpoints | insert "$DEMO/etc/microca.conf" 'endpoints = ('
	insert "$DEMO/etc/profiles.conf" 'profiles = (' <<-'END'
	{ name = "strict"; validity = "90d";
	  key_usage = ("digitalSignature"); ext_key_usage = ("clientAuth");
	  keys = ("p256", "p384", "rsa2048");
	  subject = ( { type = "CN"; from = "required"; pattern = "[A-Za-z0-9._-]+"; },
	    { type = "serialNumber"; from = "optional"; } );
	  san = ( { type = "dns"; }, { type = "ip"; } );
	  renewal_window = "0"; key_reuse = true; key_shared = true; },
	END
	insert "$DEMO/etc/microca.conf" 'endpoints = (' <<-END
	{ name = "strict"; port = $((PORT + STRICT)); profile = "strict";
	  allow = ( { own = ("strict"); },
	    { issuer = "$DEMO/manufacturer-ca.pem"; names = "pattern [^X].*";
	      subject = "CN=Demo Manufacturer RA,O=Demo Manufacturer"; },
	    { issuer = "$DEMO/old-maker.pem"; names = "any"; } ); },
	{ name = "either"; port = $((PORT + EITHER)); profile = "device";
	  auth = "either"; allow = ( { own = ("device"); }, { secret = true; } ); },
	{ name = "held"; port = $((PORT + HELD)); profile = "strict";
	  approval = "always";
	  allow = ( { own = ("strict"); },
	    { issuer = "$DEMO/manufacturer-ca.pem"; names = "any"; } ); },
	END
	printf '%s\n' 'approval_retry = "1s";' 'body_wait = "2s";' 'threads = 10;' \
		>>"$DEMO/etc/microca.conf"
	# "threads" counts from the next start on.
	quick stop >>"$T/quickstart.log" 2>&1
	quick >>"$T/quickstart.log" 2>&1 || return 1
	local end=$((SECONDS + 30))
	until [ "$(post "$STRICT" simpleenroll /dev/null)" = 403 ] &&
		[ "$(post "$STRICT" simplereenroll /dev/null)" = 403 ] &&
		[ "$(post "$EITHER" simpleenroll /dev/null)" = 401 ] &&
		[ "$(post "$HELD" simpleenroll /dev/null)" = 403 ]; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# ---- who asks ----------------------------------------------------------------------
# leaf NAME SUBJECT EXTENSION… : $T/NAME.pem and .key; with $days, $since, $hash,
# $ca and $newkey.
leaf() {
	local name=$1 subject=$2 ext=("basicConstraints=critical,CA:FALSE") key=("${newkey:-ec}")
	shift 2
	printf '%s\n' "${ext[@]}" "$@" >"$T/leaf.ext"
	[ -n "${newkey:-}" ] || key+=(-pkeyopt ec_paramgen_curve:P-256)
	openssl req -new -newkey "${key[@]}" -nodes \
		-keyout "$T/$name.key" -subj "$subject" -out "$T/leaf.csr" &&
		${since:+faketime -f "$since"} openssl x509 -req -in "$T/leaf.csr" \
			"-${hash:-sha256}" -CA "$(of "${ca:-manufacturer-ca}").pem" \
			-CAkey "$(of "${ca:-manufacturer-ca}").key" -days "${days:-30}" \
			-set_serial "0x${serial:-4$(openssl rand -hex 8)}" \
			-extfile "$T/leaf.ext" -out "$T/$name.pem"
}
RA="/O=Demo Manufacturer/CN=Demo Manufacturer RA"
clients() {
	local ds=keyUsage=critical,digitalSignature ca_auth=extendedKeyUsage=clientAuth
	leaf plain "$RA" $ds $ca_auth
	since=-90d leaf ended "$RA" $ds $ca_auth
	since=+90d leaf early "$RA" $ds $ca_auth
	leaf tls-server "$RA" $ds extendedKeyUsage=serverAuth
	leaf sealer "$RA" keyUsage=critical,keyEncipherment $ca_auth
	leaf odd "$RA" $ds $ca_auth '1.3.6.1.4.1.99999.7=critical,DER:0500'
	hash=sha1 leaf sha1 "$RA" $ds $ca_auth
	newkey=rsa:1024 leaf rsa1024 "$RA" $ds $ca_auth
	leaf cmc "/CN=RA of others" $ds 'extendedKeyUsage=clientAuth,1.3.6.1.5.5.7.3.28'
	# Another CA that calls itself the manufacturer's, and a serial of that one's.
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/fake.key" -out "$T/fake.pem" -days 9 \
		-subj "/O=Demo Manufacturer/CN=Demo Manufacturer CA"
	ca=$T/fake serial=$(openssl x509 -in "$DEMO/manufacturer.pem" -noout \
		-serial | cut -d= -f2) leaf twin "$RA" $ds $ca_auth
	leaf other "/O=Demo Manufacturer/CN=Somebody" $ds $ca_auth
	ca=operator-ca leaf stranger "$RA" $ds $ca_auth
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/self.key" -out "$T/self.pem" -days 9 -subj "$RA" \
		-addext basicConstraints=CA:FALSE
}

scene() {
	local name known
	endpoints || return 1
	{
		clients
		csr good /CN=good
		for name in dev gone held-back; do enrol "$name" "$name" "$STRICT" || return 1; done
		# The program knows it, and yet the revocation counts.
		mapfile -t known < <(as "$T/gone")
		csr gone-again /CN=gone
		[ "$(post "$STRICT" simplereenroll "$T/gone-again.b64" \
			"${known[@]}")" = 200 ] || return 1
		admin revoke --reason keyCompromise "$(serial gone)"
		admin revoke --reason certificateHold "$(serial held-back)"
		mapfile -t dev < <(as "$T/dev")
		cp "$T/dev.key" "$T/dev-old.key"
		rm "$T/dev.key"
		csr renew /CN=dev
		mv "$T/dev-old.key" "$T/dev.key"
	} >"$T/scene.log" 2>&1
	[ "$(post "$STRICT" simpleenroll "$T/good.b64" "${maker[@]}")" = 200 ] || return 1
	cp "$T/body" "$T/good.answer"
	[ "$(post "$STRICT" simplereenroll "$T/renew.b64" "${dev[@]}")" = 200 ] || return 1
	csr held /CN=held
	[ "$(post "$HELD" simpleenroll "$T/held.b64" "${maker[@]}")" = 202 ] || return 1
	secret=$(secret_of keeper)
	spent=$(secret_of spender)
	csr spender /CN=spender
	[ "$(post "$EITHER" simpleenroll "$T/spender.b64" -u "spender:$spent")" = 200 ] ||
		return 1
	csr another /CN=spender
	post "$EITHER" simpleenroll "$T/another.b64" -u "nobody:$spent" >/dev/null
	openssl ocsp -issuer "$DEMO/intermediate.pem" -cert "$T/dev.pem" \
		-reqout "$T/ocsp.der" 2>/dev/null
	list=$(cat "$DEMO"/public/crl/*.crl | cksum)
	forged=$(openssl x509 -in "$DEMO/manufacturer.pem" -outform DER | openssl base64 -A)
	requests >"$T/requests.log" 2>&1 || return 1
	gzip -c "$T/good.b64" >"$T/good.gz"
	fill 200000 A >"$T/large"
	truncate -s 1G "$T/giant"
	# What sends as the web server's user has to be where that may read.
	install -m 755 "$BUILDDIR/tests/tools/fcgi" "$T/fcgi"
	[ "$(id -u)" != 0 ] || as_web=(setpriv --reuid www-data --regid www-data
		--clear-groups --)
	export secret list
}
# Requests of openssl(1), named in "body" rows.
requests() {
	cp "$T/renew.key" "$T/re-subject.key"
	cp "$T/renew.key" "$T/re-case.key"
	cp "$T/renew.key" "$T/re-type.key"
	cp "$T/renew.key" "$T/re-san.key"
	cp "$T/dev.key" "$T/re-key.key"
	cp "$T/dev.key" "$T/same-key.key"
	cp "$T/gone.key" "$T/gone-key.key"
	csr re-subject /CN=dev/serialNumber=7 && csr re-case /CN=DEV &&
		csr re-san /CN=dev -addext subjectAltName=DNS:more.example &&
		csr re-key /CN=dev && csr same-key /CN=same-key &&
		csr gone-key /CN=gone-key && csr taken /CN=dev && csr scope /CN=Xbad &&
		printf '[req]\ndistinguished_name=n\nstring_mask=pkix\n[n]\n' >"$T/pkix" &&
		csr re-type /CN=dev -config "$T/pkix"
}
# For rows: what curl shows, what the web server hands over.
pair() { echo "--cert $(of "$1").pem --key $(of "$1").key"; }
shown() { printf 'SSL_CLIENT_CERT=' && cat "$(of "$1").pem"; }
of() {
	case $1 in
	/*) echo "$1" ;;
	*) [ -f "$T/$1.pem" ] && echo "$T/$1" || echo "$DEMO/$1" ;;
	esac
}
# The good request with its Nth octet of 13 changed.
mutant() {
	perl -e 'local $/; $_ = <STDIN>; my $at = ($ARGV[0] * 7919) % length;
		substr($_, $at, 1) = chr(ord(substr($_, $at, 1)) ^ (1 + $ARGV[0])); print' \
		"$1" <"$T/good.der" | openssl base64
}

serial() { openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2; }

# ---- what is asked -------------------------------------------------------------------
# HEX of 256 octets as an INTEGER.
integer() { printf '0282010100%s' "$1" | perl -pe '$_ = pack "H*", $_'; }
# The csr rows' bodies, $T/row.N.M for the Mth of row N.
bodies() {
	local kind
	for kind in ed25519 x25519; do
		openssl genpkey -algorithm $kind 2>/dev/null |
			openssl pkey -pubout -outform DER -out "$T/$kind.spki"
	done
	openssl x509 -in "$DEMO/intermediate.pem" -noout -pubkey |
		openssl pkey -pubin -outform DER -out "$T/ca.spki"
	for kind in 1024 2047 2048; do
		openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:$kind \
			-out "$T/rsa.key" 2>/dev/null
		openssl pkey -in "$T/rsa.key" -pubout -outform DER -out "$T/rsa$kind.spki"
	done
	integer "$(openssl rsa -in "$T/rsa.key" -noout -modulus | cut -d= -f2)" >"$T/rsa.n"
	integer "$(openssl prime -generate -bits 2048 -hex)" >"$T/prime.n"
	openssl pkey -in "$T/dev.key" -pubout -outform DER -out "$T/dev.spki"
	openssl crl2pkcs7 -nocrl -certfile "$DEMO/root.pem" -outform DER -out "$T/chain.p7"
	openssl x509 -in "$DEMO/root.pem" -outform DER -out "$T/root.der"
	openssl pkey -in "$T/dev.key" -outform DER -out "$T/key.der" 2>/dev/null
	cat "$DEMO"/public/crl/*.crl >"$T/list.crl"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
		-out "$T/row.key" 2>/dev/null
	{
		grep '^=' "$HERE/rows.tsv"
		awk -F '\t' '$2 == "csr" {
			m = split($3, part, " [|][|] ")
			for (i = 1; i <= m; i++)
				printf "row.%d.%03d\t%s\n", NR, i, part[i]
		}' "$T/rows"
	} | "$BUILDDIR/tests/tools/body" "$T/row.key" "$T"
}

# ---- after all of them -----------------------------------------------------------------
access_flush() {
	kill -HUP "${pids[$SERVER]:-$(cat "$DEMO/pid/$SERVER")}"
}
begin_log() {
	local end=$((SECONDS + 10)) was
	# Nothing is written behind it any more once it does not grow.
	access_flush
	was=-1
	until [ "$(wc -l <"$DEMO/log/access.log")" = "$was" ]; do
		was=$(wc -l <"$DEMO/log/access.log")
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.3
	done
	log_from=$((was + 1))
}
# As many answers of each status as we had.
logged() {
	local status end=$((SECONDS + 10)) have want
	want=$(for status in "${!tally[@]}"; do
		echo "$status ${tally[$status]}"
	done | sort)
	access_flush
	while :; do
		have=$(tail -n "+$log_from" "$DEMO/log/access.log" | sed -n \
			's/.*" \([1-5][0-9][0-9]\) [0-9-]* ".*/\1/p' | sort | uniq -c |
			awk '{print $2, $1}')
		[ "$have" != "$want" ] || return 0
		[ "$SECONDS" -lt "$end" ] || break
		sleep 0.3
	done
	diff <(echo "$have") <(echo "$want")
}
restart() {
	quick stop >/dev/null 2>&1
	quick >>"$T/quickstart.log" 2>&1
}
