#!/bin/bash
# build.sh OUTPUT-FOLDER - ngx_http_channel_binding_module.so for Debian's
# nginx: nginx-dev, libssl-dev, libpcre2-dev, zlib1g-dev.  For another nginx set
# NGINX_SRC to its configured version's source and NGINX_FLAGS to what `nginx
# -V` prints.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUTPUT-FOLDER}
src=${NGINX_SRC:-/usr/share/nginx/src}
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d "$out/nginx.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -rL "$src/." "$work/"
if [ -n "${NGINX_FLAGS-}" ]; then
	read -ra NGX_CONF_FLAGS <<<"$NGINX_FLAGS"
else
	# shellcheck source=/dev/null
	. "$src/conf_flags"
fi
cd "$work"
{ ./configure "${NGX_CONF_FLAGS[@]}" --add-dynamic-module="$here" &&
	make -f objs/Makefile -j"$(nproc)" modules; } >log 2>&1 || {
	tail -n 40 log >&2
	exit 1
}
cp objs/ngx_http_channel_binding_module.so "$out/"
