/*
 * checkpoint - a signed head of an edge's audit: how far each of its lanes had
 * come, and the hash there.
 *
 *	{"schema":"microca.head/1","head":"TEXT","signature":"JWS"}
 *
 * TEXT is the compact JSON that is signed, octet by octet:
 *
 *	{"edge":"plant-7-a","time":"2026-11-23T15:00:00Z","certificates":12,
 *	 "lanes":[{"lane":0,"seq":41,"hash":"64 lower hex"}]}
 *
 * JWS is a signature by the CA's key with the payload left out (detached.h).
 * Who holds a head that was signed can show that records up to it are not what
 * they were.  Pure.
 */
#ifndef MICROCA_CHECKPOINT_H
#define MICROCA_CHECKPOINT_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"

#define CHECKPOINT_SCHEMA "microca.head/1"
#define CHECKPOINT_LANES 64
#define CHECKPOINT_MAX (64 * 1024) /* octets of one */

struct checkpoint_lane {
	int64_t lane, seq;
	char hash[2 * SHA256_LEN + 1]; /* lower hex */
};

/* checkpoint_free(). */
struct checkpoint {
	char *edge;
	int64_t time;
	int64_t certificates; /* ever issued by then; 0: not told */
	struct checkpoint_lane lane[CHECKPOINT_LANES]; /* by number, rising */
	size_t n;
	char *head;      /* the text as it came */
	char *signature; /* NULL: none */
};

/* The text that is to be signed; the caller frees. */
char *checkpoint_head(const struct checkpoint *cp);
/* The whole; the caller frees. */
char *checkpoint_write(const char *head, const char *signature);

/* FAIL_MALFORMED "json", "schema". */
MUST_CHECK int checkpoint_read(
    struct checkpoint *cp, const char *text, struct fail *why);
void checkpoint_free(struct checkpoint *cp); /* contents, then zero */

enum checkpoint_step {
	CHECKPOINT_SAME,
	CHECKPOINT_ON,   /* no lane behind, one at least further */
	CHECKPOINT_BACK, /* a lane is behind, or is not told of any more */
	CHECKPOINT_FORK  /* at the same number another hash */
};
/* `text` gets what is wrong, "lane 0: 41 after 57". */
enum checkpoint_step checkpoint_step(char text[128],
    const struct checkpoint *before, const struct checkpoint *after);

#endif
