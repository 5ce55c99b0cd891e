#!/bin/sh
# microca-upload killed at any moment, over a thousand devices, at a hub where
# connections break, answers are lost or wrong, others write in between and bulk
# creations lie: in the end the hub says what the store says.
# shellcheck source=tests/op/lib.sh
. "$(dirname "$0")/../op/lib.sh"
# shellcheck source=tests/op/cloud-lib.sh
. "$(dirname "$0")/../op/cloud-lib.sh"

N=${UPLOAD_DEVICES:-1000}
SEED=${UPLOAD_SEED:-$(date +%s)}
mkdir -m 0700 "$T/state"
mkdir "$T/public"
cp "$SRCDIR/etc/profiles.conf" "$T/"
cat >"$CONF" <<-END
	state = "$T/state"; public = "$T/public"; disk_reserve = "1M";
	ca = { key = "$T/none.key"; subject = "$CA_SUBJECT"; };
	endpoints = ();
END
hub_start
cloud_conf '' ''
echo "# seed $SEED"

# random LIMIT: from 0, the same for the same seed.
random() {
	SEED=$(((SEED * 1103515245 + 12345) % 2147483648))
	echo $((SEED / 65536 % $1))
}

# Runs, each killed after up to 0.4 s, while certificates come and go.
changes() {
	fill issue d $(($(random "$N") / 2 + 1)) "$(random 40)"
	fill issue d "$(($(random "$N") + 1))" 1
	fill revoke d "$(($(random "$N") + 1))" 1 2>/dev/null || :
}
killed_runs() {
	for _ in $(seq "$1"); do
		"$UPLOAD" -c "$CONF" 2>/dev/null &
		killed=$!
		sleep "0.$(printf %03d "$(random 400)")"
		kill -9 $killed 2>/dev/null && kills=$((kills + 1))
		wait $killed 2>/dev/null
		[ "$2" = still ] || changes
		admin cloud retry >/dev/null || return 1
	done
}

kills=0
fill issue d 1 "$N"
ok "killed runs, a hub that is well" killed_runs 8 still
is "no device that the store does not have" \
	"$(hub_says | cut -d'|' -f1 | sort -u | wc -l)" "$(hub_says | wc -l)"
ok "then all is told" upload_all
ok "hub and store say the same" same

hub_storm
fill issue d 1 "$N"
kills=0
killed_runs 15 >"$T/killed.log" 2>&1
is "killed runs, a hub that is not, certificates that come and go" $? 0
ok "some of them were killed" test $kills -ge 5
hub_faults 0
ok "then all is told" upload_all
ok "hub and store say the same" same
is "nothing is given up" "$(dead_letters)" 0
ok "the audit chain and the account are whole" cloud_json .last_run
done_testing
