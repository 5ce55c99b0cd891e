# shellcheck shell=bash disable=SC2034,SC2154
# What rows.sh does with a row of rows.tsv; after tests/httpd/lib.sh.
#
# A row is one or more requests that all get the same answer.  Each is sent
# twice, then a good one to the same program; then everything else is looked at:
# what README.md here calls the invariants.

export LC_ALL=C
STRICT=3 EITHER=4 HELD=5 # endpoints of ours, by their offset to the port
wrong=()                 # what is not as it should be with the row in work
said() { wrong+=("$*"); }

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
	sql "SELECT (SELECT count(*) FROM certificate),
		(SELECT count(*) FROM audit), (SELECT max(seq) FROM audit),
		(SELECT count(*) || ' ' || total(confirmed) FROM outbox)
		|| ' pending ' || (SELECT group_concat(id || ':' || state || ':' ||
			changed) FROM pending)
		|| ' secrets ' || (SELECT count(*) FROM secret WHERE used = 0
			AND revoked = 0)
		|| ' meta ' || (SELECT group_concat(name || value) FROM meta)
		|| ' revoked ' || (SELECT count(*) FROM certificate WHERE revoked <> 0)"
	IFS='|' read -r certs audits newest rest <<<"${rows[0]}"
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
	now=$(printf '%s\n' "$DEMO"/var/** "$DEMO"/run/** "$DEMO"/public/** \
		"$DEMO"/tokens/**)
}

# Four times what it was and 64 MiB: AddressSanitizer keeps what was freed.
bounded() {
	local p pages end=$((SECONDS + 3))
	for p in "${!pids[@]}"; do
		if ! read -r _ pages _ 2>/dev/null <"/proc/${pids[$p]}/statm"; then
			said "$p ended"
		elif [ "$pages" -gt $((4 * rss[$p] + 16384)) ]; then
			said "$p has $pages pages, had ${rss[$p]}"
		fi
	done
	files_now
	while [ "$now" != "$files" ] && [ "$SECONDS" -lt "$end" ]; do
		sleep 0.1
		files_now
	done
	[ "$now" = "$files" ] || said "files: $(diff <(echo "$files") <(echo "$now"))"
}

# New log lines, into `lines`; none may hold what a terminal obeys.
read_logs() {
	local fd line
	lines=
	for fd in "${logs[@]}"; do
		while IFS= read -r -u "$fd" line; do
			case $line in
			*[[:cntrl:]]*) said "log: control octets: ${line@Q}" ;;
			*Sanitizer* | *'runtime error'* | *' ready'*) said "log: $line" ;;
			esac
			lines+=$line$'\n'
		done
	done
}

# ---- the answers -------------------------------------------------------------------
# Nothing of ours may stand in what strangers read.
pin=$(cat "$DEMO/etc/pin")
hushed() { # hushed TEXT
	case $1 in
	*"$DEMO"* | *"$pin"* | *SELECT* | *pkcs11:* | *microca-demo* | *.c:[0-9]* | \
		*/var/* | *sqlite* | *BEGIN* | *0x[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]* | *lighttpd/*)
		said "not quiet: $1" ;;
	esac
}

# answer N STATUS WORD: of the Nth answer, in $T/h.N, b.N; sets `named`.
answer() {
	local n=$1 status=$2 word=$3 head body
	head=
	[ ! -f "$T/h.$n" ] || IFS= read -r -d '' head <"$T/h.$n"
	head=${head//$'\r'/}
	named=
	case $status in
	405) [[ $head == *$'\nAllow: '* || $word = F ]] || said "no Allow" ;;
	401) [[ $head == *$'\nWWW-Authenticate: Basic realm='* ]] ||
		said "no challenge" ;;
	202 | 429 | 503) [[ $head =~ $'\nRetry-After: '[1-9] ]] ||
		said "no Retry-After" ;;
	esac
	[ -s "$T/b.$n" ] || return 0
	case $status in 200 | 204) return 0 ;; esac
	# It is read to its end, or to a NUL.
	! IFS= read -r -d '' body <"$T/b.$n" || said "a NUL in the body"
	body=${body%$'\n'}
	hushed "$head$body"
	[ "$word" != F ] || return 0
	[[ $body =~ ^([a-z0-9-]+):\ [\ -~]+\ \(request\ ([0-9a-f]{16})\)$ ]] || {
		said "the body is not one plain line: ${body:0:300}"
		return 0
	}
	named=${BASH_REMATCH[2]}
	fits "${BASH_REMATCH[1]}" "${word#log:}" ||
		said "the reason is ${BASH_REMATCH[1]}"
}

# fits WORD WANTED: one of WANTED, "a|b"; "*" is any.
fits() { [ "$2" = '*' ] || [[ "|$2|" == *"|$1|"* ]]; }

# member RECORD NAME: a string or number of the audit's compact JSON, in `value`
member() {
	value=
	[[ ! $1 =~ \"$2\":\"?([^\",}]*) ]] || value=${BASH_REMATCH[1]}
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
	[ "${#rows[@]}" = "$count" ] ||
		said "${#rows[@]} audit records, not $count: ${rows[*]}"
	[ "$word" != new ] || return 0
	for r in "${rows[@]}"; do
		[[ $r != *[[:cntrl:]]* ]] || said "audit: control octets"
		member "$r" event
		[ "$value" = refuse ] || said "audit: $r"
		member "$r" reason
		fits "$value" "$word" || said "audit: $r"
		member "$r" status
		fits "$value" "${status/#-/400}" || said "audit: $r"
		member "$r" operation
		[ -n "$value" ] || said "audit, no operation: $r"
		member "$r" time
		TZ=UTC printf -v at '%(%FT%T)T.9Z'
		[[ ! $value < $begun && ! $at < $value ]] ||
			said "audit: $value is not now in UTC"
		member "$r" peer
		[ -n "$value" ] || said "audit, no peer: $r"
		case $word in
		path | method | config | body-short | body-long | auth-config | \
			auth-none | type | encoding | too-large | length | auth | \
			timeout | aborted | client-*) ;;
		*)
			member "$r" requester
			[ -n "$value" ] || said "audit: nobody asked: $r"
			;;
		esac
		# Read at all, a request is named by its hash.
		case $word in
		profile-* | san-policy | name-* | ra-scope | reenroll-name | \
			key-reuse | window)
			member "$r" csr_sha256
			at=$value
			member "$r" spki_sha256
			at+=" $value"
			[[ $at =~ ^[0-9a-f]{64}\ [0-9a-f]{64}$ ]] ||
				said "audit: which request? $r" ;;
		esac
	done
	for one in "$@"; do
		case $word in
		F | - | same) ;;
		log:*) ;;
		*) [[ ${rows[*]} == *"\"request\":\"$one\""* ]] ||
			said "audit: nothing of request $one" ;;
		esac
		r=${lines//"request $one"/}
		[ $((${#lines} - ${#r})) = $((${#one} + 8)) ] ||
			said "not one log line of request $one: $lines"
	done
}

# What was issued holds nothing that the request brought along.
sober() { # sober N: the certificate of answer N
	local text
	text=$(tr -d '\r\n' <"$T/b.$1" | openssl base64 -d -A |
		openssl pkcs7 -inform DER -print_certs | openssl x509 -noout -text)
	case $text in
	*evil* | *URI:* | *No\ Check* | *Policies:* | *11:11:11:11* | *CA:TRUE* | *DirName*)
		said "the certificate has it: $text" ;;
	*X509v3\ Key\ Usage*) ;;
	*) said "no certificate: $text" ;;
	esac
}

# seen ANSWER WORD: the transfers in `got` ("STATUS SECONDS" each), the last of
# them the good one.
seen() {
	local want=${1%%\~*} limit=2 word=$2 i n status seconds best=99 ids=() first=
	case $1 in *\~*) limit=${1#*\~} ;; esac
	n=$((${#got[@]} - 1))
	read_logs
	for ((i = 0; i < n; i++)); do
		read -r status seconds <<<"${got[i]}"
		[[ "|$want|" == *"|$status|"* ]] || said "status $status"
		((i % 2)) || first=$status
		[ "$status" = "$first" ] || said "then status $status"
		# The better of two: the machine may be busy with something else.
		ms "$seconds"
		if ((i % 2 == 0)) || ((value < best)); then
			best=$value
		fi
		((i % 2 == 0 || best <= limit * 1000)) || said "took $best ms"
		answer "$i" "$status" "$word"
		[ "$word" != new ] || ((i % 2)) || sober "$i"
		[ -z "$named" ] || ids+=("$named")
	done
	[ "${got[n]%% *}" = 200 ] || said "then the good one: ${got[n]}"
	before=("$certs" "$audits" "$newest" "$rest")
	newest_before=$newest
	look
	case $word in
	new) [ $((certs - before[0])) = $((n / 2)) ] ||
		said "$((certs - before[0])) issued" ;;
	*) [ "$certs" = "${before[0]}" ] || said "a certificate was issued" ;;
	esac
	[ $((audits - before[1])) = $((newest - before[2])) ] ||
		said "audit records are lost"
	[ "$rest" = "${before[3]}" ] || said "lost: ${before[3]} became $rest"
	recorded "$n" "$word" "$want" "${ids[@]}"
	bounded
}
# ms SECONDS, as 1.234567: into `value`
ms() {
	local s=${1/./}
	value=$((10#${s:0:$((${#s} - 3))}))
}
