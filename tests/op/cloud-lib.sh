# shellcheck shell=sh
# What the uploader's tests share beside lib.sh: a hub, the store's side of the
# cloud, and the question whether both say the same.

UPLOAD=$BUILDDIR/bin/microca-upload
FILL=$BUILDDIR/tests/tools/fill

# ---- a CA of which the cloud is told -------------------------------------------
# cloud_profiles [NAME...]: "device", which it is told of, and some which it is not.
cloud_profiles() {
	{
		echo "profiles = ("
		profile device 'renewal_window = "0"; azure = true;
			device_id = "CN";'
		for name in "$@"; do
			echo ","
			profile "$name" 'renewal_window = "0";'
		done
		echo ");"
	} >"$T/profiles.conf"
}
# cloud_settings KEY [NAME...]: an endpoint for each.
cloud_settings() {
	cat >"$CONF" <<-END
	state = "$T/state"; public = "$T/public"; run = "$T/run";
	allow_cgi = true; threads = 10; web_server_users = ("$(id -u)");
	disk_reserve = "1M"; $STORE
	ca = { key = "$1"; subject = "$CA_SUBJECT"; };
	endpoints = (
	END
	shift
	port=8443
	{
		endpoint device $port device ''
		for name in "$@"; do
			port=$((port + 1))
			echo ","
			endpoint "$name" $port "$name" ''
		done
		echo ");"
	} >>"$CONF"
}

# ---- the hub ------------------------------------------------------------------
# shellcheck source=tests/azure/lib.sh
. "$SRCDIR/tests/azure/lib.sh"

hub_start() { azure_start; }
hub_twins() { azure_ctl /twins; }
# hub_faults RATE: of answers that are 500, or none, after the work is done.
hub_faults() {
	azure_ctl -X DELETE /faults >/dev/null
	[ "$1" = 0 ] && return 0
	azure_ctl /faults "[{\"do\":\"cut\",\"when\":\"after\",\"times\":0,
		\"rate\":$1},{\"do\":\"status\",\"status\":500,
		\"when\":\"after\",\"times\":0,\"rate\":$1}]" >/dev/null
}
# Whatever may happen, now and then.
hub_storm() {
	azure_ctl /faults '[
	  {"do":"cut","when":"after","times":0,"rate":0.03},
	  {"do":"cut","times":0,"rate":0.03},
	  {"do":"truncate","times":0,"rate":0.03},
	  {"do":"garbage","times":0,"rate":0.02},
	  {"do":"status","status":500,"when":"after","times":0,"rate":0.03},
	  {"do":"status","status":503,"times":0,"rate":0.02},
	  {"do":"race","op":"device.update","what":"identity","times":0,
	    "rate":0.05},
	  {"do":"race","op":"twin.patch","what":"twin","times":0,"rate":0.05},
	  {"do":"partial","op":"device.bulk","every":7,"effect":"lie",
	    "times":0,"rate":0.2},
	  {"do":"partial","op":"device.bulk","every":5,"effect":"error",
	    "times":0,"rate":0.2},
	  {"do":"partial","op":"device.bulk","every":9,"effect":"warning",
	    "times":0,"rate":0.2}]' >/dev/null
}
# hub_put DEVICE MEMBERS: somebody else writes there.
hub_put() { azure_ctl /device "{\"deviceId\":\"$1\",$2}" >/dev/null; }
# What a group azure says of that hub.
hub_azure() {
	cat <<-END
	hub = "$HUB_HOST"; endpoint = "$HUB_ENDPOINT"; anchors = "$HUB_CA";
	auth = "sas"; sas_policy = "$HUB_POLICY";
	sas_key_file = "$HUB_KEY_FILE"; timeout = "5s";
	END
}

# ---- the uploader -------------------------------------------------------------
RATE=0

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
fill() { "$FILL" "$STORE_URL" "$@"; }
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
	    AND not_after >= $(date +%s)),
	newest AS (
	  SELECT device, hex(sha256) AS fp FROM certificate WHERE id IN
	    (SELECT max(id) FROM certificate WHERE device IS NOT NULL
	     GROUP BY device))
	SELECT c.device, CASE WHEN a.fp IS NULL THEN 'disabled' ELSE 'enabled' END,
	  coalesce(a.fp, ''), coalesce(b.fp, ''), coalesce(a.fp, c.fp),
	  coalesce(b.fp, ''), CASE WHEN a.fp IS NULL THEN 'revoked' ELSE 'active' END
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
