#!/bin/sh
# A hub that was made anew has nothing of ours: nothing is made there again
# before somebody has looked.  And what waits to be told, however much it is,
# keeps no device waiting for its certificate.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/op/fcgi.sh
. "$SRCDIR/tests/op/fcgi.sh"
# shellcheck source=tests/op/cloud-lib.sh
. "$SRCDIR/tests/op/cloud-lib.sh"
WAITING=${WAITING:-20000}
ca_make pem
hub_start
cloud_conf '' ''

# ---- the hub is another one
fill issue d 1 150
is "150 devices are told" "$(upload) $(hub_says | wc -l)" "0 150"
hub_start
cloud_conf '' ''
is "a hub of the same name without any: a run asks for nothing" \
	"$(upload) $(hub_says | wc -l)" "0 0"
admin cloud reconcile --json >"$T/found.json"
is "reconcile tells of it" "$? $(jq -r '[.differences[] | .difference] |
	group_by(.) | map("\(.[0]) \(length)") | join(", ")' "$T/found.json")" \
	"8 absent 150"
is "… and makes none" "$(upload) $(hub_says | wc -l)" "0 0"
fill issue d 7 1
is "who is renewed is made" "$(upload) $(hub_says | cut -d'|' -f1)" "0 d00007"
admin cloud reconcile --repair >/dev/null
is "the others when somebody says so" "$(upload) $(hub_says | wc -l)" "0 150"

# ---- much waits
fill issue w 1 "$WAITING"
is "$WAITING wait to be told" "$(open_rows)" "$WAITING"
start simpleenroll
csr dev1 /CN=dev1
csr dev2 /CN=dev2
send_csr plain "$T/dev1.b64" >/dev/null
begun=$(date +%s%N)
is "a device gets its certificate" "$(send_csr plain "$T/dev2.b64")" "0 200 "
took=$((($(date +%s%N) - begun) / 1000000))
ok "… soon: $took ms" test "$took" -lt 2000
stop TERM
is "it ends cleanly" "$rc" 0
done_testing
