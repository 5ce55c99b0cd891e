#!/bin/sh
# microca-upload: what is issued, renewed and revoked is told to the hub, once
# in effect, whatever happens in between; and what the operator can do about it.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/cloud-lib.sh
. "$(dirname "$0")/cloud-lib.sh"

profiles_write() { cloud_profiles quiet; }
conf_write() { cloud_settings "$1" quiet; }
ca_make pem

anew() { # enrol with a new key
	rm -f "$T/$1.key"
	enrol "$@" || bail "no certificate: $(cat "$T/body" "$T/log")"
}

# ---- nobody to tell ----------------------------------------------------------
anew pump-1 /CN=pump-1
anew quiet-1 /CN=quiet-1 quiet
is "mode off: nothing happens, and that is well" "$(upload)$(cat "$T/upload.log")" 0
is "what is to be told is kept all the same" "$(open_rows)" 1
like "no mode, no answer" "$(admin cloud reconcile 2>&1)" 'cloud.mode is "off"'

# ---- told ---------------------------------------------------------------------
hub_start
cloud_conf '' ''
cgi health REQUEST_METHOD=GET REQUEST_URI=/health REMOTE_ADDR=127.0.0.1 \
	</dev/null >/dev/null
like "health sees that nobody has run" "$(cat "$T/body")" \
	'^degraded: upload-silent: upload: '
is "a first certificate is told" "$(upload)" 0
ok "the hub says what the store says" same
is "the outbox is empty" "$(open_rows)" 0
is "of another profile nothing is told" "$(hub_says | grep -c quiet)" 0
like "one line in the log" "$(cat "$T/upload.log")" \
	'microca-upload\[[0-9]+\] info: run: done; 1 told, 0 were so'
is "the account" "$(cloud_json '.result, .runs.done, .devices.applied' | xargs)" \
	"done 1 1"
is "metrics" "$(metric backlog) $(metric dead_letters) \
$(metric 'runs_total{result="done"}')" "0 0 1"
health() { # what it says of uploads
	cgi health REQUEST_METHOD=GET REQUEST_URI=/health \
		REMOTE_ADDR=127.0.0.1 </dev/null >/dev/null
	sed -n 's/^\([a-z]*: [a-z-]*\): upload: .*/\1/p' "$T/body" | xargs
}
is "health has nothing to say" "$(health)" ""
is "again: nothing to do" "$(upload) $(cloud_json .devices.applied)" "0 1"

anew pump-1 /CN=pump-1
is "renewed: the new one first, the old one second" "$(upload)$(same)" 0
first=$(sql "SELECT serial FROM certificate WHERE device = 'pump-1' ORDER BY id")
# shellcheck disable=SC2086 # two serials
set -- $first
admin revoke "$1" >/dev/null
is "the old one revoked" "$(upload)$(same)" 0
admin revoke --reason keyCompromise "$2" >/dev/null
is "the last one revoked" "$(upload)$(same)" 0
like "the device is disabled, with the reason" \
	"$(hub_twins | jq -r '.[] | select(.deviceId == "pump-1") |
	.status + " " + .statusReason')" \
	'^disabled certificate revoked: keyCompromise$'
anew pump-1 /CN=pump-1
is "enrolled anew: enabled again" "$(upload)$(same)" 0

# ---- a backlog ----------------------------------------------------------------
fill issue d 1 250
fill issue d 11 10
fill revoke d 21 10
like "status tells of the backlog" "$(admin cloud status)" 'to be told: +270'
is "more than a page of devices" "$(upload)$(same)" 0
like "each device once" "$(cat "$T/upload.log")" 'run: done; 250 told'
is "no device is told of before it is" "$(upload)" 0

# ---- no line ------------------------------------------------------------------
fill issue d 1 3
cp "$CONF" "$T/kept.conf"
sed -i 's/endpoint = "[0-9.:]*"/endpoint = "127.0.0.1:9"/' "$CONF"
is "without a line: later" "$(upload)" 7
is "everything is kept" "$(open_rows)" 3
is "the account says why" "$(cloud_json '.result, .last_error.reason' | xargs)" \
	"later cloud-net"
is "status says so, too" "$(admin cloud status --json |
	jq -r '.backlog, .last_result, .last_error.reason' | xargs)" \
	"3 later cloud-net"
admin cloud status >/dev/null
is "by its exit status as well" $? 7
cp "$T/kept.conf" "$CONF"
is "the line is back" "$(upload)$(same)" 0

# ---- not let in ---------------------------------------------------------------
fill issue d 1 2
(umask 077 && rm -f "$T/sas2" && echo "not base64!" >"$T/sas2")
sed -i 's|sas_key_file = "[^"]*"|sas_key_file = "sas2"|' "$CONF"
is "a key that is none is a mistake of configuration" "$(upload)" 2
is "and kept" "$(open_rows) $(cloud_json .result)" "2 broken"
cp "$T/kept.conf" "$CONF"
is "mended" "$(upload)$(same)" 0

# ---- by an application's certificate ------------------------------------------
fill issue a 1 120
cloud_conf '' "auth = \"certificate\"; tenant = \"$APP_TENANT\";
	client_id = \"$APP_CLIENT_ID\"; certificate = \"$APP_CERT\";
	key = \"$APP_KEY\"; login = \"$LOGIN_URL\";"
sed -i 's/auth = "sas"; //' "$CONF"
azure_ctl /faults '{"do":"expire","op":"twin.get","skip":30}' >/dev/null
is "a token that ends in the middle of a run is replaced" "$(upload)$(same)" 0
azure_ctl -X DELETE /faults >/dev/null
is "no token is in the log" "$(grep -c 'eyJ' "$T/upload.log")" 0
azure_ctl /clock '{"skew":86400}' >/dev/null
fill issue a 1 1
is "a clock that is a day behind: not let in" "$(upload)" 4
like "and what it is" "$(cloud_json .last_error.reason)" '^cloud-(clock|token)$'
azure_ctl /clock '{"skew":0}' >/dev/null
is "a clock that is right" "$(upload)$(same)" 0
cp "$T/kept.conf" "$CONF"

# ---- two at once, and an end --------------------------------------------------
fill issue e 1 100
RATE=300
cloud_conf '' 'bulk = false;'
RATE=0
"$UPLOAD" -c "$CONF" 2>"$T/first.log" &
first=$!
told_some() { [ "$(hub_says | grep -c ^e0)" -ge 3 ]; }
ok "a first one is at work" wait_for 30 told_some
is "a second one ends at once" "$(upload)" 7
like "and says why" "$(cat "$T/upload.log")" 'running already'
kill -TERM $first
wait $first
is "SIGTERM ends a run" $? 7
like "with what it has" "$(cat "$T/first.log")" 'run: later'
is "what was told is recorded" "$(open_rows)" \
	"$((100 - $(hub_says | grep -c ^e0)))"
cp "$T/kept.conf" "$CONF"
is "the next one goes on" "$(upload)$(same)" 0

# ---- a budget -----------------------------------------------------------------
fill issue k 1 100
RATE=60
cloud_conf 'budget = "2s";' 'bulk = false;'
RATE=0
is "the budget ends a run" "$(upload) $(cloud_json .last_error.reason)" \
	"7 cloud-budget"
told=$(hub_says | grep -c ^k0)
ok "in which some were told ($told)" test "$told" -ge 6 -a "$told" -lt 100
cp "$T/kept.conf" "$CONF"

# ---- on a terminal ------------------------------------------------------------
script -qec "$UPLOAD -c $CONF" "$T/script.log" </dev/null >"$T/terminal" 2>&1
like "a terminal sees progress" "$(tr '\r' '\n' <"$T/terminal")" \
	"^100 devices, [0-9]+ changes waited at first|^[0-9]+ devices, \
$((100 - told)) changes waited at first"
like "and a summary" "$(cat "$T/terminal")" '^changes left: +0'
ok "the rest was told" same
fill issue k 1 1
script -qec "$UPLOAD -q -c $CONF" "$T/script.log" </dev/null >"$T/terminal" 2>&1
is "quietly, the log alone" "$(grep -vcE ' run: done; | key: usable' \
	<"$T/terminal")" 0
is "every run leaves a signed head" "$(tail -n 1 "$T/state/heads/edge-1" |
	jq -r '.result, (.head | fromjson | .lanes[0].seq)' | xargs)" \
	"accepted $(sql "SELECT max(seq) FROM audit")"

# ---- a device of somebody else ------------------------------------------------
hub_put f00001 '"status":"enabled","authentication":{"type":"sas"}'
fill issue f 1 2
is "a device that something else made is refused" "$(upload)" 8
is "the other one is told" "$(open_rows) $(hub_says | grep -c ^f00002)" "1 1"
like "the audit has it" "$(sql "SELECT record FROM audit WHERE
	event = 'upload-refused'")" '"subject":"f00001".*cloud-foreign'
is "it is a dead letter" "$(dead_letters) $(metric dead_letters)" "1 1"
is "health says so" "$(health)" "degraded: upload-dead ok: upload-waiting"
is "… and metrics, of now" "$(cgi metrics REQUEST_METHOD=GET \
	REQUEST_URI=/metrics REMOTE_ADDR=127.0.0.1 </dev/null >/dev/null
	sed -n 's/^microca_upload_\(backlog\|dead_letters\) //p' "$T/body" |
		xargs)" "1 1"
is "which is not tried again" "$(upload) $(open_rows)" "0 1"
like "status names it" "$(admin cloud status)" '^f00001: cloud-foreign: '
admin cloud status >/dev/null
is "status 8" $? 8
is "tried again by hand" "$(admin cloud retry f00001) $(upload)" \
	"f00001: to be tried again 8"
admin cloud retry nobody >/dev/null 2>&1
is "none that has not failed" $? 6
admin cloud drop f00001 >/dev/null 2>&1
is "dropped only with a word" $? 2
is "dropped" "$(admin cloud drop --text 'theirs' f00001) $(open_rows) \
$(dead_letters)" "f00001: dropped 0 0"
like "the audit has who and why" "$(sql "SELECT record FROM audit WHERE
	event = 'upload-drop'")" '"requester":"operator:.*"text":"theirs"'
like "reconcile still tells of it" "$(admin cloud reconcile f00001)" \
	'^foreign +f00001'
cloud_conf '' 'adopt = true;'
fill issue f 1 1
is "adopted" "$(upload)$(same)" 0
cp "$T/kept.conf" "$CONF"

# ---- what differs -------------------------------------------------------------
ok "reconcile finds nothing" admin cloud reconcile
hub_put d00100 '"status":"enabled","authentication":
	{"type":"selfSigned","x509Thumbprint":{"primaryThumbprint":null}}'
admin cloud reconcile --json >"$T/found.json"
is "a thumbprint taken away: status 8" $? 8
is "is found" "$(jq -r '.differences[] | .device + " " + .difference' \
	"$T/found.json")" "d00100 other"
is "repaired: a new row" "$(admin cloud reconcile --repair |
	grep -c 'is told again') $(open_rows)" "1 1"
is "which is told" "$(upload)$(same)" 0
like "the audit has the repair" "$(sql "SELECT record FROM audit WHERE
	event = 'upload-repair'")" '"subject":"d00100"'

# ---- yesterday's database -----------------------------------------------------
if [ -z "$STORE" ]; then # it is about files
fill issue y 1 1
sqlite3 "$T/state/microca.db" "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
cp "$T/state/microca.db" "$T/yesterday.db"
is "told" "$(upload)" 0
fill issue y 1 1
fill issue d 101 1
is "and renewed" "$(upload)$(same)" 0
hub_says >"$T/today.says"
rm -f "$T/state/microca.db-wal" "$T/state/microca.db-shm"
cp "$T/yesterday.db" "$T/state/microca.db"
is "of a newer certificate that the store does not have: an alarm" \
	"$(upload)" 8
like "the log says what it is" "$(cat "$T/upload.log")" \
	'y00001.*cloud-superseded.*an older database restored'
hub_says >"$T/after.says"
ok "nothing newer is overwritten" diff "$T/today.says" "$T/after.says"
is "reconcile lists both" "$(admin cloud reconcile --json |
	jq -r '.differences[] | .device + " " + .difference' | xargs)" \
	"d00101 newer"
admin cloud drop --text 'restored' y00001 >/dev/null
is "once given up, the other one, too" "$(admin cloud reconcile --json |
	jq -r '.differences[] | .device + " " + .difference' | xargs)" \
	"d00101 newer y00001 newer"
admin cloud reconcile --repair >/dev/null
is "--repair leaves them alone" "$? $(open_rows)" "8 0"
fill issue y 1 1
is "what is issued from now on is newer than anything" "$(upload)" 0
like "and told" "$(admin cloud reconcile y00001)" '^1 as they should be'
ok "--force takes the store's word" admin cloud reconcile --repair --force
is "and both say the same" "$(upload)$(same)" 0
fi

# ---- certificates that the store lost for good --------------------------------
hub_put g00001 '"status":"enabled","authentication":{"type":"selfSigned"},
	"tags":{"microca":{"v":1,"edge":"edge-1","seq":1,"state":"active","cur":
	{"sha256":"0000000000000000000000000000000000000000000000000000000000000000"}}}'
is "there as ours, and not in the store" "$(admin cloud reconcile --json |
	jq -r '.differences[] | .device + " " + .difference')" "g00001 unknown"

# ---- a backup that is put back ---------------------------------------------------
if [ -z "$STORE" ]; then # into a file
ok "a backup" admin backup "$T/it.tar"
fill issue r 1 1
is "told since" "$(upload)" 0
ok "restored" admin restore --accept-loss "$T/it.tar"
standing() { admin cloud status --json | jq -r 'has("restored")'; }
admin cloud status >"$T/out"
is "it is to be compared" "$? $(standing)" "8 true"
like "… and that is said" "$(cat "$T/out")" '^restored:'
is "a run takes nothing back" "$(upload)" 0
is "reconcile lists what is lost" "$(admin cloud reconcile --json |
	jq -r '.differences[] | .device + " " + .difference' | xargs)" \
	"g00001 unknown r00001 unknown"
is "… which leaves it as it is" "$(standing)" true
admin cloud reconcile --repair >/dev/null
is "once seen to, it is compared" "$(standing)" false
is "… and recorded" "$(sql "SELECT count(*) FROM audit
	WHERE event = 'reconcile'")" 1
fi

# ---- no disk ------------------------------------------------------------------
fill issue h 1 20
timeout 60 sh -c 'trap "" XFSZ; ulimit -f 0; exec "$@"' sh \
	"$UPLOAD" -c "$CONF" 2>"$T/upload.log"
rc=$?
ok "without disk it fails" test $rc != 0
[ -n "$STORE" ] || is "and counts nothing as done" "$(open_rows)" 20
is "with disk it goes on" "$(upload) $(open_rows)" "0 0"
is "nothing was done twice" "$(hub_says | grep -c ^h)" 20

done_testing
