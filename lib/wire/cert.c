#include "lib/wire/cert.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/wire/der.h"

#define DEPTH_MAX 16

static int
not_cert(struct fail *why, const char *what)
{
	return fail(
	    why, FAIL_MALFORMED, "cert", "RFC 5280, 4.1: not a %s", what);
}

/* [0] EXPLICIT INTEGER DEFAULT v1 */
static bool
version_read(struct cert *c, struct span *tbs)
{
	struct span explicit, value;
	int64_t version = 0;

	if (der_peek(*tbs, DER_CONTEXT_CONS(0)) &&
	    (!der_take(tbs, DER_CONTEXT_CONS(0), &explicit, NULL) ||
		!der_take(&explicit, DER_INTEGER, &value, NULL) ||
		explicit.len != 0 || !der_small(value, &version)))
		return false;
	c->version = (int)version;
	return version >= 0 && version <= 2;
}

/*
 * RFC 5280, 4.1.2.5 wants UTCTime until 2049; makers' certificates have
 * GeneralizedTime for such years too.
 */
static bool
time_read(struct span *in, unsigned *tag, int64_t *when)
{
	struct span content;
	int century;

	if (!der_next(in, tag, &content, NULL))
		return false;
	if (der_time(*tag, content, when))
		return true;
	if (*tag != DER_GENERALIZEDTIME || content.len != 15)
		return false;
	century = content.data[2] < '5' ? 20 : 19;
	return memcmp(content.data, century == 20 ? "20" : "19", 2) == 0 &&
	       der_time(DER_UTCTIME,
		   (struct span){content.data + 2, content.len - 2}, when);
}

static bool
validity_read(struct cert *c, struct span *tbs)
{
	struct span in;

	return der_take(tbs, DER_SEQUENCE, &in, NULL) &&
	       time_read(&in, &c->not_before_tag, &c->not_before) &&
	       time_read(&in, &c->not_after_tag, &c->not_after) && in.len == 0;
}

static bool
extension_read(struct cert *c, struct span in)
{
	struct cert_extension *e;
	struct span critical;

	if (c->extensions == CERT_MAX_EXTENSIONS)
		return false;
	e = &c->extension[c->extensions];
	if (!der_take(&in, DER_OID, &e->oid, NULL) || !der_oid_ok(e->oid))
		return false;
	if (der_peek(in, DER_BOOLEAN)) {
		if (!der_take(&in, DER_BOOLEAN, &critical, NULL) ||
		    !der_boolean_ok(critical))
			return false;
		e->critical = critical.data[0] != 0;
	}
	if (!der_take(&in, DER_OCTETS, &e->value, NULL) || in.len != 0)
		return false;
	/* RFC 5280, 4.2: no extension twice. */
	for (size_t i = 0; i < c->extensions; i++)
		if (span_equal(c->extension[i].oid, e->oid))
			return false;
	c->extensions++;
	return true;
}

static bool
extensions_read(struct cert *c, struct span *tbs)
{
	struct span explicit, list, extension;

	if (!der_peek(*tbs, DER_CONTEXT_CONS(3)))
		return true;
	if (!der_take(tbs, DER_CONTEXT_CONS(3), &explicit, NULL) ||
	    !der_take(&explicit, DER_SEQUENCE, &list, NULL) ||
	    explicit.len != 0)
		return false;
	while (list.len > 0)
		if (!der_take(&list, DER_SEQUENCE, &extension, NULL) ||
		    !extension_read(c, extension))
			return false;
	return true;
}

/* issuerUniqueID, subjectUniqueID: seen in old certificates only. */
static bool
unique_skip(struct span *tbs, unsigned n)
{
	struct span ignored;

	return !der_peek(*tbs, DER_CONTEXT(n)) ||
	       der_take(tbs, DER_CONTEXT(n), &ignored, NULL);
}

static bool
tbs_read(struct cert *c, struct span tbs)
{
	struct span content;

	return version_read(c, &tbs) &&
	       der_take(&tbs, DER_INTEGER, &c->serial, NULL) &&
	       der_take(&tbs, DER_SEQUENCE, &content, &c->tbs_sigalg) &&
	       der_take(&tbs, DER_SEQUENCE, &content, &c->issuer) &&
	       validity_read(c, &tbs) &&
	       der_take(&tbs, DER_SEQUENCE, &content, &c->subject) &&
	       der_take(&tbs, DER_SEQUENCE, &content, &c->spki) &&
	       unique_skip(&tbs, 1) && unique_skip(&tbs, 2) &&
	       extensions_read(c, &tbs) && tbs.len == 0;
}

static bool
parts_read(struct cert *c)
{
	struct span in = span_of(&c->der), cert, tbs, content, bits;

	if (!der_deep_ok(in, DEPTH_MAX) ||
	    !der_take(&in, DER_SEQUENCE, &cert, NULL) || in.len != 0 ||
	    !der_take(&cert, DER_SEQUENCE, &tbs, &c->tbs) ||
	    !der_take(&cert, DER_SEQUENCE, &content, &c->sigalg) ||
	    !der_take(&cert, DER_BITS, &bits, NULL) || cert.len != 0 ||
	    bits.data[0] != 0)
		return false;
	c->signature = (struct span){bits.data + 1, bits.len - 1};
	return tbs_read(c, tbs);
}

int
cert_read(struct cert **cert, struct span der, struct fail *why)
{
	struct cert *c = mem_new(sizeof(*c));

	*cert = NULL;
	bytes_add(&c->der, der.data, der.len);
	if (!parts_read(c)) {
		cert_free(c);
		return not_cert(why, "certificate in DER");
	}
	sha256(c->sha256, der);
	*cert = c;
	return 0;
}

void
cert_free(struct cert *cert)
{
	if (cert == NULL)
		return;
	bytes_free(&cert->der);
	free(cert);
}

const struct cert_extension *
cert_extension_find(const struct cert *cert, int nid)
{
	const ASN1_OBJECT *obj = OBJ_nid2obj(nid);
	struct span oid = {OBJ_get0_data(obj), OBJ_length(obj)};

	for (size_t i = 0; i < cert->extensions; i++)
		if (span_equal(cert->extension[i].oid, oid))
			return &cert->extension[i];
	return NULL;
}

int
cert_x509(X509 **x509, struct span der, struct fail *why)
{
	const uint8_t *p = der.data;

	*x509 = der.len <= INT_MAX ? d2i_X509(NULL, &p, (long)der.len) : NULL;
	if (*x509 != NULL && p == der.data + der.len)
		return 0;
	X509_free(*x509);
	*x509 = NULL;
	(void)fail_openssl(why, "d2i_X509");
	return not_cert(why, "certificate in DER");
}

void
cert_der_add(struct bytes *out, const X509 *x509)
{
	uint8_t *der = NULL;
	int len = i2d_X509((X509 *)x509, &der);

	if (len < 0)
		abort(); /* out of memory */
	bytes_add(out, der, (size_t)len);
	OPENSSL_free(der);
}

/* The magnitude of a negative INTEGER: old certificates have them. */
static void
negate(struct bytes *value)
{
	unsigned carry = 1;

	for (size_t i = value->len; i-- > 0;) {
		carry += (uint8_t)~value->data[i];
		value->data[i] = (uint8_t)carry;
		carry >>= 8;
	}
}

char *
cert_serial_text(struct span serial)
{
	bool minus = serial.len > 0 && (serial.data[0] & 0x80) != 0;
	struct bytes value = {0};
	struct span rest;
	char *text;

	bytes_add(&value, serial.data, serial.len);
	if (minus)
		negate(&value);
	rest = span_of(&value);
	while (rest.len > 1 && rest.data[0] == 0) {
		rest.data++;
		rest.len--;
	}
	text = mem_new(2 * rest.len + 2);
	text[0] = '-';
	hex_write(text + minus, rest, true);
	bytes_free(&value);
	return text;
}

char *
cert_keyid_text(X509 *x509)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(x509);
	struct span octets;
	char *text;

	if (id == NULL)
		return NULL;
	octets.data = ASN1_STRING_get0_data(id);
	octets.len = (size_t)ASN1_STRING_length(id);
	text = mem_new(2 * octets.len + 1);
	hex_write(text, octets, false);
	return text;
}

int64_t
cert_time_of(const ASN1_TIME *t)
{
	struct bytes der = {0};
	struct span in;
	unsigned tag;
	int64_t when = INT64_MIN;

	der_put(&der, (unsigned)ASN1_STRING_type(t),
	    (struct span){
		ASN1_STRING_get0_data(t), (size_t)ASN1_STRING_length(t)});
	in = span_of(&der);
	if (!time_read(&in, &tag, &when))
		when = INT64_MIN;
	bytes_free(&der);
	return when;
}

bool
cert_time_set(ASN1_TIME *t, int64_t when)
{
	struct when_parts p;
	char text[32];

	if (when < -631152000LL /* 1950 */ || when > WHEN_FOREVER)
		return false;
	when_split(&p, when);
	/* RFC 5280, 4.1.2.5: UTCTime through 2049. */
	if (p.year < 2050)
		(void)snprintf(text, sizeof(text), "%02d%02d%02d%02d%02d%02dZ",
		    p.year % 100, p.month, p.day, p.hour, p.minute, p.second);
	else
		(void)snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02dZ",
		    p.year, p.month, p.day, p.hour, p.minute, p.second);
	return ASN1_TIME_set_string(t, text) == 1;
}
