#!/usr/bin/env bash
# Every operation, client and bad input behind caddy.
export SERVER=caddy
# shellcheck source=tests/httpd/suite.sh
. "$(dirname "$0")/suite.sh"
