#include "lib/ca/policy.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ca/policy_names.h"
#include "lib/wire/san.h"

/* What a rule needs of those before it, and what it makes. */
enum part { PART_SUBJECT = 1, PART_SAN = 2, PART_SESSION = 4 };

struct wish {
	struct grant *grant;
	const struct identity *who;
	const struct request *rq;
	const struct csr *csr;
};

int
policy_names_of(const struct identity *who)
{
	return who->allow != NULL ? who->allow->names : NAMES_OWN;
}

static int
key_usage_ok(struct wish *w, struct fail *why)
{
	const struct profile *p = w->grant->profile;
	const struct csr *csr = w->csr;

	if (csr->has_key_usage && (csr->key_usage & ~p->key_usage) != 0)
		return fail(why, FAIL_DENIED, "profile-ku",
		    "RFC 5280, 4.2.1.3: profile %s does not grant the keyUsage "
		    "asked for",
		    p->name);
	return 0;
}

static bool
has_purpose(const struct profile *p, struct span oid)
{
	for (size_t i = 0; i < p->ext_key_usages; i++) {
		const ASN1_OBJECT *o = p->ext_key_usage[i];
		struct span own = {OBJ_get0_data(o), OBJ_length(o)};

		if (span_equal(own, oid))
			return true;
	}
	return false;
}

static int
purposes_ok(struct wish *w, struct fail *why)
{
	const struct profile *p = w->grant->profile;
	const struct csr *csr = w->csr;

	for (size_t i = 0; i < csr->ext_key_usages; i++)
		if (!has_purpose(p, csr->ext_key_usage[i]))
			return fail(why, FAIL_DENIED, "profile-eku",
			    "RFC 5280, 4.2.1.12: profile %s does not grant the "
			    "extKeyUsage asked for",
			    p->name);
	return 0;
}

static int
basic_ok(struct wish *w, struct fail *why)
{
	struct grant *grant = w->grant;
	const struct csr *csr = w->csr;
	const struct profile *p = grant->profile;

	grant->path_length = p->ca ? p->path_length : -1;
	if (csr->has_name_constraints)
		return fail(why, FAIL_DENIED, "profile-ca",
		    "RFC 5280, 4.2.1.10: constraints are not granted on "
		    "request");
	if (!csr->has_basic)
		return 0;
	/* RFC 5272, 3.1: what was asked is not turned round. */
	if (csr->ca != p->ca)
		return fail(why, FAIL_DENIED, "profile-ca",
		    "RFC 5280, 4.2.1.9: profile %s issues %s CA certificates",
		    p->name, p->ca ? "only" : "no");
	if (csr->path_length < 0)
		return 0;
	if (p->path_length >= 0 && csr->path_length > p->path_length)
		return fail(why, FAIL_DENIED, "profile-ca",
		    "RFC 5280, 4.2.1.9: profile %s grants a path length of %d",
		    p->name, p->path_length);
	grant->path_length = csr->path_length;
	return 0;
}

static int
unknown_ok(struct wish *w, struct fail *why)
{
	const struct profile *p = w->grant->profile;
	const struct csr *csr = w->csr;

	for (size_t i = 0; i < csr->unknowns; i++) {
		/* RFC 5272, 3.1: a critical one is processed or refused. */
		if (csr->unknown[i].critical)
			return fail(why, FAIL_MALFORMED, "ext-critical",
			    "RFC 5272, 3.1: unknown critical extension");
		if (p->unknown_extensions == UNKNOWN_REFUSE)
			return fail(why, FAIL_MALFORMED, "ext",
			    "RFC 5272, 3.1: profile %s takes no unknown "
			    "extensions",
			    p->name);
	}
	return 0;
}

static int
link_ok(struct wish *w, struct fail *why)
{
	return policy_link(w->rq, w->csr, why);
}

/* Letters, digits and the marks that Azure IoT Hub takes, up to 128. */
static bool
device_id_ok(const char *id)
{
	static const char marks[] = "-:.+%_#*?!(),=@;$'";
	size_t len = strlen(id);

	for (size_t i = 0; i < len; i++)
		if (!(id[i] >= '0' && id[i] <= '9') &&
		    !((id[i] | 0x20) >= 'a' && (id[i] | 0x20) <= 'z') &&
		    strchr(marks, id[i]) == NULL)
			return false;
	return len > 0 && len <= 128;
}

/* RFC 5280, 4.1.2.6: all empty subjects are the same name, and nobody's. */
void
grant_name_hash(uint8_t out[SHA256_LEN], const struct grant *grant)
{
	if (X509_NAME_entry_count(grant->subject) > 0)
		name_hash(out, grant->subject);
	else
		san_hash(out, grant->san);
}

/* SHA-256 is that of the name's comparison form: renewals keep it. */
static char *
device_id_of(int from, const struct grant *grant)
{
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	if (from == DEVICE_CN)
		return name_value(grant->subject, NID_commonName);
	if (from == DEVICE_SERIAL)
		return name_value(grant->subject, NID_serialNumber);
	grant_name_hash(hash, grant);
	hex_write(hex, (struct span){hash, sizeof(hash)}, false);
	return str_dup(hex);
}

static int
device_ok(struct wish *w, struct fail *why)
{
	struct grant *grant = w->grant;
	const struct profile *p = grant->profile;

	if (!p->azure || p->device_id == DEVICE_NONE)
		return 0;
	grant->device = device_id_of(p->device_id, grant);
	if (grant->device == NULL)
		return fail(why, FAIL_MALFORMED, "csr-incomplete",
		    "profile %s wants in the subject: %s", p->name,
		    p->device_id == DEVICE_CN ? "CN" : "serialNumber");
	if (!device_id_ok(grant->device))
		return fail(why, FAIL_DENIED, "name-policy",
		    "profile %s: the name asked for cannot be a device id",
		    p->name);
	return 0;
}

/* Issuer and subject are a foreign client's owner; an own certificate's may
 * hold the names of many, so its own name counts, too. */
static void
client_identity(uint8_t out[SHA256_LEN], const struct identity *who)
{
	struct bytes text = {0};
	uint8_t name[SHA256_LEN];

	bytes_add(&text, who->owner, strlen(who->owner) + 1);
	if (who->own) {
		if (X509_NAME_entry_count(who->subject) > 0)
			name_hash(name, who->subject);
		else
			san_hash(name, who->san);
		bytes_add(&text, name, sizeof(name));
	}
	sha256(out, span_of(&text));
	bytes_free(&text);
}

/* Who, from where and with what, for the record. */
static struct grant *
grant_new(const struct identity *who, const struct request *rq,
    const char *operation, const struct csr *csr)
{
	struct grant *grant = mem_new(sizeof(*grant));

	grant->profile = rq->endpoint->profile;
	grant->csr = csr;
	grant->anew = csr->key.evp == NULL;
	grant->requester = str_dup(who->requester);
	grant->owner = str_dup(who->owner);
	grant->request = str_dup(rq->id);
	grant->operation = str_dup(operation);
	grant->endpoint = str_dup(rq->endpoint->name);
	grant->peer = str_dup(rq->peer);
	grant->approval = rq->endpoint->approval;
	grant->secret = who->secret;
	grant->secret_used = who->secret_used;
	grant->has_client = rq->client_cert.len > 0 && who->secret == 0;
	grant->own_client = who->own;
	memcpy(grant->client_sha256, who->sha256, SHA256_LEN);
	client_identity(grant->client_identity, who);
	return grant;
}

/* ---- the rules, in the order in which they are asked ---------------------- */

/* RFC 7030, 4.2.2: another name only where a policy allows the very change;
 * none does. */
static int
change_ok(struct wish *w, struct fail *why)
{
	if (!w->csr->has_change_subject)
		return 0;
	return fail(why, FAIL_DENIED, "name-change",
	    "RFC 7030, 4.2.2: ChangeSubjectName is not granted here");
}

/* What is wrong with a renewal's names is said in a renewal's words. */
static int
reenroll_ok(struct wish *w, struct fail *why)
{
	if (strcmp(w->grant->operation, "simplereenroll") != 0)
		return 0;
	return policy_renewal_names(w->grant->profile, w->who, w->csr, why);
}

static int
key_ok(struct wish *w, struct fail *why)
{
	if (w->grant->anew)
		return 0;
	return profile_key_ok(w->grant->profile, &w->csr->key, why);
}

static int
subject_make(struct wish *w, struct fail *why)
{
	return policy_subject(
	    &w->grant->subject, w->grant->profile, w->who, w->csr, why);
}

static int
san_make(struct wish *w, struct fail *why)
{
	return policy_san(
	    &w->grant->san, w->grant->profile, w->who, w->csr, why);
}

static int
secret_ok(struct wish *w, struct fail *why)
{
	return policy_secret(w->grant, w->who, why);
}

static const struct rule {
	const char *name;
	int (*judge)(struct wish *w, struct fail *why);
	unsigned needs, makes; /* enum part */
} rules[] = {
    {"change-subject-name", change_ok, 0, 0},
    {"reenroll-names", reenroll_ok, 0, 0},
    {"key", key_ok, 0, 0},
    {"basic-constraints", basic_ok, 0, 0},
    {"key-usage", key_usage_ok, 0, 0},
    {"ext-key-usage", purposes_ok, 0, 0},
    {"unknown-extensions", unknown_ok, 0, 0},
    {"pop-link", link_ok, PART_SESSION, 0},
    {"subject", subject_make, 0, PART_SUBJECT},
    {"subject-alt-name", san_make, 0, PART_SAN},
    {"secret-device", secret_ok, PART_SUBJECT | PART_SAN, 0},
    {"device-id", device_ok, PART_SUBJECT | PART_SAN, 0},
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

int
policy_grant(struct grant **grant, const struct identity *who,
    const struct request *rq, const char *operation, const struct csr *csr,
    struct fail *why)
{
	struct wish w = {grant_new(who, rq, operation, csr), who, rq, csr};

	for (size_t i = 0; i < RULES; i++)
		if (rules[i].judge(&w, why) != 0) {
			grant_free(w.grant);
			return -1;
		}
	*grant = w.grant;
	return 0;
}

/* RFC 7030, 3.5: a session that is not there yet is missed only by what would
 * be compared with it. */
static unsigned
session_part(const struct wish *w)
{
	const struct endpoint *e = w->rq->endpoint;

	return e->pop_link == POP_OFF || e->channel_binding.n == 0 ||
	               w->csr->challenge == NULL
	           ? PART_SESSION
	           : 0;
}

void
policy_explain(struct grant **grant, struct verdicts *v,
    const struct identity *who, const struct request *rq, const char *operation,
    const struct csr *csr)
{
	struct wish w = {grant_new(who, rq, operation, csr), who, rq, csr};
	bool granted = true;
	unsigned made = session_part(&w);

	for (size_t i = 0; i < RULES; i++) {
		struct fail why = {0};

		if ((rules[i].needs & ~made) != 0)
			verdicts_open(v, "policy", rules[i].name);
		else if (verdicts_add(v, "policy", rules[i].name,
			     rules[i].judge(&w, &why), &why) == 0)
			made |= rules[i].makes;
		else
			granted = false;
	}
	*grant = NULL;
	if (granted)
		*grant = w.grant;
	else
		grant_free(w.grant);
}

void
grant_free(struct grant *grant)
{
	if (grant == NULL)
		return;
	free(grant->requester);
	free(grant->owner);
	free(grant->device);
	X509_NAME_free(grant->subject);
	GENERAL_NAMES_free(grant->san);
	free(grant->request);
	free(grant->operation);
	free(grant->endpoint);
	free(grant->peer);
	free(grant);
}
