#include "lib/wire/keywrap.h"

#include <string.h>

#include <openssl/objects.h>

#include "lib/wire/der.h"

#define CAPABILITIES_MAX 100

struct named {
	struct span oid;
	int nid;
};

/* RFC 5753, 7.1.4: dhSinglePass-stdDH-sha…kdf-scheme */
static const struct named kdfs[] = {
    {DER_LITERAL("\x2b\x81\x04\x01\x0b\x01"), NID_sha256},
    {DER_LITERAL("\x2b\x81\x04\x01\x0b\x02"), NID_sha384},
    {DER_LITERAL("\x2b\x81\x04\x01\x0b\x03"), NID_sha512},
    {{0}, 0},
};

/* RFC 3565, 2.3.2; the stronger last. */
static const struct named wraps[] = {
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x01\x05"), NID_id_aes128_wrap},
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x01\x19"), NID_id_aes192_wrap},
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x01\x2d"), NID_id_aes256_wrap},
    {{0}, 0},
};

/* RFC 3565, 2.2; the stronger last. */
static const struct named ciphers[] = {
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x01\x02"), NID_aes_128_cbc},
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x01\x16"), NID_aes_192_cbc},
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x01\x2a"), NID_aes_256_cbc},
    {{0}, 0},
};

/* RFC 8017, A.2.1. */
static const struct named hashes[] = {
    {DER_LITERAL("\x2b\x0e\x03\x02\x1a"), NID_sha1},
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), NID_sha256},
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), NID_sha384},
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), NID_sha512},
    {{0}, 0},
};

static const struct span rsa =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
static const struct span oaep =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07");
static const struct span mgf1 =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08");

/* Its place in the table, -1: not there. */
static int
place_of(const struct named *table, struct span oid)
{
	for (int i = 0; table[i].nid != 0; i++)
		if (span_equal(table[i].oid, oid))
			return i;
	return -1;
}

static int
nid_of(const struct named *table, struct span oid)
{
	int i = place_of(table, oid);

	return i < 0 ? NID_undef : table[i].nid;
}

/* AlgorithmIdentifier: its OID, and what parameters follow. */
static bool
algorithm_take(struct span *oid, struct span *parameters, struct span in)
{
	return der_take(&in, DER_SEQUENCE, parameters, NULL) &&
	       der_take(parameters, DER_OID, oid, NULL);
}

/* [n] AlgorithmIdentifier, SHA-1 when it is absent; n 1: MGF1's. */
static bool
hash_take(int *nid, struct span *fields, unsigned n)
{
	struct span algorithm, oid, parameters;

	*nid = NID_sha1;
	if (!der_peek(*fields, DER_CONTEXT_CONS(n)))
		return true;
	if (!der_take(fields, DER_CONTEXT_CONS(n), &algorithm, NULL) ||
	    !algorithm_take(&oid, &parameters, algorithm))
		return false;
	if (n == 1 && (!span_equal(oid, mgf1) ||
			  !algorithm_take(&oid, &algorithm, parameters)))
		return false;
	*nid = nid_of(hashes, oid);
	return *nid != NID_undef;
}

/* RFC 8017, A.2.1: RSAES-OAEP-params: hash, mask of the same hash, no label. */
static int
oaep_hash(struct span parameters)
{
	struct span fields = {0};
	int hash, mask;

	if (parameters.len > 0 &&
	    !der_take(&parameters, DER_SEQUENCE, &fields, NULL))
		return NID_undef;
	return hash_take(&hash, &fields, 0) && hash_take(&mask, &fields, 1) &&
	               fields.len == 0 && hash == mask
	           ? hash
	           : NID_undef;
}

/* RFC 5753, 7.1.4: the scheme's parameter is the key wrap. */
static int
wrap_named(struct span parameters)
{
	struct span oid, none;

	return algorithm_take(&oid, &none, parameters) ? nid_of(wraps, oid)
	                                               : NID_undef;
}

/* What one capability is good for; false: nothing. */
static bool
fits(struct keywrap *w, struct span oid, struct span parameters, bool ec)
{
	if (!ec && span_equal(oid, rsa)) {
		w->oaep = NID_undef;
		return true;
	}
	if (!ec && span_equal(oid, oaep)) {
		w->oaep = oaep_hash(parameters);
		return w->oaep != NID_undef;
	}
	if (!ec || (w->kdf = nid_of(kdfs, oid)) == NID_undef)
		return false;
	w->wrap = parameters.len > 0 ? wrap_named(parameters) : NID_undef;
	return parameters.len == 0 || w->wrap != NID_undef;
}

static void
stronger(int *best, const struct named *table, struct span oid)
{
	int i = place_of(table, oid);

	if (i > *best)
		*best = i;
}

int
keywrap_choose(
    struct keywrap *wrap, struct span capabilities, bool ec, struct fail *why)
{
	struct span rest = capabilities, body, oid;
	int cipher = -1, alone = -1, n;
	bool found = false;

	memset(wrap, 0, sizeof(*wrap));
	for (n = 0; rest.len > 0; n++) {
		if (n == CAPABILITIES_MAX ||
		    !der_take(&rest, DER_SEQUENCE, &body, NULL) ||
		    !der_take(&body, DER_OID, &oid, NULL))
			return fail(why, FAIL_MALFORMED, "csr-attrs",
			    "RFC 8551, 2.5.2: no proper SMIMECapabilities");
		stronger(&cipher, ciphers, oid);
		stronger(&alone, wraps, oid);
		if (!found)
			found = fits(wrap, oid, body, ec);
	}
	if (!found)
		return fail(why, FAIL_MALFORMED, "key-wrap",
		    "RFC 7030, 4.4.1: SMIMECapabilities lists no key "
		    "encipherment for %s keys that is known here",
		    ec ? "EC" : "RSA");
	if (ec && wrap->wrap == NID_undef)
		wrap->wrap = alone < 0 ? NID_id_aes256_wrap : wraps[alone].nid;
	wrap->content = cipher < 0 ? NID_aes_256_cbc : ciphers[cipher].nid;
	return 0;
}
