# shellcheck shell=bash disable=SC2154 # variables of bench/run
# bench/soak.sh - the part of bench/run that lasts: an hour at half load.
#
# Read by bench/run, which has the demo, load and processes.

soak_out=${MICROCA_BENCH_OUT:-$build/bench/soak}
soak_failed=0

# soak_say GOOD TEXT: one line of the verdict; GOOD is 0 or not.
soak_say() {
	if [ "$1" -eq 0 ]; then printf 'ok   %s\n' "$2"; else
		printf 'LOST %s\n' "$2"
		soak_failed=1
	fi
}

soak_cli() { as_demo "$build/bin/microca" -c "$demo/etc/microca.conf" "$@"; }
soak_sql() { as_demo sqlite3 -readonly "$demo/var/microca.db" "$1"; }
# The journal's lines of those who have a certificate.
soak_held() { awk '$1 != "#" && $5 == 200' "$T/journal"; }

# What else the demo needs: the tests' hub, and devices that are told to it.
soak_start() {
	local wait_from
	demo_start
	quick stop >/dev/null
	mkdir "$T/azure"
	node "$top/tests/azure/stand-in.mjs" "$T/azure" >"$T/azure/out" 2>&1 &
	soak_hub=$!
	wait_from=$SECONDS
	until [ -s "$T/azure/env" ]; do
		[ $((SECONDS - wait_from)) -lt 60 ] || {
			cat "$T/azure/out" >&2
			return 1
		}
		sleep 0.1
	done
	# shellcheck source=/dev/null
	. "$T/azure/env"
	curl -sS -o "$T/out" -H 'Content-Type: application/json' \
		-d '{"log":false}' "$AZURE_CTL/settings"
	install -o "$(stat -c %U "$demo/var")" -m 400 "$HUB_KEY_FILE" \
		"$demo/etc/hub.key"
	install -m 644 "$HUB_CA" "$demo/etc/hub-ca.pem"
	sed -i 's/^\t\tname = "device";/&\n\t\tazure = true; device_id = "CN";/' \
		"$demo/etc/profiles.conf"
	cat >>"$demo/etc/microca.conf" <<-END
		cloud = {
			mode = "azure"; edge = "soak"; site = "here"; rate = 0;
			azure = {
				hub = "$HUB_HOST"; endpoint = "$HUB_ENDPOINT";
				anchors = "$demo/etc/hub-ca.pem"; auth = "sas";
				sas_policy = "$HUB_POLICY";
				sas_key_file = "$demo/etc/hub.key";
			};
		};
	END
	: >"$T/revoked"
	: >"$T/uploads"
	: >"$T/troubles"
	chmod 666 "$T/uploads"
	# Health wants to have seen one.
	soak_upload 0
	demo_start
	soak_keyid=$(openssl x509 -in "$demo/intermediate.pem" -noout \
		-ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' | tr A-F a-f)
}

soak_end() {
	local p
	for p in "${soak_fleet:-}" "${soak_asker:-}" "${soak_uploader:-}" \
		"${soak_hub:-}"; do
		[ -z "$p" ] || kill "$p" 2>/dev/null || true
	done
}

# soak_trouble TEXT: what goes wrong on the way is told at the end.
soak_trouble() { printf '%s %s\n' "$(date -u +%T)" "$1" | tee -a "$T/troubles"; }

# ---- what is done meanwhile ----------------------------------------------------
# Three devices that will not renew are revoked, and the responder says so.
soak_revoke() {
	local line reason serials=() s
	while read -r line; do
		serials+=("${line#* }")
		echo "$line" >>"$T/revoked"
	done < <(tail -n 4000 "$T/journal" |
		awk '$3 == "once" && $5 == 200 { print $4, $7 }' | shuf -n 40 | grep -vFf "$T/revoked" | head -n 3)
	[ ${#serials[@]} -gt 0 ] || return 0
	reason=$(shuf -n 1 -e superseded cessationOfOperation keyCompromise)
	soak_cli revoke --reason "$reason" "${serials[@]}" >"$T/out" 2>&1 ||
		soak_trouble "revoke: $(tail -n 1 "$T/out")"
	for s in "${serials[@]}"; do
		soak_status "$s" revoked
	done
	s=$(tail -n 50 "$T/journal" | awk '$1 != "#" && $5 == 200 { print $7 }' |
		shuf -n 1)
	soak_status "$s" good
}

soak_status() { # soak_status SERIAL WORD
	openssl ocsp -issuer "$demo/intermediate.pem" -serial "0x$1" \
		-url "http://localhost:$((port + 6))/ocsp" \
		-CAfile "$demo/root.pem" >"$T/status" 2>&1 || true
	if ! grep -q "^0x$1: $2\$" "$T/status" ||
		! grep -q 'verify OK' "$T/status"; then
		soak_trouble "ocsp of $1: $(tr '\n' ' ' <"$T/status")"
	fi
}

# Each program that is not asked by the fleet.
soak_pages() {
	local url est="https://localhost:$port/.well-known/est"
	local own="https://localhost:$((port + 7))"
	for url in "$est/cacerts" "$est/csrattrs" "https://localhost:$port/health" \
		"http://localhost:$((port + 6))/metrics" \
		"$own/inventory/" "$own/inventory/certificates" \
		"$own/api/v1/certificates?rows=20"; do
		curl -sS -f -o "$T/page" --max-time 30 --cacert "$demo/root.pem" \
			--cert "$demo/operator.pem" --key "$demo/operator.key" \
			"$url" 2>"$T/out" || soak_trouble "$url: $(cat "$T/out")"
	done
}

# The list made anew, fetched, and verified: it has all that were revoked.  And
# the record is signed.
soak_crl() {
	local n want
	want=$(wc -l <"$T/revoked")
	soak_cli crl --force >"$T/out" 2>&1 ||
		soak_trouble "crl: $(tail -n 1 "$T/out")"
	soak_cli audit head >"$T/out" 2>&1 ||
		soak_trouble "audit head: $(tail -n 1 "$T/out")"
	curl -sS -f -o "$T/list" \
		"http://localhost:$((port + 6))/crl/$soak_keyid.crl" 2>"$T/out" ||
		soak_trouble "crl: $(cat "$T/out")"
	openssl crl -inform DER -in "$T/list" -noout -text \
		-CAfile "$demo/intermediate.pem" >"$T/list.text" 2>&1 || true
	grep -q 'verify OK' "$T/list.text" || soak_trouble "crl is not verified"
	n=$(grep -c 'Serial Number:' "$T/list.text" || true)
	[ "$n" -eq "$want" ] || soak_trouble "crl has $n of $want"
}

# As a timer would: a run begins a minute after the last one ended.
soak_uploads() {
	local from
	while [ ! -e "$T/uploads.end" ]; do
		from=$SECONDS
		soak_upload "$(((from - $1) / 60))" || true
		until [ -e "$T/uploads.end" ] || [ $((SECONDS - from)) -ge 60 ]; do
			sleep 0.5
		done
	done
}

soak_upload() { # soak_upload MINUTE: its exit status
	local rc=0
	as_demo "$build/tests/tools/spent" "$T/uploads" \
		"$build/bin/microca-upload" -c "$demo/etc/microca.conf" \
		>"$T/upload.log" 2>&1 || rc=$?
	# 7: no time for what is left, the next run goes on.
	[ "$rc" -eq 0 ] || [ "$rc" -eq 7 ] ||
		soak_trouble "microca-upload: $rc, $(tail -n 1 "$T/upload.log")"
	awk -v m="$1" -v rc="$rc" '{ v[$1] = $2 } END { printf "%s,%s,%s,%s,%s\n",
		m, v["max_rss_kib"], v["cpu_ms"], v["wall_ms"], rc }' \
		"$T/uploads" >>"$soak_out/upload.csv"
	return "$rc"
}

# ---- what is measured -----------------------------------------------------------
soak_programs="lighttpd simpleenroll simplereenroll cacerts csrattrs health
	inventory ocsp crl metrics"

# A line a program; of five looks the fewest descriptors, for connections come
# and go.
soak_sample() { # soak_sample MINUTE
	local p pid fds n hz
	hz=$(getconf CLK_TCK)
	awk -v head="$1,$(cut -d' ' -f1 /proc/loadavg)" '{ n[$2]++ } END {
		printf "%s,%d,%d\n", head, n["enrol"], n["renew"] }' \
		"$T/journal" >>"$soak_out/answers.csv"
	for p in $soak_programs; do
		pid=$(pids_of "$p" | head -n 1)
		[ -n "$pid" ] || {
			soak_trouble "$p does not run"
			continue
		}
		fds=
		for _ in 1 2 3 4 5; do
			n=$(find "/proc/$pid/fd" -type l | wc -l)
			if [ -z "$fds" ] || [ "$n" -lt "$fds" ]; then fds=$n; fi
			sleep 0.05
		done
		awk -v head="$1,$p,$pid" -v fds="$fds" -v cpu="$(sed 's/.*) //' \
			"/proc/$pid/stat" | awk -v hz="$hz" '{ print ($12 + $13) / hz * 1000 }')" \
			'{ v[$1] = $2 } END { printf "%s,%s,%s,%s,%d\n", head,
			v["Pss:"], v["Private_Dirty:"], fds, cpu }' \
			"/proc/$pid/smaps_rollup" >>"$soak_out/programs.csv"
	done
}

# Percentiles of each minute, out of the journal, when all is over.
soak_latency() {
	local begin what
	begin=$(awk '$1 == "#" { found = 1; next }
		found { print $1; exit }' "$T/journal")
	echo "minute,what,answers,p50_ms,p95_ms,p99_ms,most_ms,not_200" \
		>"$soak_out/latency.csv"
	for what in enrol renew; do
		awk -v b="$begin" -v w="$what" '$2 == w && $1 >= b {
			print int(($1 - b) / 60), ($5 == 200 ? $6 : "x") }' \
			"$T/journal" | sort -s -k1,1n -k2,2g |
			awk -v w="$what" '
			function out() { if (n + bad) printf "%d,%s,%d,%s,%s," \
				"%s,%s,%d\n", m, w, n, at(50), at(95), at(99),
				v[n], bad }
			function at(p,  i) { i = int(n * p / 100 + 0.999999)
				return v[i > 0 ? i : 1] }
			$1 != m { out(); m = $1; n = bad = 0 }
			$2 == "x" { bad++; next }
			{ v[++n] = $2 }
			END { out() }' >>"$soak_out/latency.csv"
	done
}

# ---- the verdict ------------------------------------------------------------------
# Over the last three quarters of the run: of memory the median of the slopes
# between any two minutes (Theil and Sen), which one odd minute does not move; of
# descriptors the fewest in the second quarter and in the last.
soak_slopes() {
	awk -F, -v minutes="$1" '
	NR > 1 && $1 > minutes / 4 { n[$2]++; m[$2, n[$2]] = $1
		d[$2, n[$2]] = $5
		if (!($2 in order)) { order[$2] = ++programs; name[programs] = $2 } }
	NR > 1 { q = $1 <= minutes / 4 ? 1 : $1 <= minutes / 2 ? 2 : \
			$1 <= minutes * 3 / 4 ? 3 : 4
		if (!(($2, q) in f) || $6 < f[$2, q]) f[$2, q] = $6
		if (($2 in pid) && pid[$2] != $3) again[$2]++; pid[$2] = $3 }
	function slope(v, p,   i, j, k, s, t) {
		k = 0
		for (i = 1; i <= n[p]; i++)
			for (j = i + 1; j <= n[p]; j++)
				s[++k] = (v[p, j] - v[p, i]) / (m[p, j] - m[p, i])
		if (k == 0) return 0
		sort(s, k)
		return s[int((k + 1) / 2)]
	}
	function sort(s, k,   gap, i, j, t) {
		for (gap = int(k / 2); gap > 0; gap = int(gap / 2))
			for (i = gap + 1; i <= k; i++) {
				t = s[i]
				for (j = i; j > gap && s[j - gap] > t; j -= gap)
					s[j] = s[j - gap]
				s[j] = t
			}
	}
	END { for (i = 1; i <= programs; i++) { p = name[i]
		printf "%s %d %d %.1f %d %d %d\n", p, d[p, 1], d[p, n[p]],
		slope(d, p) * 60, f[p, 2], f[p, 4], again[p] } }' "$soak_out/programs.csv"
}

# A program that grows by more than this leaks: 1 MiB of memory in an hour are
# 6 octets of a request at 50 a second.  A few descriptors are connections to the
# database that a crowd of requests had opened.
soak_leaks() { # soak_leaks MINUTES
	local p d1 d2 ds f1 f2 again bad long=0
	[ "$1" -ge 30 ] || long=1
	while read -r p d1 d2 ds f1 f2 again; do
		bad=0
		[ "$long" -ne 0 ] || bad=$(awk -v d="$ds" -v f="$((f2 - f1))" \
			'BEGIN { print (d > 1024 || f > 3) ? 1 : 0 }')
		[ "$again" -eq 0 ] || bad=1
		soak_say "$bad" "$p: Private_Dirty $d1 kB to $d2 kB, $ds kB an hour; \
descriptors $f1, then $f2; started again $again times"
	done < <(soak_slopes "$1")
	[ "$long" -eq 0 ] || echo "     (too short a run to tell a leak from a start)"
}

# Percentiles are told, not judged: the machine may have other work.
soak_percentiles() { # soak_percentiles MINUTES
	local q=$((($1 + 3) / 4)) what
	for what in enrol renew; do
		soak_quarter $what 0 "$q" "first quarter"
		soak_quarter $what $(($1 - q)) "$1" "last quarter"
	done
}

# soak_quarter WHAT FROM UNTIL NAME: the median minute of each percentile.
soak_quarter() {
	local column said=
	for column in 4 5 6; do
		said="$said $(awk -F, -v w="$1" -v a="$2" -v b="$3" -v c=$column \
			'$2 == w && $1 >= a && $1 < b { print $c }' \
			"$soak_out/latency.csv" | median)"
	done
	# shellcheck disable=SC2086 # three numbers
	printf '     %s, %s: median %.0f, 95th %.0f, 99th %.0f ms; the slowest answer %.0f ms\n' \
		"$1" "$4" $said "$(awk -F, -v w="$1" -v a="$2" -v b="$3" \
			'$2 == w && $1 >= a && $1 < b && $7 + 0 > m { m = $7 + 0 }
			END { print m + 0 }' "$soak_out/latency.csv")"
}

# What an answer costs does not follow the machine's other work as its time does.
soak_cpu() { # soak_cpu MINUTES
	awk -F, -v q="$((($1 + 3) / 4))" -v last="$1" '
	FILENAME ~ /answers/ { n["simpleenroll", $1] = $3
		n["simplereenroll", $1] = $4; load[$1] = $2; next }
	{ cpu[$2, $1] = $7 }
	function cost(p, from, to,   k) { k = n[p, to] - n[p, from]
		return k > 0 ? (cpu[p, to] - cpu[p, from]) / k * 1000 : 0 }
	function mean(from, to,   i, s) { for (i = from + 1; i <= to; i++)
		s += load[i]; return s / (to - from) }
	END { split("simpleenroll simplereenroll", p, " ")
		for (i = 1; i <= 2; i++) printf "     CPU of an answer, %s: %.0f us" \
		" in the first quarter, %.0f in the last\n", p[i],
		cost(p[i], 0, q), cost(p[i], last - q, last)
		printf "     the machine'"'"'s load: %.1f in the first quarter, %.1f in " \
		"the last\n", mean(0, q), mean(last - q, last) }' \
		"$soak_out/answers.csv" "$soak_out/programs.csv"
}

# soak_equal TEXT FILE FILE: the same lines.
soak_equal() {
	local n only
	n=$(wc -l <"$2")
	LC_ALL=C comm -3 "$2" "$3" >"$T/differ"
	only=$(wc -l <"$T/differ")
	head -n 5 "$T/differ"
	if [ "$only" -eq 0 ] && [ "$n" -gt 0 ]; then
		soak_say 0 "$1: $n, the same"
	else
		soak_say 1 "$1: $n and $(wc -l <"$3"), $only differ"
	fi
}

soak_verdict() { # soak_verdict MINUTES
	local other records
	other=$(awk '$1 != "#" && $5 != 200 { n[$5]++ }
		END { for (s in n) printf "%s: %d ", s, n[s] }' "$T/journal")
	echo "     answers that are not 200: ${other:-none}"
	# 503 says to come later and loses nothing.
	soak_say "$(awk '$1 != "#" && $5 != 200 && $5 != 503 { n = 1 }
		END { print n + 0 }' "$T/journal")" "every answer is 200, or 503"
	soak_say "$(($(wc -l <"$T/troubles") > 0))" \
		"revocations, lists, status, pages and uploads: $(wc -l <"$T/troubles") troubles"
	soak_held | awk '{ print $7, $8 }' | LC_ALL=C sort >"$T/held"
	soak_cli list --profile device --status all --format csv | tr -d '\r' |
		awk -F'","' 'NR > 1 && $8 != "CN=demo-device" {
			gsub(/"/, ""); n = split($0, v, ","); print v[1],
			toupper(v[n]) }' | LC_ALL=C sort >"$T/stored"
	soak_equal "certificates that clients hold, and on record" \
		"$T/held" "$T/stored"
	# What each device shows and should be let in by, as clients know it.
	LC_ALL=C awk 'FILENAME ~ /revoked$/ { revoked[$2] = 1; next }
		$1 != "#" && $5 == 200 { device[$4] = $7; fp[$4] = $8 }
		END { for (d in device) print d, (device[d] in revoked) ? \
			"disabled -" : "enabled " fp[d] }' "$T/revoked" "$T/journal" |
		LC_ALL=C sort >"$T/devices"
	curl -sS "$AZURE_CTL/table?fields=deviceId,status,authentication.x509Thumbprint.primaryThumbprint" |
		LC_ALL=C awk -F'\t' '{ print $1, $2, $2 == "disabled" ? "-" : \
			toupper($3) }' | LC_ALL=C sort >"$T/hub.says"
	soak_equal "devices as clients know them, and in the hub" \
		"$T/devices" "$T/hub.says"
	soak_crl
	cut -d' ' -f2 "$T/revoked" | LC_ALL=C sort >"$T/revoked.serials"
	sed -n 's/^ *Serial Number: //p' "$T/list.text" | LC_ALL=C sort >"$T/listed"
	soak_equal "certificates revoked, and in the list that is served" \
		"$T/revoked.serials" "$T/listed"
	soak_cli list --status revoked --format csv | tail -n +2 |
		cut -d'"' -f2 | LC_ALL=C sort >"$T/store.revoked"
	soak_equal "certificates revoked, and so on record" \
		"$T/revoked.serials" "$T/store.revoked"
	if records=$(soak_cli audit verify 2>&1); then
		soak_say 0 "audit verify: $(head -n 1 <<<"$records")"
	else
		soak_say 1 "audit verify: $records"
	fi
	soak_say "$(soak_sql 'PRAGMA integrity_check' | grep -cvx ok || true)" \
		"integrity_check of the database"
	soak_leaks "$1"
	soak_percentiles "$1"
	soak_cpu "$1"
	echo "     microca-upload, peak memory: $(tail -n +2 "$soak_out/upload.csv" |
		cut -d, -f2 | sort -n | sed -n '1p;$p' | tr '\n' ' ')KiB (least, most)"
}

bench_soak() { # bench_soak MINUTES
	local minutes=$1 minute from tick
	title "soak: half load for $minutes minutes"
	mkdir -p "$soak_out"
	echo "minute,program,pid,pss_kb,private_dirty_kb,fds,cpu_ms" \
		>"$soak_out/programs.csv"
	echo "minute,load,enrolments,renewals" >"$soak_out/answers.csv"
	echo "minute,peak_kib,cpu_ms,wall_ms,status" >"$soak_out/upload.csv"
	soak_start
	"$build/bench/load/fleet" -u "https://localhost:$port" \
		-A "$demo/root.pem" -E "$demo/manufacturer.pem" \
		-K "$demo/manufacturer.key" -c "$connections" \
		-w "${MICROCA_BENCH_WARM:-60}" -o "$T/journal" &
	soak_fleet=$!
	until grep -q '^# capacity' "$T/journal" 2>/dev/null; do
		kill -0 "$soak_fleet"
		sleep 0.5
	done
	sed -n 's/^# //p' "$T/journal"
	soak_sample 0
	# OCSP is asked all the time, by one connection.
	openssl ocsp -issuer "$demo/intermediate.pem" -cert "$demo/device.pem" \
		-no_nonce -reqout "$T/rq" 2>/dev/null
	stdbuf -oL curl -s --rate 600/m -o "$T/ocsp.answer" -w '%{http_code}\n' \
		-H 'Content-Type: application/ocsp-request' \
		--data-binary "@$T/rq" \
		"http://localhost:$((port + 6))/ocsp?[1-1000000]" \
		>"$T/ocsp.codes" &
	soak_asker=$!
	from=$SECONDS
	tick=0
	soak_uploads "$from" &
	soak_uploader=$!
	for minute in $(seq "$minutes"); do
		while [ $((SECONDS - from)) -lt $((minute * 60 - 5)) ]; do
			if [ $((SECONDS - from)) -ge $((tick * 10)) ]; then
				tick=$(((SECONDS - from) / 10 + 1))
				soak_revoke
				soak_pages
			else
				sleep 0.5
			fi
		done
		soak_sample "$minute"
		[ $((minute % 3)) -ne 0 ] || soak_crl
		kill -0 "$soak_fleet" || soak_trouble "the fleet has ended"
	done
	kill "$soak_fleet" "$soak_asker"
	wait "$soak_fleet" || soak_trouble "the fleet failed"
	wait "$soak_asker" || true
	echo "     OCSP, by one connection: $(wc -l <"$T/ocsp.codes") answers"
	! grep -qvx 200 "$T/ocsp.codes" || soak_trouble "OCSP: not always 200"
	: >"$T/uploads.end"
	wait "$soak_uploader"
	for _ in $(seq 20); do
		! soak_upload $((minutes + 1)) || break
	done
	soak_latency
	soak_verdict "$minutes"
	cp "$T/troubles" "$T/journal" "$soak_out/"
	cp "$demo"/log/*.log "$soak_out/" 2>/dev/null || true
	cat "$T/troubles"
	echo "figures: $soak_out"
	soak_end
	quick clean >/dev/null 2>&1
	return "$soak_failed"
}
