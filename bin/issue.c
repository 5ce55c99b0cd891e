/* microca issue - a certificate for a request in a file: the rules and records
 * of EST, asked for by the administrator. */
#include "bin/microca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "lib/base/meter.h"
#include "lib/ca/issue.h"

/* Where a profile is used that no endpoint offers. */
static char local_endpoint[] = "local";

struct order {
	const char *profile, *endpoint;
	const struct profile *chosen; /* instead of the two */
	struct signer *signer;        /* of its key's own; NULL: who issues */
	struct bytes body;
};

static int
request_id(char id[17], struct fail *why)
{
	uint8_t octets[8];

	if (RAND_bytes(octets, sizeof(octets)) != 1) {
		fail(why, FAIL_BUSY, "random", "no random numbers");
		return fail_openssl(why, "RAND_bytes");
	}
	hex_write(id, (struct span){octets, sizeof(octets)}, false);
	return 0;
}

/* The endpoint asked for, or one made for the profile alone. */
static int
endpoint_make(struct endpoint *e, const struct order *order,
    const struct settings *settings, struct fail *why)
{
	const struct endpoint *named = NULL;

	*e = (struct endpoint){.name = local_endpoint, .lenient = true};
	if (order->chosen != NULL) {
		e->profile = order->chosen;
		e->profile_name = e->profile->name;
		return 0;
	}
	if (order->endpoint != NULL) {
		named = settings_endpoint(settings, order->endpoint);
		if (named == NULL)
			return fail(why, FAIL_ABSENT, "endpoint",
			    "no endpoint \"%s\"", order->endpoint);
		*e = *named;
		e->approval = APPROVAL_NONE; /* who orders it approves of it */
		e->pop_link = POP_OFF;       /* there is no TLS session */
	}
	if (order->profile == NULL)
		return 0;
	e->profile = profiles_find(settings->profiles, order->profile);
	if (e->profile == NULL)
		return fail(why, FAIL_ABSENT, "profile", "no profile \"%s\"",
		    order->profile);
	if (named != NULL && named->profile != e->profile)
		return fail(why, FAIL_CONFIG, "usage",
		    "endpoint \"%s\" issues under profile \"%s\"", named->name,
		    named->profile->name);
	e->profile_name = e->profile->name;
	return 0;
}

/* As `serve` records a refusal; what stops that is part of the cause. */
static void
refused(const struct tool *tool, struct store *store, const struct request *rq,
    struct fail *why)
{
	struct fail second = {0};
	struct audit entry = {
	    .event = "refuse",
	    .request = rq->id,
	    .operation = "issue",
	    .endpoint = rq->endpoint->name,
	    .profile = rq->endpoint->profile->name,
	    .reason = why->reason,
	    .text = why->text,
	    .cause = why->cause[0] != '\0' ? why->cause : NULL,
	    .status = fail_http(why->kind),
	};

	meter_count(METER_REFUSED, why->reason, NULL);
	if (tool_audit(tool, store, &entry, &second) != 0)
		fail_cause(why, "not recorded: %s", second.text);
}

static int
enrol(struct bytes *der, const struct tool *tool, struct ca *ca,
    const struct request *rq, const struct order *order, struct fail *why)
{
	struct bytes request = {0};
	struct csr *csr = NULL;
	struct grant *grant = NULL;
	int rc = -1;

	if (csr_body_read(&request, span_of(&order->body), true, why) != 0) {
		if (why->cause[0] == '\0')
			fail_cause(why, "wanted: a PKCS#10 request in PEM, "
					"base64 or DER");
		goto out;
	}
	if (csr_read(&csr, span_of(&request), why) == 0 &&
	    ca_names_free(ca, csr, why) == 0 &&
	    policy_grant(&grant, tool->who, rq, "issue", csr, why) == 0)
		rc = order->signer != NULL
		         ? ca_issue_under(der, ca, order->signer, grant, why)
		         : ca_issue(der, ca, grant, why);
out:
	grant_free(grant);
	csr_free(csr);
	bytes_free(&request);
	return rc;
}

/* Issued, or the refusal recorded. */
static int
order_issue(struct bytes *der, const struct tool *tool, struct ca *ca,
    const struct order *order, struct fail *why)
{
	struct endpoint endpoint;
	struct request rq = {.method = "POST",
	    .path = "",
	    .peer = "",
	    .content_length = -1,
	    .endpoint = &endpoint};

	if (endpoint_make(&endpoint, order, ca->settings, why) != 0 ||
	    request_id(rq.id, why) != 0)
		return -1;
	if (enrol(der, tool, ca, &rq, order, why) == 0)
		return 0;
	refused(tool, ca->store, &rq, why);
	return -1;
}

int
profile_issue_under(struct bytes *der, const struct tool *tool, struct ca *ca,
    struct signer *signer, const struct profile *profile, struct span csr,
    struct fail *why)
{
	struct order order = {.chosen = profile, .signer = signer};
	int rc;

	bytes_add(&order.body, csr.data, csr.len);
	rc = order_issue(der, tool, ca, &order, why);
	bytes_free(&order.body);
	return rc;
}

int
profile_issue(struct bytes *der, const struct tool *tool, struct ca *ca,
    const struct profile *profile, struct span csr, struct fail *why)
{
	return profile_issue_under(der, tool, ca, NULL, profile, csr, why);
}

static int
issue(struct tool *tool, const struct order *order, struct output *out,
    struct fail *why)
{
	struct bytes der = {0}, pem = {0};
	struct ca *ca = NULL;
	int rc = -1;

	if (tool_issuing_ca(&ca, tool, why) == 0 &&
	    order_issue(&der, tool, ca, order, why) == 0) {
		cert_pem_write(&pem, span_of(&der));
		rc = output_write(out, span_of(&pem), why);
	}
	ca_drop(ca);
	bytes_free(&der);
	bytes_free(&pem);
	return rc;
}

int
issue_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct order order = {0};
	const char *file = NULL;
	const struct option_spec options[] = {
	    {"profile", 'p', OPTION_TEXT, &order.profile, 0, 0, NULL},
	    {"endpoint", 'e', OPTION_TEXT, &order.endpoint, 0, 0, NULL},
	    {"out", 'o', OPTION_TEXT, &file, 0, 0, NULL},
	};
	struct output out;
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0)
		return -1;
	if (order.profile == NULL && order.endpoint == NULL)
		return fail(why, FAIL_CONFIG, "usage",
		    "--profile or --endpoint is needed");
	if (tool_input(&order.body, argv[0], why) == 0 &&
	    output_open(&out, file, why) == 0) {
		rc = issue(tool, &order, &out, why);
		output_close(&out);
	}
	bytes_free(&order.body);
	return rc;
}
