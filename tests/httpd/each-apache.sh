#!/usr/bin/env bash
# Every operation, client and bad input behind apache.
export SERVER=apache
# shellcheck source=tests/httpd/suite.sh
. "$(dirname "$0")/suite.sh"
