#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/policy_names.h"
#include "lib/wire/san.h"

/* Is the certificate shown one of ours, of that profile? */
static bool
of_profile(const struct identity *who, const char *profile)
{
	return who->own && who->profile != NULL &&
	       strcmp(who->profile, profile) == 0;
}

/* As asked for, or as the profile would make it. */
static bool
own_subject(const struct grant *grant, const struct identity *who,
    const struct csr *csr)
{
	return X509_NAME_cmp(who->subject, csr->subject) == 0 ||
	       X509_NAME_cmp(who->subject, grant->subject) == 0;
}

bool
policy_is_renewal(const struct grant *grant, const struct identity *who,
    const struct csr *csr)
{
	return of_profile(who, grant->profile->name) &&
	       own_subject(grant, who, csr);
}

/* The new certificate carries the old one's names, in its octets. */
static int
keep_names(struct grant *grant, const struct identity *who, struct fail *why)
{
	X509_NAME *subject = X509_NAME_dup(who->subject);
	GENERAL_NAMES *san = NULL;

	if (subject != NULL && who->san != NULL)
		san = sk_GENERAL_NAME_deep_copy(
		    who->san, GENERAL_NAME_dup, GENERAL_NAME_free);
	if (subject == NULL || (who->san != NULL && san == NULL)) {
		X509_NAME_free(subject);
		fail(why, FAIL_BROKEN, "build", "cannot copy the names");
		return fail_openssl(why, "X509_NAME_dup");
	}
	X509_NAME_free(grant->subject);
	GENERAL_NAMES_free(grant->san);
	grant->subject = subject;
	grant->san = san;
	return 0;
}

/* RFC 7030, 4.2.2: subject and subjectAltName are identical to those of the
 * certificate that is renewed. */
static int
names_same(bool subject, const struct profile *profile,
    const struct identity *who, const struct csr *csr, struct fail *why)
{
	if (!of_profile(who, profile->name))
		return fail(why, FAIL_DENIED, "reenroll-issuer",
		    "RFC 7030, 4.2.2: the certificate shown was not issued "
		    "here under profile %s",
		    profile->name);
	if (!subject)
		return fail(why, FAIL_DENIED, "reenroll-name",
		    "RFC 7030, 4.2.2: subject is not the certificate's");
	if (!san_equal(who->san, csr->san))
		return fail(why, FAIL_DENIED, "reenroll-name",
		    "RFC 7030, 4.2.2: subjectAltName is not the certificate's");
	return 0;
}

int
policy_renewal_names(const struct profile *profile, const struct identity *who,
    const struct csr *csr, struct fail *why)
{
	return names_same(X509_NAME_cmp(who->subject, csr->subject) == 0,
	    profile, who, csr, why);
}

/* ---- the rules, in the order in which they are asked ---------------------- */

struct renewal {
	struct grant *grant;
	const struct identity *who;
	const struct csr *csr;
	int64_t now;
};

static int
names_kept(const struct renewal *r, struct fail *why)
{
	return names_same(own_subject(r->grant, r->who, r->csr),
	    r->grant->profile, r->who, r->csr, why);
}

static int
window_ok(const struct renewal *r, struct fail *why)
{
	const struct profile *p = r->grant->profile;
	int64_t from = r->who->not_after - p->renewal_window;
	char text[WHEN_LEN];

	if (p->renewal_window == 0 || r->now >= from)
		return 0;
	when_write(text, from);
	return fail(why, FAIL_DENIED, "window",
	    "profile %s: this certificate can be renewed from %s on", p->name,
	    text);
}

/* RFC 7030, 4.2.2: the same key renews, another rekeys. */
static int
key_ok(const struct renewal *r, struct fail *why)
{
	const struct profile *p = r->grant->profile;

	if (p->key_reuse ||
	    memcmp(r->who->spki_sha256, r->csr->key.sha256, SHA256_LEN) != 0)
		return 0;
	return fail(why, FAIL_MALFORMED, "key-reuse",
	    "RFC 7030, 4.2.2: profile %s wants a new key", p->name);
}

static int
keep(const struct renewal *r, struct fail *why)
{
	r->grant->renewal = true;
	memcpy(r->grant->renews, r->who->sha256, SHA256_LEN);
	return keep_names(r->grant, r->who, why);
}

static const struct rule {
	const char *name;
	int (*judge)(const struct renewal *r, struct fail *why);
} rules[] = {
    {"names", names_kept},
    {"window", window_ok},
    {"new-key", key_ok},
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

int
policy_renewal(struct grant *grant, const struct identity *who,
    const struct csr *csr, int64_t now, struct fail *why)
{
	const struct renewal r = {grant, who, csr, now};

	for (size_t i = 0; i < RULES; i++)
		if (rules[i].judge(&r, why) != 0)
			return -1;
	return keep(&r, why);
}

bool
policy_renewal_explain(struct grant *grant, struct verdicts *v,
    const struct identity *who, const struct csr *csr, int64_t now)
{
	const struct renewal r = {grant, who, csr, now};
	bool granted = true;

	for (size_t i = 0; i < RULES; i++) {
		struct fail why = {0};

		if (verdicts_add(v, "renewal", rules[i].name,
			rules[i].judge(&r, &why), &why) != 0)
			granted = false;
	}
	if (granted) {
		struct fail why = {0};

		granted = keep(&r, &why) == 0;
	}
	return granted;
}
