# shellcheck shell=sh
# What the uploader's tests share beside lib.sh: a hub, the store's side of the
# cloud, and the question whether both say the same.

UPLOAD=$BUILDDIR/bin/microca-upload
FILL=$BUILDDIR/tests/tools/fill

# ---- the hub ------------------------------------------------------------------
# "hub.example" at $HUB, for policy "edge" whose key is in $T/sas.
hub_start() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$T/hub.key" -out "$T/hub.pem" -subj /CN=hub.example \
		-addext subjectAltName=DNS:hub.example -days 30 2>/dev/null
	(umask 077 && openssl rand -base64 32 >"$T/sas")
	node "$SRCDIR/tests/op/hub.mjs" "$T" >"$T/hub.log" 2>&1 &
	started="$started $!"
	wait_for 20 test -s "$T/port" || bail "no hub: $(cat "$T/hub.log")"
	HUB=127.0.0.1:$(cat "$T/port")
}
hub_ask() { # hub_ask METHOD TARGET [BODY [curl arguments]]
	hub_method=$1 hub_target=$2 hub_body=${3:-}
	[ $# -gt 2 ] && shift
	shift 2
	curl -sf --cacert "$T/hub.pem" \
		--connect-to "hub.example:443:$HUB" -X "$hub_method" \
		-H "Authorization: $(hub_sas)" ${hub_body:+-d "$hub_body"} "$@" \
		"https://hub.example$hub_target?api-version=2021-04-12"
}
hub_sas() {
	sas_end=$(($(date +%s) + 600))
	sas_key=$(openssl base64 -d -A <"$T/sas" | od -An -tx1 | tr -d ' \n')
	sas_mac=$(printf 'hub.example\n%s' $sas_end | openssl dgst -sha256 \
		-mac HMAC -macopt "hexkey:$sas_key" -binary | openssl base64 -A |
		sed 's/+/%2B/g; s/=/%3D/g; s|/|%2F|g')
	echo "SharedAccessSignature sr=hub.example&sig=$sas_mac&se=$sas_end&skn=edge"
}
hub_twins() { hub_ask GET /test/twins; }
# hub_faults RATE: of answers that are 500, or none, after the work is done.
hub_faults() { hub_ask POST /test/faults "{\"rate\":$1}" >/dev/null; }
# hub_put DEVICE MEMBERS: somebody else writes there.
hub_put() {
	hub_ask POST /test/device "{\"deviceId\":\"$1\",$2}" >/dev/null
}

# ---- the uploader -------------------------------------------------------------
RATE=0

# What a group azure says of that hub.
hub_azure() {
	cat <<-END
	hub = "hub.example"; endpoint = "$HUB"; anchors = "hub.pem";
	auth = "sas"; sas_policy = "edge"; sas_key_file = "sas"; timeout = "5s";
	END
}

# cloud_conf MORE AZURE: what goes into $CONF beside what is there.
cloud_conf() {
	sed -i '/^cloud = /,/^};/d' "$CONF"
	{
		echo 'cloud = { mode = "azure"; edge = "edge-1"; site = "here";'
		echo "rate = $RATE; metrics = \"$T/cloud.prom\"; $1"
		echo 'azure = {'
		hub_azure
		echo "$2 };"
		echo '};'
	} >>"$CONF"
}

# One run: its status; its log is in $T/upload.log.
upload() {
	"$UPLOAD" -c "$CONF" >"$T/upload.out" 2>"$T/upload.log"
	echo $?
}
# As often as it takes, and what failed is tried at once.
upload_all() {
	for _ in $(seq "${1:-40}"); do
		[ "$(upload)" = 0 ] && [ "$(open_rows)" = 0 ] && return 0
		admin cloud retry >/dev/null
	done
	cat "$T/upload.log"
	return 1
}
fill() { "$FILL" "sqlite:$T/state/microca.db" "$@"; }
open_rows() { sql "SELECT count(*) FROM outbox WHERE confirmed = 0"; }
dead_letters() { sql "SELECT count(*) FROM delivery WHERE dead <> 0"; }
cloud_json() { jq -r "$1" "$T/state/cloud.json"; }
metric() { sed -n "s/^microca_upload_$1 //p" "$T/cloud.prom"; }

# What the hub should say of each device, by the store alone: device, status,
# primary and secondary thumbprint, those of the tag, its state.
store_says() {
	sql "
	WITH good AS (
	  SELECT device, hex(sha256) AS fp, row_number() OVER
	    (PARTITION BY device ORDER BY id DESC) AS n
	  FROM certificate WHERE device IS NOT NULL AND status = 0
	    AND not_after >= unixepoch()),
	newest AS (
	  SELECT device, hex(sha256) AS fp FROM certificate WHERE id IN
	    (SELECT max(id) FROM certificate WHERE device IS NOT NULL
	     GROUP BY device))
	SELECT c.device, iif(a.fp IS NULL, 'disabled', 'enabled'),
	  ifnull(a.fp, ''), ifnull(b.fp, ''), ifnull(a.fp, c.fp),
	  ifnull(b.fp, ''), iif(a.fp IS NULL, 'revoked', 'active')
	FROM newest AS c
	LEFT JOIN good AS a ON a.device = c.device AND a.n = 1
	LEFT JOIN good AS b ON b.device = c.device AND b.n = 2
	ORDER BY c.device"
}
hub_says() {
	hub_twins | jq -r 'sort_by(.deviceId)[] | [.deviceId, .status,
	  .x509Thumbprint.primaryThumbprint // "",
	  .x509Thumbprint.secondaryThumbprint // "",
	  .tags.microca.cur.sha256 // "", .tags.microca.prev.sha256 // "",
	  .tags.microca.state // ""] | join("|")'
}
same() { # the store and the hub
	store_says >"$T/store.says"
	hub_says >"$T/hub.says"
	if [ -s "$T/store.says" ] &&
		diff "$T/store.says" "$T/hub.says" >"$T/differs"; then
		return 0
	fi
	head -n 4 "$T/differs"
	return 1
}

# upload_spent NAME: one run, what it cost in $T/NAME.spent.
upload_spent() {
	"$BUILDDIR/tests/tools/spent" "$T/$1.spent" "$UPLOAD" -c "$CONF" \
		2>"$T/upload.log"
	echo $?
}
spent() { sed -n "s/^$2 //p" "$T/$1.spent"; } # spent NAME WHAT
