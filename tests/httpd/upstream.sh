#!/usr/bin/env bash
# A CA below a CA: the child gets its own certificates from a parent, which is
# another micro CA behind lighttpd, by EST over mutual TLS, and keeps them.
# shellcheck source=tests/httpd/lib.sh
. "$(dirname "$0")/lib.sh"
CHILD=$T/child
CONF=$CHILD/microca.conf

# ---- the parent --------------------------------------------------------------
# Besides the demo's endpoints: one for the client certificates of CAs below,
# and one whose certificates are short-lived.
parent_configure() {
	local conf=$DEMO/etc/microca.conf
	sed -e "s/^endpoints = (/&\n\
  { name = \"cas\"; port = $((PORT + 3)); profile = \"operator\";\n\
    allow = ( { own = (\"operator\"); } ); },\n\
  { name = \"short\"; port = $((PORT + 4)); profile = \"short\";\n\
    allow = ( { own = (\"operator\"); names = \"any\"; } ); },/" \
		-e "/name = \"idevid\"/,/allow = (/s/allow = (/&\n\
    { own = (\"operator\"); names = \"any\"; },/" \
		-e "s/^ca = {/approval_retry = \"60s\";\n&/" \
		"$conf" >"$T/parent.conf"
	cat "$T/parent.conf" >"$conf"
	sed 's/^profiles = (/&\n  { name = "short"; validity = "10m";\n\
    backdate = "0"; key_usage = ("digitalSignature");\n\
    subject = ( { type = "CN"; from = "required"; } ); },/' \
		"$DEMO/etc/profiles.conf" >"$T/parent-profiles.conf"
	cat "$T/parent-profiles.conf" >"$DEMO/etc/profiles.conf"
	quick stop >"$T/quickstart.log" 2>&1
	quick >>"$T/quickstart.log" 2>&1 || {
		sed 's/^/# /' "$T/quickstart.log" | tail -n 20
		echo "Bail out! the parent's configuration"
		exit 1
	}
}
parent_approval() { # parent_approval none|always
	sed -i -e '/approval = "/d' "$DEMO/etc/microca.conf"
	sed -i -e "s/^\tprofile = \"subca\";/&/" \
		-e "/name = \"subca\"; #/s/\$/\n\t\tapproval = \"$1\";/" \
		"$DEMO/etc/microca.conf"
}

# ---- the child ---------------------------------------------------------------
child_profiles() {
	cat <<-'END'
		profiles = (
		  { name = "device"; validity = "30d";
		    key_usage = ("digitalSignature");
		    subject = ( { type = "CN"; from = "required"; } ); },
		  { name = "server"; validity = "90d";
		    key_usage = ("digitalSignature");
		    ext_key_usage = ("serverAuth");
		    subject = ( { type = "CN"; from = "required"; } );
		    san = ( { type = "dns"; max = 4; } ); } );
	END
}
# child_conf [MORE for the intermediate [URL of the device [MORE for it]]]
child_conf() {
	cat <<-END
		state = "$CHILD/state"; public = "$CHILD/public";
		run = "$CHILD/run"; profiles = "profiles.conf";
		disk_reserve = "1M"; httpd = { group = "$(id -gn "$child_user")"; };
		ca = { key = "pkcs11:token=child;object=issuer";
		  module = "$(sed -n 's/.*module = "\(.*\)";/\1/p' \
			"$DEMO/etc/microca.conf")"; pin_file = "pin";
		  module_environment = ("SOFTHSM2_CONF=$CHILD/softhsm2.conf");
		  subject = "CN=child-issuing-ca"; };
		upstream = { url = "https://localhost:$((PORT + 2))";
		  anchors = "parent-root.pem"; timeout = "10s"; ask_again = "1h"; };
		certificates = (
		  { name = "client"; source = "upstream"; subject = "CN=child-ca";
		    url = "https://localhost:$((PORT + 3))";
		    initial_certificate = "first.pem"; initial_key = "first.key";
		    hook = ("hook", "client"); },
		  { name = "intermediate"; source = "upstream"; ${1:-} },
		  { name = "device"; source = "upstream"; subject = "CN=child-box";
		    url = "${2:-https://localhost:$((PORT + 1))}";
		    key = "pkcs11:token=child;object=box"; ${3:-} },
		  { name = "server"; source = "self"; profile = "server";
		    subject = "CN=localhost"; san = ("DNS:localhost");
		    hook = ("hook", "server"); } );
		endpoints = ( { name = "device"; port = 1; profile = "device";
		  allow = ( { own = ("device"); } ); } );
	END
}
child_user_choose() {
	child_user=$(id -un)
	[ "$(id -u)" != 0 ] || child_user=nobody
}
as_child() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid "$child_user" --regid "$(id -g "$child_user")" \
			--clear-groups env HOME=/nonexistent "$@"
	else
		"$@"
	fi
}
child_make() {
	mkdir -p "$CHILD/tokens" "$CHILD/run"
	printf 'directories.tokendir = %s\nlog.level = ERROR\n' \
		"$CHILD/tokens" >"$CHILD/softhsm2.conf"
	child_profiles >"$CHILD/profiles.conf"
	child_conf >"$CONF"
	cp "$DEMO/root.pem" "$CHILD/parent-root.pem"
	cat >"$CHILD/hook" <<-END
		#!/bin/sh
		echo "\$1 \$EST_NAME" >>"$CHILD/hooks"
	END
	chmod 755 "$CHILD/hook"
	(umask 077 && echo 4711 >"$CHILD/pin" &&
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
			-out "$CHILD/first.key") 2>/dev/null
	openssl req -new -key "$CHILD/first.key" -subj /CN=child-ca |
		admin issue --profile operator -o "$CHILD/first.pem" -
	chmod 750 "$CHILD/run"
	[ "$(id -u)" != 0 ] || chown -R "$child_user:" "$CHILD"
	as_child env SOFTHSM2_CONF="$CHILD/softhsm2.conf" softhsm2-util \
		--init-token --free --label child --pin 4711 --so-pin 4712
	child init
}
child() { as_child "$BUILDDIR/bin/microca" -c "$CONF" "$@"; }
run() { # run ARGUMENT...: the child's exit status; texts in $T/out, $T/err
	child "$@" >"$T/out" 2>"$T/err"
	echo $?
}
state_of() { child status --json "$1" | jq -r ".[0].$2 // empty"; }
own() { echo "$CHILD/state/own/$1"; }
serial_of() { openssl x509 -in "$1" -noout -serial | sed 's/.*=//'; }
rows() { # rows EVENT NAME: the child's audit rows
	sqlite3 -readonly "$CHILD/state/microca.db" \
		"SELECT record FROM audit WHERE event = '$1'" |
		jq -r "select(.operation == \"$2\") | .reason // .serial"
}
issuer_of() { # who issues for the child now
	csr "probe$1" "/CN=probe$1"
	child issue --profile device "$T/probe$1.der" >"$T/probe$1.pem" &&
		openssl x509 -in "$T/probe$1.pem" -noout -ext authorityKeyIdentifier |
		tail -n 1 | tr -d ' :'
}
keyid_of() {
	openssl x509 -in "$1" -noout -ext subjectKeyIdentifier | tail -n 1 |
		tr -d ' :'
}
# The next try is due now, as if its time had passed.
time_passes() {
	sed -i '/"next_try"/d' "$(own "$1")/status.json"
}
# So that what is issued now ends later than what there is.
a_second_passes() {
	local now
	now=$(date +%s)
	until [ "$(date +%s)" -gt "$now" ]; do :; done
}
same_as() { # same_as FILE FILE
	cmp -s "$1" "$2" && echo same
}
# The programs read the changed configuration by themselves, one by one.
until_held() {
	local i rc=
	for ((i = 0; i < 50; i++)); do
		rc=$(run enroll --force intermediate)
		[ "$rc" = 0 ] || break
		unstage
	done
	echo "$rc"
}
parent_polls() { grep -c "/simpleenroll" "$DEMO/log/access.log"; }
waiting() { # the generation that waits
	find "$(own "$1")" -name csr.der -printf '%h\n'
}

demo_start
child_user_choose
parent_configure
if ! child_make >"$T/child.log" 2>&1; then
	sed 's/^/# /' "$T/child.log"
	echo "Bail out! the child could not be made"
	exit 1
fi

# ---- nothing yet -------------------------------------------------------------
is "at first there is none" "$(child status | cut -d, -f1 | tr '\n' ' ')" \
	"client: none intermediate: none device: none server: none "

# ---- all four at once --------------------------------------------------------
is "renew gets all of them" "$(run renew)" 0
[ ! -s "$T/err" ] || sed 's/^/# /' "$T/err"
is "one line each" "$(cut -d, -f1 "$T/out" | tr '\n' ' ')" \
	"client: good intermediate: good device: good server: good "
ok "the client's is the parent's" openssl verify -purpose sslclient \
	-CAfile "$DEMO/root.pem" -untrusted "$DEMO/public/chain.pem" \
	"$(own client)/current/cert.pem"
ok "the intermediate is a CA below the parent" openssl verify \
	-CAfile "$DEMO/root.pem" -untrusted "$DEMO/public/chain.pem" \
	"$CHILD/state/issuer.pem"
is "its key is the one that init made in the token" \
	"$(cat "$(own intermediate)/current/key.uri")" \
	"pkcs11:token=child;object=issuer"
is "the parent's record says who asked" \
	"$(admin list --subject CN=child-issuing-ca --format json |
		jq -r '.[0].requester' | grep -o 'CN=child-ca')" "CN=child-ca"
is "the device's has no end" "$(openssl x509 -enddate -noout \
	-in "$(own device)/current/cert.pem")" "notAfter=Dec 31 23:59:59 9999 GMT"
is "its key is in the token" "$(cat "$(own device)/current/key.uri")" \
	"pkcs11:token=child;object=box-000001"
ok "the server's is the child's own" openssl verify -purpose sslserver \
	-CAfile "$DEMO/root.pem" -untrusted "$CHILD/public/chain.pem" \
	"$CHILD/public/server.pem"
is "it comes with its issuers, without the root" \
	"$(grep -c BEGIN "$CHILD/public/server.pem")" 3
is "certificate and key are a pair" \
	"$(openssl x509 -in "$CHILD/public/server.pem" -noout -pubkey)" \
	"$(openssl pkey -in "$CHILD/public/server.key" -pubout)"
is "hooks ran" "$(tr '\n' ' ' <"$CHILD/hooks")" "client client server server "
for name in client intermediate device server; do
	is "$name: one audit row" "$(rows own-enrolled $name)" \
		"$(serial_of "$(own $name)/current/cert.pem")"
done
ok "the child issues" issuer_of 1
ok "and its certificates verify up to the parent's root" openssl verify \
	-CAfile "$DEMO/root.pem" -untrusted "$CHILD/public/chain.pem" \
	"$T/probe1.pem"
is "check has nothing to say" "$(run check)" 0
grep -v '^ok' "$T/out" | sed 's/^/# /'
is "renew again does nothing" "$(run renew)" 0
is "no certificate changed" "$(rows own-enrolled client | wc -l)" 1
is "the device's is not renewed" "$(state_of device renew_at | cut -c1-2)" 99

# ---- early, by force and by time ---------------------------------------------
old=$(serial_of "$(own client)/current/cert.pem")
is "the client certificate renews itself" "$(run enroll --force client)" 0
is "it is another one" "$([ "$old" != \
	"$(serial_of "$(own client)/current/cert.pem")" ] && echo another)" another
is "the one before stays" "$(serial_of "$(own client)/previous/cert.pem")" "$old"
is "the parent saw a renewal" "$(admin list --subject CN=child-ca \
	--format json | jq -r '.[-1].operation')" simplereenroll

first=$(keyid_of "$CHILD/state/issuer.pem")
a_second_passes
is "a new intermediate by force" "$(run enroll --force intermediate)" 0
[ ! -s "$T/err" ] || sed 's/^/# /' "$T/err"
is "it waits for its time" "$(grep -o 'issues from 20' "$T/out")" \
	"issues from 20"
second=$(keyid_of "$(own intermediate)/current/cert.pem")
is "it has a key of its own" "$(cat "$(own intermediate)/current/key.uri")" \
	"pkcs11:token=child;object=issuer-000002"
is "the old one issues until then" "$(issuer_of 2)" "$first"
is "clients get both" "$(grep -c BEGIN "$CHILD/public/chain.pem")" 4
is "issuers lists both" "$(child issuers --json | jq -r '.[].state' |
	sort | tr '\n' ' ')" "active staged "
is "one is staged at a time" "$(run enroll --force intermediate)" 7
is "so the next one waits" "$(state_of intermediate reason)" issuer-staged
unstage() {
	child issuers drop "$(serial_of "$(own intermediate)/current/cert.pem")" \
		>/dev/null
}
unstage

# A certificate that lives for minutes, renewed when a hundredth is over.
child_conf "" "https://localhost:$((PORT + 4))" \
	'renew_before = "0"; renew_percent = 1;' >"$CONF"
is "a shorter one is not taken" "$(run enroll --force device)" 4
is "and lies in quarantine" \
	"$(cut -d' ' -f2 "$(own device)/rejected/why")" up-cert:
is "the one with no end stays" "$(openssl x509 -enddate -noout \
	-in "$(own device)/current/cert.pem")" "notAfter=Dec 31 23:59:59 9999 GMT"
rm -r "$(own device)"
is "with nothing in use it is" "$(run enroll device)" 0
is "a key that is there is not used again" \
	"$(cat "$(own device)/current/key.uri")" \
	"pkcs11:token=child;object=box-000003"
old=$(serial_of "$(own device)/current/cert.pem")
ends=$((SECONDS + 30))
until [ "$old" != "$(serial_of "$(own device)/current/cert.pem")" ] ||
	[ "$SECONDS" -ge "$ends" ]; do
	child renew device >"$T/out" 2>"$T/err"
done
is "renewed in time" "$([ "$old" != \
	"$(serial_of "$(own device)/current/cert.pem")" ] && echo another)" another
child_conf >"$CONF"

# ---- approval above (RFC 7030, 4.2.3) ----------------------------------------
parent_approval always
is "the parent holds the request" "$(until_held)" 3
is "it is pending" "$(state_of intermediate state)" pending
is "that is recorded" "$(rows own-pending intermediate)" up-pending
cp "$(waiting intermediate)/csr.der" "$T/held.der"
cp "$(waiting intermediate)/key.uri" "$T/held.uri"
since=$(state_of intermediate pending_since)
polls=$(parent_polls)
is "before its time it is not asked for again" "$(run renew intermediate)" 3
is "nobody asked" "$(parent_polls)" "$polls"
for day in 1 2 3; do
	time_passes intermediate
	is "day $day: it is asked for, and waits" "$(run renew intermediate)" 3
	is "day $day: the same request" \
		"$(same_as "$(waiting intermediate)/csr.der" "$T/held.der")" same
	is "day $day: the same key" \
		"$(same_as "$(waiting intermediate)/key.uri" "$T/held.uri")" same
done
is "it waits since it was made" "$(state_of intermediate pending_since)" "$since"
is "one audit row for all of it" "$(rows own-pending intermediate)" up-pending
is "the parent has it once" "$(admin pending --json | jq length)" 1
ok "the old one issues" issuer_of 3
ok "somebody approves" admin approve --yes \
	"$(openssl dgst -sha256 -r "$T/held.der" | cut -d' ' -f1)"
time_passes intermediate
is "it comes" "$(run renew intermediate)" 0
is "for the request's key" \
	"$(cat "$(own intermediate)/current/key.uri")" "$(cat "$T/held.uri")"
is "nothing waits any more" "$(state_of intermediate state)" good

unstage
is "another one is asked for" "$(run enroll --force intermediate)" 3
admin deny "$(openssl dgst -sha256 -r "$(waiting intermediate)/csr.der" |
	cut -d' ' -f1)" >/dev/null
time_passes intermediate
is "somebody denies" "$(run renew intermediate)" 4
is "the reason is the parent's" "$(state_of intermediate reason)" up-refused
is "and recorded" "$(rows own-refused intermediate)" up-refused
ok "the old one issues on" issuer_of 4
parent_approval none

# ---- the parent is gone ------------------------------------------------------
quick stop >/dev/null 2>&1
is "no parent" "$(run enroll --force intermediate)" 7
is "is told in the status" "$(state_of intermediate reason)" up-net
is "recorded" "$(rows own-failed intermediate | grep -c up-net)" 1
is "the next try is soon" "$([ "$(date +%s -d \
	"$(state_of intermediate next_try)")" -le $(($(date +%s) + 900)) ] &&
	echo soon)" soon
is "renew waits for it" "$(run renew)" 7
is "once recorded" "$(rows own-failed intermediate | grep -c up-net)" 1
ok "the child issues all the same" issuer_of 5
is "its own certificates renew all the same" "$(run enroll --force server)" 0
is "check is content" "$(run check)" 0

# ---- two months later --------------------------------------------------------
# The intermediate that was approved: not the one that issues today.
later() { as_child faketime -f +60d "$BUILDDIR/bin/microca" -c "$CONF" "$@"; }
first=$(keyid_of "$CHILD/state/issuer.pem")
quick >/dev/null 2>&1
time_passes intermediate
is "the parent is back" "$(run enroll --force intermediate)" 0
second=$(keyid_of "$(own intermediate)/current/cert.pem")
is "today the first one issues" "$(issuer_of 6)" "$first"
csr later /CN=later
later issue --profile device "$T/later.der" >"$T/later.pem" 2>"$T/err" ||
	sed 's/^/# /' "$T/err"
[ ! -s "$T/err" ] || sed 's/^/# /' "$T/err"
is "then the new one does" "$(openssl x509 -in "$T/later.pem" -noout \
	-ext authorityKeyIdentifier | tail -n 1 | tr -d ' :')" "$second"

# ---- the token lost the key that is shown above --------------------------------
sed -i 's/hook = ("hook", "client");/key = "pkcs11:token=child;object=up"; &/' "$CONF"
is "the client's key is in the token" "$(run enroll --force client)" 0
lost=$(sed 's/.*object=//' "$(own client)/current/key.uri")
as_child env SOFTHSM2_CONF="$CHILD/softhsm2.conf" pkcs11-tool \
	--module "$(sed -n 's/.*module = "\([^"]*\)".*/\1/p' "$CONF")" \
	--token-label child --login --pin 4711 --delete-object --type privkey \
	--label "$lost" >"$T/out" 2>&1 || sed 's/^/# /' "$T/out"
is "it is lost: the initial one is shown again" "$(run enroll --force client)" 0
ok "... which is said" grep -q 'initial' "$T/err"
ok "... and there is another key" sh -c \
	"! grep -q '$lost\$' '$(own client)/current/key.uri'"
is "which is shown from then on" "$(run enroll --force client)" 0
ok "... by itself" sh -c "! grep -q initial '$T/err'"
done_testing
