/*
 * manifest - what a backup holds, and what it does not: the archive's last
 * member, docs/backup.md.  Pure.
 */
#ifndef MICROCA_MANIFEST_H
#define MICROCA_MANIFEST_H

#include "lib/base/bytes.h"

#define MANIFEST_NAME "manifest.json"
#define MANIFEST_MAX ((size_t)1024 * 1024) /* octets */
#define MANIFEST_DATABASE "database"       /* the member that it is */

struct manifest_member {
	char *name;
	int64_t size;
	uint8_t sha256[SHA256_LEN];
};
struct manifest_crl {
	char *keyid;
	int64_t number, next_update;
};
struct manifest_issuer {
	char *keyid, *subject;
	int64_t not_after;
};
struct manifest_texts {
	char **item;
	size_t n;
};

/* Owned: manifest_free(). */
struct manifest {
	char *program; /* "microca 0.1.0" */
	int64_t made;
	int64_t schema;
	int64_t records;          /* the audit chain's, … */
	uint8_t hash[SHA256_LEN]; /* … and its last hash */
	int64_t certificates, revoked, outbox, live; /* rows */
	struct manifest_issuer *issuer;
	size_t issuers;
	struct manifest_crl *crl;
	size_t crls;
	struct manifest_member *member; /* without itself */
	size_t members;
	struct manifest_texts left_out; /* files, and why */
	struct manifest_texts never;    /* what no backup holds */
};
void manifest_free(struct manifest *m); /* contents, then zero */

/* All copied. */
void manifest_add_member(struct manifest *m, const char *name, int64_t size,
    const uint8_t sha256[SHA256_LEN]);
void manifest_add_crl(
    struct manifest *m, const char *keyid, int64_t number, int64_t next_update);
void manifest_add_issuer(struct manifest *m, const char *keyid,
    const char *subject, int64_t not_after);
void manifest_add_text(struct manifest_texts *texts, const char *text);

const struct manifest_member *manifest_member(
    const struct manifest *m, const char *name);

/* JSON for people and programs, with a final newline. */
void manifest_write(struct bytes *out, const struct manifest *m);
/* `text` ends with a NUL that is not counted.  What is not understood is
 * refused: FAIL_MALFORMED "manifest", "json". */
MUST_CHECK int manifest_read(
    struct manifest *m, struct span text, struct fail *why);

#endif
