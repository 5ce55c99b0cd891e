#include "lib/ca/build.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <openssl/sha.h>

#include "lib/base/when.h"
#include "lib/ca/build_ext.h"

int
build_serial(uint8_t serial[SERIAL_LEN], int64_t now, struct fail *why)
{
	uint64_t units = (uint64_t)now / 2;

	/* RFC 5280, 4.1.2.2: positive, unique, at most 20 octets. */
	for (int i = 3; i >= 0; i--, units >>= 8)
		serial[i] = (uint8_t)units;
	serial[0] &= 0x7f;
	if (RAND_bytes(serial + 4, SERIAL_LEN - 4) == 1)
		return 0;
	fail(why, FAIL_BUSY, "random", "the random source has failed");
	fail_retry(why, 60);
	return fail_openssl(why, "RAND_bytes");
}

void
build_ski(uint8_t ski[SKI_LEN], const struct pubkey *key)
{
	SHA1(key->key.data, key->key.len, ski);
}

int64_t
build_path_length(const struct authority *authority, const struct grant *grant)
{
	int64_t length = grant->path_length, most = authority->path_length - 1;

	/* RFC 5280, 4.2.1.9: nested under the issuer's. */
	if (authority->path_length >= 0 && (length < 0 || length > most))
		length = most;
	return length > PATH_LENGTH_MOST ? PATH_LENGTH_MOST : length;
}

/* An INTEGER's content has no leading zero octets but the sign's. */
static int
set_serial(X509 *cert, const uint8_t serial[SERIAL_LEN])
{
	int at = 0;

	while (at < SERIAL_LEN - 1 && serial[at] == 0)
		at++;
	return ASN1_STRING_set(
	    X509_get_serialNumber(cert), serial + at, SERIAL_LEN - at);
}

static int
set_validity(X509 *cert, const struct authority *authority,
    const struct profile *p, int64_t now, struct fail *why)
{
	int64_t from = now - p->backdate;
	int64_t to = p->valid_for > 0 ? now + p->valid_for : p->valid_until;
	char end[WHEN_LEN];

	if (from < authority->not_before)
		from = authority->not_before;
	if (to > WHEN_FOREVER)
		to = WHEN_FOREVER;
	if (to > authority->not_after && p->outlive == OUTLIVE_REFUSE) {
		when_write(end, authority->not_after);
		return fail(why, FAIL_DENIED, "validity",
		    "the certificate would outlive its issuer, which ends %s",
		    end);
	}
	if (to > authority->not_after && p->outlive == OUTLIVE_CLAMP)
		to = authority->not_after;
	if (to <= now)
		return fail(why, FAIL_DENIED, "validity",
		    "profile %s has come to its end", p->name);
	/* RFC 5280, 4.1.2.5: UTCTime through 2049, then GeneralizedTime. */
	if (!cert_time_set(X509_getm_notBefore(cert), from) ||
	    !cert_time_set(X509_getm_notAfter(cert), to))
		return fail(why, FAIL_BROKEN, "build", "cannot write a date");
	return 0;
}

/* The parameters of the CSR's AlgorithmIdentifier; an RSA key's are NULL (RFC
 * 3279, 2.3.1) whether the request has them or not. */
static void
algorithm_of(const struct pubkey *key, int *nid, int *type, void **value)
{
	*type = V_ASN1_UNDEF;
	*value = NULL;
	switch (key->type) {
	case PUBKEY_EC:
		*nid = NID_X9_62_id_ecPublicKey;
		*type = V_ASN1_OBJECT;
		*value = OBJ_nid2obj(key->curve);
		break;
	case PUBKEY_RSA:
		*nid = NID_rsaEncryption;
		*type = V_ASN1_NULL;
		break;
	case PUBKEY_ED25519:
		*nid = NID_ED25519;
		break;
	case PUBKEY_ED448:
		*nid = NID_ED448;
		break;
	}
}

/* The octets go over as they are: X509_set_pubkey() would encode the key and
 * decode it again, for eight times the cost of a signature. */
static int
set_key(X509 *cert, const struct pubkey *key)
{
	int nid = NID_undef, type;
	void *value;
	uint8_t *copy = OPENSSL_memdup(key->key.data, key->key.len);

	algorithm_of(key, &nid, &type, &value);
	if (copy != NULL &&
	    X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(cert), OBJ_nid2obj(nid),
		type, value, copy, (int)key->key.len))
		return 1;
	OPENSSL_free(copy);
	return 0;
}

int
build_cert(X509 **cert, const struct authority *authority,
    const struct grant *grant, const uint8_t serial[SERIAL_LEN], int64_t now,
    struct fail *why)
{
	X509 *x509 = X509_new();
	int rc = -1;

	/* RFC 5280, 4.1.2.1: version 3; 4.1.2.4: issuer as it names itself. */
	if (x509 == NULL || !X509_set_version(x509, 2) ||
	    !set_serial(x509, serial) ||
	    !X509_set_issuer_name(
		x509, X509_get_subject_name(authority->issuer)) ||
	    !X509_set_subject_name(x509, grant->subject) ||
	    !set_key(x509, &grant->csr->key)) {
		fail(why, FAIL_BROKEN, "build", "cannot build a certificate");
		fail_openssl(why, "X509");
		goto out;
	}
	if (set_validity(x509, authority, grant->profile, now, why) != 0 ||
	    build_extensions(x509, authority, grant, why) != 0)
		goto out;
	*cert = x509;
	x509 = NULL;
	rc = 0;
out:
	X509_free(x509);
	return rc;
}
