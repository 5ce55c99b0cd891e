#!/bin/sh
# An include never points to a higher layer, and each foreign library has one
# file that knows it.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

layers="base wire key store ca net cloud web page"

# Includes of lib/$1 that name a layer after it.
upward() {
	higher=${layers#*"$1"}
	for up in $higher; do
		grep -rn "^#include \"lib/$up/" "lib/$1" && return 1
	done
	return 0
}

# knows HEADER FILE: only FILE includes HEADER.
knows() {
	found=$(grep -rlE "^# *include <$1>" lib bin cgi-bin | sort | tr '\n' ' ')
	[ "$found" = "$2 " ] || {
		echo "<$1> is included by: $found"
		return 1
	}
}

for layer in $layers; do
	[ -d "lib/$layer" ] && ok "lib/$layer includes nothing above it" upward "$layer"
done
ok "programs are not included by the library" \
	sh -c '! grep -rnE "^#include \"(bin|cgi-bin)/" lib'
ok "curl.h has one reader" knows 'curl/curl\.h' lib/net/http.c
ok "libp11.h has one reader" knows 'libp11\.h' lib/key/p11.c
ok "fcgiapp.h has one reader" knows 'fcgiapp\.h' lib/web/fcgi.c
ok "libconfig.h has one reader" knows 'libconfig\.h' lib/base/conf.c
ok "jansson.h has one reader" knows 'jansson\.h' lib/base/json.c
ok "sqlite3.h has one reader" knows 'sqlite3\.h' lib/store/sqlite.h
ok "libpq-fe.h has one reader" knows 'libpq-fe\.h' lib/store/pgsql.h
ok "seccomp.h has one reader" knows 'seccomp\.h' lib/web/confine.c
done_testing
