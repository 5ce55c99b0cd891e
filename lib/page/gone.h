/*
 * gone - what a page lacks because it was retired (lib/store/retire.h): said
 * where somebody looks for it in vain.
 */
#ifndef MICROCA_PAGE_GONE_H
#define MICROCA_PAGE_GONE_H

#include "lib/base/json.h"
#include "lib/page/wish.h"
#include "lib/store/retire.h"

struct gone {
	int64_t all;            /* how many were; 0 too when rows were found */
	bool found;             /* … and one has the serial asked for: */
	struct retired retired; /* this */
	char serial[41];
};

/* The page that `query` asks for (wish.h, store_browse()), and what it lacks. */
MUST_CHECK int gone_browse(struct browse_page *page, struct gone *gone,
    struct store *store, const struct fields *query, int64_t now,
    struct fail *why);
/* The one that was found: serial, state, reason, revoked, not_after, file. */
struct json *gone_json(const struct gone *gone);

#endif
