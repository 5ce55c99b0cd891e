/*
 * pulse - a signing program's sign of life, for health.
 *
 * run/health-NAME says what is wrong with the token, the store, the issuer,
 * the one staged and the clock, as that program sees them.  The issuer is "issuer-former"
 * while the active one's key is not usable and the one before it goes on.  It
 * counts the requests that wait for approval, too.  health reads these files
 * and so needs neither token, PIN nor store.  They lie in the run folder because they mean nothing after
 * a restart of the box and are not worth a write to its flash.
 */
#ifndef MICROCA_PULSE_H
#define MICROCA_PULSE_H

#include "lib/ca/ca.h"

#define PULSE_LOOK 5   /* s between two looks at token and store */
#define PULSE_EVERY 10 /* s between two signs when nothing changes */
#define PULSE_OLD 35   /* s after which a sign says nothing any more */

/* Reason words, "ok" when nothing is wrong; owned: pulse_free(). */
struct pulse {
	int64_t when; /* 0: there is no sign */
	char *key, *store, *issuer;
	char *staged;    /* the issuer that is to come: its key */
	char *clock;     /* against the newest certificate */
	int64_t waiting; /* requests that wait for approval */
};

/* What is so now. */
void pulse_take(struct pulse *p, struct ca *ca, int64_t now);
bool pulse_same(const struct pulse *a, const struct pulse *b);
void pulse_free(struct pulse *p); /* contents, then zero */

MUST_CHECK int pulse_write(const struct settings *s, const char *program,
    const struct pulse *p, struct fail *why);
/* No file is no failure: p->when is 0. */
MUST_CHECK int pulse_read(struct pulse *p, const struct settings *s,
    const char *program, struct fail *why);
void pulse_remove(const struct settings *s, const char *program);

#endif
