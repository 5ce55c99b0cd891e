#include "lib/net/keep_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/wire/der.h"
#include "lib/wire/name.h"

#define DEFAULT_TYPE "p256"

static int
broken(struct fail *why, const char *what)
{
	fail(why, FAIL_BROKEN, "build", "cannot make a request");
	return fail_openssl(why, "%s", what);
}

/* ---- the key ------------------------------------------------------------ */

static const struct {
	int nid;
	const char *group, *type;
} curves[] = {
    {NID_X9_62_prime256v1, "prime256v1", "p256"},
    {NID_secp384r1, "secp384r1", "p384"},
    {NID_secp521r1, "secp521r1", "p521"},
};
#define CURVES (sizeof(curves) / sizeof(curves[0]))

const char *
keep_key_type(EVP_PKEY *key, char out[16])
{
	char group[32];
	size_t i;

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		(void)snprintf(out, 16, "rsa%d", EVP_PKEY_get_bits(key));
		return out;
	}
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1)
		for (i = 0; i < CURVES; i++)
			if (strcmp(curves[i].group, group) == 0)
				return curves[i].type;
	return "";
}

static const char *
rsa_type(int bits, const char *ours)
{
	switch (bits) {
	case 0:
		return strncmp(ours, "rsa", 3) == 0 ? ours : "rsa2048";
	case 2048:
		return "rsa2048";
	case 3072:
		return "rsa3072";
	case 4096:
		return "rsa4096";
	default:
		return NULL;
	}
}

static const char *
ec_type(int curve, const char *ours)
{
	size_t i;

	if (curve == NID_undef)
		return ours[0] == 'p' ? ours : DEFAULT_TYPE;
	for (i = 0; i < CURVES; i++)
		if (curves[i].nid == curve)
			return curves[i].type;
	return NULL;
}

static int
key_type_choose(const char **type, const struct keep_plan *plan,
    const struct csrattrs_wishes *wishes, struct fail *why)
{
	const char *ours =
	    plan->key_type != NULL ? plan->key_type : DEFAULT_TYPE;

	*type = ours;
	if (wishes->key == NID_X9_62_id_ecPublicKey)
		*type = ec_type(wishes->curve, ours);
	else if (wishes->key == NID_rsaEncryption)
		*type = rsa_type(wishes->rsa_bits, ours);
	else if (wishes->key != NID_undef)
		*type = NULL;
	if (*type != NULL)
		return 0;
	return fail(why, FAIL_DENIED, "up-csrattrs",
	    "RFC 7030, 4.5.2: the server wants a key that is not made here: "
	    "%s %d",
	    OBJ_nid2sn(wishes->key), wishes->rsa_bits);
}

/* ---- the subject -------------------------------------------------------- */

static ASN1_OBJECT *
object_of(struct span oid)
{
	struct bytes der = {0};
	const unsigned char *p;
	ASN1_OBJECT *object;

	der_put(&der, DER_OID, oid);
	p = der.data;
	object = d2i_ASN1_OBJECT(NULL, &p, (long)der.len);
	bytes_free(&der);
	return object;
}

/* RFC 9908, 3.4: the server's value, or our own of that type: `at` is where
 * the search for the next one goes on.  False: we have none. */
static bool
rdn_add(X509_NAME *name, const struct csrattrs_name *wish, ASN1_OBJECT *type,
    const X509_NAME *ours, int *at)
{
	if (wish->value.data != NULL)
		return X509_NAME_add_entry_by_OBJ(name, type, (int)wish->tag,
			   wish->value.data, (int)wish->value.len, -1, 0) == 1;
	*at = ours == NULL ? -1 : X509_NAME_get_index_by_OBJ(ours, type, *at);
	return *at >= 0 && X509_NAME_add_entry(name,
			       X509_NAME_get_entry(ours, *at), -1, 0) == 1;
}

/* How many wishes before it were of the same type and ours to fill in. */
static int
place_of(const struct csrattrs_wishes *wishes, size_t i, ASN1_OBJECT *type,
    const X509_NAME *ours)
{
	int at = -1;
	size_t k;

	for (k = 0; k < i && ours != NULL; k++)
		if (wishes->name[k].value.data == NULL &&
		    span_equal(wishes->name[k].oid, wishes->name[i].oid))
			at = X509_NAME_get_index_by_OBJ(ours, type, at);
	return at;
}

static int
template_fill(X509_NAME *name, const X509_NAME *ours,
    const struct csrattrs_wishes *wishes, struct fail *why)
{
	char word[64];
	size_t i;

	for (i = 0; i < wishes->names; i++) {
		ASN1_OBJECT *type = object_of(wishes->name[i].oid);
		int at;

		if (type == NULL)
			return broken(why, "OID");
		at = place_of(wishes, i, type, ours);
		if (!rdn_add(name, &wishes->name[i], type, ours, &at)) {
			(void)OBJ_obj2txt(word, sizeof(word), type, 0);
			log_write(LOG_LEVEL_WARN,
			    "the server wants %s in the subject, and none is "
			    "configured",
			    word);
		}
		ASN1_OBJECT_free(type);
	}
	return 0;
}

static int
subject_make(X509_NAME **subject, const struct keep_plan *plan, X509 *renews,
    const struct csrattrs_wishes *wishes, struct fail *why)
{
	const X509_NAME *ours = plan->subject;

	/* RFC 7030, 4.2.2: a renewal keeps the subject. */
	if (renews != NULL)
		ours = X509_get_subject_name(renews);
	if (renews == NULL && wishes->subject) {
		*subject = X509_NAME_new();
		if (*subject == NULL ||
		    template_fill(*subject, ours, wishes, why) != 0)
			return *subject == NULL ? broken(why, "name") : -1;
	} else {
		*subject = ours != NULL ? X509_NAME_dup(ours) : X509_NAME_new();
		if (*subject == NULL)
			return broken(why, "name");
	}
	if (renews == NULL && X509_NAME_entry_count(*subject) == 0 &&
	    plan->san == NULL)
		return fail(why, FAIL_CONFIG, "subject",
		    "a subject or a subjectAltName is needed for the first "
		    "request");
	return 0;
}

/* ---- the extensions ----------------------------------------------------- */

static int
push_text(struct keep_shape *shape, int nid, const char *text, struct fail *why)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, text);
	int ok =
	    ext != NULL && X509v3_add_ext(&shape->extensions, ext, -1) != NULL;

	X509_EXTENSION_free(ext);
	return ok ? 0 : broken(why, OBJ_nid2sn(nid));
}

static int
push_value(struct keep_shape *shape, const struct csrattrs_wish *wish,
    ASN1_OBJECT *type, struct fail *why)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	int ok;

	ok = value != NULL &&
	     ASN1_OCTET_STRING_set(
		 value, wish->value.data, (int)wish->value.len) == 1 &&
	     (ext = X509_EXTENSION_create_by_OBJ(
		  NULL, type, wish->critical, value)) != NULL &&
	     X509v3_add_ext(&shape->extensions, ext, -1) != NULL;
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	return ok ? 0 : broken(why, "extension");
}

static bool
has(const struct keep_shape *shape, int nid)
{
	return X509v3_get_ext_by_NID(shape->extensions, nid, -1) >= 0;
}

/* BasicConstraints without cA: an empty SEQUENCE. */
static bool
no_ca(struct span value)
{
	static const struct span empty = DER_LITERAL("\x30\x00");

	return value.data != NULL && span_equal(value, empty);
}

static int
wish_grant(struct keep_shape *shape, const struct keep_plan *plan,
    const struct csrattrs_wish *wish, ASN1_OBJECT *type, struct fail *why)
{
	int nid = OBJ_obj2nid(type);

	switch (nid) {
	case NID_subject_alt_name: /* the plan's alone */
	case NID_subject_key_identifier:
	case NID_authority_key_identifier:
		return 0;
	case NID_basic_constraints:
		if (plan->ca || !no_ca(wish->value))
			return 0;
		break;
	default:
		break;
	}
	if (wish->value.data != NULL)
		return push_value(shape, wish, type, why);
	/* RFC 9908, 3.4: fill in a fitting value. */
	if (nid == NID_key_usage && !plan->ca)
		return push_text(shape, nid, "critical,digitalSignature", why);
	if (nid == NID_ext_key_usage)
		return push_text(shape, nid, "clientAuth", why);
	return 0;
}

static int
wishes_grant(struct keep_shape *shape, const struct keep_plan *plan,
    const struct csrattrs_wishes *wishes, struct fail *why)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < wishes->extensions && rc == 0; i++) {
		ASN1_OBJECT *type = object_of(wishes->extension[i].oid);

		rc = type == NULL ? broken(why, "OID")
		                  : wish_grant(shape, plan,
					&wishes->extension[i], type, why);
		ASN1_OBJECT_free(type);
	}
	return rc;
}

static int
san_push(struct keep_shape *shape, GENERAL_NAMES *san, struct fail *why)
{
	/* RFC 5280, 4.1.2.6: critical where the subject is empty. */
	int critical = X509_NAME_entry_count(shape->subject) == 0;

	if (san == NULL)
		return 0;
	return X509V3_add1_i2d(&shape->extensions, NID_subject_alt_name, san,
		   critical, X509V3_ADD_APPEND) == 1
	           ? 0
	           : broken(why, "subjectAltName");
}

static int
names_push(struct keep_shape *shape, const struct keep_plan *plan,
    const X509 *renews, struct fail *why)
{
	GENERAL_NAMES *kept;
	int rc;

	if (renews == NULL)
		return san_push(shape, plan->san, why);
	/* RFC 7030, 4.2.2: and its subjectAltName. */
	kept = X509_get_ext_d2i(renews, NID_subject_alt_name, NULL, NULL);
	rc = san_push(shape, kept, why);
	GENERAL_NAMES_free(kept);
	return rc;
}

static int
ca_push(struct keep_shape *shape, struct fail *why)
{
	if (push_text(shape, NID_basic_constraints, "critical,CA:TRUE", why) !=
	    0)
		return -1;
	return has(shape, NID_key_usage)
	           ? 0
	           : push_text(shape, NID_key_usage,
			 "critical,keyCertSign,cRLSign", why);
}

int
keep_shape_make(struct keep_shape *shape, const struct keep_plan *plan,
    X509 *renews, const struct csrattrs_wishes *wishes, struct fail *why)
{
	*shape = (struct keep_shape){.hash = plan->hash};
	if (wishes->hash != NID_undef)
		shape->hash = EVP_get_digestbynid(wishes->hash);
	if (key_type_choose(&shape->key_type, plan, wishes, why) != 0 ||
	    subject_make(&shape->subject, plan, renews, wishes, why) != 0 ||
	    wishes_grant(shape, plan, wishes, why) != 0 ||
	    names_push(shape, plan, renews, why) != 0)
		return -1;
	return plan->ca ? ca_push(shape, why) : 0;
}

void
keep_shape_free(struct keep_shape *shape)
{
	X509_NAME_free(shape->subject);
	sk_X509_EXTENSION_pop_free(shape->extensions, X509_EXTENSION_free);
	*shape = (struct keep_shape){0};
}
