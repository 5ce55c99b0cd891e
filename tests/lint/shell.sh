#!/bin/sh
# Shell scripts pass shellcheck.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need shellcheck

for f in quickstart run-tests autogen.sh $(sources '*.sh'); do
	ok "$f" shellcheck -x "$f"
done
done_testing
