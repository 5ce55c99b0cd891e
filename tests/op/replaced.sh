#!/bin/sh
# revoke_replaced: what a renewal replaced is revoked when its successor was
# shown, or after some time, and not while that is all that the device has.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ca_make pem
{
	echo "profiles = ("
	profile device 'renewal_window = "0";'
	echo ","
	profile late 'renewal_window = "0"; revoke_replaced = "after";
		revoke_delay = "2d";'
	echo ","
	profile mute 'renewal_window = "0"; revoke_replaced = "in-use";
		revoke_delay = "0"; azure = true; device_id = "CN";'
	echo ","
	profile template 'renewal_window = "0"; revoke_replaced = "in-use";
		revoke_delay = "3d";'
	echo ", "
	cat <<-END
	{ name = "subca"; validity = "365d"; ca = true; path_length = 0;
	  key_usage = ("keyCertSign", "cRLSign"); keys = ("p256");
	  subject = ( { type = "CN"; from = "required"; } ); } );
	END
} >"$T/profiles.conf"
conf_write "$T/issuer.key"

serial() { openssl x509 -in "$T/$1.pem" -noout -serial | cut -d= -f2; }
status() { admin show --json "$(serial "$1")" |
	jq -r '[.status, .reason // empty] | join(" ")'; }
rows() { sql "SELECT count(*) FROM replaced"; }
record() { sql "SELECT record FROM audit WHERE event = 'revoke'
	ORDER BY seq DESC LIMIT 1" | jq -r ".$1"; }
in_days() { # in_days DAYS COMMAND...: what it says then
	in_days_n=$1
	shift
	faketime -f "+${in_days_n}d" "$BUILDDIR/bin/microca" -c "$CONF" "$@"
}
# renewed NAME ENDPOINT: by the manufacturer, then by itself; NAME-new.pem.
renewed() {
	enrol "$1" "/CN=$1" "$2" && csr "$1-new" "/CN=$1" &&
		[ "$(post "$2" simplereenroll "$1" "$T/$1-new.b64")" = 200 ] &&
		certs | openssl x509 -out "$T/$1-new.pem"
}
# shown NAME ENDPOINT: as a client does that tries its new pair; the status.
shown() {
	cgi cacerts REQUEST_METHOD=GET "REQUEST_URI=$EST/cacerts" \
		"MICROCA_ENDPOINT=$2" SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/$1.pem")" </dev/null
}
# listed NAME: is it on the list that is made now?
listed() {
	admin crl >/dev/null
	openssl crl -inform DER -in "$T"/public/crl/*.crl -noout -text |
		grep -c "Serial Number: $(serial "$1")"
}

# ---- never ------------------------------------------------------------------
ok "a profile that says nothing" renewed never device
is "… leaves nothing to look at" "$(rows)" 0

# ---- in use -----------------------------------------------------------------
ok "a renewal" renewed used mute
is "… is noted" "$(rows)" 1
is "the old one shows itself" "$(shown used mute)" 200
is "… is not listed" "$(listed used)" 0
is "… and good: nobody has seen the new one" "$(status used)" good
is "the new one shows itself" "$(shown used-new mute)" 200
is "… nothing has run yet" "$(status used)" good
is "the list has the old one now" "$(listed used)" 1
is "… revoked as superseded" "$(status used)" "revoked superseded"
is "… and the audit says by what" "$(record text) $(record serial)" \
	"replaced by $(serial used-new) $(serial used)"
is "… and the cloud will hear" "$(sql "SELECT group_concat(kind, ' ') FROM
	(SELECT kind FROM outbox WHERE device = 'used' ORDER BY seq)")" \
	"enrolled renewed revoked"
is "the new one is good" "$(status used-new) $(listed used-new)" "good 0"
is "nothing is left to do" "$(rows)" 0
csr again "/CN=used"
is "the old one renews no more" "$(post mute simplereenroll used \
	"$T/again.b64") $(reason)" "403 client-revoked"
is "the new one does" "$(post mute simplereenroll used-new \
	"$T/again.b64")" 200
is "… which shows it as well" "$(admin revoke --replaced) $(rows)" " 1"

ok "with a delay" renewed slow template
shown slow-new template >/dev/null
is "it is not at once" "$(listed slow) $(status slow)" "0 good"
in_days 2 revoke --replaced
is "… nor before" "$(status slow)" good
is "… but then" "$(in_days 4 revoke --replaced)" \
	"1 replaced by renewals and revoked"
is "… it is" "$(status slow)" "revoked superseded"

# ---- when the successor is no use -------------------------------------------
ok "one that nobody has" renewed lost mute
admin revoke -r cessationOfOperation "$(serial lost-new)" >/dev/null
before=$(rows)
shown lost-new mute >/dev/null
is "… replaces nothing" "$(listed lost) $(status lost)" "0 good"
is "… for good" "$(rows)" "$((before - 1))"
ok "one on hold" renewed held mute
admin revoke -r certificateHold "$(serial held-new)" >/dev/null
shown held-new mute >/dev/null
is "… replaces nothing yet" "$(listed held) $(status held)" "0 good"
admin release "$(serial held-new)" >/dev/null
is "released it does" "$(listed held) $(status held)" "1 revoked superseded"
ok "one whose old one was revoked by hand" renewed hand mute
admin revoke -r keyCompromise "$(serial hand)" >/dev/null
shown hand-new mute >/dev/null
admin revoke --replaced >/dev/null
is "… changes no reason" "$(status hand)" "revoked keyCompromise"

# ---- after ------------------------------------------------------------------
ok "a renewal, seen or not" renewed after late
is "… is due after its time" "$(listed after) $(status after)" "0 good"
in_days 1 crl >/dev/null
is "… not before" "$(status after)" good
like "then" "$(in_days 3 crl)" '^1 replaced by renewals and revoked$'
is "… it is revoked" "$(status after)" "revoked superseded"

# ---- what changes meanwhile -------------------------------------------------
ok "a profile that thinks better of it" renewed mind late
sed -i 's/revoke_replaced = "after"/revoke_replaced = "never"/' \
	"$T/profiles.conf"
in_days 3 revoke --replaced
is "… revokes nothing" "$(status mind)" good
ok "one that is never seen" renewed unseen mute
in_days 80 revoke --replaced
ok "… waits" test "$(rows)" -gt 0
in_days 91 revoke --replaced
is "… until the old one has ended" "$(rows)" 0
is "… without a revocation" "$(admin show --json "$(serial unseen)" |
	jq -r .status)" good

# ---- words ------------------------------------------------------------------
like "with a serial" "$(admin revoke --replaced "$(serial unseen)" 2>&1)" \
	'for itself alone'
sed -i 's/ca = true;/& revoke_replaced = "after";/' "$T/profiles.conf"
like "not for CAs" "$(admin check --config 2>&1)" \
	'RFC 5280, 6.1.3: revoke_replaced is not for CAs'
done_testing
