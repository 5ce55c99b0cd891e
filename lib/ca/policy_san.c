#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/ca/policy_names.h"
#include "lib/wire/san.h"

#define SAN_TYPES 9 /* GEN_OTHERNAME to GEN_RID */

static int
not_own(struct fail *why, const GENERAL_NAME *name, const struct identity *who)
{
	return fail(why, FAIL_DENIED, "san-policy",
	    "subjectAltName %s: RFC 7030, 3.7: not a name of the %s shown",
	    san_type(name), policy_shown(who));
}

static int
refuse(struct fail *why, const GENERAL_NAME *name, const char *what)
{
	return fail(why, FAIL_DENIED, "san-policy", "subjectAltName %s: %s",
	    san_type(name), what);
}

static const struct san_rule *
rule_of(const struct profile *profile, int type)
{
	const struct san_rule *rules = profile->san.item;

	for (size_t i = 0; i < profile->san.n; i++)
		if (rules[i].type == type)
			return &rules[i];
	return NULL;
}

/* RFC 1122, 3.2.1.3: "this" network, loopback, multicast, broadcast. */
static bool
special_v4(const uint8_t ip[4])
{
	return ip[0] == 0 || ip[0] == 127 || (ip[0] & 0xf0) == 0xe0 ||
	       memcmp(ip, "\xff\xff\xff\xff", 4) == 0;
}

/* RFC 4291, 2.4: unspecified, loopback, multicast; and IPv4 in IPv6. */
static bool
special_v6(const uint8_t ip[16])
{
	static const uint8_t zero[12];
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return ip[0] == 0xff || memcmp(ip, zero, 12) == 0 ||
	       (memcmp(ip, mapped, 12) == 0 && special_v4(ip + 12));
}

static bool
special_ip(const GENERAL_NAME *name)
{
	const ASN1_OCTET_STRING *ip = name->d.iPAddress;
	const uint8_t *octets = ASN1_STRING_get0_data(ip);

	if (ASN1_STRING_length(ip) == 4)
		return special_v4(octets);
	return ASN1_STRING_length(ip) != 16 || special_v6(octets);
}

/* One of the identity's alternative names? */
static bool
in_san(const struct identity *who, const GENERAL_NAME *name)
{
	char *value = san_value(name);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(who->san); i++) {
		GENERAL_NAME *own = sk_GENERAL_NAME_value(who->san, i);
		char *text;

		if (own->type != name->type)
			continue;
		if (GENERAL_NAME_cmp(own, (GENERAL_NAME *)name) == 0) {
			found = true;
		} else if (name->type == GEN_DNS && value != NULL) {
			text = san_value(own);
			found = text != NULL && strcasecmp(text, value) == 0;
			free(text);
		}
	}
	free(value);
	return found;
}

static bool
is_cn(const struct identity *who, const GENERAL_NAME *name)
{
	char *cn, *value;
	bool equal;

	if (name->type != GEN_DNS && name->type != GEN_URI)
		return false;
	cn = name_value(who->subject, NID_commonName);
	value = san_value(name);
	equal = cn != NULL && value != NULL &&
	        (name->type == GEN_DNS ? strcasecmp(cn, value)
				       : strcmp(cn, value)) == 0;
	free(value);
	free(cn);
	return equal;
}

static int
bound(const struct identity *who, const GENERAL_NAME *name, struct fail *why)
{
	if (policy_names_of(who) != NAMES_OWN || name->type == GEN_IPADD ||
	    in_san(who, name) || is_cn(who, name))
		return 0;
	return not_own(why, name, who);
}

static int
rule_ok(const struct san_rule *rule, const GENERAL_NAME *name, struct fail *why)
{
	char *value;
	bool wild, match;

	if (rule == NULL)
		return refuse(why, name, "the profile does not list this type");
	/* Only a pattern that names it lets such an address through. */
	if (name->type == GEN_IPADD && rule->pattern == NULL &&
	    special_ip(name))
		return refuse(why, name,
		    "an unspecified, loopback, multicast or broadcast address");
	value = san_value(name);
	wild = name->type == GEN_DNS && value != NULL &&
	       strncmp(value, "*.", 2) == 0;
	match = rule->pattern == NULL || pattern_match(rule->pattern, value);
	free(value);
	if (wild && !rule->wildcard)
		return refuse(why, name, "no wildcards in this profile");
	if (!match)
		return refuse(
		    why, name, "does not match the profile's pattern");
	return 0;
}

static int
counts_ok(const struct profile *p, const int count[SAN_TYPES], struct fail *why)
{
	const struct san_rule *rules = p->san.item;

	for (size_t i = 0; i < p->san.n; i++) {
		int n = count[rules[i].type];
		GENERAL_NAME name = {.type = rules[i].type};

		if (n < rules[i].min || n > rules[i].max)
			return fail(why, FAIL_MALFORMED, "san-count",
			    "profile %s wants %d to %d subjectAltNames of "
			    "type %s, not %d",
			    p->name, rules[i].min, rules[i].max,
			    san_type(&name), n);
	}
	return 0;
}

int
policy_san(GENERAL_NAMES **san, const struct profile *profile,
    const struct identity *who, const struct csr *csr, struct fail *why)
{
	int count[SAN_TYPES] = {0};

	*san = NULL;
	for (int i = 0; i < sk_GENERAL_NAME_num(csr->san); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(csr->san, i);

		if (name->type < 0 || name->type >= SAN_TYPES ||
		    rule_ok(rule_of(profile, name->type), name, why) != 0 ||
		    bound(who, name, why) != 0)
			return -1;
		count[name->type]++;
	}
	if (counts_ok(profile, count, why) != 0)
		return -1;
	if (csr->san == NULL)
		return 0;
	*san = sk_GENERAL_NAME_deep_copy(
	    csr->san, GENERAL_NAME_dup, GENERAL_NAME_free);
	if (*san != NULL)
		return 0;
	fail(why, FAIL_BROKEN, "build", "cannot copy the subjectAltName");
	return fail_openssl(why, "GENERAL_NAME_dup");
}
