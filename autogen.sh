#!/bin/sh
# autogen.sh - make configure and Makefile.in out of a fresh checkout.
set -e
cd "$(dirname "$0")"
mkdir -p build-aux
cp "$(automake --print-libdir)/tap-driver.sh" build-aux/
exec autoreconf --install "$@"
