# shellcheck shell=sh disable=SC2034
# What has to be true after each refusal, for tests of sh and of bash alike:
# tests/bad/README.md has it in words.  Whoever reads this has a amiss(), which
# takes what is wrong.

# look_sql: the counts of certificates and of audit records, the newest of these,
# and then what no refusal may change.
look_sql="SELECT count(*) FROM certificate; SELECT count(*) FROM audit;
	SELECT coalesce(max(seq), 0) FROM audit;
	SELECT 'outbox', count(*), coalesce(sum(confirmed), 0) FROM outbox;
	SELECT 'pending', id, state, changed FROM pending ORDER BY id;
	SELECT 'secrets', count(*) FROM secret WHERE used = 0 AND revoked = 0;
	SELECT 'meta', name, value FROM meta ORDER BY name;
	SELECT 'revoked', count(*) FROM certificate WHERE revoked <> 0"

# hushed TEXT FOLDER PIN TOKEN: nothing of ours stands in what strangers read.
hushed() {
	case $1 in
	*"$2"* | *"$3"* | *"$4"* | *SELECT* | *pkcs11:* | *.c:[0-9]* | */var/* | \
		*sqlite* | *BEGIN* | *lighttpd/* | \
		*0x[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*)
		amiss "not quiet: $1" ;;
	esac
}

# one_line BODY: "WORD: text (request ID)"; sets `told` and `named`.
one_line() {
	told='' named=''
	case $1 in
	*[!\ -~]* | *:*'(request '*'(request '*) ;;
	[a-z]*": "?*" (request "*")")
		told=${1%%: *}
		named=${1##*(request }
		named=${named%)}
		;;
	esac
	case $told in *[!a-z0-9-]*) told='' ;; esac
	case ${#named}$named in
	16*[!0-9a-f]*) ;;
	16*) [ -z "$told" ] || return 0 ;;
	esac
	told='' named=''
	amiss "the body is not one plain line: $(printf %.300s "$1" | cat -v)"
}

# fits WORD WANTED: one of WANTED, "a|b"; "*" is any.
fits() {
	case "|$2|" in
	'|*|' | *"|$1|"*) return 0 ;;
	esac
	return 1
}

# member RECORD NAME: a string or number of the audit's compact JSON, in `value`
member() {
	value=
	case $1 in
	*"\"$2\":"*)
		value=${1#*"\"$2\":"}
		value=${value#\"}
		value=${value%%[\",\}]*}
		;;
	esac
}

# log_line LINE: no terminal obeys it, no sanitizer speaks in it.
log_line() {
	case $1 in
	*[[:cntrl:]]*) amiss "log: control octets: $(printf %s "$1" | cat -v)" ;;
	*Sanitizer* | *'runtime error'*) amiss "log: $1" ;;
	esac
}

# record_fits RECORD WORD STATUS: an audit record, as it has to be.
record_fits() {
	case $1 in *[[:cntrl:]]*) amiss "audit: control octets: $1" ;; esac
	member "$1" event
	[ "$value" = refuse ] || amiss "audit: $1"
	member "$1" reason
	fits "$value" "$2" || amiss "audit, not $2: $1"
	member "$1" status
	fits "$value" "$3" || amiss "audit, not $3: $1"
	member "$1" operation
	[ -n "$value" ] || amiss "audit, no operation: $1"
	member "$1" time
	case $value in
	20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]*Z) ;;
	*) amiss "audit: $value is no time" ;;
	esac
	member "$1" peer
	[ -n "$value" ] || amiss "audit, no peer: $1"
	case $2 in
	path | method | config | body-short | body-long | type | encoding | \
		too-large | length | timeout | aborted | auth | auth-* | client-*) ;;
	*)
		member "$1" requester
		[ -n "$value" ] || amiss "audit: nobody asked: $1"
		;;
	esac
	# Read at all, a request is named by its hash.
	case $2 in
	profile-* | san-policy | name-* | ra-scope | reenroll-name | key-reuse | window)
		member "$1" csr_sha256
		csr_and_key=$value
		member "$1" spki_sha256
		# serverkeygen makes the key.
		case $1 in *'"operation":"serverkeygen"'*) value=$csr_and_key ;; esac
		case ${#csr_and_key}${#value}$csr_and_key$value in
		6464*[!0-9a-f]*) amiss "audit: which request? $1" ;;
		6464*) ;;
		*) amiss "audit: which request? $1" ;;
		esac
		;;
	esac
}
