#!/usr/bin/env bash
# Every operation, client and bad input behind apache-cgi.
export SERVER=apache-cgi
# shellcheck source=tests/httpd/suite.sh
. "$(dirname "$0")/suite.sh"
