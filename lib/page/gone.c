#include "lib/page/gone.h"

#include <stdio.h>
#include <string.h>

/* For `page`, which is what `w` asked for. */
static int
gone_find(struct gone *gone, struct store *store,
    const struct browse_page *page, const struct wish *w, struct fail *why)
{
	const char *serial = w->filter.serial;

	memset(gone, 0, sizeof(*gone));
	if (page->rows > 0 || page->more)
		return 0;
	if (store_retired_sum(store, &gone->all, why) != 0)
		return -1;
	if (serial == NULL)
		return 0;
	(void)snprintf(gone->serial, sizeof(gone->serial), "%s", serial);
	return store_retired_find(
	    store, &gone->retired, &gone->found, serial, why);
}

int
gone_browse(struct browse_page *page, struct gone *gone, struct store *store,
    const struct fields *query, int64_t now, struct fail *why)
{
	struct wish w;
	int rc = wish_read(&w, query, now, why);

	if (rc == 0)
		rc = store_browse(store, page, &w.filter, &w.rules, why);
	if (rc == 0 && (rc = gone_find(gone, store, page, &w, why)) != 0)
		browse_free(page);
	wish_free(&w);
	return rc;
}

struct json *
gone_json(const struct gone *gone)
{
	const struct retired *r = &gone->retired;
	struct json *j = json_new_object();

	json_str(j, "serial", gone->serial);
	json_str(
	    j, "state", r->status == STORE_REVOKED ? "revoked" : "expired");
	if (r->status == STORE_REVOKED) {
		json_str(j, "reason", store_reason_word(r->reason));
		json_time(j, "revoked", r->revoked);
	}
	json_time(j, "not_after", r->not_after);
	json_str(j, "file", r->path);
	return j;
}
