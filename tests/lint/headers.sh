#!/bin/sh
# Every header compiles alone, and guards itself.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
CC=${CC:-cc}
need "$CC"
need pkg-config

flags=$(pkg-config --cflags libcrypto libp11 p11-kit-1 jansson sqlite3 libpq fcgi)
alone() {
	# shellcheck disable=SC2086
	echo "#include \"$1\"" |
		$CC -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror \
			-I. $flags -fsyntax-only -x c -
}

for f in $(sources '*.h'); do
	ok "$f" alone "$f"
done
done_testing
