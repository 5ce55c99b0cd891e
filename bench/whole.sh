# shellcheck shell=bash disable=SC2154 # variables of bench/run
# bench/whole.sh - the part of bench/run that asks whole requests of two CAs, one
# with 10,000 certificates and one with many more, in turns.
#
# Read by bench/run, which has the demo, load and processes.

whole_small=10000
whole_turns=${MICROCA_BENCH_TURNS:-7}
whole_asked=1000 # certificates whose status is asked for in a turn

# whole_ns NAME...: CPU of these programs so far, in ns, and of PostgreSQL.
whole_ns() {
	local name pid
	{
		for name in "$@"; do
			for pid in $(pids_of "$name"); do
				cat "/proc/$pid"/task/*/schedstat
			done
		done
		[ -z "${pg_ctl:-}" ] || for pid in $(pgrep postgres); do
			cat "/proc/$pid/schedstat" 2>/dev/null || true
		done
	} | awk '{ s += $1 } END { printf "%.0f", s }'
}

# whole_side few|many: whose turn it is.
whole_side() {
	demo=$T/$1
	port=${whole_port[$1]}
}

# The issuer is the demo's own, so that its status can be asked for.
whole_make() { # whole_make SIDE ROWS
	local from=$SECONDS
	whole_side "$1"
	demo_start
	quick stop >/dev/null
	sed -i '/^ocsp = /d' "$demo/etc/microca.conf"
	echo 'ocsp = { share = 100; nonce_share = 100; };' >>"$demo/etc/microca.conf"
	as_demo env SQLITE_TMPDIR="$demo/var" "$build/tests/tools/fill" \
		"sqlite:$demo/var/microca.db" bulk dev 1 "$2" \
		"$(openssl x509 -in "$demo/intermediate.pem" -noout \
			-ext subjectKeyIdentifier | tail -n 1 | tr -d ' :' |
			tr A-F a-f)"
	as_demo "$build/tests/tools/fill" "sqlite:$demo/var/microca.db" \
		revoke dev 1 1000
	[ "$whole_store" = sqlite ] || whole_move "$1"
	demo_start
	printf '%s certificates there in %d s, %.0f octets each\n' "$2" \
		$((SECONDS - from)) \
		"$(awk -v s="$(stat -c %s "$demo/var/microca.db")" -v n="$2" \
			'BEGIN { print s / n }')"
}

# From now on its store is in PostgreSQL.
whole_move() { # whole_move SIDE
	pg_new "$1"
	as_demo "$build/bin/microca" -c "$demo/etc/microca.conf" store copy \
		"sqlite:$demo/var/microca.db" "$(pg_url "$1")" >"$T/copied" 2>&1 || {
		cat "$T/copied" >&2
		return 1
	}
	printf 'store = "%s";\n' "$(pg_url "$1")" >>"$demo/etc/microca.conf"
}

# ---- the paths: each adds "PATH SIDE US" to $T/grown ---------------------------
grown() { # grown PATH SIDE NS N
	awk -v p="$1" -v s="$2" -v ns="$3" -v n="$4" 'BEGIN {
		printf "%s\t%s\t%.1f\n", p, s, ns / 1000 / n }' >>"$T/grown"
}

# By a fleet of its own: as many enrolments as renewals, each on a connection of
# its own.
whole_fleet() {
	local ns enrol renew n r fleet
	# What is there when the first ones begin to renew is not counted.
	"$build/bench/load/fleet" -u "https://localhost:$port" \
		-A "$demo/root.pem" -E "$demo/manufacturer.pem" \
		-K "$demo/manufacturer.key" -c "$connections" -f 50 -w 600 \
		-o "$T/fleet" &
	fleet=$!
	until grep -q ' renew ' "$T/fleet" 2>/dev/null; do sleep 0.2; done
	ns=$(whole_ns lighttpd)
	enrol=$(whole_ns simpleenroll)
	renew=$(whole_ns simplereenroll)
	n=$(wc -l <"$T/fleet")
	r=$(grep -c ' renew ' "$T/fleet")
	sleep 4
	ns=$(($(whole_ns lighttpd) - ns))
	enrol=$(($(whole_ns simpleenroll) - enrol))
	renew=$(($(whole_ns simplereenroll) - renew))
	n=$(($(wc -l <"$T/fleet") - n))
	r=$(($(grep -c ' renew ' "$T/fleet") - r))
	kill "$fleet"
	wait "$fleet" || true
	! awk '$1 != "#" && $5 != 200' "$T/fleet" | grep . || return 1
	rm "$T/fleet"
	grown enrolment "$1" $((enrol + ns * (n - r) / n)) $((n - r))
	grown renewal "$1" $((renew + ns * r / n)) "$r"
}

whole_ocsp() { # whole_ocsp SIDE NAME [nonce]
	local ns said
	# shellcheck disable=SC2086 # a word or none
	as_demo sqlite3 -readonly "$demo/var/microca.db" \
		"SELECT serial FROM certificate WHERE id IN (SELECT abs(random())
		% (SELECT max(id) FROM certificate) + 1 FROM
		(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c
		WHERE n < $whole_asked) SELECT n FROM c))" |
		"$build/bench/ocsp" requests "$demo/intermediate.pem" \
			"$T/requests" ${3:-}
	ns=$(whole_ns lighttpd ocsp)
	said=$("$build/bench/ocsp" rate localhost $((port + 6)) "$T/requests" \
		"$connections" 3)
	ns=$(($(whole_ns lighttpd ocsp) - ns))
	case $said in *' 0.0 tryLater/s, 0.0 others/s') ;; *)
		echo "$said" >&2
		return 1
		;;
	esac
	grown "$2" "$1" "$ns" "$(awk -v r="${said%% *}" 'BEGIN { print r * 3 }')"
}

whole_page() { # whole_page SIDE NAME PATH
	local ns path=${3%%\?*} query=
	[ "$path" = "$3" ] || query=${3#*\?}
	ns=$(whole_ns inventory)
	# shellcheck disable=SC2016 # of that shell
	as_web bash -c 'for _ in $(seq 50); do "$@" </dev/null || exit 1; done' \
		page "$build/tests/tools/fcgi" -w 300 "$demo/run/inventory.sock" \
		REQUEST_METHOD=GET "REQUEST_URI=$3" "QUERY_STRING=$query" \
		SSL_CLIENT_VERIFY=SUCCESS \
		"SSL_CLIENT_CERT=$(cat "$demo/viewer.pem")" \
		REMOTE_ADDR=192.0.2.7 >"$T/page"
	[ "$(grep -c '^Status: 200' "$T/page")" -eq 50 ] || {
		head -n 20 "$T/page" >&2
		return 1
	}
	grown "$2" "$1" $(($(whole_ns inventory) - ns)) 50
}

whole_served() { # whole_served SIDE NAME URL PROGRAM
	local ns
	ns=$(whole_ns lighttpd "$4")
	curl -sS -f -o /dev/null --cacert "$demo/root.pem" --cert "$demo/operator.pem" \
		--key "$demo/operator.key" "$3#[1-200]"
	grown "$2" "$1" $(($(whole_ns lighttpd "$4") - ns)) 200
}

whole_tool() { # whole_tool SIDE NAME microca's words
	local side=$1 name=$2 _
	shift 2
	for _ in 1 2 3; do
		spent_of "$build/bin/microca" -c "$demo/etc/microca.conf" "$@" \
			>/dev/null
		awk -v s="$side" -v p="$name" '$1 == "cpu_ms" {
			printf "%s\t%s\t%.1f\n", p, s, $2 * 1000 }' "$T/spent" \
			>>"$T/grown"
	done
}

whole_turn() { # whole_turn SIDE
	local own sha
	own="https://localhost:$((port + 7))"
	sha=$(as_demo sqlite3 -readonly "$demo/var/microca.db" \
		"SELECT lower(hex(sha256)) FROM certificate WHERE id = abs(random())
		% (SELECT max(id) FROM certificate) + 1")
	whole_fleet "$1"
	whole_ocsp "$1" "status, answers signed before"
	whole_ocsp "$1" "status, signed for it (nonce)" nonce
	whole_page "$1" "inventory, first page" /inventory/certificates
	whole_page "$1" "inventory, who ends first" \
		"/inventory/certificates?order=ending"
	whole_page "$1" "inventory, a certificate" "/inventory/certificates/$sha"
	whole_served "$1" "metrics" \
		"http://localhost:$((port + 6))/metrics" metrics
	whole_served "$1" "api, 20 certificates" \
		"$own/api/v1/certificates" inventory
	whole_tool "$1" "microca list --limit 50" list --limit 50
	whole_tool "$1" "microca crl, 1,000 revoked" crl --force
}

# Once each, where there are many.
whole_costs() {
	local copy=$demo/var/copy
	echo "microca audit verify: $(spent_of "$build/bin/microca" \
		-c "$demo/etc/microca.conf" audit verify)"
	[ "$whole_store" = sqlite ] || return 0
	echo "microca backup: $(spent_of "$build/bin/microca" \
		-c "$demo/etc/microca.conf" backup "$copy"), $(stat -c %s "$copy") octets"
}

# Medians, their ratio, and by how much it grows for ten times as many.
whole_said() { # whole_said ROWS
	awk -F'\t' -v rows="$1" -v small=$whole_small '
	{ k = $1 SUBSEP $2; v[k, ++n[k]] = $3
		if (!($1 in seen)) { seen[$1] = 1; name[++names] = $1 } }
	function median(k,   i, j, t) {
		for (i = 2; i <= n[k]; i++) for (j = i; j > 1 && \
			v[k, j - 1] > v[k, j]; j--) { t = v[k, j]
			v[k, j] = v[k, j - 1]; v[k, j - 1] = t }
		return v[k, int((n[k] + 1) / 2)]
	}
	END { printf "%-32s %10s %10s %7s %9s\n", "CPU of a request, us", small,
		rows, "ratio", "a decade"
		for (i = 1; i <= names; i++) {
			a = median(name[i] SUBSEP "few")
			b = median(name[i] SUBSEP "many")
			printf "%-32s %10.1f %10.1f %7.3f %+8.1f%%\n", name[i], a,
				b, b / a, (exp(log(b / a) / \
				(log(rows / small) / log(10))) - 1) * 100
		} }' "$T/grown"
}

bench_whole() { # bench_whole sqlite|postgresql
	local rows=${MICROCA_BENCH_ROWS:-1000000} turn side
	declare -A whole_port=([few]=$port [many]=$((port + 20)))
	whole_store=$1
	title "whole: requests with $rows certificates in $1"
	chmod 755 "$build/tests/tools/fcgi"
	[ "$1" = sqlite ] || pg_begin
	whole_make few $whole_small
	whole_make many "$rows"
	: >"$T/grown"
	# The first turn warms the caches of both.
	for turn in $(seq 0 "$whole_turns"); do
		for side in many few; do
			whole_side $side
			whole_turn $side
		done
		[ "$turn" -gt 0 ] || : >"$T/grown"
	done
	whole_said "$rows"
	whole_side many
	whole_costs
	quick clean >/dev/null 2>&1
	whole_side few
	quick clean >/dev/null 2>&1
	pg_end
}
