/* microca enroll, renew and status - the CA's own certificates. */
#include "bin/own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "lib/net/keep_status.h"

static int
own_find(const struct own **own, const struct settings *settings,
    const char *name, struct fail *why)
{
	int n = own_name_of(name);

	*own = NULL;
	if (n < 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "\"%s\" is not a certificate of ours: intermediate, "
		    "device, server, client",
		    name);
	*own = settings_own(settings, n);
	if (*own == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: certificates has no \"%s\"", settings->path, name);
	return 0;
}

static int
store_of(struct store **store, struct tool *tool, struct fail *why)
{
	const struct settings *s = tool->settings;

	key_harden_process();
	return store_open_node(
	    store, s->store, s->node, false, 1, s->disk_reserve, why);
}

static int
begin(struct tool *tool, struct store **store, struct fail *why)
{
	*store = NULL;
	if (tool_settings(tool, why) != 0 || tool_become_owner(tool, why) != 0)
		return -1;
	return store_of(store, tool, why);
}

/* ---- several of them ---------------------------------------------------- */

/* What is said of several: our own fault first, a request that waits last. */
static int
gravity(enum fail_kind kind)
{
	static const enum fail_kind order[] = {FAIL_NONE, FAIL_PENDING,
	    FAIL_BUSY, FAIL_MALFORMED, FAIL_DENIED, FAIL_CONFIG, FAIL_BROKEN};
	int n = (int)(sizeof(order) / sizeof(order[0]));
	int i;

	for (i = 0; i < n; i++)
		if (order[i] == kind)
			return i;
	return n;
}

static void
complain(const char *name, const struct fail *why)
{
	log_write(LOG_LEVEL_WARN, "%s: %s: %s%s%s%s", name, why->reason,
	    why->text, why->cause[0] != '\0' ? " (" : "", why->cause,
	    why->cause[0] != '\0' ? ")" : "");
}

static bool
is_asked(const struct own *own, int names, char **name)
{
	int i;

	for (i = 0; i < names; i++)
		if (strcmp(name[i], own_name_word(own->name)) == 0)
			return true;
	return names == 0;
}

/* Calls `each` in the order of enum own_name.  The gravest failure is the
 * answer; none keeps the others from their turn. */
static int
each_own(struct tool *tool, int names, char **name,
    int (*each)(struct own_run *run, void *arg, struct fail *why), void *arg,
    struct fail *why)
{
	const struct own *own;
	int i;

	for (i = 0; i < names; i++)
		if (own_find(&own, tool->settings, name[i], why) != 0)
			return -1;
	for (i = OWN_CLIENT; i <= OWN_SERVER; i++) {
		struct own_run run;
		struct fail one = {0};

		own = settings_own(tool->settings, i);
		if (own == NULL || !is_asked(own, names, name))
			continue;
		if (own_open(&run, tool, own, &one) != 0 ||
		    each(&run, arg, &one) != 0) {
			complain(own_name_word(i), &one);
			if (gravity(one.kind) > gravity(why->kind))
				*why = one;
		}
		own_close(&run);
	}
	return why->kind == FAIL_NONE ? 0 : fail_exit(why->kind);
}

/* ---- renew -------------------------------------------------------------- */

static int
renew_one(struct own_run *run, void *arg, struct fail *why)
{
	return own_tend(run, arg, false, why);
}

int
renew_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct fail second = {0};
	struct store *store;
	int rc = -1;

	if (options_read(NULL, 0, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 0, 4, why) != 0)
		return -1;
	if (begin(tool, &store, why) == 0) {
		if (own_crls(tool->settings, &second) != 0)
			complain("upstream.crls", &second);
		second = (struct fail){0};
		rc = each_own(tool, argc, argv, renew_one, store, why);
		if (issuer_promote(tool, store, &second) != 0 && rc == 0) {
			*why = second;
			rc = -1;
		}
	}
	store_free(store);
	return rc;
}

/* ---- enroll ------------------------------------------------------------- */

/* A good one is renewed by force only; what failed is tried again at once. */
static int
enroll_one(
    struct own_run *run, struct store *store, bool force, struct fail *why)
{
	struct keep_status status = {0};

	if (run->source.certify == NULL)
		return fail(why, FAIL_CONFIG, "usage",
		    "%s comes by hand: microca csr %s, microca install %s",
		    run->name, run->name, run->name);
	if (keep_status_read(&status, &run->plan, why) != 0)
		return -1;
	force = force || status.state != KEEP_GOOD;
	keep_status_free(&status);
	return own_tend(run, store, force, why);
}

int
enroll_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	bool force = false;
	const struct option_spec options[] = {
	    {"force", 'f', OPTION_FLAG, &force, 0, 0, NULL},
	};
	const struct own *own;
	struct own_run run = {0};
	struct store *store;
	int rc = -1;

	if (options_read(options, 1, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0)
		return -1;
	if (begin(tool, &store, why) == 0 &&
	    own_find(&own, tool->settings, argv[0], why) == 0 &&
	    own_open(&run, tool, own, why) == 0)
		rc = enroll_one(&run, store, force, why);
	own_close(&run);
	store_free(store);
	return rc;
}

/* ---- status ------------------------------------------------------------- */

struct telling {
	struct bytes *json; /* NULL: lines */
};

static int
tell(struct own_run *run, void *arg, struct fail *why)
{
	const struct telling *telling = arg;
	struct keep_status status = {0};

	if (keep_status_read(&status, &run->plan, why) != 0)
		return -1;
	if (telling->json != NULL) {
		bytes_adds(
		    telling->json, telling->json->len > 0 ? ",\n" : "[\n");
		keep_status_text(telling->json, &status, run->name, false);
	} else {
		own_print(run, &status);
		if (own_alarm(&status) > 0)
			printf("  alarm: %d %% of its life is left\n",
			    status.life_left_percent);
	}
	keep_status_free(&status);
	return 0;
}

int
status_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	bool json = false;
	const struct option_spec options[] = {
	    {"json", 'j', OPTION_FLAG, &json, 0, 0, NULL},
	};
	struct bytes text = {0};
	struct telling telling = {NULL};
	int rc;

	if (options_read(options, 1, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 0, 4, why) != 0 ||
	    tool_settings(tool, why) != 0 || tool_become_owner(tool, why) != 0)
		return -1;
	if (json)
		telling.json = &text;
	rc = each_own(tool, argc, argv, tell, &telling, why);
	if (json)
		printf("%s\n]\n", text.len > 0 ? (char *)text.data : "[");
	bytes_free(&text);
	return rc;
}

/* ---- by hand ------------------------------------------------------------ */

static int
csr_pem(struct bytes *pem, const struct bytes *der, struct fail *why)
{
	BIO *mem = BIO_new(BIO_s_mem());
	char *text;
	long len;

	if (mem == NULL || PEM_write_bio(mem, PEM_STRING_X509_REQ, "",
			       der->data, (long)der->len) <= 0) {
		BIO_free(mem);
		return fail(why, FAIL_BROKEN, "build", "cannot write PEM");
	}
	len = BIO_get_mem_data(mem, &text);
	bytes_add(pem, text, (size_t)len);
	BIO_free(mem);
	return 0;
}

int
own_csr(
    struct tool *tool, const char *name, struct output *out, struct fail *why)
{
	struct audit entry = {.event = "csr", .text = name};
	struct bytes der = {0}, pem = {0};
	struct own_run run = {0};
	struct store *store;
	const struct own *own;
	int rc = -1;

	if (begin(tool, &store, why) == 0 &&
	    own_find(&own, tool->settings, name, why) == 0 &&
	    own_open(&run, tool, own, why) == 0 &&
	    keep_csr(&der, &run.plan, why) == 0 &&
	    csr_pem(&pem, &der, why) == 0 &&
	    tool_audit(tool, store, &entry, why) == 0)
		rc = output_write(out, span_of(&pem), why);
	own_close(&run);
	store_free(store);
	bytes_free(&der);
	bytes_free(&pem);
	return rc;
}

int
own_install(struct tool *tool, const char *name, const STACK_OF(X509) * certs,
    struct fail *why)
{
	struct own_run run = {0};
	struct store *store;
	const struct own *own;
	int rc = -1;

	if (begin(tool, &store, why) == 0 &&
	    own_find(&own, tool->settings, name, why) == 0 &&
	    own_open(&run, tool, own, why) == 0)
		rc = own_take(&run, store, certs, why);
	own_close(&run);
	store_free(store);
	return rc;
}
