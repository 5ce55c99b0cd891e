/*
 * findings - what health has to say, as words for machines and sentences for
 * people.
 *
 * A finding is a state, a word and what it is about: docs/monitoring.md has
 * every word.  The run folder keeps when each was first seen, since a look
 * does not know what the one before saw, nor another process of the program.
 */
#ifndef MICROCA_FINDINGS_H
#define MICROCA_FINDINGS_H

#include "lib/base/bytes.h"

enum vitals {
	VITALS_OK,
	VITALS_DEGRADED, /* something needs a hand; certificates are issued */
	VITALS_DOWN      /* nothing can be issued */
};
const char *vitals_word(enum vitals v); /* "ok", "degraded", "down" */

#define FINDING_WORD 32

struct finding {
	enum vitals state; /* VITALS_OK: worth a word, and nothing is wrong */
	char word[FINDING_WORD];
	char *about;   /* a program, a key, …; "": the CA as a whole */
	char *text;    /* one sentence, for the operator */
	int64_t since; /* Unix s, when it was first seen; 0: not known */
};

/* All zero is none.  findings_free(). */
struct findings {
	enum vitals state; /* the worst of all */
	struct finding *item;
	size_t n, room;
};

void findings_add(struct findings *f, enum vitals state, const char *word,
    const char *about, const char *fmt, ...) PRINTF_LIKE(5, 6);
void findings_free(struct findings *f);

/* Since when: from RUN/findings, where new ones are put and those that are gone
 * left out.  What cannot be read is forgotten, and what cannot be written is
 * told anew the next time. */
void findings_since(struct findings *f, const char *run, int64_t now);

/* "STATE: WORD: ABOUT: text", a line each; without ": ABOUT" when it is the
 * whole. */
void findings_text(struct bytes *out, const struct findings *f);
/* {"status":…,"time":…,"reasons":[{"word","state","about","text","since"}]};
 * without reasons unless `all`. */
void findings_json(
    struct bytes *out, const struct findings *f, bool all, int64_t now);

#endif
