/*
 * keep_folder - how a kept certificate lies on the disk (keep.h shows it).
 *
 * Whatever is cut when, `current` is a whole pair: what it shall name is
 * complete and synced before the link is renamed over the old one.  Nothing is
 * written through a link that somebody put there: generations are folders of
 * our own making, files are renamed into them.  Not for more than one process:
 * the caller holds the lock.
 */
#ifndef MICROCA_KEEP_FOLDER_H
#define MICROCA_KEEP_FOLDER_H

#include "lib/net/keep.h"

#define KEEP_LAST 999999u /* number of a generation; 0 is none */

/* What a generation may hold. */
#define KEEP_KEY "key.pem"
#define KEEP_URI "key.uri"
#define KEEP_CERT "cert.pem"
#define KEEP_CHAIN "chain.pem"
#define KEEP_CSR "csr.der"
#define KEEP_SINCE "since"
#define KEEP_UNUSED "unused" /* switched to, but activate and hook not done */

/* Make the folder if it is not there, and lock it.  FAIL_BUSY "locked",
 * FAIL_BROKEN "file". */
MUST_CHECK int keep_folder_open(
    int *lock, const char *folder, struct fail *why);

/* FOLDER/000008 or FOLDER/000008/NAME; the caller frees. */
char *keep_generation(const char *folder, unsigned n);
char *keep_file(const char *folder, unsigned n, const char *name);
bool keep_has(const char *folder, unsigned n, const char *name);
/* FAIL_BROKEN "file". */
MUST_CHECK int keep_put(const char *folder, unsigned n, const char *name,
    struct span in, mode_t mode, struct fail *why);
/* Gone, and durably so; nothing when it is not there. */
void keep_remove(const char *folder, unsigned n, const char *name);

/* What "current" or "previous" names; 0: no such link.  FAIL_BROKEN "pair"
 * when it is not a link of ours. */
MUST_CHECK int keep_link_read(
    unsigned *n, const char *folder, const char *link, struct fail *why);
MUST_CHECK int keep_link_set(
    const char *folder, const char *link, unsigned n, struct fail *why);

/* The generation that waits for its certificate or for its switch: the newest
 * one behind `current` with a request, or without a certificate; 0: none. */
MUST_CHECK int keep_waiting(
    unsigned *n, const char *folder, unsigned current, struct fail *why);
/* An empty one behind all others. */
MUST_CHECK int keep_generation_new(
    unsigned *n, const char *folder, struct fail *why);
void keep_generation_drop(const char *folder, unsigned n);
/* All but these three go, and what an interrupted write left. */
void keep_sweep(const char *folder, unsigned a, unsigned b, unsigned c);

/* FOLDER/rejected: this certificate, and why. */
void keep_reject(const char *folder, X509 *leaf, const STACK_OF(X509) * others,
    const struct fail *why);

/* A whole generation as a pair.  FAIL_BROKEN "pair". */
MUST_CHECK int keep_pair_at(
    struct keep_pair **pair, const char *folder, unsigned n, struct fail *why);

#endif
