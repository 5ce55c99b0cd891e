/*
 * floor - does a server still speak TLS 1.0 or 1.1 (RFC 8996)?
 */
#ifndef MICROCA_FLOOR_H
#define MICROCA_FLOOR_H

#include "lib/net/origin.h"

/* A handshake with nothing newer, whatever the server's certificate; no
 * request.  False: refused. */
bool floor_below(const struct origin *origin);

#endif
