#!/bin/sh
# cppcheck finds nothing.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need cppcheck

ok "lib bin cgi-bin" cppcheck --quiet --error-exitcode=1 --inline-suppr \
	--std=c11 --enable=warning,performance,portability \
	--suppress=missingIncludeSystem -D__linux__ -I. lib bin cgi-bin
done_testing
