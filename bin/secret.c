/* microca secret - one-time enrolment secrets: made, listed, revoked. */
#include "bin/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "lib/base/when.h"
#include "lib/ca/identity_secret.h"
#include "lib/store/secret.h"
#include "lib/wire/onetime.h"

/* What is made of the orders: rows for the store, texts for people. */
struct made {
	struct secret *row;
	char (*text)[ONETIME_TEXT];
	size_t n;
};

static void
made_free(struct made *made)
{
	for (size_t i = 0; i < made->n; i++)
		secret_free(&made->row[i]);
	if (made->text != NULL)
		OPENSSL_cleanse(made->text, made->n * sizeof(*made->text));
	free(made->row);
	free(made->text);
}

/* ---- orders ------------------------------------------------------------- */

static int PRINTF_LIKE(3, 4)
    refuse(const struct order *o, struct fail *why, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (o->line == 0)
		return fail(why, FAIL_CONFIG, "usage", "%s", text);
	return fail(why, FAIL_CONFIG, "usage", "line %zu: %s", o->line, text);
}

static int
order_ok(
    const struct order *o, const struct settings *settings, struct fail *why)
{
	const struct endpoint *e = settings_endpoint(settings, o->endpoint);

	if (e == NULL)
		return refuse(o, why, "no endpoint \"%s\"", o->endpoint);
	if (e->auth != AUTH_SECRET && e->auth != AUTH_EITHER)
		return refuse(o, why,
		    "endpoint \"%s\" takes no secrets: its auth is neither "
		    "\"secret\" nor \"either\"",
		    o->endpoint);
	if (!identity_device_ok(o->device))
		return refuse(o, why,
		    "\"%s\" cannot be a device's name: 1 to 64 characters, no "
		    "colon, no control characters",
		    o->device);
	if (o->expires > SECRET_LIFE_MOST)
		return refuse(o, why, "a secret lives a year at most");
	return 0;
}

static int
order_compare(const void *a, const void *b)
{
	const struct order *x = *(const struct order *const *)a;
	const struct order *y = *(const struct order *const *)b;
	int rc = strcmp(x->device, y->device);

	return rc != 0 ? rc : strcmp(x->endpoint, y->endpoint);
}

/* One at a time: the second would revoke the first. */
static int
none_twice(const struct orders *orders, struct fail *why)
{
	const struct order **sorted =
	    mem_new((orders->n + 1) * sizeof(const struct order *));
	int rc = 0;

	for (size_t i = 0; i < orders->n; i++)
		sorted[i] = &orders->item[i];
	qsort(sorted, orders->n, sizeof(const struct order *), order_compare);
	for (size_t i = 1; rc == 0 && i < orders->n; i++)
		if (order_compare(&sorted[i - 1], &sorted[i]) == 0)
			rc = refuse(sorted[i], why,
			    "device \"%s\" is there twice for endpoint \"%s\"",
			    sorted[i]->device, sorted[i]->endpoint);
	free(sorted);
	return rc;
}

static int
orders_ok(const struct orders *orders, const struct settings *settings,
    struct fail *why)
{
	if (orders->n == 0)
		return fail(why, FAIL_MALFORMED, "csv", "the file has no rows");
	for (size_t i = 0; i < orders->n; i++)
		if (order_ok(&orders->item[i], settings, why) != 0)
			return -1;
	return none_twice(orders, why);
}

/* ---- add ---------------------------------------------------------------- */

static int
secret_make(struct secret *row, char text[ONETIME_TEXT], const struct order *o,
    int64_t now, struct fail *why)
{
	uint8_t octets[ONETIME_LEN];

	if (RAND_priv_bytes(octets, sizeof(octets)) != 1) {
		fail(why, FAIL_BUSY, "random", "no random numbers");
		return fail_openssl(why, "RAND_priv_bytes");
	}
	sha256(row->hash, (struct span){octets, sizeof(octets)});
	onetime_write(text, octets);
	OPENSSL_cleanse(octets, sizeof(octets));
	row->endpoint = str_dup(o->endpoint);
	row->device = str_dup(o->device);
	row->expires = now + o->expires;
	return 0;
}

static int
make(struct made *made, struct store *store, const struct tool *tool,
    const struct orders *orders, struct fail *why)
{
	struct audit by = {.event = "secret-add",
	    .operation = "secret",
	    .requester = tool->who->requester};
	int64_t now = when_now();

	made->n = orders->n;
	made->row = mem_new(made->n * sizeof(*made->row));
	made->text = mem_new(made->n * sizeof(*made->text));
	for (size_t i = 0; i < made->n; i++)
		if (secret_make(&made->row[i], made->text[i], &orders->item[i],
			now, why) != 0)
			return -1;
	return store_secret_add(store, made->row, made->n, now, &by, why);
}

static void
made_csv(struct bytes *out, const struct made *made)
{
	char when[WHEN_LEN];

	bytes_adds(out, "endpoint,device,expires,id,secret\r\n");
	for (size_t i = 0; i < made->n; i++) {
		const struct secret *s = &made->row[i];

		when_write(when, s->expires);
		csv_cell(out, s->endpoint);
		bytes_addc(out, ',');
		csv_cell(out, s->device);
		bytes_addf(out, ",\"%s\",%lld,\"%s\"\r\n", when,
		    (long long)s->id, made->text[i]);
	}
}

/* Printed once: nobody can show it again. */
static int
made_write(struct output *out, const struct made *made, bool csv,
    const char *command, struct fail *why)
{
	struct bytes text = {0};
	char when[WHEN_LEN];
	int rc;

	if (csv) {
		made_csv(&text, made);
	} else {
		when_write(when, made->row[0].expires);
		fprintf(stderr,
		    "microca %s: secret %lld for %s at endpoint %s, until "
		    "%s\n",
		    command, (long long)made->row[0].id, made->row[0].device,
		    made->row[0].endpoint, when);
		bytes_addf(&text, "%s\n", made->text[0]);
	}
	rc = output_write(out, span_of(&text), why);
	bytes_wipe(&text);
	if (rc != 0)
		fail_cause(why, "the secrets are recorded, but nobody has "
				"them: add them again");
	return rc;
}

static int
add(struct tool *tool, const struct orders *orders, struct output *out,
    bool csv, struct fail *why)
{
	struct made made = {0};
	struct ca *ca = NULL;
	int rc = -1;

	if (tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	key_harden_process();
	if (orders_ok(orders, ca->settings, why) == 0 &&
	    make(&made, ca->store, tool, orders, why) == 0)
		rc = made_write(out, &made, csv, tool->command, why);
	made_free(&made);
	ca_drop(ca);
	return rc;
}

/* Before anything is in it. */
static int
output_private(const struct output *out, struct fail *why)
{
	struct stat st;

	if (out->path == NULL || fstat(out->fd, &st) != 0 ||
	    !S_ISREG(st.st_mode) || fchmod(out->fd, 0600) == 0)
		return 0;
	fail(why, FAIL_CONFIG, "file", "cannot make %s private", out->path);
	return fail_errno(why, "fchmod");
}

static int
orders_take(struct orders *orders, const char *csv, int argc, char **argv,
    int64_t expires, struct fail *why)
{
	struct bytes file = {0};
	int rc = -1;

	if (operands_ok(argc, csv != NULL ? 0 : 2, csv != NULL ? 0 : 2, why) !=
	    0)
		return -1;
	if (csv == NULL) {
		orders_add(orders, argv[0], argv[1], expires, 0);
		return 0;
	}
	if (tool_input(&file, csv, why) == 0)
		rc = orders_read(orders, span_of(&file), expires, why);
	bytes_free(&file);
	return rc;
}

static int
add_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	const char *csv = NULL, *path = NULL;
	int64_t expires = 7 * 86400;
	const struct option_spec options[] = {
	    {"csv", 0, OPTION_TEXT, &csv, 0, 0, NULL},
	    {"out", 'o', OPTION_TEXT, &path, 0, 0, NULL},
	    {"expires", 0, OPTION_DURATION, &expires, 0, 0, NULL},
	};
	struct orders orders = {0};
	struct output out;
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) == 0 &&
	    orders_take(&orders, csv, argc, argv, expires, why) == 0 &&
	    output_open(&out, path, why) == 0) {
		if (output_private(&out, why) == 0)
			rc = add(tool, &orders, &out, csv != NULL, why);
		output_close(&out);
	}
	orders_free(&orders);
	return rc;
}

/* ---- revoke ------------------------------------------------------------- */

static int
id_read(int64_t *id, const char *text, struct fail *why)
{
	char *end;

	errno = 0;
	*id = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *id < 1)
		return fail(why, FAIL_CONFIG, "usage",
		    "\"%s\" is not the number of a secret: see microca secret "
		    "list",
		    text);
	return 0;
}

static int
secret_revoke(struct tool *tool, int argc, char **argv, struct fail *why)
{
	const char *device = NULL;
	const struct option_spec options[] = {
	    {"device", 0, OPTION_TEXT, &device, 0, 0, NULL},
	};
	struct audit by = {.event = "secret-revoke", .operation = "secret"};
	int64_t id = 0, changed;
	struct ca *ca = NULL;
	int rc, wanted;

	if (options_read(options, 1, &argc, &argv, why) != 0)
		return -1;
	wanted = device != NULL ? 0 : 1;
	if (operands_ok(argc, wanted, wanted, why) != 0 ||
	    (device == NULL && id_read(&id, argv[0], why) != 0) ||
	    tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	by.requester = tool->who->requester;
	rc = store_secret_revoke(
	    ca->store, &changed, id, device, when_now(), &by, why);
	if (rc == 0)
		printf("%lld revoked\n", (long long)changed);
	ca_drop(ca);
	return rc;
}

int
secret_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	static const struct {
		const char *word;
		command_run *run;
	} verbs[] = {
	    {"add", add_run},
	    {"list", secret_list},
	    {"revoke", secret_revoke},
	};

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]);
	     i++)
		if (strcmp(argv[1], verbs[i].word) == 0)
			return verbs[i].run(tool, argc - 1, argv + 1, why);
	return fail(why, FAIL_CONFIG, "usage",
	    "wanted: microca secret add, list or revoke");
}
