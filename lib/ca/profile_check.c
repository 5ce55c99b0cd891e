#include "lib/ca/profile_make.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* RFC 5280, 4.2.1.3. */
static const struct {
	const char *word;
	unsigned bit;
} usages[] = {
    {"digitalSignature", KU_DIGITAL_SIGNATURE},
    {"nonRepudiation", KU_NON_REPUDIATION},
    {"contentCommitment", KU_NON_REPUDIATION},
    {"keyEncipherment", KU_KEY_ENCIPHERMENT},
    {"dataEncipherment", KU_DATA_ENCIPHERMENT},
    {"keyAgreement", KU_KEY_AGREEMENT},
    {"keyCertSign", KU_KEY_CERT_SIGN},
    {"cRLSign", KU_CRL_SIGN},
    {"encipherOnly", KU_ENCIPHER_ONLY},
    {"decipherOnly", KU_DECIPHER_ONLY},
};

#define KU_SIGNS (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)
#define KU_CA (KU_KEY_CERT_SIGN | KU_CRL_SIGN)

/* RFC 5280, 4.2.1.12 and the RFCs of the words; `usage`: key usage bits of
 * which one at least must be there (0: any). */
static const struct {
	const char *word, *oid;
	unsigned usage;
} purposes[] = {
    {"serverAuth", "1.3.6.1.5.5.7.3.1",
	KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT},
    {"clientAuth", "1.3.6.1.5.5.7.3.2",
	KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT},
    {"codeSigning", "1.3.6.1.5.5.7.3.3", KU_DIGITAL_SIGNATURE},
    {"emailProtection", "1.3.6.1.5.5.7.3.4",
	KU_SIGNS | KU_KEY_ENCIPHERMENT | KU_KEY_AGREEMENT},
    {"timeStamping", "1.3.6.1.5.5.7.3.8", KU_SIGNS},
    {"OCSPSigning", "1.3.6.1.5.5.7.3.9", KU_SIGNS},
    {"ipsecIKE", "1.3.6.1.5.5.7.3.17", KU_SIGNS},
    {"cmcCA", "1.3.6.1.5.5.7.3.27", 0},
    {"cmcRA", "1.3.6.1.5.5.7.3.28", 0},
    {"documentSigning", "1.3.6.1.5.5.7.3.36", KU_SIGNS},
    {"anyExtendedKeyUsage", "2.5.29.37.0", 0},
};

static const struct {
	const char *word;
	int rsa; /* bits, or 0 */
} keys[] = {
    [KEY_P256] = {"p256", 0},
    [KEY_P384] = {"p384", 0},
    [KEY_P521] = {"p521", 0},
    [KEY_RSA2048] = {"rsa2048", 2048},
    [KEY_RSA3072] = {"rsa3072", 3072},
    [KEY_RSA4096] = {"rsa4096", 4096},
    [KEY_RSA8192] = {"rsa8192", 8192},
    [KEY_ED25519] = {"ed25519", 0},
    [KEY_ED448] = {"ed448", 0},
};

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

const char *
profile_purpose(const char *word)
{
	for (size_t i = 0; i < COUNT(purposes); i++)
		if (strcmp(purposes[i].word, word) == 0)
			return purposes[i].oid;
	return word;
}

static int
check_name(struct profile *p, struct fail *why)
{
	size_t len = strspn(p->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz"
				     "0123456789._-");

	if (p->name[len] != '\0' || len > 64)
		return profile_refuse(why, p, p->where,
		    "name: allowed: 1 to 64 of A-Z a-z 0-9 . _ -");
	return 0;
}

static int
check_validity(struct profile *p, struct fail *why)
{
	const int64_t year = 365 * 86400;
	const char *text = p->validity_text;
	struct fail ignored = {0};

	if (strncmp(text, "until ", 6) == 0) {
		if (when_read(&p->valid_until, text + 6, &ignored) != 0 ||
		    p->valid_until <= 0)
			return profile_refuse(why, p, p->where,
			    "validity \"%s\": allowed: \"until 99991231\" or "
			    "\"until YYYY-MM-DDTHH:MM:SSZ\"",
			    text);
	} else if (duration_read(&p->valid_for, text, &ignored) != 0 ||
		   p->valid_for < 60 || p->valid_for > 100 * year) {
		return profile_refuse(why, p, p->where,
		    "validity \"%s\": allowed: a duration from \"1m\" to "
		    "\"100y\" (s m h d w y), or \"until DATE\"",
		    text);
	}
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

static int
read_usage(struct profile *p, struct fail *why)
{
	for (size_t i = 0; i < p->key_usage_text.n; i++) {
		const char *word = p->key_usage_text.text[i];
		unsigned bit = 0;

		for (size_t j = 0; j < COUNT(usages); j++)
			if (strcmp(usages[j].word, word) == 0)
				bit = usages[j].bit;
		if (bit == 0)
			return profile_refuse(why, p, p->where,
			    "key_usage \"%s\": unknown; allowed: "
			    "digitalSignature nonRepudiation (or "
			    "contentCommitment) keyEncipherment "
			    "dataEncipherment keyAgreement keyCertSign cRLSign "
			    "encipherOnly decipherOnly",
			    word);
		p->key_usage |= bit;
	}
	return 0;
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

static int
read_keys(struct profile *p, struct fail *why)
{
	for (size_t i = 0; i < p->key_text.n; i++) {
		const char *word = p->key_text.text[i];
		size_t k = 0;

		while (k < COUNT(keys) && strcmp(keys[k].word, word) != 0)
			k++;
		if (k == COUNT(keys))
			return profile_refuse(why, p, p->where,
			    "keys \"%s\": unknown; allowed: p256 p384 p521 "
			    "rsa2048 rsa3072 rsa4096 rsa8192 ed25519 ed448",
			    word);
		p->keys |= 1u << k;
		if (keys[k].rsa == 0)
			continue;
		if (p->rsa_min == 0 || keys[k].rsa < p->rsa_min)
			p->rsa_min = keys[k].rsa;
		if (keys[k].rsa > p->rsa_max)
			p->rsa_max = keys[k].rsa;
	}
	if (p->keys == 0)
		return profile_refuse(
		    why, p, p->where, "keys: at least one type is needed");
	return 0;
}

/* The usage is the same for every key, so it must fit each type allowed. */
static int
check_keys(struct profile *p, struct fail *why)
{
	const unsigned encipher = KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT;
	const unsigned agree =
	    KU_KEY_AGREEMENT | KU_ENCIPHER_ONLY | KU_DECIPHER_ONLY;

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

/* RFC 5280, 4.2.1.12: there is a use that both extensions allow. */
static int
check_purpose(struct profile *p, const char *word, struct fail *why)
{
	size_t i = 0;

	while (i < COUNT(purposes) && strcmp(purposes[i].word, word) != 0)
		i++;
	if (i == COUNT(purposes) || purposes[i].usage == 0 || p->ca ||
	    p->key_usage == 0)
		return 0;
	if ((p->key_usage & purposes[i].usage) == 0)
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
	const char *oid = profile_purpose(word);
	ASN1_OBJECT *object = NULL;

	if (*oid >= '0' && *oid <= '9')
		object = OBJ_txt2obj(oid, 1);
	if (object == NULL)
		return profile_refuse(why, p, p->where,
		    "ext_key_usage \"%s\": unknown; allowed: serverAuth "
		    "clientAuth codeSigning emailProtection timeStamping "
		    "OCSPSigning ipsecIKE cmcRA cmcCA documentSigning "
		    "anyExtendedKeyUsage or a dotted OID",
		    word);
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

/* %k or a percent-encoded octet; printable ASCII otherwise. */
static bool
url_ok(const char *url)
{
	for (; *url != '\0'; url++) {
		if (*url <= ' ' || *url >= 0x7f || strchr("\"<>\\^`{|}", *url))
			return false;
		if (*url == '%' && url[1] != 'k' &&
		    (strspn(url + 1, "0123456789abcdefABCDEF") < 2))
			return false;
	}
	return true;
}

static int
check_urls(struct profile *p, const struct conf_strings *urls, const char *key,
    const char *other, struct fail *why)
{
	for (size_t i = 0; i < urls->n; i++) {
		const char *url = urls->text[i], *host = strstr(url, "://");
		size_t len = host != NULL ? (size_t)(host - url) : 0;

		if (!((len == 4 && strncmp(url, "http", len) == 0) ||
			(len == strlen(other) &&
			    strncmp(url, other, len) == 0)) ||
		    host[3] == '\0' || host[3] == '/' || !url_ok(url))
			return profile_refuse(why, p, p->where,
			    "%s \"%s\": allowed: http:// or %s:// and a host; "
			    "%%k for KEYID, other octets encoded as %%hh",
			    key, url, other);
	}
	return 0;
}

/* RFC 5280, 8: fetching over https may need what is to be fetched. */
static int
check_revocation(struct profile *p, struct fail *why)
{
	if (check_urls(p, &p->crl_urls, "crl_urls", "ldap", why) != 0 ||
	    check_urls(p, &p->issuer_urls, "issuer_urls", "ldap", why) != 0 ||
	    check_urls(p, &p->ocsp_urls, "ocsp_urls", "https", why) != 0)
		return -1;
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

int
profile_check(struct profile *p, struct fail *why)
{
	if (check_name(p, why) != 0 || check_validity(p, why) != 0 ||
	    read_usage(p, why) != 0 || check_ca(p, why) != 0 ||
	    read_keys(p, why) != 0 || check_keys(p, why) != 0 ||
	    read_purposes(p, why) != 0 || check_revocation(p, why) != 0)
		return -1;
	return profile_check_names(p, why);
}
