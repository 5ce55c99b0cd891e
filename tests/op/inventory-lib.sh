# shellcheck shell=sh
# A CA with an inventory and its operators: ada may act, bob may look, eve may
# nothing.  After lib.sh.

ca_make pem
root_make desk "/CN=Operators/O=Plant" 2>/dev/null
leaf_make ada desk "/CN=Ada/O=Plant" 2>/dev/null
leaf_make bob desk "/CN=Bob/O=Plant" 2>/dev/null
leaf_make eve desk "/CN=Eve/O=Plant" 2>/dev/null
finger() { openssl x509 -in "$T/$1.pem" -outform DER | sha256sum | cut -d' ' -f1; }
cp "$CONF" "$T/plain.conf"
inventory_conf() { # inventory_conf ANCHORS MORE
	{
		cat "$T/plain.conf"
		cat <<-END
		inventory = { anchors = "$1"; operators = (
		  { name = "Ada L."; role = "operator";
		    fingerprint = "$(finger ada | tr a-f A-F)"; },
		  { role = "viewer"; issuer = "CN=Operators,O=Plant";
		    subject = "CN=Bob,O=Plant"; } $2 ); };
		END
	} >"$CONF"
}
# look WHO PATH[?QUERY] [NAME=VALUE...]: the status.
look() {
	look_who=$1 look_path=$2
	shift 2
	cgi inventory REQUEST_METHOD=GET "REQUEST_URI=$look_path" \
		"QUERY_STRING=$(expr "$look_path" : '[^?]*?\(.*\)')" \
		HTTP_HOST=ca.example:8446 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/$look_who.pem")" "$@" </dev/null
}
# act WHO PATH FORM [NAME=VALUE...]: with that one's token; the status.
act() {
	act_who=$1 act_path=$2 act_form=$3
	shift 3
	look "$act_who" /api/v1/session >/dev/null
	act_token=$(jq -r .token "$T/body")
	printf '%s' "$act_form" >"$T/form"
	cgi inventory REQUEST_METHOD=POST "REQUEST_URI=$act_path" \
		CONTENT_TYPE=application/x-www-form-urlencoded \
		HTTP_HOST=ca.example:8446 SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$T/$act_who.pem")" \
		"HTTP_X_MICROCA_TOKEN=$act_token" "$@" <"$T/form"
}
code() { jq -r .error.code "$T/body"; }
# shellcheck disable=SC2034
C=/api/v1/certificates
