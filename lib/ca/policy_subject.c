#include <stdlib.h>
#include <string.h>

#include "lib/ca/policy_names.h"

/* The work on one subject. */
struct making {
	const struct profile *profile;
	const struct identity *who;
	const X509_NAME *asked;
	uint64_t used; /* entries of `asked` that a rule took */
	X509_NAME *made;
	struct bytes missing; /* types that are required and absent */
	struct fail *why;
};

/* Types that say who somebody is, not where it belongs. */
static bool
identifies(int nid)
{
	return nid == NID_commonName || nid == NID_serialNumber ||
	       nid == NID_userId || nid == NID_pkcs9_emailAddress;
}

/* An entry's value as UTF-8; NULL when it holds a NUL. */
static char *
value_of(const X509_NAME_ENTRY *entry)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
	char *text = NULL;

	if (len >= 0 && memchr(utf8, 0, (size_t)len) == NULL)
		text = mem_dup(utf8, (size_t)len);
	OPENSSL_free(utf8);
	return text;
}

/* The next entry of that type that no rule has taken, or NULL. */
static X509_NAME_ENTRY *
take(struct making *m, int nid)
{
	int at = -1;

	while ((at = X509_NAME_get_index_by_NID(m->asked, nid, at)) >= 0)
		if (at < 64 && (m->used >> at & 1) == 0) {
			m->used |= 1ULL << at;
			return X509_NAME_get_entry(m->asked, at);
		}
	return NULL;
}

static int
broken(struct fail *why)
{
	fail(why, FAIL_BROKEN, "build", "cannot make a name");
	return fail_openssl(why, "X509_NAME");
}

static int
put_entry(struct making *m, const X509_NAME_ENTRY *entry)
{
	if (!X509_NAME_add_entry(m->made, entry, -1, 0))
		return broken(m->why);
	return 0;
}

static int
put_text(struct making *m, const struct rdn_rule *rule, const char *value)
{
	if (!X509_NAME_add_entry_by_NID(m->made, rule->nid, MBSTRING_UTF8,
		(const unsigned char *)value, -1, -1, 0))
		return broken(m->why);
	return 0;
}

/* RFC 7030, 3.7: with names = "own" a name comes from the identity. */
static bool
is_own(const struct identity *who, int nid, const char *value)
{
	char *own = name_value(who->subject, nid);
	bool ok;

	if (own == NULL && nid == NID_commonName)
		own = name_value(who->subject, NID_serialNumber);
	ok = own != NULL && strcmp(own, value) == 0;
	free(own);
	return ok;
}

static int
value_ok(struct making *m, const struct rdn_rule *rule, const char *value)
{
	if (value == NULL)
		return fail(m->why, FAIL_DENIED, "name-policy",
		    "the %s asked for cannot be compared", rule->type);
	if (rule->pattern != NULL && !pattern_match(rule->pattern, value))
		return fail(m->why, FAIL_MALFORMED, "dn-rule",
		    "profile %s: the %s asked for does not match the "
		    "profile's pattern",
		    m->profile->name, rule->type);
	if (identifies(rule->nid) && policy_names_of(m->who) == NAMES_OWN &&
	    !is_own(m->who, rule->nid, value))
		return fail(m->why, FAIL_DENIED, "name-policy",
		    "RFC 7030, 3.7: the %s asked for is not that of the "
		    "%s shown",
		    rule->type, policy_shown(m->who));
	return 0;
}

/* RDN_OPTIONAL, RDN_REQUIRED: the request's octets, if they may be. */
static int
put_asked(struct making *m, const struct rdn_rule *rule, X509_NAME_ENTRY *entry)
{
	char *value;
	int rc = 0;

	if (entry == NULL) {
		if (rule->from == RDN_REQUIRED)
			bytes_addf(&m->missing, "%s%s",
			    m->missing.len > 0 ? ", " : "", rule->type);
		return 0;
	}
	value = value_of(entry);
	if (value_ok(m, rule, value) != 0 || put_entry(m, entry) != 0)
		rc = -1;
	free(value);
	return rc;
}

/* RDN_FIXED, RDN_IDENTITY: `value`; the request's is equal or absent. */
static int
put_given(struct making *m, const struct rdn_rule *rule,
    const X509_NAME_ENTRY *entry, const char *value)
{
	char *asked = entry != NULL ? value_of(entry) : NULL;
	int rc;

	if (value == NULL)
		rc = fail(m->why, FAIL_DENIED, "name-policy",
		    "profile %s: the %s shown has no %s to copy",
		    m->profile->name, policy_shown(m->who), rule->type);
	else if (entry == NULL)
		rc = put_text(m, rule, value);
	else if (asked == NULL || strcmp(asked, value) != 0)
		rc = fail(m->why, FAIL_DENIED, "name-policy",
		    "profile %s: the %s asked for is not the one %s%s%s",
		    m->profile->name, rule->type,
		    rule->from == RDN_FIXED ? "that the profile fixes"
					    : "of the ",
		    rule->from == RDN_FIXED ? "" : policy_shown(m->who),
		    rule->from == RDN_FIXED ? "" : " shown");
	else
		rc = put_entry(m, entry);
	free(asked);
	return rc;
}

static int
put_rule(struct making *m, const struct rdn_rule *rule)
{
	X509_NAME_ENTRY *entry = take(m, rule->nid);
	char *own;
	int rc;

	if (rule->from == RDN_FIXED)
		return put_given(m, rule, entry, rule->value);
	if (rule->from != RDN_IDENTITY)
		return put_asked(m, rule, entry);
	own = m->who->subject != NULL ? name_value(m->who->subject, rule->nid)
	                              : NULL;
	rc = put_given(m, rule, entry, own);
	free(own);
	return rc;
}

static int
all_used(struct making *m)
{
	for (int i = 0; i < X509_NAME_entry_count(m->asked); i++) {
		const X509_NAME_ENTRY *e = X509_NAME_get_entry(m->asked, i);
		const char *word =
		    name_word(OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)));

		if (i >= 64 || (m->used >> i & 1) == 0)
			return fail(m->why, FAIL_MALFORMED, "dn-rule",
			    "profile %s has no %s in its subject",
			    m->profile->name, word != NULL ? word : "such RDN");
	}
	return 0;
}

/* RFC 5280, 4.1.2.6: an empty subject by profile, with a SAN, no CA. */
static int
empty_ok(const struct making *m, const struct csr *csr)
{
	if (X509_NAME_entry_count(m->made) > 0)
		return 0;
	if (m->profile->subject_empty && !m->profile->ca && csr->san != NULL)
		return 0;
	return fail(m->why, FAIL_MALFORMED, "dn-empty",
	    "RFC 5280, 4.1.2.6: profile %s wants a subject%s", m->profile->name,
	    m->profile->subject_empty ? " or a subjectAltName" : "");
}

/* The CN, against the pattern of the rule that let an RA in. */
static int
scope_ok(const struct making *m)
{
	char *cn;
	bool ok;

	if (policy_names_of(m->who) != NAMES_PATTERN)
		return 0;
	cn = name_value(m->made, NID_commonName);
	ok = cn != NULL && pattern_match(m->who->allow->pattern, cn);
	free(cn);
	if (ok)
		return 0;
	return fail(m->why, FAIL_DENIED, "ra-scope",
	    "RFC 7030, 3.7: the CN asked for is outside this registration "
	    "authority's names");
}

/* A certificate of the endpoint's own profile stands for its subject alone. */
static int
same_subject(const struct making *m)
{
	const struct identity *who = m->who;

	if (!who->own || policy_names_of(who) != NAMES_OWN ||
	    who->profile == NULL ||
	    strcmp(who->profile, m->profile->name) != 0 ||
	    X509_NAME_cmp(who->subject, m->made) == 0)
		return 0;
	return fail(m->why, FAIL_DENIED, "name-policy",
	    "RFC 7030, 3.7: the subject asked for is not that of the "
	    "certificate shown");
}

static int
build(struct making *m, const struct csr *csr)
{
	const struct rdn_rule *rules = m->profile->subject.item;

	for (size_t i = 0; i < m->profile->subject.n; i++)
		if (put_rule(m, &rules[i]) != 0)
			return -1;
	if (all_used(m) != 0)
		return -1;
	if (m->missing.len > 0)
		return fail(m->why, FAIL_MALFORMED, "csr-incomplete",
		    "profile %s wants in the subject: %s", m->profile->name,
		    (const char *)m->missing.data);
	if (empty_ok(m, csr) != 0 || scope_ok(m) != 0 || same_subject(m) != 0)
		return -1;
	return 0;
}

int
policy_subject(X509_NAME **subject, const struct profile *profile,
    const struct identity *who, const struct csr *csr, struct fail *why)
{
	struct making m = {
	    .profile = profile,
	    .who = who,
	    .asked = csr->subject,
	    .made = X509_NAME_new(),
	    .why = why,
	};
	int rc;

	if (m.made == NULL)
		return broken(why);
	rc = build(&m, csr);
	bytes_free(&m.missing);
	if (rc != 0)
		X509_NAME_free(m.made);
	else
		*subject = m.made;
	return rc;
}
