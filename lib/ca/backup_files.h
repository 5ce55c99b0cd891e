/*
 * backup_files - which files belong into a backup, and which do not.
 *
 * By what they are, and nothing else is opened: of the configuration's folder
 * the files that were read as configuration (with those they include) and files
 * of certificates and revocation lists alone; of the state folder the issuing
 * certificates, the learnt roots and the signed heads; the published revocation
 * lists.  A file with a private key, a PIN or a password in it is none of them.
 * What is passed over in the configuration's folder is told.
 */
#ifndef MICROCA_BACKUP_FILES_H
#define MICROCA_BACKUP_FILES_H

#include "lib/ca/manifest.h"
#include "lib/ca/settings.h"

struct backup_file {
	char *path;
	char *name; /* as a member: "conf/…", "state/…", "public/…" */
};
struct backup_files { /* backup_files_free() */
	struct backup_file *item;
	size_t n;
};
void backup_files_free(struct backup_files *files); /* contents */

/* In the order of their names; `left_out` gets one text each.  FAIL_BROKEN
 * "file": a folder that cannot be read. */
MUST_CHECK int backup_files_find(struct backup_files *files,
    struct manifest_texts *left_out, const struct settings *settings,
    struct fail *why);

/* May it be put into the state or public folder?  Path there, absolute; NULL:
 * it may not.  The caller frees. */
char *backup_file_place(const struct settings *settings, const char *name);

/* Certificates or revocation lists, PEM or one DER, and nothing else? */
bool backup_file_public(struct span content);

#endif
