# shellcheck shell=bash disable=SC2034,SC2154
# How a row's requests are sent: send_HOW INPUT sets `got`, a line of status and
# seconds for each transfer, the last one good, and leaves $T/h.N and $T/b.N.

est=/.well-known/est
declare -A tally # how many answers of each status the web server gave
counted() {
	local one
	for one in "$@"; do
		case ${one%% *} in
		[1-5][0-9][0-9]) tally[${one%% *}]=$((${tally[${one%% *}]:-0} + 1)) ;;
		esac
	done
}

# The good request that has to work after a row about this path.
good_of() {
	local pem
	case $1 in
	*cacerts*) good=("$(url 0 cacerts)") ;;
	*csrattrs*) good=("$(url 0 csrattrs)") ;;
	*ocsp*) good=("http://localhost:$((PORT + 6))/ocsp" --data-binary
		"@$T/ocsp.der" -H 'Content-Type: application/ocsp-request') ;;
	*)
		pem=("${maker[@]}")
		good=("$(url "$STRICT" simpleenroll)" "@$T/good.b64")
		[[ $1 != *simplereenroll* ]] || {
			pem=("${dev[@]}")
			good=("$(url "$STRICT" simplereenroll)" "@$T/renew.b64")
		}
		good=("${good[0]}" --data-binary "${good[1]}" "${pem[@]}"
			-H 'Content-Type: application/pkcs10')
		;;
	esac
}

# curls URL-AND-ARGUMENTS…: `each` holds the names of arrays.  Every one twice,
# then the good one, in one process.
curls() {
	local all=() name i=0
	rm -f "$T"/[hb].[0-9]*
	for name in "${each[@]}"; do
		unset -n these
		local -n these=$name
		for _ in 1 2; do
			all+=(-s --max-time 30 --cacert "$DEMO/root.pem" --path-as-is
				-D "$T/h.$i" -o "$T/b.$i" -w '%{http_code} %{time_total}\n'
				"${these[@]}" --next)
			i=$((i + 1))
		done
	done
	all+=(-s --max-time 30 --cacert "$DEMO/root.pem" -D "$T/h.$i"
		-o "$T/b.$i" -w '%{http_code} %{time_total}\n' "${good[@]}")
	mapfile -t got < <(curl "${all[@]}")
	# lighttpd closes on what it has not read of a body, so curl may miss the
	# 413 that followed a 100; the log, counted at the end, has it or has not.
	got=("${got[@]/#100 /413 }")
	counted "${got[@]}"
}

# web: words for curl: OFFSET PATH [ARGUMENT…]; several after "||".
send_web() {
	local i=0 w=() each=()
	while IFS= read -r one; do
		set -f
		eval "w=($one)"
		set +f
		[[ ${w[1]} == /* ]] || w[1]=$est/${w[1]}
		if [ "${w[0]}" = 6 ]; then
			w[1]=http://localhost:$((PORT + 6))${w[1]}
		else
			w[1]=https://localhost:$((PORT + w[0]))${w[1]}
		fi
		eval "each_$i=(\"\${w[@]:1}\")"
		each+=("each_$i")
		i=$((i + 1))
	done <<<"${1// || /$'\n'}"
	good_of "$1"
	curls
}

# posts OFFSET OPERATION FILE…: each with the rest of `with`
posts() {
	local offset=$1 op=$2 i=0 each=() file
	shift 2
	for file in "$@"; do
		eval "each_$i=(\"\$(url $offset $op)\" --data-binary \"@\$file\"
			-H 'Content-Type: application/pkcs10' \"\${with[@]}\")"
		each+=("each_$i")
		i=$((i + 1))
	done
	good_of "$op"
	curls
}

# csr: what stands in the request, for tests/tools/body; several after "||".
send_csr() { with=("${maker[@]}"); posts "$STRICT" simpleenroll "$T/row.$n".[0-9]*; }

# text: commands that write bodies, sent as they are; several after "||".
send_text() {
	local i=0 one files=()
	while IFS= read -r one; do
		eval "$one" >"$T/text.$i"
		files+=("$T/text.$i")
		i=$((i + 1))
	done <<<"${1// || /$'\n'}"
	with=("${maker[@]}")
	posts "$STRICT" simpleenroll "${files[@]}"
}

# vec: files of tests/vectors.
send_vec() {
	local f files=()
	for f in $1; do
		[ "${f##*.}" = b64 ] || {
			grep -v -e '^-----' "$SRCDIR/tests/vectors/$f" >"$T/${f##*/}"
			files+=("$T/${f##*/}")
			continue
		}
		files+=("$SRCDIR/tests/vectors/$f")
	done
	with=("${maker[@]}")
	posts "$STRICT" simpleenroll "${files[@]}"
}

# body: OFFSET OPERATION CLIENT FILE…, files of the scene's; CLIENT "-": none.
send_body() {
	local w client
	eval "w=($1)"
	client=${w[2]}
	[ ! -f "$T/$client.pem" ] || client=$T/$client
	with=()
	[ "$client" = - ] || mapfile -t with < <(as "$client")
	set -- "${w[@]:3}"
	posts "${w[0]}" "${w[1]}" "${@/#/$T/}"
}

# silent: COUNT PROGRAM: peers that begin a request, say no more and stay.
send_silent() {
	local i w all=() BODY=$T/good.b64
	read -ra w <<<"$1"
	for ((i = 0; i < w[0]; i++)); do
		"${as_web[@]}" "$T/fcgi" -m half-begin -w 30 "$DEMO/run/${w[1]}.sock" \
			</dev/null >/dev/null 2>&1 &
		all+=("$!")
	done
	good_of "${w[1]}"
	twice fcgi_once plain "${w[1]}" "${asking[@]}"
	kill "${all[@]}" 2>/dev/null
	wait "${all[@]}" 2>/dev/null
}

mend=() # what is to be done before the good one
# twice COMMAND…: it writes to $T/out, `status` says what it was; then a good one.
twice() {
	local i start one
	rm -f "$T"/[hb].[0-9]*
	got=()
	for i in 0 1; do
		start=${EPOCHREALTIME/./}
		"$@"
		one=$((${EPOCHREALTIME/./} - start))
		sed '/^\r*$/,$d' "$T/out" >"$T/h.$i"
		sed '1,/^\r*$/d' "$T/out" >"$T/b.$i"
		got+=("$status $(printf '%d.%06d' $((one / 1000000)) $((one % 1000000)))")
	done
	"${mend[@]}"
	one=$(curl -s --max-time 30 --cacert "$DEMO/root.pem" -o /dev/null \
		-w '%{http_code} %{time_total}' "${good[@]}")
	counted "$one"
	got+=("$one")
}

# raw: a command that writes the octets of a request, sent through TLS as they
# are.  The status is those of all answers, joined by "+"; "-": none came.
send_raw() {
	eval "$1" >"$T/rq"
	good_of "$1"
	twice raw_once
}
raw_once() {
	local all=()
	raw "$T/rq" 6 >"$T/statuses"
	read -ra all <"$T/statuses"
	mv "$T/raw" "$T/out"
	counted "${all[@]}"
	printf -v status '%s+' "${all[@]}"
	status=${status%+}
	status=${status:--}
}
fill() { head -c "$1" /dev/zero | tr '\0' "${2:-a}"; } # fill OCTETS [WITH]

# fcgi: MODE PROGRAM [NAME=VALUE…] for tests/tools/fcgi, as the web server's user;
# the body is the good request's, or $BODY's.
send_fcgi() {
	local w BODY=$T/good.b64
	set -f
	eval "w=($1)"
	set +f
	case ${w[-1]} in
	body=*)
		BODY=$T/${w[-1]#body=}
		unset "w[-1]"
		;;
	esac
	good_of "${w[1]}"
	twice fcgi_once "${w[@]}"
}
patience=14
fcgi_once() {
	local mode=$1 program=$2
	shift 2
	"${as_web[@]}" "$T/fcgi" -w "$patience" -m "$mode" "$DEMO/run/$program.sock" "$@" \
		"REMOTE_ADDR=192.0.2.7" <"$BODY" >"$T/out" 2>/dev/null
	status=$(sed -n '1,/^\r*$/s/^Status: \([0-9]*\).*/\1/p' "$T/out")
	status=${status:--}
}
# What the web server hands over of somebody that it knows, and of nobody.
nobody=(REQUEST_METHOD=POST MICROCA_FRONTEND=lighttpd MICROCA_ENDPOINT=strict
	CONTENT_TYPE=application/pkcs10)
asking=("${nobody[@]}" "REQUEST_URI=$est/simpleenroll" SSL_CLIENT_VERIFY=SUCCESS
	"SSL_CLIENT_CERT=$(cat "$DEMO/manufacturer.pem")")

# tcp: as raw, without TLS.
send_tcp() {
	eval "$1" >"$T/rq"
	good_of "$1"
	twice tcp_once
}
tcp_once() {
	exec 9<>"/dev/tcp/localhost/$PORT"
	cat "$T/rq" >&9
	timeout 5 cat <&9 >"$T/out"
	exec 9>&-
	status=$(sed -n 's/^HTTP\/1.[01] \([0-9]*\).*/\1/p' "$T/out" | head -n 1)
	counted "$status"
	status=${status:--}
}

# ocsp: a command that writes an OCSP request, POSTed; the status is OCSP's.
send_ocsp() {
	eval "$1" >"$T/rq"
	good_of ocsp
	twice ocsp_once
}
ocsp_once() {
	local http
	http=$(curl -s --max-time 20 -o "$T/out.der" -w '%{http_code}' \
		-H 'Content-Type: application/ocsp-request' --data-binary "@$T/rq" \
		"http://localhost:$((PORT + 6))/ocsp")
	counted "$http"
	: >"$T/out"
	status=$http
	[ "$http" != 200 ] || status=$(openssl ocsp -respin "$T/out.der" \
		-resp_text -noverify 2>&1 | sed -n \
		's/^.*OCSP Response Status: \([a-z]*\) .*/\1/p; s/^Responder Error: \([a-z]*\) .*/\1/p' |
		head -n 1)
}

# starved: PROGRAM that may open no file more, as long as the two last.
send_starved() {
	local i limits pid=${pids[$1]} who=() BODY=$T/good.b64
	[ "$(id -u)" != 0 ] || who=(runuser -u "$owner" --)
	limits=$("${who[@]}" prlimit --pid "$pid" --nofile --output SOFT,HARD --noheadings |
		tr -s ' ' ':')
	limits=${limits#:}
	"${who[@]}" prlimit --pid "$pid" --nofile="3:${limits#*:}" ||
		amiss "prlimit"
	# A thread that waits has its descriptor already: ask until there is none.
	patience=2 status=
	for ((i = 0; i < 30; i++)); do
		[ "$status" != - ] || break
		fcgi_once plain "$1" "${asking[@]}"
	done
	good_of "$1"
	mend=("${who[@]}" prlimit --pid "$pid" --nofile="$limits")
	twice fcgi_once plain "$1" "${asking[@]}"
	mend=() patience=14
}

# crowd: COUNT connections that say nothing, or half of a head, and stay; the
# good request, meanwhile.
send_crowd() {
	local i fd fds=() each=(good good)
	for ((i = 0; i < $1; i++)); do
		exec {fd}<>"/dev/tcp/localhost/$((PORT + i % 2 * 6))"
		((i % 2 == 0)) || printf 'GET /health HTTP/1.1\r\nHost: local' >&"$fd"
		fds+=("$fd")
	done
	good_of simpleenroll
	curls
	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
}
