/*
 * audit_shelf - certificates that were retired, as audit_verify() looks at
 * them.  Internal to it.
 *
 * Without their files: that the database knows of the certificate, by the hash
 * that its issue record tells, on a file that the chain tells of, and that it
 * knows as many of each file as are in there.  With them each is read and
 * compared as one in the database is.
 */
#ifndef MICROCA_AUDIT_SHELF_H
#define MICROCA_AUDIT_SHELF_H

#include "lib/base/json.h"
#include "lib/store/retire.h"

struct audit_shelves;

/* Both are borrowed; `folder` NULL: without the files. */
struct audit_shelves *audit_shelves_new(
    struct store *store, const char *folder);
void audit_shelves_free(struct audit_shelves *s);

/* The certificate of that issue record; `id` 0: it was not retired.  `wrong`
 * NULL: it is as it was recorded.  Fails: as reading the file. */
MUST_CHECK int audit_shelf_look(struct audit_shelves *s, int64_t *id,
    const char **wrong, const struct json *record,
    const uint8_t sha256[SHA256_LEN], struct fail *why);
/* The text of a "retire" record. */
void audit_shelf_told(struct audit_shelves *s, const char *text);
/* After the last record: what is wrong with the files as such; "": nothing. */
MUST_CHECK int audit_shelves_wrong(
    struct audit_shelves *s, char *text, size_t size, struct fail *why);

#endif
