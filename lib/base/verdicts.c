#include "lib/base/verdicts.h"

#include <stdlib.h>

#include "lib/base/bytes.h"

const char *
verdict_word(enum verdict_kind verdict)
{
	static const char *const words[] = {"pass", "fail", "open"};

	return words[verdict];
}

static struct verdicts_item *
item_new(struct verdicts *v, const char *stage, const char *rule)
{
	struct verdicts_item *item;

	if (v->n == v->room) {
		v->room = v->room == 0 ? 32 : v->room * 2;
		v->item = mem_grow(v->item, v->room, sizeof(*v->item));
	}
	item = &v->item[v->n++];
	*item = (struct verdicts_item){.stage = stage, .rule = rule};
	return item;
}

int
verdicts_add(struct verdicts *v, const char *stage, const char *rule, int rc,
    const struct fail *why)
{
	struct verdicts_item *item = item_new(v, stage, rule);

	if (rc != 0) {
		item->verdict = VERDICT_FAIL;
		item->why = *why;
	}
	return rc;
}

void
verdicts_open(struct verdicts *v, const char *stage, const char *rule)
{
	item_new(v, stage, rule)->verdict = VERDICT_OPEN;
}

const struct fail *
verdicts_refusal(const struct verdicts *v)
{
	const struct fail *waits = NULL;

	for (size_t i = 0; i < v->n; i++) {
		const struct fail *why = &v->item[i].why;

		if (v->item[i].verdict != VERDICT_FAIL)
			continue;
		if (why->kind != FAIL_PENDING)
			return why;
		waits = why;
	}
	return waits;
}

void
verdicts_free(struct verdicts *v)
{
	free(v->item);
	*v = (struct verdicts){0};
}
