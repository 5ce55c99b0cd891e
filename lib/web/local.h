/*
 * local - does a request come from this very machine?
 *
 * What is wrong with the CA, and its counts, are told to whoever is on the box.
 * A proxy on it speaks for others: where it says for whom (X-Forwarded-For),
 * these must be on the box as well, and with a header that we do not read
 * (Forwarded) nobody is.
 */
#ifndef MICROCA_LOCAL_H
#define MICROCA_LOCAL_H

#include <stdbool.h>

/* By REMOTE_ADDR of a CGI environment. */
bool local_is(char *const *env);

#endif
