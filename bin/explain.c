/* microca explain - a dry run of the policy: what a request would get, by which
 * rule. */
#include "bin/microca.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/ca/explain.h"
#include "lib/ca/identity_cache.h"

static const char *const operations[] = {
    "simpleenroll", "simplereenroll", "serverkeygen", NULL};

struct order {
	const char *endpoint, *device;
	int operation;
	bool json;
	struct bytes csr, client;
};

/* "issue", "repeat", "wait", "refuse": what would become of it. */
static const char *
outcome(const struct explained *e)
{
	const struct fail *why = verdicts_refusal(&e->rules);

	if (why != NULL)
		return why->kind == FAIL_PENDING ? "wait" : "refuse";
	return e->repeat ? "repeat" : "issue";
}

/* ---- for people ----------------------------------------------------------- */

static const char *
item_word(const struct verdicts_item *item)
{
	if (item->verdict == VERDICT_FAIL)
		return item->why.kind == FAIL_PENDING ? "wait" : "FAIL";
	return item->verdict == VERDICT_OPEN ? "-" : "pass";
}

static void
item_line(struct bytes *out, const struct verdicts_item *item)
{
	const struct fail *why = &item->why;

	bytes_addf(
	    out, "%-9s %-20s %s", item->stage, item->rule, item_word(item));
	if (item->verdict == VERDICT_FAIL)
		bytes_addf(out, "  %d %s: %s", fail_http(why->kind),
		    why->reason, why->text);
	bytes_addc(out, '\n');
	if (item->verdict == VERDICT_FAIL && why->cause[0] != '\0')
		bytes_addf(out, "%-36s(%s)\n", "", why->cause);
}

static void
draft_lines(struct bytes *out, X509 *x509)
{
	char *subject = name_text(X509_get_subject_name(x509));
	char *issuer = name_text(X509_get_issuer_name(x509));

	view_line(out, "Subject", subject[0] != '\0' ? subject : "(empty)");
	view_line(out, "Issuer", issuer);
	view_time(out, "Not before", cert_time_of(X509_get0_notBefore(x509)));
	view_time(out, "Not after", cert_time_of(X509_get0_notAfter(x509)));
	bytes_adds(out, "Extensions\n");
	for (int i = 0; i < X509_get_ext_count(x509); i++)
		view_extension(out, X509_get_ext(x509, i));
	free(subject);
	free(issuer);
}

static void
text_view(struct bytes *out, const struct order *o, const struct explained *e)
{
	const struct fail *why = verdicts_refusal(&e->rules);

	view_line(out, "Endpoint", o->endpoint);
	view_line(out, "Operation", operations[o->operation]);
	view_line(out, "Requester",
	    e->requester != NULL
		? e->requester
		: "nobody; the rest is judged as for the administrator");
	bytes_addc(out, '\n');
	for (size_t i = 0; i < e->rules.n; i++)
		item_line(out, &e->rules.item[i]);
	bytes_addc(out, '\n');
	if (why == NULL && e->repeat)
		bytes_adds(out, "Answered already: the same certificate "
				"again.\n");
	else if (why == NULL)
		bytes_addf(out, "Would be issued%s:\n",
		    e->renewal ? ", as a renewal" : "");
	else if (why->kind == FAIL_PENDING)
		bytes_adds(out, "Would wait for approval (202); then:\n");
	else if (e->draft != NULL)
		bytes_adds(out, "Would be refused; else it would be:\n");
	if (e->draft != NULL)
		draft_lines(out, e->draft);
}

/* ---- for machines --------------------------------------------------------- */

static struct json *
item_json(const struct verdicts_item *item)
{
	struct json *j = json_new_object();
	bool wait =
	    item->verdict == VERDICT_FAIL && item->why.kind == FAIL_PENDING;

	json_str(j, "stage", item->stage);
	json_str(j, "rule", item->rule);
	json_str(j, "verdict", wait ? "wait" : verdict_word(item->verdict));
	if (item->verdict == VERDICT_FAIL) {
		json_int(j, "status", fail_http(item->why.kind));
		json_str(j, "reason", item->why.reason);
		json_str(j, "text", item->why.text);
		if (item->why.cause[0] != '\0')
			json_str(j, "cause", item->why.cause);
	}
	return j;
}

static struct json *
draft_json(X509 *x509)
{
	struct json *j = json_new_object(), *list = json_new_array();
	char *subject = name_text(X509_get_subject_name(x509));

	json_str(j, "subject", subject);
	json_time(j, "not_before", cert_time_of(X509_get0_notBefore(x509)));
	json_time(j, "not_after", cert_time_of(X509_get0_notAfter(x509)));
	for (int i = 0; i < X509_get_ext_count(x509); i++) {
		struct bytes line = {0};

		view_extension(&line, X509_get_ext(x509, i));
		line.data[line.len - 1] = '\0'; /* for the line's end */
		json_push_str(list, (const char *)line.data + 2);
		bytes_free(&line);
	}
	json_add(j, "extensions", list);
	free(subject);
	return j;
}

static void
json_view(struct bytes *out, const struct order *o, const struct explained *e)
{
	struct json *j = json_new_object(), *list = json_new_array();
	char *text;

	json_str(j, "endpoint", o->endpoint);
	json_str(j, "operation", operations[o->operation]);
	json_str(j, "requester", e->requester);
	json_bool(j, "renewal", e->renewal);
	json_str(j, "outcome", outcome(e));
	for (size_t i = 0; i < e->rules.n; i++)
		json_push(list, item_json(&e->rules.item[i]));
	json_add(j, "rules", list);
	if (e->draft != NULL)
		json_add(j, "certificate", draft_json(e->draft));
	text = json_text(j, 2);
	bytes_addf(out, "%s\n", text);
	free(text);
	json_free(j);
}

/* ---- the command ---------------------------------------------------------- */

/* The report is out; what it comes to is the exit status. */
static int
told(const struct order *o, const struct explained *e, struct fail *why)
{
	const struct fail *refusal = verdicts_refusal(&e->rules);
	struct output out = {.fd = STDOUT_FILENO};
	struct bytes text = {0};
	int rc;

	if (o->json)
		json_view(&text, o, e);
	else
		text_view(&text, o, e);
	rc = output_write(&out, span_of(&text), why);
	bytes_free(&text);
	if (rc == 0 && refusal != NULL) {
		*why = *refusal;
		rc = -1;
	}
	return rc;
}

static int
order_explain(struct tool *tool, const struct order *o, struct fail *why)
{
	struct explain_wish wish = {.operation = operations[o->operation],
	    .csr = span_of(&o->csr),
	    .client = span_of(&o->client),
	    .device = o->device};
	struct explained e = {0};
	struct ca *ca = NULL;
	int rc = -1;

	if (tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	wish.endpoint = settings_endpoint(ca->settings, o->endpoint);
	if (wish.endpoint == NULL)
		fail(why, FAIL_ABSENT, "endpoint", "no endpoint \"%s\"",
		    o->endpoint);
	else if (identity_cache_new(
		     &ca->identities, ca->settings, ca->issuers, why) == 0 &&
		 explain(&e, ca, &wish, when_now(), why) == 0)
		rc = told(o, &e, why);
	explained_free(&e);
	ca_drop(ca);
	return rc;
}

/* The first certificate of a PEM file is the client's own. */
static int
client_read(struct bytes *der, const char *file, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;

	if (file == NULL)
		return 0;
	if (cert_file_read(&certs, file, why) != 0)
		return -1;
	cert_der_add(der, sk_X509_value(certs, 0));
	sk_X509_pop_free(certs, X509_free);
	return 0;
}

int
explain_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct order o = {0};
	const char *csr = NULL, *cert = NULL;
	const struct option_spec options[] = {
	    {"endpoint", 'e', OPTION_TEXT, &o.endpoint, 0, 0, NULL},
	    {"csr", 0, OPTION_TEXT, &csr, 0, 0, NULL},
	    {"cert", 0, OPTION_TEXT, &cert, 0, 0, NULL},
	    {"device", 0, OPTION_TEXT, &o.device, 0, 0, NULL},
	    {"operation", 0, OPTION_WORD, &o.operation, 0, 0, operations},
	    {"json", 'j', OPTION_FLAG, &o.json, 0, 0, NULL},
	};
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	if (o.endpoint == NULL || csr == NULL)
		return fail(why, FAIL_CONFIG, "usage",
		    "--endpoint and --csr are needed");
	if (cert != NULL && o.device != NULL)
		return fail(
		    why, FAIL_CONFIG, "usage", "one of --cert and --device");
	if (tool_input(&o.csr, csr, why) == 0 &&
	    client_read(&o.client, cert, why) == 0)
		rc = order_explain(tool, &o, why);
	bytes_free(&o.csr);
	bytes_free(&o.client);
	return rc;
}
