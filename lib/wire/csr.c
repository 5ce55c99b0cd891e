#include "lib/wire/csr.h"

#include <stdlib.h>
#include <string.h>

#include "lib/wire/csrext.h"
#include "lib/wire/der.h"
#include "lib/wire/name.h"
#include "lib/wire/sigalg.h"
#include "lib/wire/utf8.h"

#define CSR_DEPTH 32
#define ATTRIBUTES_MAX 64
#define CHALLENGE_MAX 255 /* RFC 2985, A: pkcs-9-ub-challengePassword */

/* A CertificationRequest taken apart; whole elements but for `attributes`. */
struct frame {
	struct span info, subject, spki, sigalg;
	struct span attributes; /* content of [0] */
	bool attributes_absent;
	struct span version;        /* content */
	struct span signature_bits; /* content of the BIT STRING */
};

static int
attrs_refused(struct fail *why, const char *text)
{
	return fail(why, FAIL_MALFORMED, "csr-attrs", "%s", text);
}

static bool
white(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span
trimmed(struct span s)
{
	while (s.len > 0 && white(s.data[0])) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && white(s.data[s.len - 1]))
		s.len--;
	return s;
}

static bool
starts_with(struct span s, const char *text)
{
	size_t len = strlen(text);

	return s.len >= len && memcmp(s.data, text, len) == 0;
}

/* What stands between the lines of RFC 7468, 7; false: no such armour. */
static bool
armour_take(struct span *body)
{
	static const char *const lines[][2] = {
	    {"-----BEGIN CERTIFICATE REQUEST-----",
		"-----END CERTIFICATE REQUEST-----"},
	    {"-----BEGIN NEW CERTIFICATE REQUEST-----",
		"-----END NEW CERTIFICATE REQUEST-----"},
	};
	struct span s = trimmed(*body), end;

	for (size_t i = 0; i < 2; i++) {
		size_t begin_len = strlen(lines[i][0]);
		size_t end_len = strlen(lines[i][1]);

		if (!starts_with(s, lines[i][0]) || s.len < begin_len + end_len)
			continue;
		end = (struct span){s.data + s.len - end_len, end_len};
		if (!starts_with(end, lines[i][1]))
			return false;
		body->data = s.data + begin_len;
		body->len = s.len - begin_len - end_len;
		return true;
	}
	return false;
}

int
csr_body_read(
    struct bytes *der, struct span body, bool lenient, struct fail *why)
{
	if (lenient && der_peek(body, DER_SEQUENCE)) {
		/* "0", which base64 of a SEQUENCE never begins with */
		bytes_add(der, body.data, body.len);
		return 0;
	}
	if (lenient)
		(void)armour_take(&body);
	return base64_read(der, body, why);
}

/* RFC 2986, 4.1: CertificationRequestInfo. */
static bool
info_take(struct frame *f, struct span info)
{
	return der_take(&info, DER_INTEGER, &f->version, NULL) &&
	       der_peek(info, DER_SEQUENCE) &&
	       der_take(&info, DER_SEQUENCE, &f->subject, &f->subject) &&
	       der_take(&info, DER_SEQUENCE, &f->spki, &f->spki) &&
	       ((f->attributes_absent = info.len == 0) ||
		   der_take(
		       &info, DER_CONTEXT_CONS(0), &f->attributes, NULL)) &&
	       info.len == 0;
}

/* RFC 2986, 4.2: CertificationRequest; not a certificate, CRL, key or CMS. */
static bool
frame_take(struct frame *f, struct span *bits, struct span der)
{
	struct span body, info;

	return der_take(&der, DER_SEQUENCE, &body, NULL) &&
	       der_take(&body, DER_SEQUENCE, &info, &f->info) &&
	       info_take(f, info) &&
	       der_take(&body, DER_SEQUENCE, &f->sigalg, &f->sigalg) &&
	       der_take(&body, DER_BITS, bits, NULL) && body.len == 0;
}

static int
frame_read(struct frame *f, struct span der, struct fail *why)
{
	struct span rest = der, content, bits;
	unsigned tag;

	memset(f, 0, sizeof(*f));
	if (!der_next(&rest, &tag, &content, NULL))
		return fail(why, FAIL_MALFORMED, "der",
		    "X.690, 10.1: the request is not one whole DER element");
	if (rest.len != 0)
		return fail(why, FAIL_MALFORMED, "der-trailing",
		    "RFC 8951, 3: %zu octets follow the request", rest.len);
	if (!der_deep_ok(der, CSR_DEPTH))
		return fail(why, FAIL_MALFORMED, "der",
		    "X.690, 10 and 11: the request is not DER throughout");
	if (!frame_take(f, &bits, der))
		return fail(why, FAIL_MALFORMED, "not-csr",
		    "RFC 2986, 4.2: not a PKCS#10 CertificationRequest");
	f->signature_bits = bits;
	/* RFC 2986, 4.1: version INTEGER { v1(0) } */
	if (f->version.len != 1 || f->version.data[0] != 0)
		return fail(why, FAIL_MALFORMED, "csr-version",
		    "RFC 2986, 4.1: the version is not v1(0)");
	return 0;
}

/* RFC 7030, 3.4: the signature over the octets as received proves possession
 * of the key; the algorithms come first, they cost nothing. */
static int
possession_read(struct csr *csr, const struct frame *f, struct fail *why)
{
	struct span signature = {
	    f->signature_bits.data + 1, f->signature_bits.len - 1};
	enum pubkey_type type;
	struct sigalg alg;

	if (f->signature_bits.data[0] != 0)
		return fail(why, FAIL_MALFORMED, "der",
		    "RFC 2986, 4.2: the signature has unused bits");
	if (pubkey_type_read(&type, f->spki, why) < 0 ||
	    sigalg_read(&alg, f->sigalg, type, why) < 0 ||
	    pubkey_read(&csr->key, f->spki, why) < 0)
		return -1;
	if (!sigalg_verify(&alg, csr->key.evp, f->info, signature))
		return fail(why, FAIL_MALFORMED, "pop",
		    "RFC 7030, 3.4: the signature is not by the request's key");
	csr->hash = alg.hash;
	return 0;
}

static int
extension_request(struct csr *csr, struct span *extensions, struct span value,
    struct fail *why)
{
	(void)csr;
	(void)why;
	*extensions = value;
	return 0;
}

static int
microsoft_request(struct csr *csr, struct span *extensions, struct span value,
    struct fail *why)
{
	(void)csr;
	(void)extensions;
	(void)value;
	return attrs_refused(why,
	    "RFC 2985, 5.4.2: extensions are asked for by extensionRequest, "
	    "not by Microsoft's attribute");
}

/* X.680, 41.4 */
static bool
printable_ok(uint32_t c)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz"
				  "0123456789 '()+,-./:=?";

	return c != 0 && c < 0x7f && strchr(set, (int)c) != NULL;
}

/* RFC 2985, 5.4.1: DirectoryString of 1 to 255 characters. */
static int
challenge(struct csr *csr, struct span *extensions, struct span value,
    struct fail *why)
{
	struct span text, rest;
	unsigned tag;
	uint32_t c;
	size_t n = 0;

	(void)extensions;
	if (!der_next(&value, &tag, &text, NULL) ||
	    (tag != DER_UTF8 && tag != DER_PRINTABLE))
		return attrs_refused(why,
		    "RFC 2985, 5.4.1: challengePassword is no PrintableString "
		    "or UTF8String");
	for (rest = text; rest.len > 0; n++)
		if (!utf8_next(&rest, &c) || c == 0 ||
		    (tag == DER_PRINTABLE && !printable_ok(c)))
			return attrs_refused(why,
			    "RFC 2985, 5.4.1: challengePassword has a "
			    "character "
			    "out of its type");
	if (n < 1 || n > CHALLENGE_MAX)
		return attrs_refused(why, "RFC 2985, 5.4.1: challengePassword "
					  "is empty or longer than "
					  "255 characters");
	csr->challenge = mem_dup(text.data, text.len);
	return 0;
}

/* RFC 6402, 2.8: SEQUENCE { subject?, subjectAlt? }, one of them at least. */
static int
change_subject(struct csr *csr, struct span *extensions, struct span value,
    struct fail *why)
{
	struct span body, field;
	unsigned tag;
	int n = 0;

	(void)extensions;
	if (!der_take(&value, DER_SEQUENCE, &body, NULL))
		return attrs_refused(
		    why, "RFC 6402, 2.8: no proper ChangeSubjectName");
	while (der_next(&body, &tag, &field, NULL))
		n++;
	if (n < 1 || n > 2)
		return attrs_refused(
		    why, "RFC 6402, 2.8: ChangeSubjectName has neither field");
	csr->has_change_subject = true;
	return 0;
}

/* RFC 4108, 2.2.5: DecryptKeyIdentifier ::= OCTET STRING */
static int
key_identifier(struct span *id, struct span value, struct fail *why)
{
	if (!der_take(&value, DER_OCTETS, id, NULL) || id->len == 0)
		return attrs_refused(why, "RFC 7030, 4.4.1: the identifier of "
					  "a decryption key is no OCTET STRING "
					  "or empty");
	return 0;
}

static int
decrypt_key(struct csr *csr, struct span *extensions, struct span value,
    struct fail *why)
{
	(void)extensions;
	return key_identifier(&csr->decrypt_key, value, why);
}

static int
asymmetric_key(struct csr *csr, struct span *extensions, struct span value,
    struct fail *why)
{
	(void)extensions;
	return key_identifier(&csr->asymmetric_key, value, why);
}

static int
smime_capabilities(struct csr *csr, struct span *extensions, struct span value,
    struct fail *why)
{
	(void)extensions;
	if (!der_take(&value, DER_SEQUENCE, &csr->smime_capabilities, NULL))
		return attrs_refused(
		    why, "RFC 8551, 2.5.2: SMIMECapabilities is no SEQUENCE");
	return 0;
}

/* All of them single-valued. */
static const struct known {
	struct span oid;
	int (*read)(struct csr *csr, struct span *extensions, struct span value,
	    struct fail *why);
	bool unproven; /* only csr_read_unproven() knows it */
} known[] = {
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"), extension_request,
	false},
    {DER_LITERAL("\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0e"), microsoft_request,
	false},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"), challenge, false},
    {DER_LITERAL("\x2b\x06\x01\x05\x05\x07\x07\x24"), change_subject, false},
    /* RFC 7030, 4.4.1.1, 4.4.1.2; RFC 8551, 2.5.2. */
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x25"), decrypt_key,
	true},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x36"),
	asymmetric_key, true},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0f"), smime_capabilities,
	true},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

/* RFC 2986, 4.1: Attribute { type, SET SIZE (1..MAX) OF value }. */
static int
attribute_read(struct csr *csr, bool unproven, struct span *extensions,
    bool seen[KNOWN], struct span attribute, struct fail *why)
{
	struct span oid, values, value, content;
	unsigned tag;
	size_t i = 0;

	if (!der_take(&attribute, DER_OID, &oid, NULL) ||
	    !der_take(&attribute, DER_SET, &values, NULL) || attribute.len != 0)
		return attrs_refused(why, "RFC 2986, 4.1: no proper Attribute");
	while (i < KNOWN && !span_equal(oid, known[i].oid))
		i++;
	if (i == KNOWN || (known[i].unproven && !unproven))
		return 0;
	if (seen[i])
		return attrs_refused(
		    why, "RFC 2985, 5.4: an attribute is there twice");
	seen[i] = true;
	if (!der_next(&values, &tag, &content, &value) || values.len != 0)
		return attrs_refused(why,
		    "RFC 2985, 5.4: an attribute that has one value has none "
		    "or several");
	return known[i].read(csr, extensions, value, why);
}

static int
attributes_read(struct csr *csr, bool unproven, struct span *extensions,
    const struct frame *f, struct fail *why)
{
	struct span list = f->attributes, attribute;
	bool seen[KNOWN] = {0};

	csr->attributes_absent = f->attributes_absent;
	for (int n = 0; list.len > 0; n++) {
		if (n == ATTRIBUTES_MAX)
			return fail(why, FAIL_MALFORMED, "csr-attrs",
			    "more than %d attributes", ATTRIBUTES_MAX);
		if (!der_take(&list, DER_SEQUENCE, &attribute, NULL))
			return attrs_refused(
			    why, "RFC 2986, 4.1: no proper Attribute");
		if (attribute_read(
			csr, unproven, extensions, seen, attribute, why) < 0)
			return -1;
	}
	return 0;
}

static int
parts_read(struct csr *csr, bool unproven, struct fail *why)
{
	struct span extensions = {0};
	struct frame f;

	if (frame_read(&f, span_of(&csr->der), why) < 0 ||
	    (!unproven && possession_read(csr, &f, why) < 0) ||
	    attributes_read(csr, unproven, &extensions, &f, why) < 0 ||
	    name_read(&csr->subject, f.subject, why) < 0)
		return -1;
	csr->subject_der = f.subject;
	if (extensions.len > 0 && csrext_read(csr, extensions, why) < 0)
		return -1;
	/* RFC 5280, 4.1.2.6: an empty subject needs a subjectAltName. */
	if (X509_NAME_entry_count(csr->subject) == 0 && csr->san == NULL)
		return fail(why, FAIL_MALFORMED, "dn-empty",
		    "RFC 5280, 4.1.2.6: neither subject nor subjectAltName");
	sha256(csr->sha256, span_of(&csr->der));
	return 0;
}

static int
read_any(struct csr **csr, struct span der, bool unproven, struct fail *why)
{
	*csr = mem_new(sizeof(**csr));
	(*csr)->path_length = -1;
	bytes_add(&(*csr)->der, der.data, der.len);
	if (parts_read(*csr, unproven, why) == 0)
		return 0;
	csr_free(*csr);
	*csr = NULL;
	return -1;
}

int
csr_read(struct csr **csr, struct span der, struct fail *why)
{
	return read_any(csr, der, false, why);
}

int
csr_read_unproven(struct csr **csr, struct span der, struct fail *why)
{
	return read_any(csr, der, true, why);
}

int
csr_key_give(struct csr *csr, struct span spki, struct fail *why)
{
	pubkey_free(&csr->key);
	bytes_free(&csr->made);
	bytes_add(&csr->made, spki.data, spki.len);
	return pubkey_read(&csr->key, span_of(&csr->made), why);
}

void
csr_free(struct csr *csr)
{
	if (csr == NULL)
		return;
	X509_NAME_free(csr->subject);
	GENERAL_NAMES_free(csr->san);
	pubkey_free(&csr->key);
	if (csr->challenge != NULL)
		OPENSSL_cleanse(csr->challenge, strlen(csr->challenge));
	free(csr->challenge);
	free(csr->unknown);
	bytes_free(&csr->made);
	bytes_wipe(&csr->der);
	free(csr);
}
