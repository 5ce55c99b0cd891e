/*
 * issuers_folder - the files of the generations.  Inner part of issuers: what
 * staging and tidying up share.
 */
#ifndef MICROCA_ISSUERS_FOLDER_H
#define MICROCA_ISSUERS_FOLDER_H

#include "lib/ca/issuers.h"

#define ISSUERS_LOCK_WAIT 20.0 /* s */

/* One change at a time.  FAIL_BUSY "locked". */
MUST_CHECK int issuers_lock(
    int *fd, const struct settings *settings, struct fail *why);
void issuers_unlock(int fd);
/* issuers_read(); none, or none that is sound, is NULL. */
MUST_CHECK int issuers_present(struct issuers **present,
    const struct settings *settings, struct fail *why);

/* issuers.c: the sound ones of a folder's files, appended in no order. */
void issuers_add_folder(struct issuers *all, const char *folder);
/* `tell` may be NULL, and so may its function. */
MUST_CHECK int issuers_say(const struct issuers_tell *tell,
    const struct issuer *issuer, const char *text, struct fail *why);

/* What was told and not done is told, too: `rc` again. */
int issuers_said(
    const struct issuers_tell *tell, const struct issuer *issuer, int rc);

/* "20261123233000Z-0123456789abcdef.pem" in there: begin and fingerprint.  The
 * caller frees. */
char *issuer_path(const struct issuer *issuer, const char *folder);
/* Whole, at issuer->path. */
MUST_CHECK int issuer_write(const struct issuer *issuer, struct fail *why);

#endif
