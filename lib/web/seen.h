/*
 * seen - files as they were when last looked at.
 */
#ifndef MICROCA_SEEN_H
#define MICROCA_SEEN_H

#include "lib/base/bytes.h"

struct seen;

struct seen *seen_new(void);
void seen_free(struct seen *s);
/* Takes `path` over; NULL is no file.  A folder: any file of it. */
void seen_add(struct seen *s, char *path);
/* A file that changed while it was read (`began_us`, Unix time in us) may have
 * been read too early: it counts as changed once more. */
void seen_doubt(struct seen *s, int64_t began_us);
/* Has one changed since this was last asked?  One thread asks. */
bool seen_changed(struct seen *s);

#endif
