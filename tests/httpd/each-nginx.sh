#!/usr/bin/env bash
# Every operation, client and bad input behind nginx.
export SERVER=nginx
# shellcheck source=tests/httpd/suite.sh
. "$(dirname "$0")/suite.sh"
