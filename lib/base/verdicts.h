/*
 * verdicts - rules that were looked at one by one, and what each said.
 */
#ifndef MICROCA_VERDICTS_H
#define MICROCA_VERDICTS_H

#include <stddef.h>

#include "lib/base/fail.h"

enum verdict_kind {
	VERDICT_PASS,
	VERDICT_FAIL,
	VERDICT_OPEN /* not judged: what it looks at is not there */
};
const char *verdict_word(
    enum verdict_kind verdict); /* "pass", "fail", "open" */

struct verdicts_item {
	const char *stage, *rule; /* static */
	enum verdict_kind verdict;
	struct fail why; /* of VERDICT_FAIL */
};

/* All zero is none.  verdicts_free(). */
struct verdicts {
	struct verdicts_item *item;
	size_t n, room;
};

/* `rc` and `why` as the rule's function left them; returns `rc`. */
int verdicts_add(struct verdicts *v, const char *stage, const char *rule,
    int rc, const struct fail *why);
void verdicts_open(struct verdicts *v, const char *stage, const char *rule);
/* What a request would be refused with: the first that failed, else the one
 * that wants it to wait (FAIL_PENDING).  NULL: none did. */
const struct fail *verdicts_refusal(const struct verdicts *v);
void verdicts_free(struct verdicts *v);

#endif
