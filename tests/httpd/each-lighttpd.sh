#!/usr/bin/env bash
# Every operation, client and bad input behind lighttpd.
export SERVER=lighttpd
# shellcheck source=tests/httpd/suite.sh
. "$(dirname "$0")/suite.sh"
