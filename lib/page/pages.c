#include "lib/page/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/page/api.h"
#include "lib/page/render.h"
#include "lib/page/wish.h"
#include "lib/wire/request.h"

#define HTML "text/html; charset=utf-8"

/* Only our own redirect says what was done, not a link on some other page. */
static const char *
done_of(const struct ask *ask)
{
	const char *site =
	    env_find(ask->edge->env, "HTTP_SEC_FETCH_SITE", NULL);

	if (site != NULL && strcmp(site, "same-origin") != 0)
		return NULL;
	return field_of(&ask->query, "done");
}

struct view
pages_view(const struct ask *ask)
{
	return (struct view){
	    .ca = ask->ca,
	    .who = ask->who.who != NULL ? &ask->who : NULL,
	    .token = ask->token,
	    .request = ask->id,
	    .now = ask->now,
	    .done = done_of(ask),
	};
}

/* What people type into a browser. */
static int
lead_on(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	(void)ask;
	(void)why;
	sheet->status = 303;
	sheet->location = str_dup("/inventory/");
	return 0;
}

/* ---- files --------------------------------------------------------------- */

static int
file(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	const char *type,
	    *text = render_file(strrchr(ask->path, '/') + 1, &type);
	uint8_t sha[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	if (text == NULL)
		return fail(why, FAIL_ABSENT, "path",
		    "nothing is served under this path");
	sheet->type = type;
	bytes_adds(&sheet->body, text);
	sha256(sha, span_of(&sheet->body));
	hex_write(hex, (struct span){sha, SHA256_LEN}, false);
	(void)snprintf(sheet->etag, sizeof(sheet->etag), "\"%.32s\"", hex);
	return 0;
}

/* ---- list ---------------------------------------------------------------- */

static const char *
typed(const struct ask *ask, const char *name)
{
	const char *value = field_of(&ask->query, name);

	return value != NULL ? value : "";
}

static struct view_query
query_of(const struct ask *ask)
{
	return (struct view_query){
	    .subject = typed(ask, "subject"),
	    .san = typed(ask, "san"),
	    .serial = typed(ask, "serial"),
	    .fingerprint = typed(ask, "fingerprint"),
	    .profile = typed(ask, "profile"),
	    .endpoint = typed(ask, "endpoint"),
	    .device = typed(ask, "device"),
	    .state = typed(ask, "state"),
	    .within = typed(ask, "within"),
	    .issued_from = typed(ask, "issued_from"),
	    .issued_until = typed(ask, "issued_until"),
	    .ends_from = typed(ask, "ends_from"),
	    .ends_until = typed(ask, "ends_until"),
	    .order = typed(ask, "order"),
	    .rows = typed(ask, "rows"),
	};
}

static void
list_write(struct sheet *sheet, const struct ask *ask,
    const struct browse_page *page, const struct gone *gone,
    const char *trouble)
{
	struct view_query query = query_of(ask);
	struct bytes next = {0}, first = {0}, file = {0};
	char *csv, *json;
	struct view_list v = {.view = pages_view(ask),
	    .query = &query,
	    .page = page,
	    .on = field_of(&ask->query, "cursor") != NULL,
	    .gone = gone,
	    .trouble = trouble};

	if (page != NULL && page->more) {
		wish_write(&next, &ask->query, page->next, page->searching);
		v.next = (const char *)next.data;
	}
	wish_write(&first, &ask->query, NULL, false);
	wish_write(&file, &ask->query, NULL, false);
	csv = str_fmt("/inventory/certificates.csv%s", file.data);
	json = str_fmt("/inventory/certificates.json%s", file.data);
	v.first = (const char *)first.data;
	v.csv = csv;
	v.json = json;
	sheet->type = HTML;
	render_list(&sheet->body, &v);
	free(csv);
	free(json);
	bytes_free(&next);
	bytes_free(&first);
	bytes_free(&file);
}

/* What is wrong with the form is said beside it. */
static int
list(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	struct browse_page page;
	struct gone gone;
	int rc = gone_browse(
	    &page, &gone, ask->ca->store, &ask->query, ask->now, why);

	if (rc == 0) {
		list_write(sheet, ask, &page, &gone, NULL);
		browse_free(&page);
	} else if (why->kind == FAIL_MALFORMED) {
		list_write(sheet, ask, NULL, NULL, why->text);
		sheet->status = fail_http(why->kind);
		memset(why, 0, sizeof(*why));
		rc = 0;
	}
	return rc;
}

/* Which comes first counts: names of files are segments, too. */
const struct front_route pages_routes[] = {
    {"GET", "/", lead_on},
    {"GET", "/inventory", lead_on},
    {"GET", "/inventory/", pages_home},
    {"GET", "/inventory/certificates", list},
    {"GET", "/inventory/certificates.csv", api_export_csv},
    {"GET", "/inventory/certificates.json", api_export_json},
    {"GET", "/inventory/certificates/{}", pages_cert},
    {"GET", "/inventory/certificates/{}/pem", api_pem},
    {"GET", "/inventory/certificates/{}/der", api_der},
    {"GET", "/inventory/certificates/{}/{}", pages_cert_ask},
    {"POST", "/inventory/certificates/{}/{}", pages_cert_act},
    {"GET", "/inventory/pending", pages_pending},
    {"GET", "/inventory/pending/{}/{}", pages_pending_ask},
    {"POST", "/inventory/pending/{}/{}", pages_pending_act},
    {NULL, NULL, NULL},
};

const struct front_route pages_files[] = {
    {"GET", "/inventory/style.css", file},
    {"GET", "/inventory/script.js", file},
    {"GET", "/inventory/icon.svg", file},
    {NULL, NULL, NULL},
};
