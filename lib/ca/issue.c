#include "lib/ca/issue.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fault.h"
#include "lib/base/meter.h"
#include "lib/base/when.h"
#include "lib/ca/approval.h"
#include "lib/ca/build.h"
#include "lib/ca/counter.h"
#include "lib/ca/lint.h"
#include "lib/ca/replaced.h"
#include "lib/wire/name.h"
#include "lib/wire/san.h"

#define OPENING_WAIT 2.0 /* s, as a signature waits */

/* ---- certify ------------------------------------------------------------ */

/* The CA's own names are nobody else's. */
static int
names_free(const struct issuers *issuers, const X509_NAME *subject,
    const GENERAL_NAMES *san, struct fail *why)
{
	if (issuers_have_name(issuers, subject))
		return fail(why, FAIL_DENIED, "name-policy",
		    "the subject of the request is a CA's own");
	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(san, i);

		if (name->type == GEN_DIRNAME &&
		    issuers_have_name(issuers, name->d.directoryName))
			return fail(why, FAIL_DENIED, "san-policy",
			    "a subjectAltName of the request is a CA's own");
	}
	return 0;
}

int
ca_names_free(const struct ca *ca, const struct csr *csr, struct fail *why)
{
	if (ca->issuers == NULL)
		return 0;
	return names_free(ca->issuers, csr->subject, csr->san, why);
}

static int
not_ours(
    const struct issuers *issuers, const struct grant *grant, struct fail *why)
{
	if (issuers_have_key(issuers, grant->csr->key.sha256))
		return fail(why, FAIL_MALFORMED, "key-reuse",
		    "the key of the request is a CA's own");
	return names_free(issuers, grant->subject, grant->san, why);
}

/* key_sign_cert() verifies with the token's public half; so this must be the
 * issuing certificate's, before and after: the token may have come back with
 * another key in between. */
static int
sign_checked(X509 *x509, struct ca *ca, struct signer *signer,
    const struct profile *p, struct fail *why)
{
	EVP_PKEY *before = NULL, *after = NULL;
	int rc = -1;

	if (signer->key != NULL)
		key_settle(signer->key, OPENING_WAIT);
	if (ca_key_ok(&before, ca, signer, why) == 0 &&
	    counter_look(ca, why) == 0 &&
	    key_sign_cert(signer->key, x509, profile_hash(p), why) == 0 &&
	    ca_key_ok(&after, ca, signer, why) == 0)
		rc = 0;
	EVP_PKEY_free(before);
	EVP_PKEY_free(after);
	return rc;
}

static int
sign(X509 *x509, struct ca *ca, struct signer *signer, const struct profile *p,
    struct fail *why)
{
	int rc;

	if (slots_enter(ca->slots, why) != 0)
		return -1;
	rc = sign_checked(x509, ca, signer, p, why);
	slots_leave(ca->slots, rc == 0);
	return rc;
}

/* From here on only the octets count: what was encoded is read back. */
static int
read_back(struct cert **cert, X509 *x509, struct fail *why)
{
	struct bytes der = {0};
	int rc;

	cert_der_add(&der, x509);
	rc = cert_read(cert, span_of(&der), why);
	bytes_free(&der);
	if (rc == 0)
		return 0;
	fail_cause(why, "%s", why->text);
	return fail(why, FAIL_BROKEN, "lint",
	    "the certificate failed our own check: it cannot be read");
}

int
ca_draft(X509 **x509, const struct ca *ca, const struct authority *authority,
    const struct grant *grant, int64_t now, struct fail *why)
{
	uint8_t serial[SERIAL_LEN];

	if (not_ours(ca->issuers, grant, why) != 0 ||
	    build_serial(serial, now, why) != 0 ||
	    build_cert(x509, authority, grant, serial, now, why) != 0)
		return -1;
	if (authority_names_ok(authority, *x509, why) == 0)
		return 0;
	X509_free(*x509);
	*x509 = NULL;
	return -1;
}

static int
certify(struct cert **cert, struct ca *ca, struct signer *signer,
    const struct grant *grant, int64_t now, struct fail *why)
{
	const struct authority *authority = signer->issuer->authority;
	struct cert *made = NULL;
	X509 *x509 = NULL;
	int rc = -1;

	if (ca_draft(&x509, ca, authority, grant, now, why) != 0 ||
	    sign(x509, ca, signer, grant->profile, why) != 0 ||
	    read_back(&made, x509, why) != 0)
		goto out;
	if (lint_cert(made, authority, grant, now, why) == 0) {
		*cert = made;
		made = NULL;
		rc = 0;
	}
out:
	cert_free(made);
	X509_free(x509);
	return rc;
}

/* A module that is opened for one key is closed for the others: those before
 * `signer` are not gone, but on their way. */
static void
formers_settle(struct ca *ca, const struct signer *signer, int64_t now)
{
	struct fail ignored = {0};

	for (struct signer *s = ca->signer; s < signer; s++)
		if (s->key != NULL &&
		    authority_usable(s->issuer->authority, now, &ignored) == 0)
			key_settle(s->key, OPENING_WAIT);
}

/* That a key has gone shows when it is used: who stands in then is asked once
 * more. */
static int
certify_by(struct cert **cert, struct signer **signer, struct ca *ca,
    const struct grant *grant, int64_t now, struct fail *why)
{
	struct fail ignored = {0};
	struct signer *other;

	if (ca_signer(signer, ca, now, why) != 0)
		return -1;
	if (certify(cert, ca, *signer, grant, now, why) == 0)
		return 0;
	if (why->kind != FAIL_BUSY || *signer == ca->signer)
		return -1;
	formers_settle(ca, *signer, now);
	if (ca_signer(&other, ca, now, &ignored) != 0 || other == *signer)
		return -1;
	*why = (struct fail){0};
	*signer = other;
	return certify(cert, ca, other, grant, now, why);
}

int
ca_certify(struct cert **cert, struct ca *ca, const struct grant *grant,
    int64_t now, struct fail *why)
{
	struct signer *signer;

	return certify_by(cert, &signer, ca, grant, now, why);
}

/* ---- record ------------------------------------------------------------- */

void
ca_request_key(uint8_t key[SHA256_LEN], const struct grant *g)
{
	struct bytes b = {0};

	bytes_add(&b, g->endpoint, strlen(g->endpoint) + 1);
	bytes_add(&b, g->operation, strlen(g->operation) + 1);
	if (g->secret != 0)
		bytes_addf(&b, "secret %lld", (long long)g->secret);
	else if (g->has_client)
		bytes_add(&b, g->client_identity, SHA256_LEN);
	else
		bytes_add(&b, g->requester, strlen(g->requester) + 1);
	bytes_add(&b, g->csr->sha256, SHA256_LEN);
	sha256(key, span_of(&b));
	bytes_free(&b);
}

void
ca_wanted(struct record *r, const struct grant *g)
{
	r->subject = name_text(g->subject);
	r->san = g->san != NULL ? san_text(g->san) : NULL;
	r->profile = str_dup(g->profile->name);
	r->endpoint = str_dup(g->endpoint);
	r->operation = str_dup(g->operation);
	r->requester = str_dup(g->requester);
	r->owner = str_dup(g->owner);
	r->device = str_dup(g->device);
	memcpy(r->csr_sha256, g->csr->sha256, SHA256_LEN);
	if (!g->anew)
		memcpy(r->spki_sha256, g->csr->key.sha256, SHA256_LEN);
	grant_name_hash(r->subject_hash, g);
	ca_request_key(r->request_key, g);
}

static void
record_fill(struct record *r, const struct issuer *issuer,
    const struct cert *cert, const struct grant *g, int64_t now)
{
	ca_wanted(r, g);
	r->serial = cert_serial_text(cert->serial);
	r->issuer = str_dup(issuer->authority->keyid);
	bytes_add(&r->der, cert->der.data, cert->der.len);
	memcpy(r->sha256, cert->sha256, SHA256_LEN);
	sha256(r->spki_sha256, cert->spki);
	r->not_before = cert->not_before;
	r->not_after = cert->not_after;
	r->issued = now;
	r->status = STORE_GOOD;
}

struct hexes {
	char client[2 * SHA256_LEN + 1], csr[2 * SHA256_LEN + 1];
	char spki[2 * SHA256_LEN + 1], cert[2 * SHA256_LEN + 1];
	char secret[32];
};

static void
hex_of(char out[2 * SHA256_LEN + 1], const uint8_t hash[SHA256_LEN])
{
	hex_write(out, (struct span){hash, SHA256_LEN}, false);
}

/* Borrows from the record, the grant and `hex`. */
static struct audit
audit_of(const struct record *r, const struct grant *g, struct hexes *hex)
{
	hex_of(hex->client, g->client_sha256);
	hex_of(hex->csr, r->csr_sha256);
	hex_of(hex->spki, r->spki_sha256);
	hex_of(hex->cert, r->sha256);
	(void)snprintf(hex->secret, sizeof(hex->secret), "secret %lld",
	    (long long)g->secret);
	return (struct audit){
	    .event = "issue",
	    .request = g->request,
	    .operation = g->operation,
	    .endpoint = g->endpoint,
	    .profile = r->profile,
	    .peer = g->peer,
	    .requester = g->requester,
	    .client_sha256 = g->has_client ? hex->client : NULL,
	    .csr_sha256 = hex->csr,
	    .spki_sha256 = hex->spki,
	    .subject = r->subject,
	    .serial = r->serial,
	    .cert_sha256 = hex->cert,
	    .text = g->secret != 0 ? hex->secret : NULL,
	    .status = 200,
	};
}

/* A secret is good for one answer, which may be fetched as long as it lives:
 * a lost reply locks nobody out. */
static int64_t
repeat_window(const struct ca *ca, const struct grant *grant, int64_t now)
{
	return grant->secret != 0 ? now : ca->settings->repeat_window;
}

struct store_rules
ca_rules(const struct ca *ca, const struct grant *grant, int64_t now)
{
	return (struct store_rules){
	    .now = now,
	    .repeat_window = grant->anew ? 0 : repeat_window(ca, grant, now),
	    .supersede = grant->anew ? repeat_window(ca, grant, now) : 0,
	    .clock_slack = ca->settings->clock_slack,
	    .max_live = grant->profile->max_live,
	    .key_reuse = grant->profile->key_reuse,
	    .key_shared = grant->profile->key_shared,
	    .renews = grant->renewal ? grant->renews : NULL,
	    .replaced = grant->renewal ? replaced_due(grant->profile, now) : 0,
	    .client = grant->own_client ? grant->client_sha256 : NULL,
	    .secret = grant->secret,
	    .approval = ca_held(grant),
	    .approval_keep = ca->settings->approval_keep,
	    .approval_anew = grant->anew,
	    .approval_again = grant->anew ? repeat_window(ca, grant, now) : 0,
	};
}

/* Record it; what goes out is it, or what the winner of a race got. */
static int
record(struct bytes *der, struct ca *ca, const struct issuer *issuer,
    const struct cert *cert, const struct grant *grant, int64_t now,
    struct fail *why)
{
	const struct store_rules rules = ca_rules(ca, grant, now);
	struct bytes repeat = {0};
	struct record r = {0};
	struct audit entry;
	struct hexes hex;
	int rc;

	record_fill(&r, issuer, cert, grant, now);
	entry = audit_of(&r, grant, &hex);
	rc = store_issue(ca->store, &repeat, &r, &rules, &entry, why);
	if (rc == 0)
		meter_count(repeat.len > 0 ? METER_REPEATED : METER_ISSUED,
		    r.endpoint, r.profile);
	if (rc == 0 && repeat.len > 0)
		bytes_add(der, repeat.data, repeat.len);
	else if (rc == 0)
		bytes_add(der, cert->der.data, cert->der.len);
	bytes_free(&repeat);
	record_free(&r);
	return rc;
}

static int
issue_once(struct bytes *der, struct ca *ca, const struct grant *grant,
    struct fail *why)
{
	struct signer *signer;
	struct cert *cert = NULL;
	int64_t now = when_now();
	int rc = -1;

	fault_point("sign");
	if (certify_by(&cert, &signer, ca, grant, now, why) == 0) {
		fault_point("signed");
		rc = record(der, ca, signer->issuer, cert, grant, now, why);
		fault_point("recorded");
	}
	cert_free(cert);
	return rc;
}

/* Answered already?  Before the token is troubled. */
static int
repeat_find(struct bytes *der, struct ca *ca, const struct grant *grant,
    struct fail *why)
{
	int64_t now = when_now(), window = repeat_window(ca, grant, now);
	uint8_t key[SHA256_LEN];
	const struct store_repeat asked = {
	    grant->csr->sha256, grant->csr->key.sha256, key, now - window, now};

	if (window == 0 || grant->anew)
		return 0;
	ca_request_key(key, grant);
	return store_repeat_find(ca->store, der, &asked, why);
}

static int
repeated(const struct grant *grant)
{
	meter_count(METER_REPEATED, grant->endpoint, grant->profile->name);
	return 0;
}

int
ca_issue(struct bytes *der, struct ca *ca, const struct grant *grant,
    struct fail *why)
{
	size_t had = der->len;

	if (ca->store == NULL)
		return fail(why, FAIL_BROKEN, "build",
		    "this program has no store to record what it issues");
	if (repeat_find(der, ca, grant, why) != 0)
		return -1;
	if (der->len > had)
		return repeated(grant);
	/* Of an answer made anew the store knows what it replaces. */
	if (grant->secret_used && !grant->anew) {
		fail(why, FAIL_ANONYMOUS, "auth", "the secret is used up");
		return fail_cause(why,
		    "secret %lld was used for another request",
		    (long long)grant->secret);
	}
	if (ca_approval(der, ca, grant, why) != 0)
		return -1;
	if (der->len > had)
		return repeated(grant);
	if (issue_once(der, ca, grant, why) == 0)
		return 0;
	if (strcmp(why->reason, "serial-clash") != 0)
		return -1;
	/* RFC 5280, 4.1.2.2: unique; once more with another. */
	memset(why, 0, sizeof(*why));
	return issue_once(der, ca, grant, why);
}

int
ca_issue_under(struct bytes *der, struct ca *ca, struct signer *signer,
    const struct grant *grant, struct fail *why)
{
	struct cert *cert = NULL;
	int64_t now = when_now();
	int rc = -1;

	if (authority_usable(signer->issuer->authority, now, why) == 0 &&
	    certify(&cert, ca, signer, grant, now, why) == 0)
		rc = record(der, ca, signer->issuer, cert, grant, now, why);
	cert_free(cert);
	return rc;
}
