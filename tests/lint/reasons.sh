#!/bin/sh
# Every reason word that a requester may see is explained.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

for word in $(grep -rhozE 'fail\([a-z&*>-]*why,[[:space:]]*FAIL_(MALFORMED|ANONYMOUS|DENIED|METHOD|TIMEOUT|SIZE|TYPE|LIMIT|BUSY),[[:space:]]*"[a-z0-9-]+"' \
	lib | tr '\0' '\n' | sed -n 's/.*"\([a-z0-9-]*\)".*/\1/p' | sort -u); do
	case $word in
	# These name files or settings: operators meet them, not requesters.
	cert | duration | size | time | json | reason | locked | key-exists | revoked) continue ;;
	# What health and check find: monitoring.sh.
	crl-absent | crl-due | crl-ended | responder-due) continue ;;
	# Those of `microca restore`.
	archive | db-inuse | manifest) continue ;;
	# That of files of retired certificates: microca show, audit verify.
	retired-file) continue ;;
	esac
	ok "$word" grep -q "\`$word\`" docs/refusals.md docs/upstream.md docs/azure.md
done
# Those of the cloud stand in tables, too.
for word in $(grep -rhoE '"cloud-[a-z]+"' lib bin cgi-bin | tr -d '"' | sort -u); do
	ok "$word" grep -q "^| \`$word\` " docs/azure.md
done
done_testing
