#include "bin/own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/wire/name.h"
#include "lib/wire/san.h"

int
own_folder(const struct settings *settings, const char *name, struct fail *why)
{
	char *path = file_path(settings->state, name);
	int rc = 0;

	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		fail(why, FAIL_BROKEN, "folder", "cannot make %s", path);
		rc = fail_errno(why, "mkdir");
	}
	free(path);
	return rc;
}

/* ---- the plan ----------------------------------------------------------- */

static int
names_read(struct keep_plan *plan, const struct own *own, struct fail *why)
{
	size_t i;

	if (own->subject != NULL) {
		if (name_from_text(&plan->subject, own->subject, why) != 0)
			return -1;
	} else {
		plan->subject = X509_NAME_new();
	}
	for (i = 0; i < own->san.n; i++)
		if (san_add_text(&plan->san, own->san.text[i], why) != 0)
			return -1;
	return 0;
}

static void
hook_set(struct keep_plan *plan, const struct own *own)
{
	const char **hook;
	size_t i;

	if (own->hook.n == 0)
		return;
	hook = mem_new((own->hook.n + 1) * sizeof(*hook));
	for (i = 0; i < own->hook.n; i++)
		hook[i] = own->hook.text[i];
	plan->hook = hook;
}

static void
plan_set(struct own_run *run)
{
	const struct key_place place = settings_key_place(run->settings);
	const struct own *own = run->own;
	struct keep_plan *plan = &run->plan;

	plan->folder = settings_own_folder(run->settings, own->name);
	plan->name = run->name;
	plan->key_type = own->key_type;
	if (own->hash != 0)
		plan->hash = EVP_get_digestbyname(own_hash_word(own->hash));
	plan->key_uri = own->key;
	plan->module = place.module;
	plan->pin_file = place.pin_file;
	plan->state = place.state;
	plan->key_reuse = !own->new_key;
	plan->renew_before = own->renew_before;
	plan->renew_percent = own->renew_percent;
	plan->ask_again = run->settings->upstream.ask_again;
	plan->ca = own->name == OWN_INTERMEDIATE;
	plan->arg = run;
	run->source.arg = run;
	hook_set(plan, own);
}

int
own_open(struct own_run *run, struct tool *tool, const struct own *own,
    struct fail *why)
{
	*run = (struct own_run){.tool = tool,
	    .settings = tool->settings,
	    .own = own,
	    .name = own_name_word(own->name)};
	plan_set(run);
	if (own_folder(run->settings, "own", why) != 0 ||
	    names_read(&run->plan, own, why) != 0)
		return -1;
	if (own->name == OWN_INTERMEDIATE)
		own_intermediate(run);
	if (own->name == OWN_SERVER)
		own_server(run);
	if (own->source == OWN_SELF)
		own_self(run);
	return own->source == OWN_UPSTREAM ? own_upstream(run, why) : 0;
}

void
own_close(struct own_run *run)
{
	own_link_close(run->link);
	above_free(run->above);
	free((void *)(uintptr_t)run->plan.folder);
	free((void *)(uintptr_t)run->plan.hook);
	X509_NAME_free(run->plan.subject);
	GENERAL_NAMES_free(run->plan.san);
	sk_X509_pop_free(run->anchors, X509_free);
	sk_X509_pop_free(run->published, X509_free);
	*run = (struct own_run){0};
}

/* ---- one line ----------------------------------------------------------- */

static void
add_time(struct bytes *line, const char *what, int64_t when)
{
	char text[WHEN_LEN];

	if (when <= 0)
		return;
	when_write(text, when > WHEN_FOREVER ? WHEN_FOREVER : when);
	bytes_addf(line, ", %s %s", what, text);
}

void
own_print(const struct own_run *run, const struct keep_status *status)
{
	bool by_hand = run->source.certify == NULL;
	struct bytes line = {0}, safe = {0};

	bytes_addf(&line, "%s: %s", run->name, keep_state_word(status->state));
	if (status->subject != NULL && status->subject[0] != '\0')
		bytes_addf(&line, ", %s", status->subject);
	add_time(&line, "until", status->not_after);
	if (status->state == KEEP_GOOD && status->renew_at < WHEN_FOREVER)
		add_time(&line, "renewal from", status->renew_at);
	if (run->activate > 0)
		add_time(&line, "issues from", run->activate);
	add_time(&line, "asked since", status->pending_since);
	if (!by_hand)
		add_time(&line, "next try", status->next_try);
	else if (status->state == KEEP_DUE || status->state == KEEP_EXPIRED)
		bytes_addf(&line, ", to be renewed by hand: microca csr %s",
		    run->name);
	if (status->reason != NULL)
		bytes_addf(&line, " (%s: %s)", status->reason,
		    status->text != NULL ? status->text : "");
	text_escape(&safe, span_of(&line));
	printf("%s\n", (const char *)safe.data);
	(void)fflush(stdout);
	bytes_free(&line);
	bytes_free(&safe);
}

/* ---- the run ------------------------------------------------------------ */

/* Nothing was tried: what the last try left is the answer still. */
static int
standing(const struct keep_status *status, struct fail *why)
{
	static const enum fail_kind kinds[] = {
	    [KEEP_PENDING] = FAIL_PENDING,
	    [KEEP_RETRY] = FAIL_BUSY,
	    [KEEP_REFUSED] = FAIL_DENIED,
	    [KEEP_EXPIRED] = FAIL_BUSY,
	};
	enum fail_kind kind = FAIL_NONE;

	if ((size_t)status->state < sizeof(kinds) / sizeof(kinds[0]))
		kind = kinds[status->state];
	if (kind == FAIL_NONE)
		return 0;
	return fail(why, kind, "up-wait", "%s",
	    status->text != NULL ? status->text
				 : "the certificate has expired");
}

static int
settle(struct own_run *run, struct store *store,
    const struct keep_status *before, int rc, bool changed, struct fail *why)
{
	struct keep_status after = {0};
	struct fail second = {0};

	if (keep_status_read(&after, &run->plan, rc == 0 ? why : &second) != 0)
		return -1;
	own_record(
	    run, store, before, &after, changed, rc == 0 ? &second : why);
	if (rc == 0 && second.kind != FAIL_NONE) {
		*why = second;
		rc = -1;
	}
	if (rc == 0 && !changed && run->source.certify != NULL)
		rc = standing(&after, why);
	own_print(run, &after);
	keep_status_free(&after);
	return rc;
}

/* What has to be so before anything is asked for. */
static int
prepare(struct own_run *run, struct fail *why)
{
	return run->own->name == OWN_INTERMEDIATE
	           ? own_intermediate_adopt(run, why)
	           : 0;
}

int
own_tend(struct own_run *run, struct store *store, bool force, struct fail *why)
{
	struct keep_status before = {0};
	bool changed = false;
	int rc;

	run->store = store;
	if (prepare(run, why) != 0 ||
	    keep_status_read(&before, &run->plan, why) != 0)
		return -1;
	rc = run->source.certify == NULL
	         ? 0
	         : keep_run(&changed, &run->plan, &run->source, force, why);
	if (rc == 0 && run->own->name == OWN_SERVER)
		rc = own_server_publish(run, why);
	rc = settle(run, store, &before, rc, changed, why);
	keep_status_free(&before);
	return rc;
}

int
own_take(struct own_run *run, struct store *store, const STACK_OF(X509) * certs,
    struct fail *why)
{
	struct keep_status before = {0};
	bool changed = false;
	int rc;

	run->store = store;
	if (keep_status_read(&before, &run->plan, why) != 0)
		return -1;
	rc = keep_install(&changed, &run->plan, certs, why);
	rc = settle(run, store, &before, rc, changed, why);
	keep_status_free(&before);
	return rc;
}
