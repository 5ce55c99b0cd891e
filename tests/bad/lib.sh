# shellcheck shell=bash disable=SC2034,SC2154
# What rows.sh does with a row of rows.tsv; after tests/httpd/lib.sh.
#
# A row is one or more requests that all get the same answer.  Each is sent
# twice, then a good one to the same program; then everything else is looked at:
# what README.md here calls the invariants.

# shellcheck source=tests/invariants.sh
. "$SRCDIR/tests/invariants.sh"
export LC_ALL=C
STRICT=3 EITHER=4 HELD=5 # endpoints of ours, by their offset to the port
wrong=()                 # what is not as it should be with the row in work
amiss() { wrong+=("$*"); }

# ---- the record ---------------------------------------------------------------
owner=$(stat -c %U "$DEMO/var")
sql_start() {
	local who=()
	[ "$(id -u)" != 0 ] || who=(runuser -u "$owner" --)
	coproc SQL { "${who[@]}" sqlite3 -readonly -bail "$DEMO/var/microca.db"; }
}
sql_stop() {
	eval "exec ${SQL[1]}>&-"
	wait "$SQL_PID" || :
}
sql() { # sql QUERY: sets `rows`
	local line
	rows=()
	printf "%s;\nSELECT '---';\n" "$1" >&"${SQL[1]}"
	while IFS= read -r -t 20 -u "${SQL[0]}" line; do
		[ "$line" != --- ] || return 0
		rows+=("$line")
	done
	echo "Bail out! the database does not answer: $1"
	exit 1
}
# What no refusal may change; certificates and audit records are counted apart.
look() {
	sql "$look_sql"
	certs=${rows[0]} audits=${rows[1]} newest=${rows[2]} rest="${rows[*]:3}"
}

begun=$(TZ=UTC printf '%(%FT%T)T')

# ---- the processes --------------------------------------------------------------
declare -A pids rss
logs=()
watch() { # their ids, their memory, their logs from here on
	local p pid fd
	for p in "$DEMO"/pid/*; do
		read -r pid <"$p"
		p=${p##*/}
		# multiwatch's child is the program.
		[ "$p" = "$SERVER" ] || read -r pid _ \
			<"/proc/$pid/task/$pid/children"
		pids[$p]=$pid
		read -r _ "rss[$p]" _ <"/proc/$pid/statm"
	done
	for p in "$DEMO"/log/*.log; do
		case $p in */access.log) continue ;; esac
		exec {fd}<"$p"
		while IFS= read -r -u "$fd" _; do :; done
		logs+=("$fd")
	done
	shopt -s globstar nullglob
	files_now
	files=$now
}
files_now() {
	local GLOBIGNORE=$DEMO/var/pin-refused # who was wrong is remembered
	now=$(printf '%s\n' "$DEMO"/var/** "$DEMO"/run/** "$DEMO"/public/** \
		"$DEMO"/tokens/**)
}

# Four times what it was and 64 MiB: AddressSanitizer keeps what was freed.
bounded() {
	local p pages end=$((SECONDS + 3))
	for p in "${!pids[@]}"; do
		if ! read -r _ pages _ 2>/dev/null <"/proc/${pids[$p]}/statm"; then
			amiss "$p ended"
		elif [ "$pages" -gt $((4 * rss[$p] + 16384)) ]; then
			amiss "$p has $pages pages, had ${rss[$p]}"
		fi
	done
	files_now
	while [ "$now" != "$files" ] && [ "$SECONDS" -lt "$end" ]; do
		sleep 0.1
		files_now
	done
	[ "$now" = "$files" ] || amiss "files: $(diff <(echo "$files") <(echo "$now"))"
}

# New log lines, into `lines`.
read_logs() {
	local fd line
	lines=
	for fd in "${logs[@]}"; do
		while IFS= read -r -u "$fd" line; do
			log_line "$line"
			[[ $line != *' ready'* ]] || amiss "log: $line"
			lines+=$line$'\n'
		done
	done
}

# ---- the answers -------------------------------------------------------------------
pin=$(cat "$DEMO/etc/pin")
# answer N STATUS WORD: of the Nth answer, in $T/h.N, b.N; sets `named`.
answer() {
	local n=$1 status=$2 word=$3 head body
	head=
	[ ! -f "$T/h.$n" ] || IFS= read -r -d '' head <"$T/h.$n"
	head=${head//$'\r'/}
	named='' told=''
	case $status in
	405) [[ $head == *$'\nAllow: '* || $word = F ]] || amiss "no Allow" ;;
	401) [[ $head == *$'\nWWW-Authenticate: Basic realm='* ]] ||
		amiss "no challenge" ;;
	202 | 429 | 503) [[ $head =~ $'\nRetry-After: '[1-9] ]] ||
		amiss "no Retry-After" ;;
	esac
	[ -s "$T/b.$n" ] || return 0
	case $status in 200 | 204) return 0 ;; esac
	# It is read to its end, or to a NUL.
	! IFS= read -r -d '' body <"$T/b.$n" || amiss "a NUL in the body"
	body=${body%$'\n'}
	hushed "$head$body" "$DEMO" "$pin" microca-demo
	[ "$word" != F ] || return 0
	one_line "$body"
	[ -z "$named" ] || fits "$told" "${word#log:}" || amiss "the reason is $told"
}

# recorded COUNT WORD STATUS ID...: one audit record each, as it has to be; one
# log line each.
recorded() {
	local count=$1 word=$2 status=$3 r one at
	shift 3
	sql "SELECT record FROM audit WHERE seq > $newest_before"
	case $word in
	F | log:* | - | same) count=0 ;;
	new) count=$((count / 2)) ;;
	esac
	[ -z "$strays" ] || only "$@"
	[ "${#rows[@]}" = "$count" ] ||
		amiss "${#rows[@]} audit records, not $count: ${rows[*]}"
	[ "$word" != new ] || return 0
	for r in "${rows[@]}"; do
		record_fits "$r" "$word" "${status/#-/400}"
		member "$r" time
		TZ=UTC printf -v at '%(%FT%T)T.9Z'
		[[ -n $clocked || ! $value < $begun && ! $at < $value ]] ||
			amiss "audit: $value is not now in UTC"
	done
	for one in "$@"; do
		case $word in
		F | - | same) ;;
		log:*) ;;
		*) [[ ${rows[*]} == *"\"request\":\"$one\""* ]] ||
			amiss "audit: nothing of request $one" ;;
		esac
		r=${lines//"request $one"/}
		[ $((${#lines} - ${#r})) = $((${#one} + 8)) ] ||
			amiss "not one log line of request $one: $lines"
	done
}

only() { # only ID…: of `rows`, those of these requests
	local r one all=("${rows[@]}")
	rows=()
	for r in "${all[@]}"; do
		for one in "$@"; do
			[[ $r != *"\"request\":\"$one\""* ]] || rows+=("$r")
		done
	done
}

# What was issued holds nothing that the request brought along.
sober() { # sober N: the certificate of answer N
	local text
	text=$(tr -d '\r\n' <"$T/b.$1" | openssl base64 -d -A |
		openssl pkcs7 -inform DER -print_certs | openssl x509 -noout -text)
	case $text in
	*evil* | *URI:* | *No\ Check* | *Policies:* | *11:11:11:11* | *CA:TRUE* | *DirName*)
		amiss "the certificate has it: $text" ;;
	*X509v3\ Key\ Usage*) ;;
	*) amiss "no certificate: $text" ;;
	esac
}

# seen ANSWER WORD: the transfers in `got` ("STATUS SECONDS" each), the last of
# them the good one.
seen() {
	local want=${1%%\~*} limit=2 word=$2 i n status seconds best=99 ids=() first='' first_told=''
	case $1 in *\~*) limit=${1#*\~} ;; esac
	n=$((${#got[@]} - 1))
	read_logs
	for ((i = 0; i < n; i++)); do
		read -r status seconds <<<"${got[i]}"
		[[ "|$want|" == *"|$status|"* ]] || amiss "status $status"
		((i % 2)) || first=$status
		[ "$status" = "$first" ] || amiss "then status $status"
		# The better of two: the machine may be busy with something else.
		ms "$seconds"
		if ((i % 2 == 0)) || ((value < best)); then
			best=$value
		fi
		((i % 2 == 0 || best <= limit * 1000)) || amiss "took $best ms"
		answer "$i" "$status" "$word"
		((i % 2)) || first_told=$told
		[ "$told" = "$first_told" ] || amiss "$first_told, then $told"
		[ "$word" != new ] || ((i % 2)) || sober "$i"
		[ -z "$named" ] || ids+=("$named")
	done
	[ "${got[n]%% *}" = 200 ] || amiss "then the good one: ${got[n]}"
	before=("$certs" "$audits" "$newest" "$rest")
	newest_before=$newest
	look
	case $word in
	new) [ $((certs - before[0])) = $((n / 2)) ] ||
		amiss "$((certs - before[0])) issued" ;;
	*) [ $((certs - issued_more)) = "${before[0]}" ] ||
		amiss "$((certs - before[0])) issued, not $issued_more" ;;
	esac
	[ $((audits - before[1])) = $((newest - before[2])) ] ||
		amiss "audit records are lost"
	[ "$rest" = "${before[3]}" ] || amiss "lost: ${before[3]} became $rest"
	recorded "$n" "$word" "$want" "${ids[@]}"
	bounded
}
# ms SECONDS, as 1.234567: into `value`
ms() {
	local s=${1/./}
	value=$((10#${s:0:$((${#s} - 3))}))
}
