#include "lib/ca/profile_make.h"

#include <string.h>

#include "lib/base/when.h"
#include "lib/wire/der.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* RFC 5280, 4.2.1.3. */
const char *const profile_usage_words[] = {"digitalSignature", "nonRepudiation",
    "contentCommitment", "keyEncipherment", "dataEncipherment", "keyAgreement",
    "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly", NULL};
const unsigned profile_usage_bits[] = {KU_DIGITAL_SIGNATURE, KU_NON_REPUDIATION,
    KU_NON_REPUDIATION, KU_KEY_ENCIPHERMENT, KU_DATA_ENCIPHERMENT,
    KU_KEY_AGREEMENT, KU_KEY_CERT_SIGN, KU_CRL_SIGN, KU_ENCIPHER_ONLY,
    KU_DECIPHER_ONLY};

const char *const profile_key_words[] = {
    [KEY_P256] = "p256",
    [KEY_P384] = "p384",
    [KEY_P521] = "p521",
    [KEY_RSA2048] = "rsa2048",
    [KEY_RSA3072] = "rsa3072",
    [KEY_RSA4096] = "rsa4096",
    [KEY_RSA8192] = "rsa8192",
    [KEY_ED25519] = "ed25519",
    [KEY_ED448] = "ed448",
    NULL,
};

const char *const profile_keygen_words[] = {"off", "p256", "p384", "p521",
    "rsa2048", "rsa3072", "rsa4096", "ed25519", "ed448", NULL};

#define KU_SIGNS (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)

/* RFC 5280, 4.2.1.12; RFC 4945, 5.1.3.12; RFC 6402, 2.10; RFC 9336, 3.1. */
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

const char *
profile_purpose(const char *word)
{
	for (size_t i = 0; i < COUNT(purposes); i++)
		if (strcmp(purposes[i].word, word) == 0)
			return purposes[i].oid;
	return word;
}

unsigned
profile_purpose_usage(const char *word)
{
	for (size_t i = 0; i < COUNT(purposes); i++)
		if (strcmp(purposes[i].oid, profile_purpose(word)) == 0)
			return purposes[i].usage;
	return 0;
}

bool
profile_is_oid(const char *text)
{
	struct bytes der = {0};
	bool good = der_put_oid(&der, text);

	bytes_free(&der);
	return good;
}

bool
profile_is_purpose(const char *text)
{
	return profile_is_oid(profile_purpose(text));
}

bool
profile_is_type(const char *text)
{
	return name_nid(text) != NID_undef;
}

bool
profile_validity(int64_t *valid_for, int64_t *valid_until, const char *text)
{
	const int64_t year = 365 * 86400;
	struct fail ignored = {0};

	*valid_for = *valid_until = 0;
	if (strncmp(text, "until ", 6) == 0)
		return when_read(valid_until, text + 6, &ignored) == 0 &&
		       *valid_until > 0;
	return duration_read(valid_for, text, &ignored) == 0 &&
	       *valid_for >= 60 && *valid_for <= 100 * year;
}

bool
profile_is_validity(const char *text)
{
	int64_t ignored_for, ignored_until;

	return profile_validity(&ignored_for, &ignored_until, text);
}

/* %k or a percent-encoded octet; RFC 3986, 2 otherwise. */
static bool
rest_ok(const char *url)
{
	for (; *url != '\0'; url++) {
		if (*url <= ' ' || *url >= 0x7f || strchr("\"<>\\^`{|}", *url))
			return false;
		if (*url == '%' && url[1] != 'k' &&
		    strspn(url + 1, "0123456789abcdefABCDEF") < 2)
			return false;
	}
	return true;
}

static bool
url_ok(const char *url, const char *scheme)
{
	size_t len = strlen(scheme);

	return strncmp(url, scheme, len) == 0 && url[len] != '\0' &&
	       strchr("/:?#", url[len]) == NULL && rest_ok(url + len);
}

/* RFC 5280, 8: fetching over https may need what is to be fetched. */
bool
profile_is_url(const char *text)
{
	return url_ok(text, "http://") || url_ok(text, "ldap://");
}

bool
profile_is_ocsp_url(const char *text)
{
	return url_ok(text, "http://") || url_ok(text, "https://");
}

bool
profile_is_element(const char *text)
{
	struct bytes value = {0};
	struct span rest, content;
	unsigned tag;
	bool good = hex_read(&value, text);

	rest = span_of(&value);
	good = good && der_next(&rest, &tag, &content, NULL) && rest.len == 0 &&
	       der_deep_ok(span_of(&value), 16);
	bytes_free(&value);
	return good;
}
