#!/bin/sh
# What a retired certificate is to who asks for it: shown, named where it is
# looked for in vain, its status told for ever, never revoked any more.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=inventory-lib.sh
. "$(dirname "$0")/inventory-lib.sh"
# shellcheck source-path=SCRIPTDIR source=fcgi.sh
. "$(dirname "$0")/fcgi.sh"
printf 'retention = { expired_after = "30d"; };\n' >>"$T/plain.conf"
inventory_conf desk.pem

# shellcheck disable=SC2034 # start() has it
PRELOAD=$(faketime -m 2000-01-01 printenv LD_PRELOAD)
later() { # later DAYS COMMAND...
	later_days=$1
	shift
	env "LD_PRELOAD=$PRELOAD" "FAKETIME=+${later_days}d" \
		"$BUILDDIR/bin/microca" -c "$CONF" "$@"
}
run() { # run COMMAND...: its exit status, in 150 days
	later 150 "$@" >"$T/out" 2>"$T/err"
	echo $?
}
issue() { # issue DAYS NAME: its serial
	csr "$2" "/CN=$2"
	later "$1" issue --profile device -o "$T/$2.pem" "$T/$2.der" >"$T/out" 2>&1 &&
		openssl x509 -in "$T/$2.pem" -noout -serial | cut -d= -f2
}
one=$(issue 0 one)
two=$(issue 0 two)
three=$(issue 0 three)
admin revoke --reason keyCompromise "$two" >/dev/null
admin revoke --reason certificateHold "$three" >/dev/null
later 150 crl >/dev/null
four=$(issue 150 four)

# ---- before
is "a list has all" "$(admin list | grep -c CN=) $(admin list 2>&1 >"$T/out")" "4 "
like "the inventory has it" "$(look bob "$C?serial=$one") $(jq -c . "$T/body")" \
	'^200 .*"subject":"CN=one"'
is "they retire" "$(run retire) $(sql 'SELECT count(*) FROM retired')" "0 3"
file=$(sql 'SELECT path FROM shelf')

# ---- show, list, revoke
like "show says where it is" "$(admin show "$one")" "Retired  *$T/state/retired/$file"
is "… and to programs" "$(admin show --json "$two" | jq -r '.retired, .status, .reason' |
	tr '\n' ' ')" "$T/state/retired/$file revoked keyCompromise "
is "show of one that is here says nothing of it" "$(admin show "$four" |
	grep -c Retired) $(admin show --json "$four" | jq .retired)" "0 null"
is "a list has what is here" "$(admin list --format csv 2>"$T/err" | grep -c CN=)" 1
like "… and says what is not" "$(cat "$T/err")" '^3 that ended long ago were retired'
is "of good ones that is none" "$(admin list --status good 2>&1 >"$T/out")" ""
is "by serial" "$(admin list --serial "$one" --format json 2>"$T/err")" "[]"
like "… it is said where it is" "$(cat "$T/err")" \
	"^$one was retired to $T/state/retired/$file: microca show $one"
is "another serial" "$(admin list --serial 0B --format csv 2>&1 | wc -l)" 1
for act in "revoke" "revoke --reason keyCompromise" "release"; do
	# shellcheck disable=SC2086
	is "$act" "$(run $act "$three")" 4
	like "… says why not" "$(cat "$T/err")" \
		"ended .*Z and was retired to $file: no list names it"
done
is "by its fingerprint" "$(run revoke "$(finger one)")" 6
like "… the serial is asked for" "$(cat "$T/err")" 'retired is found by its serial'
is "nothing is recorded of it" "$(sql "SELECT count(*) FROM audit
	WHERE event IN ('revoke', 'release')")" 2

# ---- the inventory
is "a search by serial" "$(look bob "$C?serial=$two") $(jq -r '(.certificates | length),
	.retired.serial, .retired.state, .retired.reason, .retired.file' "$T/body" |
	tr '\n' ' ')" "200 0 $two revoked keyCompromise $file "
is "one that only ended" "$(look bob "$C?serial=$one") $(jq -r '.retired.state,
	.retired.reason' "$T/body" | tr '\n' ' ')" "200 expired null "
is "one that is here" "$(look bob "$C?serial=$four") $(jq -r '(.certificates | length),
	.retired' "$T/body" | tr '\n' ' ')" "200 1 null "
is "one that never was" "$(look bob "$C?serial=0B") $(jq .retired "$T/body")" "200 null"
is "the page" "$(look bob "/inventory/certificates?serial=$two")" 200
like "… says it" "$(tr '\n' ' ' <"$T/body")" "It was retired.*$two.*was revoked before.*$file"
look bob "/inventory/certificates?subject=CN%3Done" >/dev/null
like "by another search it may be one of those" "$(tr '\n' ' ' <"$T/body")" \
	'None is of this kind.*3 certificates that ended long ago were retired'
is "they are counted apart" "$(look bob /api/v1/statistics) $(jq -r '.certificates,
	.retired' "$T/body" | tr '\n' ' ')" "200 1 3 "
is "its page" "$(look bob "$C/$(finger one)") $(code)" "404 unknown-certificate"
is "revoking it there" "$(act ada "$C/$(finger one)/revoke" confirm=yes) $(code)" \
	"404 unknown-certificate"

# ---- OCSP: RFC 6960, 4.4.4: what is kept for ever has the issuer's beginning as
# its archive cutoff, so "good" is said of the whole of its life
is "a responder for then" "$(run ocsp --force)" 0
export FAKETIME=+150d
start ocsp
asked() { # asked "openssl ocsp arguments": what the answer says
	# shellcheck disable=SC2086
	openssl ocsp -issuer "$T/ca.pem" -no_nonce $1 -reqout "$T/rq" >"$T/out" 2>&1
	send plain ocsp REQUEST_METHOD=POST REQUEST_URI=/ocsp \
		CONTENT_TYPE=application/ocsp-request <"$T/rq" >"$T/sent"
	openssl ocsp -respin "$BODY" -noverify -resp_text >"$T/said" 2>&1
	sed -n 's/^ *\(Cert Status\|Revocation Reason\|Archive Cutoff\): *//p' "$T/said" |
		tr '\n' ' '
	sed -n '/Archive Cutoff:/{n;s/^ */cutoff /p;}' "$T/said"
}
begun=$(openssl x509 -in "$T/ca.pem" -noout -startdate | cut -d= -f2)
is "it never was revoked" "$(asked "-cert $T/one.pem")" "good cutoff $begun"
like "it was" "$(asked "-cert $T/two.pem")" "revoked keyCompromise .*cutoff $begun"
like "it was on hold" "$(asked "-cert $T/three.pem")" \
	"revoked certificateHold .*cutoff $begun"
is "one that is here has no cutoff" "$(asked "-cert $T/four.pem")" "good "
is "one that never was" "$(asked "-serial 0x0b")" "unknown "
done_testing
