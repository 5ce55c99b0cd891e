#include "lib/wire/crl.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "lib/base/when.h"
#include "lib/wire/der.h"

#define HEADER 6 /* octets of a tag and length, at most */

/* ---- the fields before and after the entries ------------------------------ */

/* UTCTime until 2049, or always GeneralizedTime. */
static void
time_put_as(struct bytes *out, int64_t when, bool general)
{
	struct when_parts p;
	char *text;
	bool utc;

	when_split(&p, when);
	utc = !general && p.year < 2050;
	text = str_fmt("%04d%02d%02d%02d%02d%02dZ", p.year, p.month, p.day,
	    p.hour, p.minute, p.second);
	der_put(out, utc ? DER_UTCTIME : DER_GENERALIZEDTIME,
	    span_str(text + (utc ? 2 : 0)));
	free(text);
}

/* RFC 5280, 5.1.2.4 to 5.1.2.6. */
static void
time_put(struct bytes *out, int64_t when)
{
	time_put_as(out, when, false);
}

static void
number_put(struct bytes *out, int64_t number)
{
	uint8_t octets[9] = {0};
	size_t skip = 0;

	for (int i = 0; i < 8; i++)
		octets[8 - i] = (uint8_t)((uint64_t)number >> (8 * i));
	while (skip < 8 && octets[skip] == 0 && octets[skip + 1] < 0x80)
		skip++;
	der_put(out, DER_INTEGER, (struct span){octets + skip, 9 - skip});
}

static void
name_put(struct bytes *out, X509 *issuer)
{
	const unsigned char *der;
	size_t len;

	if (X509_NAME_get0_der(X509_get_subject_name(issuer), &der, &len) == 1)
		bytes_add(out, der, len);
}

static void
extension_put(struct bytes *out, struct span oid, struct span value)
{
	struct bytes inner = {0};

	der_put(&inner, DER_OID, oid);
	der_put(&inner, DER_OCTETS, value);
	der_put(out, DER_SEQUENCE, span_of(&inner));
	bytes_free(&inner);
}

/* RFC 5280, 5.2.1 and 5.2.3: authority key identifier, CRL number. */
static void
tail_make(struct bytes *tail, const struct crl_head *head)
{
	static const struct span aki = DER_LITERAL("\x55\x1d\x23");
	static const struct span number = DER_LITERAL("\x55\x1d\x14");
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(head->issuer);
	struct bytes key = {0}, value = {0}, list = {0}, all = {0};

	der_put(&key, DER_CONTEXT(0),
	    (struct span){
		ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id)});
	der_put(&value, DER_SEQUENCE, span_of(&key));
	extension_put(&list, aki, span_of(&value));
	value.len = 0;
	number_put(&value, head->number);
	extension_put(&list, number, span_of(&value));
	der_put(&all, DER_SEQUENCE, span_of(&list));
	der_put(tail, DER_CONTEXT_CONS(0), span_of(&all));
	bytes_free(&key);
	bytes_free(&value);
	bytes_free(&list);
	bytes_free(&all);
}

/* NID of the signature algorithm; NID_undef: none. */
static int
algorithm_of(const EVP_PKEY *key, const EVP_MD *hash)
{
	int nid = NID_undef;

	if (EVP_PKEY_is_a(key, "ED25519"))
		return NID_ED25519;
	if (EVP_PKEY_is_a(key, "ED448"))
		return NID_ED448;
	if (hash != NULL)
		(void)OBJ_find_sigid_by_algs(&nid, EVP_MD_get_type(hash),
		    EVP_PKEY_is_a(key, "RSA") ? NID_rsaEncryption
					      : NID_X9_62_id_ecPublicKey);
	return nid;
}

int
crl_algorithm(struct bytes *out, const EVP_PKEY *key, const EVP_MD *hash,
    struct fail *why)
{
	int nid = algorithm_of(key, hash);
	X509_ALGOR *alg;
	unsigned char *der = NULL;
	int len = -1;

	if (nid == NID_undef)
		return fail(why, FAIL_CONFIG, "key-type",
		    "no signature algorithm for this key");
	alg = X509_ALGOR_new();
	/* RFC 4055, 5: NULL for RSA, nothing for the others. */
	if (alg != NULL &&
	    X509_ALGOR_set0(alg, OBJ_nid2obj(nid),
		EVP_PKEY_is_a(key, "RSA") ? V_ASN1_NULL : V_ASN1_UNDEF,
		NULL) == 1)
		len = i2d_X509_ALGOR(alg, &der);
	X509_ALGOR_free(alg);
	if (len <= 0) {
		fail(why, FAIL_BROKEN, "build", "cannot encode an algorithm");
		return fail_openssl(why, "X509_ALGOR");
	}
	bytes_add(out, der, (size_t)len);
	OPENSSL_free(der);
	return 0;
}

/* ---- writing --------------------------------------------------------------- */

int
crl_begin(struct crl *crl, const struct crl_head *head, struct fail *why)
{
	static const uint8_t version_2 = 1;

	memset(crl, 0, sizeof(*crl));
	if (X509_get0_subject_key_id(head->issuer) == NULL)
		return fail(why, FAIL_CONFIG, "issuer-cert",
		    "RFC 5280, 5.2.1: the issuer has no key identifier");
	if ((X509_get_key_usage(head->issuer) & KU_CRL_SIGN) == 0)
		return fail(why, FAIL_CONFIG, "issuer-cert",
		    "RFC 5280, 4.2.1.3: the issuer's keyUsage has no cRLSign");
	der_put(&crl->fields, DER_INTEGER, (struct span){&version_2, 1});
	bytes_add(&crl->fields, head->algorithm.data, head->algorithm.len);
	name_put(&crl->fields, head->issuer);
	time_put(&crl->fields, head->this_update);
	time_put(&crl->fields, head->next_update);
	tail_make(&crl->tail, head);
	crl->begin = crl->first = crl->fields.len + 3 * HEADER;
	bytes_room(&crl->octets, crl->first);
	memset(crl->octets.data, 0, crl->first);
	crl->octets.len = crl->first;
	return 0;
}

static void
reason_put(struct bytes *out, int reason)
{
	/* SEQUENCE { id-ce-cRLReasons, OCTET STRING { ENUMERATED } } */
	uint8_t octets[] = {0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04,
	    0x03, 0x0a, 0x01, (uint8_t)reason};

	bytes_add(out, octets, sizeof(octets));
}

/* RFC 5280, 5.3.2: GeneralizedTime, whatever the year. */
static void
invalid_put(struct bytes *out, int64_t when)
{
	static const struct span oid = DER_LITERAL("\x55\x1d\x18");
	struct bytes time = {0};

	time_put_as(&time, when, true);
	extension_put(out, oid, span_of(&time));
	bytes_free(&time);
}

/* RFC 5280, 5.3: without extensions no list of them. */
static void
extensions_put(struct bytes *out, const struct crl_entry *entry)
{
	struct bytes list = {0};

	if (entry->reason != 0)
		reason_put(&list, entry->reason);
	if (entry->invalid != 0)
		invalid_put(&list, entry->invalid);
	if (list.len > 0)
		der_put(out, DER_SEQUENCE, span_of(&list));
	bytes_free(&list);
}

int
crl_add(struct crl *crl, const struct crl_entry *entry, struct fail *why)
{
	struct bytes octets = {0}, fields = {0};
	struct span value;

	bytes_addc(&octets, 0);
	if (!hex_read(&octets, entry->serial) || octets.len < 2) {
		bytes_free(&octets);
		return fail(why, FAIL_BROKEN, "serial",
		    "the store has a serial that is none: %.60s",
		    entry->serial);
	}
	value = span_of(&octets);
	while (value.len > 1 && value.data[0] == 0 && value.data[1] < 0x80) {
		value.data++;
		value.len--;
	}
	der_put(&fields, DER_INTEGER, value);
	time_put(&fields, entry->revoked);
	extensions_put(&fields, entry);
	der_put(&crl->octets, DER_SEQUENCE, span_of(&fields));
	crl->n++;
	bytes_free(&octets);
	bytes_free(&fields);
	return 0;
}

struct span
crl_entries(const struct crl *crl)
{
	return (struct span){
	    crl->octets.data + crl->first, crl->octets.len - crl->first};
}

/* Tag and length of what lies from `begin` on are put before it. */
static void
wrap(struct crl *crl, unsigned tag)
{
	size_t len = crl->octets.len - crl->begin;
	uint8_t header[HEADER] = {(uint8_t)tag};
	size_t n = 2;

	if (len < 0x80) {
		header[1] = (uint8_t)len;
	} else {
		for (size_t rest = len; rest != 0; rest >>= 8)
			n++;
		header[1] = (uint8_t)(0x80 | (n - 2));
		for (size_t i = 2; i < n; i++)
			header[i] = (uint8_t)(len >> (8 * (n - 1 - i)));
	}
	crl->begin -= n;
	memcpy(crl->octets.data + crl->begin, header, n);
}

struct span
crl_tbs(struct crl *crl)
{
	/* RFC 5280, 5.1.2.6: without entries no list. */
	crl->begin = crl->first;
	if (crl->n > 0)
		wrap(crl, DER_SEQUENCE);
	crl->begin -= crl->fields.len;
	memcpy(
	    crl->octets.data + crl->begin, crl->fields.data, crl->fields.len);
	bytes_add(&crl->octets, crl->tail.data, crl->tail.len);
	crl->tail.len = 0; /* it is there now */
	wrap(crl, DER_SEQUENCE);
	return (struct span){
	    crl->octets.data + crl->begin, crl->octets.len - crl->begin};
}

struct span
crl_finish(struct crl *crl, struct span algorithm, struct span signature)
{
	struct bytes bits = {0};

	bytes_addc(&bits, 0);
	bytes_add(&bits, signature.data, signature.len);
	bytes_add(&crl->octets, algorithm.data, algorithm.len);
	der_put(&crl->octets, DER_BITS, span_of(&bits));
	bytes_free(&bits);
	wrap(crl, DER_SEQUENCE);
	return (struct span){
	    crl->octets.data + crl->begin, crl->octets.len - crl->begin};
}

void
crl_free(struct crl *crl)
{
	bytes_free(&crl->octets);
	bytes_free(&crl->fields);
	bytes_free(&crl->tail);
	memset(crl, 0, sizeof(*crl));
}

/* ---- reading --------------------------------------------------------------- */

/* cRLNumber among the extensions; 0: none. */
static bool
number_find(int64_t *number, struct span explicit)
{
	static const uint8_t oid[] = {0x55, 0x1d, 0x14};
	struct span list, item, id, value, integer;
	unsigned tag;

	*number = 0;
	if (!der_take(&explicit, DER_SEQUENCE, &list, NULL))
		return false;
	while (list.len > 0) {
		if (!der_take(&list, DER_SEQUENCE, &item, NULL) ||
		    !der_take(&item, DER_OID, &id, NULL))
			return false;
		if (!span_equal(id, (struct span){oid, sizeof(oid)}))
			continue;
		return der_next(&item, &tag, &value, NULL) &&
		       tag == DER_OCTETS &&
		       der_take(&value, DER_INTEGER, &integer, NULL) &&
		       der_small(integer, number);
	}
	return true;
}

static bool
time_take(struct span *in, int64_t *when)
{
	struct span content;
	unsigned tag;

	return der_next(in, &tag, &content, NULL) &&
	       der_time(tag, content, when);
}

static bool
head_read(struct crl_info *info, struct span der)
{
	struct span list, tbs, skipped;

	if (!der_take(&der, DER_SEQUENCE, &list, NULL) || der.len != 0 ||
	    !der_take(&list, DER_SEQUENCE, &tbs, NULL) ||
	    !der_take(&tbs, DER_INTEGER, &skipped, NULL) ||
	    !der_take(&tbs, DER_SEQUENCE, &skipped, NULL) ||
	    !der_take(&tbs, DER_SEQUENCE, &skipped, NULL) ||
	    !time_take(&tbs, &info->this_update) ||
	    !time_take(&tbs, &info->next_update))
		return false;
	if (der_peek(tbs, DER_SEQUENCE) &&
	    !der_take(&tbs, DER_SEQUENCE, &info->entries, NULL))
		return false;
	return der_take(&tbs, DER_CONTEXT_CONS(0), &skipped, NULL) &&
	       number_find(&info->number, skipped);
}

int
crl_read(struct crl_info *info, struct span der, struct fail *why)
{
	*info = (struct crl_info){0};
	if (head_read(info, der))
		return 0;
	return fail(why, FAIL_MALFORMED, "crl",
	    "not a CertificateList with nextUpdate and extensions");
}
