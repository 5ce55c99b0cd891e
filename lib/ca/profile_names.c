#include "lib/ca/profile_make.h"

#include <string.h>

static int
rule_pattern(struct pattern **pattern, const struct profile *p,
    const char *text, const char *where, struct fail *why)
{
	struct fail cause = {0};

	if (text == NULL || pattern_read(pattern, text, &cause) == 0)
		return 0;
	return profile_refuse(why, p, where, "pattern: %s", cause.text);
}

/* The value as a whole Name of one RDN, by the rules that requests obey. */
static int
check_value(
    const struct profile *p, const struct rdn_rule *rule, struct fail *why)
{
	struct fail cause = {0};
	struct bytes text = {0};
	X509_NAME *name = NULL;
	int rc = 0;

	bytes_addf(&text, "%s=", rule->type);
	for (const char *c = rule->value; *c != '\0'; c++) {
		if (strchr(" \"#+,;<=>\\", *c) != NULL)
			bytes_addc(&text, '\\');
		bytes_addc(&text, *c);
	}
	if (name_from_text(&name, (const char *)text.data, &cause) != 0)
		rc = profile_refuse(
		    why, p, rule->where, "value: %s", cause.text);
	X509_NAME_free(name);
	bytes_free(&text);
	return rc;
}

static int
check_from(
    const struct profile *p, const struct rdn_rule *rule, struct fail *why)
{
	bool fixed = rule->from == RDN_FIXED;

	if (fixed && rule->value == NULL)
		return profile_refuse(
		    why, p, rule->where, "from = \"fixed\" needs a value");
	if (!fixed && rule->value != NULL)
		return profile_refuse(
		    why, p, rule->where, "value is for from = \"fixed\" only");
	if (fixed && rule->pattern_text != NULL)
		return profile_refuse(
		    why, p, rule->where, "pattern is not for from = \"fixed\"");
	return fixed ? check_value(p, rule, why) : 0;
}

/* A request's name has no type twice but OU and DC, whose values could not be
 * told apart unless each is fixed. */
static int
check_repeat(const struct profile *p, size_t at, struct fail *why)
{
	const struct rdn_rule *rule = p->subject.item;

	for (size_t i = 0; i < at; i++) {
		if (rule[i].nid != rule[at].nid)
			continue;
		if ((rule[at].nid != NID_organizationalUnitName &&
			rule[at].nid != NID_domainComponent) ||
		    rule[i].from != RDN_FIXED || rule[at].from != RDN_FIXED)
			return profile_refuse(why, p, rule[at].where,
			    "subject type \"%s\" is given twice; allowed for "
			    "OU and DC when all of them are fixed",
			    rule[at].type);
	}
	return 0;
}

static int
check_subject(struct profile *p, struct fail *why)
{
	struct rdn_rule *rule = p->subject.item;

	if (p->subject.n > 16)
		return profile_refuse(
		    why, p, p->where, "subject: at most 16 rules");
	if (p->subject.n == 0 && !p->subject_empty)
		return profile_refuse(why, p, p->where,
		    "subject: no rule, so no request could be granted");
	for (size_t i = 0; i < p->subject.n; i++) {
		rule[i].nid = name_nid(rule[i].type);
		if (check_from(p, &rule[i], why) != 0 ||
		    check_repeat(p, i, why) != 0 ||
		    rule_pattern(&rule[i].pattern, p, rule[i].pattern_text,
			rule[i].where, why) != 0)
			return -1;
	}
	return 0;
}

static int
check_san_rule(struct profile *p, size_t at, struct fail *why)
{
	struct san_rule *rule = p->san.item;

	for (size_t i = 0; i < at; i++)
		if (rule[i].type == rule[at].type)
			return profile_refuse(why, p, rule[at].where,
			    "san: this type was given before; one pattern may "
			    "hold alternatives: \"a|b\"");
	if (rule[at].min > rule[at].max)
		return profile_refuse(
		    why, p, rule[at].where, "san: min is larger than max");
	if (rule[at].wildcard && rule[at].type != GEN_DNS)
		return profile_refuse(why, p, rule[at].where,
		    "san: wildcard is for type = \"dns\" only");
	return rule_pattern(
	    &rule[at].pattern, p, rule[at].pattern_text, rule[at].where, why);
}

/* RFC 5280, 4.1.2.6: without a subject there is a subjectAltName. */
static int
check_empty(struct profile *p, struct fail *why)
{
	const struct rdn_rule *rule = p->subject.item;

	if (!p->subject_empty)
		return 0;
	if (p->san.n == 0)
		return profile_refuse(why, p, p->where,
		    "RFC 5280, 4.1.2.6: subject_empty needs a san rule");
	for (size_t i = 0; i < p->subject.n; i++)
		if (rule[i].from != RDN_OPTIONAL)
			return profile_refuse(why, p, rule[i].where,
			    "subject_empty is only for subjects whose rules "
			    "are all optional");
	return 0;
}

/* A device id must be there in every certificate. */
static int
check_device(struct profile *p, struct fail *why)
{
	const struct rdn_rule *rule = p->subject.item;
	int nid = p->device_id == DEVICE_CN ? NID_commonName : NID_serialNumber;

	if (p->azure && p->device_id == DEVICE_NONE)
		return profile_refuse(
		    why, p, p->where, "azure = true needs device_id");
	if (p->device_id == DEVICE_NONE || p->device_id == DEVICE_SHA256)
		return 0;
	for (size_t i = 0; i < p->subject.n; i++)
		if (rule[i].nid == nid && (rule[i].from == RDN_REQUIRED ||
					      rule[i].from == RDN_IDENTITY))
			return 0;
	return profile_refuse(why, p, p->where,
	    "device_id \"%s\" needs a subject rule of that type with from = "
	    "\"required\" or \"identity\"",
	    name_word(nid));
}

int
profile_check_names(struct profile *p, struct fail *why)
{
	if (check_subject(p, why) != 0)
		return -1;
	for (size_t i = 0; i < p->san.n; i++)
		if (check_san_rule(p, i, why) != 0)
			return -1;
	if (check_empty(p, why) != 0)
		return -1;
	return check_device(p, why);
}
