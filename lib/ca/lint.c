#include "lib/ca/lint.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/build.h"
#include "lib/ca/lint_ext.h"
#include "lib/wire/der.h"

#define YEAR_2050                                                              \
	2524608000LL /* RFC 5280, 4.1.2.5: GeneralizedTime from here */

int
lint_broken(struct fail *why, const char *rule)
{
	return fail(why, FAIL_BROKEN, "lint",
	    "the certificate failed our own check: %s", rule);
}

/* RFC 5280, 4.1: version, serial, the two algorithm fields. */
static int
lint_frame(const struct cert *cert, struct fail *why)
{
	bool zero = true;

	for (size_t i = 0; i < cert->serial.len; i++)
		if (cert->serial.data[i] != 0)
			zero = false;
	if (cert->version != 2)
		return lint_broken(why, "RFC 5280, 4.1.2.1: version 3");
	if (!der_integer_ok(cert->serial) || zero ||
	    (cert->serial.data[0] & 0x80) != 0 || cert->serial.len > SERIAL_LEN)
		return lint_broken(why,
		    "RFC 5280, 4.1.2.2: serial positive, at most 20 octets");
	if (!span_equal(cert->tbs_sigalg, cert->sigalg))
		return lint_broken(
		    why, "RFC 5280, 4.1.1.2: signature algorithms equal");
	if (cert->signature.len == 0)
		return lint_broken(why, "RFC 5280, 4.1.1.3: signature");
	return 0;
}

/* What of our signature algorithms fits which key: whole AlgorithmIdentifiers
 * (RFC 5758, 3.2; RFC 4055, 5; RFC 8410, 3). */
#define ECDSA "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03"
#define RSA_PKCS1 "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01"
static const struct {
	int key;
	struct span sigalg;
} sigalgs[] = {
    {EVP_PKEY_EC, DER_LITERAL(ECDSA "\x02")},
    {EVP_PKEY_EC, DER_LITERAL(ECDSA "\x03")},
    {EVP_PKEY_EC, DER_LITERAL(ECDSA "\x04")},
    {EVP_PKEY_RSA, DER_LITERAL(RSA_PKCS1 "\x0b\x05\x00")},
    {EVP_PKEY_RSA, DER_LITERAL(RSA_PKCS1 "\x0c\x05\x00")},
    {EVP_PKEY_RSA, DER_LITERAL(RSA_PKCS1 "\x0d\x05\x00")},
    {EVP_PKEY_ED25519, DER_LITERAL("\x30\x05\x06\x03\x2b\x65\x70")},
    {EVP_PKEY_ED448, DER_LITERAL("\x30\x05\x06\x03\x2b\x65\x71")},
};

static int
lint_sigalg(const struct cert *cert, const struct authority *authority,
    struct fail *why)
{
	int key = EVP_PKEY_get_base_id(authority->key);

	for (size_t i = 0; i < sizeof(sigalgs) / sizeof(*sigalgs); i++)
		if (sigalgs[i].key == key &&
		    span_equal(sigalgs[i].sigalg, cert->sigalg))
			return 0;
	return lint_broken(
	    why, "RFC 5280, 4.1.2.3: algorithm fits the issuer's key");
}

/* RFC 5280, 4.1.2.5: the form of dates, and what the profile grants. */
static int
lint_validity(const struct cert *cert, const struct authority *authority,
    const struct profile *p, int64_t now, struct fail *why)
{
	int64_t from = cert->not_before, to = cert->not_after;
	int64_t end = p->valid_for > 0 ? now + p->valid_for : p->valid_until;

	if (cert->not_before_tag !=
		(from < YEAR_2050 ? DER_UTCTIME : DER_GENERALIZEDTIME) ||
	    cert->not_after_tag !=
		(to < YEAR_2050 ? DER_UTCTIME : DER_GENERALIZEDTIME))
		return lint_broken(why, "RFC 5280, 4.1.2.5: form of dates");
	if (from > now || to <= now ||
	    (from != now - p->backdate && from != authority->not_before))
		return lint_broken(why, "RFC 5280, 4.1.2.5: valid now");
	if (from < authority->not_before || to > end ||
	    (to != end && to != authority->not_after && to != WHEN_FOREVER) ||
	    (to > authority->not_after && p->outlive != OUTLIVE_ALLOW))
		return lint_broken(
		    why, "RFC 5280, 4.1.2.5: inside profile and issuer");
	return 0;
}

/* RFC 5280, 4.1.2.4, 4.1.2.6: the issuer's own octets, the granted ones. */
static int
lint_names(const struct cert *cert, const struct authority *authority,
    const struct grant *grant, struct fail *why)
{
	const uint8_t *subject;
	size_t len;

	if (!span_equal(cert->issuer, authority->cert->subject))
		return lint_broken(why, "RFC 5280, 4.1.2.4: issuer");
	if (!X509_NAME_get0_der(grant->subject, &subject, &len) ||
	    !span_equal(cert->subject, (struct span){subject, len}))
		return lint_broken(why, "RFC 5280, 4.1.2.6: subject");
	return 0;
}

/* RFC 5280, 4.1.2.7: the requester's key and no other.  An RSA key without
 * parameters has got its NULL (RFC 3279, 2.3.1). */
static int
lint_key(const struct cert *cert, const struct pubkey *key, struct fail *why)
{
	static const struct span rsa = DER_LITERAL(RSA_PKCS1 "\x01\x05\x00");
	struct span in = cert->spki, alg, bits, rest;

	if (span_equal(cert->spki, key->spki))
		return 0;
	if (key->type == PUBKEY_RSA &&
	    der_take(&in, DER_SEQUENCE, &rest, NULL) && in.len == 0 &&
	    der_take(&rest, DER_SEQUENCE, &bits, &alg) &&
	    der_take(&rest, DER_BITS, &bits, NULL) && rest.len == 0 &&
	    bits.len == key->key.len + 1 && bits.data[0] == 0 &&
	    memcmp(bits.data + 1, key->key.data, key->key.len) == 0 &&
	    span_equal(alg, rsa))
		return 0;
	return lint_broken(why, "RFC 5280, 4.1.2.7: the request's key");
}

int
lint_cert(const struct cert *cert, const struct authority *authority,
    const struct grant *grant, int64_t now, struct fail *why)
{
	if (lint_frame(cert, why) == 0 &&
	    lint_sigalg(cert, authority, why) == 0 &&
	    lint_validity(cert, authority, grant->profile, now, why) == 0 &&
	    lint_names(cert, authority, grant, why) == 0 &&
	    lint_key(cert, &grant->csr->key, why) == 0 &&
	    lint_extensions(cert, authority, grant, why) == 0)
		return 0;
	return -1;
}
