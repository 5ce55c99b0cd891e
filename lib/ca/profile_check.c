#include "lib/ca/profile_make.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

#define KU_SIGNS (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)
#define KU_CA (KU_KEY_CERT_SIGN | KU_CRL_SIGN)
#define KEYS_EC (1u << KEY_P256 | 1u << KEY_P384 | 1u << KEY_P521)
#define KEYS_EDDSA (1u << KEY_ED25519 | 1u << KEY_ED448)

int
profile_refuse(struct fail *why, const struct profile *profile,
    const char *where, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail(why, FAIL_CONFIG, "config", "%s: profile '%s': %s", where,
	    profile->name, text);
}

static int
check_validity(struct profile *p, struct fail *why)
{
	if (!profile_validity(&p->valid_for, &p->valid_until, p->validity_text))
		return profile_refuse(why, p, p->where, "validity: bad form");
	/* RFC 5280, 4.1.2.5: only "no well-defined expiry" may outlive us. */
	if (p->outlive == OUTLIVE_ALLOW && p->valid_until != WHEN_FOREVER)
		return profile_refuse(why, p, p->where,
		    "RFC 5280, 4.1.2.5: outlives_issuer \"allow\" is for "
		    "validity \"until 99991231\" only");
	if (p->valid_for != 0 && p->renewal_window > p->valid_for)
		return profile_refuse(
		    why, p, p->where, "renewal_window is longer than validity");
	return 0;
}

static size_t
word_index(const char *const *words, const char *text)
{
	size_t i = 0;

	while (words[i] != NULL && strcmp(words[i], text) != 0)
		i++;
	return i;
}

static void
read_usage(struct profile *p)
{
	for (size_t i = 0; i < p->key_usage_text.n; i++)
		p->key_usage |= profile_usage_bits[word_index(
		    profile_usage_words, p->key_usage_text.text[i])];
}

static int
check_ca(struct profile *p, struct fail *why)
{
	bool signs = (p->key_usage & KU_KEY_CERT_SIGN) != 0;

	/* RFC 5280, 4.2.1.9: keyCertSign and cA go together. */
	if (p->ca != signs)
		return profile_refuse(why, p, p->where, "RFC 5280, 4.2.1.9: %s",
		    p->ca ? "ca = true needs key_usage keyCertSign"
			  : "key_usage keyCertSign needs ca = true");
	if (p->path_length >= 0 && !p->ca)
		return profile_refuse(why, p, p->where,
		    "RFC 5280, 4.2.1.9: path_length is for ca = true only");
	/* RFC 5280, 4.1.2.6: a CA has a subject. */
	if (p->ca && p->subject_empty)
		return profile_refuse(why, p, p->where,
		    "RFC 5280, 4.1.2.6: the subject of a CA is never empty");
	/* RFC 5280, 4.2.1.3: these two say something about keyAgreement. */
	if ((p->key_usage & (KU_ENCIPHER_ONLY | KU_DECIPHER_ONLY)) != 0 &&
	    (p->key_usage & KU_KEY_AGREEMENT) == 0)
		return profile_refuse(why, p, p->where,
		    "RFC 5280, 4.2.1.3: encipherOnly and decipherOnly need "
		    "keyAgreement");
	return 0;
}

static void
read_keys(struct profile *p)
{
	static const int rsa[] = {[KEY_RSA2048] = 2048,
	    [KEY_RSA3072] = 3072,
	    [KEY_RSA4096] = 4096,
	    [KEY_RSA8192] = 8192,
	    [KEY_ED448] = 0};

	for (size_t i = 0; i < p->key_text.n; i++) {
		size_t k = word_index(profile_key_words, p->key_text.text[i]);

		p->keys |= 1u << k;
		if (rsa[k] == 0)
			continue;
		if (p->rsa_min == 0 || rsa[k] < p->rsa_min)
			p->rsa_min = rsa[k];
		if (rsa[k] > p->rsa_max)
			p->rsa_max = rsa[k];
	}
}

/* The usage is the same for every key, so it must fit each type allowed. */
static int
check_keys(struct profile *p, struct fail *why)
{
	const unsigned encipher = KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT;
	const unsigned agree =
	    KU_KEY_AGREEMENT | KU_ENCIPHER_ONLY | KU_DECIPHER_ONLY;

	if (p->keys == 0)
		return profile_refuse(
		    why, p, p->where, "keys: at least one type is needed");
	/* RFC 8813, 3: EC keys encipher nothing. */
	if ((p->keys & KEYS_EC) != 0 && (p->key_usage & encipher) != 0)
		return profile_refuse(why, p, p->where,
		    "RFC 8813, 3: EC keys have neither keyEncipherment nor "
		    "dataEncipherment; use a profile of its own for RSA");
	/* RFC 9295, 3: Ed25519 and Ed448 sign, and that is all. */
	if ((p->keys & KEYS_EDDSA) != 0 &&
	    (p->key_usage & ~(KU_SIGNS | KU_CA)) != 0)
		return profile_refuse(why, p, p->where,
		    "RFC 9295, 3: Ed25519 and Ed448 keys only sign");
	/* RFC 3279, 2.3.1: RSA keys agree on nothing. */
	if (p->rsa_max != 0 && (p->key_usage & agree) != 0)
		return profile_refuse(why, p, p->where,
		    "RFC 3279, 2.3.1: RSA keys have no keyAgreement; use a "
		    "profile of its own for EC");
	return 0;
}

/* What is made must be what is certified. */
static int
check_keygen(struct profile *p, struct fail *why)
{
	const char *word = profile_keygen(p);
	int bits;

	if (word == NULL)
		return 0;
	/* RFC 5280, 3.1: a CA's key is its own secret. */
	if (p->ca)
		return profile_refuse(
		    why, p, p->where, "serverkeygen makes no keys for CAs");
	bits = strncmp(word, "rsa", 3) == 0 ? atoi(word + 3) : 0;
	if (bits != 0
		? bits >= p->rsa_min && bits <= p->rsa_max
		: (p->keys & 1u << word_index(profile_key_words, word)) != 0)
		return 0;
	return profile_refuse(why, p, p->where,
	    "serverkeygen \"%s\": keys does not have it", word);
}

/* RFC 5280, 4.2.1.12: there is a use that both extensions allow. */
static int
check_purpose(struct profile *p, const char *word, struct fail *why)
{
	unsigned usage = profile_purpose_usage(word);

	if (usage != 0 && !p->ca && p->key_usage != 0 &&
	    (p->key_usage & usage) == 0)
		return profile_refuse(why, p, p->where,
		    "RFC 5280, 4.2.1.12: ext_key_usage %s has no use in "
		    "common with key_usage",
		    word);
	return 0;
}

/* RFC 3161, 2.3: a time stamper does nothing else, critically. */
static int
check_time_stamping(struct profile *p, struct fail *why)
{
	for (size_t i = 0; i < p->ext_key_usages; i++)
		if (OBJ_obj2nid(p->ext_key_usage[i]) == NID_time_stamp &&
		    !p->ca &&
		    (p->ext_key_usages != 1 || !p->ext_key_usage_critical))
			return profile_refuse(why, p, p->where,
			    "RFC 3161, 2.3: timeStamping stands alone, with "
			    "ext_key_usage_critical = true");
	return 0;
}

static int
purpose_add(struct profile *p, const char *word, struct fail *why)
{
	ASN1_OBJECT *object = OBJ_txt2obj(profile_purpose(word), 1);

	if (object == NULL)
		return profile_refuse(
		    why, p, p->where, "ext_key_usage \"%s\": bad OID", word);
	for (size_t i = 0; i < p->ext_key_usages; i++)
		if (OBJ_cmp(p->ext_key_usage[i], object) == 0) {
			ASN1_OBJECT_free(object);
			return profile_refuse(why, p, p->where,
			    "ext_key_usage \"%s\": given twice", word);
		}
	p->ext_key_usage[p->ext_key_usages++] = object;
	/* RFC 5280, 4.2.1.12: "any" is no ground to refuse a certificate. */
	if (OBJ_obj2nid(object) == NID_anyExtendedKeyUsage &&
	    p->ext_key_usage_critical)
		return profile_refuse(why, p, p->where,
		    "RFC 5280, 4.2.1.12: anyExtendedKeyUsage is not critical");
	return check_purpose(p, word, why);
}

static int
read_purposes(struct profile *p, struct fail *why)
{
	const struct conf_strings *words = &p->ext_key_usage_text;

	if (words->n > CSR_MAX_EKU)
		return profile_refuse(
		    why, p, p->where, "ext_key_usage: at most %d", CSR_MAX_EKU);
	p->ext_key_usage = mem_new(words->n * sizeof(*p->ext_key_usage));
	for (size_t i = 0; i < words->n; i++)
		if (purpose_add(p, words->text[i], why) != 0)
			return -1;
	return check_time_stamping(p, why);
}

static int
check_revocation(const struct profile *p, struct fail *why)
{
	if (!p->no_rev_avail)
		return 0;
	if (p->ca)
		return profile_refuse(why, p, p->where,
		    "RFC 9608, 2: no_rev_avail is not for CA certificates");
	if (p->crl_urls.n > 0 || p->ocsp_urls.n > 0)
		return profile_refuse(why, p, p->where,
		    "RFC 9608, 3: no_rev_avail excludes crl_urls and "
		    "ocsp_urls");
	return 0;
}

/* A device whose answer was lost asks again with the old one. */
#define DELAY_LEAST 3600

static int
check_replaced(const struct profile *p, struct fail *why)
{
	if (p->revoke_replaced == REPLACED_NEVER)
		return 0;
	/* RFC 5280, 6.1.3: with a CA's certificate all below it ends. */
	if (p->ca)
		return profile_refuse(why, p, p->where,
		    "RFC 5280, 6.1.3: revoke_replaced is not for CAs: what the "
		    "old certificate issued would end with it");
	if (p->revoke_replaced == REPLACED_AFTER &&
	    p->revoke_delay < DELAY_LEAST)
		return profile_refuse(why, p, p->where,
		    "revoke_replaced \"after\" wants a revoke_delay of \"1h\" "
		    "at least");
	return 0;
}

int
profile_check(struct profile *p, struct fail *why)
{
	read_usage(p);
	read_keys(p);
	if (check_validity(p, why) != 0 || check_ca(p, why) != 0 ||
	    check_keys(p, why) != 0 || check_keygen(p, why) != 0 ||
	    read_purposes(p, why) != 0 || check_revocation(p, why) != 0 ||
	    check_replaced(p, why) != 0)
		return -1;
	return profile_check_names(p, why);
}
