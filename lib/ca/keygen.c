#include "lib/ca/keygen.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/key/fresh.h"
#include "lib/wire/pkcs8.h"

#define PEM_MAX 65536

/* ---- who signs ---------------------------------------------------------- */

static int
signer_unfit(struct fail *why, const struct settings *s, const char *what)
{
	return fail(why, FAIL_CONFIG, "keygen", "%s: keygen.certificate %s: %s",
	    s->path, s->keygen.certificate, what);
}

/* A password is not asked for. */
static int
no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return 0;
}

static int
signer_key(EVP_PKEY **key, const struct settings *s, struct fail *why)
{
	struct bytes pem = {0};
	BIO *bio;
	int rc = -1;

	if (file_read_secret(&pem, s->keygen.key, PEM_MAX, why) != 0) {
		if (why->kind != FAIL_CONFIG)
			rc = fail(why, FAIL_CONFIG, "keygen",
			    "%s: keygen.key %s "
			    "cannot be read",
			    s->path, s->keygen.key);
		goto out;
	}
	ERR_clear_error();
	bio = BIO_new_mem_buf(pem.data, (int)pem.len);
	*key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (*key != NULL) {
		rc = 0;
		goto out;
	}
	fail(why, FAIL_CONFIG, "keygen",
	    "%s: keygen.key %s is no private key in PEM without a password",
	    s->path, s->keygen.key);
	fail_openssl(why, "PEM");
out:
	bytes_wipe(&pem);
	return rc;
}

/* RFC 5652, 5.3, with RFC 5280, 4.2.1.3: what verifiers will look at. */
static int
signer_ok(const struct keygen_signer *signer, const struct settings *s,
    int64_t now, struct fail *why)
{
	X509 *cert = signer->cert;

	if (X509_check_private_key(cert, signer->key) != 1) {
		ERR_clear_error();
		return signer_unfit(why, s, "is not for keygen.key");
	}
	if (X509_check_ca(cert) != 0)
		return signer_unfit(why, s, "is a CA's");
	if ((X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE) == 0)
		return signer_unfit(
		    why, s, "RFC 5280, 4.2.1.3: has no digitalSignature");
	if (now < cert_time_of(X509_get0_notBefore(cert)) ||
	    now > cert_time_of(X509_get0_notAfter(cert)))
		return signer_unfit(why, s, "is not valid now");
	return 0;
}

int
keygen_signer_read(struct keygen_signer *signer, const struct settings *s,
    int64_t now, struct fail *why)
{
	memset(signer, 0, sizeof(*signer));
	if (s->keygen.key == NULL)
		return fail(why, FAIL_DENIED, "keygen",
		    "RFC 7030, 4.4.2: keys are not encrypted here, for nobody "
		    "is there to sign them");
	if (cert_file_read(&signer->above, s->keygen.certificate, why) == 0) {
		signer->cert = sk_X509_shift(signer->above);
		if (signer_key(&signer->key, s, why) == 0 &&
		    signer_ok(signer, s, now, why) == 0)
			return 0;
	}
	keygen_signer_free(signer);
	return -1;
}

void
keygen_signer_free(struct keygen_signer *signer)
{
	X509_free(signer->cert);
	sk_X509_pop_free(signer->above, X509_free);
	EVP_PKEY_free(signer->key);
	memset(signer, 0, sizeof(*signer));
}

/* ---- who decrypts ------------------------------------------------------- */

/* Looking for a certificate by its subject key identifier. */
struct search {
	struct span id;
	X509 *found;
};

/* RFC 5280, 4.2.1.2: as it says, or (1) when it says nothing. */
static bool
identified(X509 *cert, struct span id)
{
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(cert);
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (ski != NULL)
		return span_equal(id, (struct span){ASN1_STRING_get0_data(ski),
					  (size_t)ASN1_STRING_length(ski)});
	return X509_pubkey_digest(cert, EVP_sha1(), hash, &len) == 1 &&
	       span_equal(id, (struct span){hash, len});
}

/* Non-zero ends the search. */
static int
look_at(struct span der, void *arg)
{
	struct search *search = arg;
	struct fail ignored = {0};
	X509 *cert = NULL;

	if (cert_x509(&cert, der, &ignored) == 0 &&
	    identified(cert, search->id)) {
		search->found = cert;
		return 1;
	}
	X509_free(cert);
	return 0;
}

/* Under its own subject, then under the one it is given. */
static int
look_up(struct search *search, struct ca *ca, const struct identity *who,
    const struct grant *grant, struct fail *why)
{
	uint8_t hash[SHA256_LEN];
	int64_t now = when_now();
	int rc = 0;

	if (who->subject != NULL && X509_NAME_entry_count(who->subject) > 0) {
		name_hash(hash, who->subject);
		rc = store_named(
		    ca->store, hash, who->owner, now, look_at, search, why);
	}
	if (rc != 0 || search->found != NULL)
		return rc;
	grant_name_hash(hash, grant);
	return store_named(
	    ca->store, hash, who->owner, now, look_at, search, why);
}

/* RFC 7030, 4.4.1.2: the key MUST explicitly support key transport or key
 * agreement, or be unrestricted. */
static int
usage_ok(X509 *cert, bool ec, struct fail *why)
{
	uint32_t usage = X509_get_key_usage(cert);

	if ((usage & (ec ? KU_KEY_AGREEMENT : KU_KEY_ENCIPHERMENT)) != 0)
		return 0;
	return fail(why, FAIL_MALFORMED, "key-id-usage",
	    "RFC 7030, 4.4.1.2: keyUsage of the key identified has no %s",
	    ec ? "keyAgreement" : "keyEncipherment");
}

/* RFC 7030, 4.4.1.2: no such key: the request is terminated. */
static int
recipient_find(X509 **cert, struct ca *ca, const struct request *rq,
    const struct identity *who, const struct grant *grant, struct fail *why)
{
	struct search search = {grant->csr->asymmetric_key, NULL};

	/* Beside a secret one may be shown that is not accepted here. */
	if (rq->client_cert.len > 0 && who->secret == 0)
		(void)look_at(span_of(&rq->client_cert), &search);
	if (search.found == NULL && look_up(&search, ca, who, grant, why) != 0)
		return -1;
	*cert = search.found;
	if (search.found == NULL)
		return fail(why, FAIL_MALFORMED, "key-id",
		    "RFC 7030, 4.4.1.2: unknown key identifier");
	return 0;
}

/* RFC 7030, 4.4.1: is the key to be encrypted, and do the attributes make
 * sense? */
static int
wish_read(bool *encrypt, const struct csr *csr, struct fail *why)
{
	bool symmetric = csr->decrypt_key.data != NULL;
	bool asymmetric = csr->asymmetric_key.data != NULL;

	*encrypt = asymmetric;
	if (symmetric && asymmetric)
		return fail(why, FAIL_MALFORMED, "csr-attrs",
		    "RFC 7030, 4.4.1: both a symmetric and an asymmetric key "
		    "are identified");
	if ((symmetric || asymmetric) && csr->smime_capabilities.data == NULL)
		return fail(why, FAIL_MALFORMED, "csr-attrs",
		    "RFC 7030, 4.4.1: a key identifier wants SMIMECapabilities "
		    "beside it");
	if (symmetric)
		return fail(why, FAIL_MALFORMED, "key-id",
		    "RFC 7030, 4.4.1.1: unknown key identifier: no key is "
		    "shared with this server");
	return 0;
}

/* ---- the key ------------------------------------------------------------ */

/* What all is needed to encrypt it, before it is made. */
struct envelope {
	X509 *recipient;
	struct keywrap wrap;
	struct keygen_signer signer;
};

static int
envelope_make(struct envelope *e, struct ca *ca, const struct request *rq,
    const struct identity *who, const struct grant *grant, struct fail *why)
{
	const EVP_PKEY *key;
	bool ec;

	if (recipient_find(&e->recipient, ca, rq, who, grant, why) != 0)
		return -1;
	key = X509_get0_pubkey(e->recipient);
	ec = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
	if (!ec && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		return fail(why, FAIL_MALFORMED, "key-id-usage",
		    "RFC 7030, 4.4.1.2: the key identified only signs");
	if (usage_ok(e->recipient, ec, why) != 0 ||
	    keywrap_choose(&e->wrap, grant->csr->smime_capabilities, ec, why) !=
		0)
		return -1;
	return keygen_signer_read(&e->signer, ca->settings, when_now(), why);
}

static void
envelope_free(struct envelope *e)
{
	X509_free(e->recipient);
	keygen_signer_free(&e->signer);
}

/* The public half becomes the request's. */
static int
public_give(
    struct csr *csr, EVP_PKEY *key, const struct profile *p, struct fail *why)
{
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key, &der), rc = -1;

	if (len <= 0) {
		fail(why, FAIL_BROKEN, "openssl", "no key can be made");
		return fail_openssl(why, "i2d_PUBKEY");
	}
	if (csr_key_give(csr, (struct span){der, (size_t)len}, why) == 0)
		rc = profile_key_ok(p, &csr->key, why);
	OPENSSL_free(der);
	return rc;
}

/* RFC 7030, 4.4.2: signed and encrypted. */
static int
part_encrypt(struct keygen *keygen, const struct envelope *e, struct fail *why)
{
	const struct keypackage package = {span_of(&keygen->part), e->recipient,
	    e->wrap, e->signer.cert, e->signer.key, e->signer.above};
	struct bytes out = {0};

	if (keypackage_write(&out, &package, why) != 0) {
		bytes_wipe(&out);
		return -1;
	}
	bytes_wipe(&keygen->part);
	keygen->part = out;
	keygen->part_type =
	    "application/pkcs7-mime; smime-type=server-generated-key";
	return 0;
}

static int
key_make(struct keygen *keygen, const struct envelope *e,
    const struct profile *p, struct csr *csr, struct fail *why)
{
	EVP_PKEY *key = NULL;
	int rc = -1;

	keygen->part_type = "application/pkcs8";
	if (fresh_key(&key, profile_keygen(p), why) == 0 &&
	    public_give(csr, key, p, why) == 0 &&
	    pkcs8_write(&keygen->part, key, &csr->key, why) == 0)
		rc = e->recipient == NULL ? 0 : part_encrypt(keygen, e, why);
	EVP_PKEY_free(key);
	return rc;
}

int
keygen_make(struct keygen *keygen, struct ca *ca, const struct request *rq,
    const struct identity *who, const struct grant *grant, struct csr *csr,
    struct fail *why)
{
	struct envelope e = {0};
	bool encrypt;
	int rc = -1;

	memset(keygen, 0, sizeof(*keygen));
	/* Both the endpoint and the profile say so, see endpoints_check(). */
	if (profile_keygen(grant->profile) == NULL)
		return fail(why, FAIL_ABSENT, "path", "no such operation");
	if (wish_read(&encrypt, csr, why) == 0 &&
	    (!encrypt || envelope_make(&e, ca, rq, who, grant, why) == 0))
		rc = key_make(keygen, &e, grant->profile, csr, why);
	envelope_free(&e);
	if (rc != 0)
		keygen_free(keygen);
	return rc;
}

void
keygen_free(struct keygen *keygen)
{
	bytes_wipe(&keygen->part);
}
