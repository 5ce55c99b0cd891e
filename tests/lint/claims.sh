#!/bin/sh
# What docs/security.md and docs/deploy.md name is there: each test is one that
# the Makefile runs, each row that says what is stopped names a file.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016
named() { # named PAGE: the project's files in it
	grep -oE '`[^`]*`' "$1" | tr -d '`' |
		grep -E '^(tests|lib|etc|docs|httpd-examples)/[A-Za-z0-9_./-]+$|^configure\.ac$' |
		sort -u
}
run() { # run FILE: a test that is run
	case $1 in
	tests/unit/*.c) grep -q "^ *unit_tests += ${1%.c}\$" Makefile.am ;;
	*) grep -qE "(^|[[:space:]])$1( |\$)" Makefile.am ;;
	esac
}
for page in docs/security.md docs/deploy.md; do
	for file in $(named "$page"); do
		ok "$page: $file is there" test -e "$file"
		case $file in
		tests/*) ok "$page: $file is run" run "$file" ;;
		esac
	done
done
ok "there are claims" test "$tap_n" -gt 40

# In the tables with three columns the last one names the proof.
bare() {
	! awk -F'|' '/^\| / && NF == 5 && $2 !~ /^ *(tries|where)? *$/ { print $4 }' \
		docs/security.md | grep -vE '`|shown by|worth|whole box|---' |
		grep -vE '^ (everything|the key|certificates|knowing|letting|devices|being|issues|the same)'
}
ok "each row names what shows it" bare
ok "a test that is not run is found: this test can fail" \
	sh -c '! grep -qE "(^|[[:space:]])tests/op/nonsense.sh( |\$)" Makefile.am'
done_testing
