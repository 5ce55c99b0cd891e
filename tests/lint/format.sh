#!/bin/sh
# Every C file is as clang-format leaves it.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
need clang-format

for f in $(sources '*.[ch]'); do
	ok "$f" clang-format --dry-run -Werror "$f"
done
done_testing
