#include "lib/key/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <p11-kit/pkcs11.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/key/place.h"
#include "lib/key/watch.h"

#define ID_LEN 16

/* RFC 5480, 2.1.1.1: the named curves, as CKA_EC_PARAMS wants them. */
static const unsigned char p256[] = {
    6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
static const unsigned char p384[] = {6, 5, 0x2b, 0x81, 4, 0, 0x22};
static const unsigned char p521[] = {6, 5, 0x2b, 0x81, 4, 0, 0x23};

static const struct key_type {
	const char *name, *curve;
	const unsigned char *params;
	CK_ULONG params_len, bits;
} types[] = {
    {"p256", "P-256", p256, sizeof(p256), 0},
    {"p384", "P-384", p384, sizeof(p384), 0},
    {"p521", "P-521", p521, sizeof(p521), 0},
    {"rsa2048", NULL, NULL, 0, 2048},
    {"rsa3072", NULL, NULL, 0, 3072},
    {"rsa4096", NULL, NULL, 0, 4096},
};

static const struct key_type *
type_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

/* ---- in a token --------------------------------------------------------- */

/* One RW session of a token that is logged in. */
struct session {
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE s;
};

/* What the new pair is called. */
struct naming {
	struct span label, id;
};

struct making {
	const struct key_type *type;
	struct naming name;
	CK_RV first; /* how the first signature went */
};

static int
token_fail(struct fail *why, const char *call, CK_RV rv)
{
	fail(why, FAIL_BUSY, "token-session", "the token makes no key");
	return fail_cause(why, "%s: CKR 0x%lX", call, (unsigned long)rv);
}

static int
refuse_existing(struct fail *why)
{
	return fail(why, FAIL_DENIED, "key-exists",
	    "a key of that name exists and is not replaced");
}

/* One of that class and name, with their number, 0 or 1. */
static CK_RV
object_find(CK_OBJECT_HANDLE *object, CK_ULONG *n, struct session *s,
    CK_OBJECT_CLASS class, CK_ATTRIBUTE name)
{
	CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)}, name};
	CK_RV rv = s->f->C_FindObjectsInit(s->s, wanted, 2);

	*n = 0;
	if (rv == CKR_OK) {
		rv = s->f->C_FindObjects(s->s, object, 1, n);
		(void)s->f->C_FindObjectsFinal(s->s);
	}
	return rv;
}

static int
object_absent(struct session *s, CK_OBJECT_CLASS class, CK_ATTRIBUTE name,
    struct fail *why)
{
	CK_OBJECT_HANDLE object;
	CK_ULONG n;
	CK_RV rv = object_find(&object, &n, s, class, name);

	if (rv != CKR_OK)
		return token_fail(why, "C_FindObjects", rv);
	return n == 0 ? 0 : refuse_existing(why);
}

/* libp11 finds a key by label and id: each must be the only one. */
static int
naming_is_free(struct session *s, const struct naming *name, struct fail *why)
{
	CK_ATTRIBUTE names[] = {
	    {CKA_LABEL, (void *)name->label.data, name->label.len},
	    {CKA_ID, (void *)name->id.data, name->id.len},
	};
	size_t i;

	for (i = 0; i < 2; i++)
		if (object_absent(s, CKO_PRIVATE_KEY, names[i], why) != 0 ||
		    object_absent(s, CKO_PUBLIC_KEY, names[i], why) != 0)
			return -1;
	return 0;
}

/* The token is well, but this type is not for it. */
static bool
type_is_wrong(CK_RV rv)
{
	switch (rv) {
	case CKR_ATTRIBUTE_VALUE_INVALID:
	case CKR_CURVE_NOT_SUPPORTED:
	case CKR_DOMAIN_PARAMS_INVALID:
	case CKR_KEY_SIZE_RANGE:
	case CKR_MECHANISM_INVALID:
	case CKR_MECHANISM_PARAM_INVALID:
	case CKR_TEMPLATE_INCONSISTENT:
		return true;
	default:
		return false;
	}
}

static int
refuse_type(struct fail *why, const struct key_type *type, const char *text,
    const char *call, CK_RV rv)
{
	fail(why, FAIL_CONFIG, "key-type",
	    "the token %s %s keys: choose another key type", text, type->name);
	return fail_cause(why, "%s: CKR 0x%lX", call, (unsigned long)rv);
}

static int
pair_generate(CK_OBJECT_HANDLE *private, struct session *s,
    const struct key_type *type, const struct naming *name, struct fail *why)
{
	CK_OBJECT_HANDLE public;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_BYTE exponent[] = {1, 0, 1};
	CK_ULONG bits = type->bits;
	CK_MECHANISM mechanism = {
	    type->bits != 0 ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN,
	    NULL, 0};
	CK_ATTRIBUTE label = {
	    CKA_LABEL, (void *)name->label.data, name->label.len};
	CK_ATTRIBUTE id = {CKA_ID, (void *)name->id.data, name->id.len};
	CK_ATTRIBUTE pub[] = {{CKA_TOKEN, &yes, 1}, {CKA_VERIFY, &yes, 1},
	    label, id, {CKA_EC_PARAMS, (void *)type->params, type->params_len},
	    {CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent)}};
	CK_ATTRIBUTE prv[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1},
	    {CKA_SENSITIVE, &yes, 1}, {CKA_EXTRACTABLE, &no, 1},
	    {CKA_SIGN, &yes, 1}, label, id};
	CK_ULONG n = 5;
	struct watch watch;
	CK_RV rv;

	if (type->bits != 0) {
		pub[4] = (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof(bits)};
		n = 6;
	}
	watch_begin(&watch, "C_GenerateKeyPair");
	rv = s->f->C_GenerateKeyPair(s->s, &mechanism, pub, n, prv,
	    sizeof(prv) / sizeof(prv[0]), &public, private);
	watch_end(&watch);
	if (type_is_wrong(rv))
		return refuse_type(
		    why, type, "makes no", "C_GenerateKeyPair", rv);
	return rv == CKR_OK ? 0 : token_fail(why, "C_GenerateKeyPair", rv);
}

/* A signature, of which only that it was made is looked at here. */
static CK_RV
key_try(struct session *s, CK_OBJECT_HANDLE private, bool rsa)
{
	/* RFC 8017, 9.2: the DigestInfo of SHA-256, and 32 octets. */
	CK_BYTE text[19 + 32] = {0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48,
	    1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32};
	CK_BYTE signature[1024];
	CK_ULONG len = sizeof(signature), head = rsa ? 0 : 19;
	CK_MECHANISM how = {rsa ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0};
	struct watch watch;
	CK_RV rv;

	memset(text + 19, 0x5a, 32);
	watch_begin(&watch, "the new key's first signature");
	rv = s->f->C_SignInit(s->s, &how, private);
	if (rv == CKR_OK)
		rv = s->f->C_Sign(
		    s->s, text + head, sizeof(text) - head, signature, &len);
	watch_end(&watch);
	return rv;
}

static int
pair_make(struct session *s, struct making *m, struct fail *why)
{
	CK_OBJECT_HANDLE private;

	if (naming_is_free(s, &m->name, why) != 0 ||
	    pair_generate(&private, s, m->type, &m->name, why) != 0)
		return -1;
	m->first = key_try(s, private, m->type->bits != 0);
	return 0;
}

static int
pair_remove(struct session *s, struct making *m, struct fail *why)
{
	CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
	CK_ATTRIBUTE id = {CKA_ID, (void *)m->name.id.data, m->name.id.len};
	CK_OBJECT_HANDLE object;
	CK_ULONG n;
	size_t i;
	CK_RV rv = CKR_OK;

	for (i = 0; i < 2 && rv == CKR_OK; i++) {
		rv = object_find(&object, &n, s, classes[i], id);
		if (rv == CKR_OK && n == 1)
			rv = s->f->C_DestroyObject(s->s, object);
	}
	return rv == CKR_OK ? 0 : token_fail(why, "C_DestroyObject", rv);
}

static int
session_open(struct session *s, struct token *token, struct fail *why)
{
	unsigned long slot;
	CK_RV rv;

	if (!token_alive(token))
		return fail(why, FAIL_BUSY, "token-session",
		    "the token was closed meanwhile");
	s->f = token_functions(token, &slot);
	rv = s->f->C_OpenSession(
	    slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s->s);
	return rv == CKR_OK ? 0 : token_fail(why, "C_OpenSession", rv);
}

/* Open the token, do this in a session, close it. */
static int
in_token(const struct place *place,
    int (*step)(struct session *, struct making *, struct fail *),
    struct making *m, struct fail *why)
{
	struct token_place at = place_token(place);
	struct token *token;
	struct session s;
	int rc = -1;

	if (token_open(&token, &at, false, why) != 0)
		return -1;
	if (!tokens_enter(when_clock() + 60)) {
		fail(why, FAIL_BUSY, "token-session", "the token is in use");
	} else {
		if (session_open(&s, token, why) == 0) {
			rc = step(&s, m, why);
			(void)s.f->C_CloseSession(s.s);
		}
		tokens_leave();
	}
	token_close(token);
	return rc;
}

/*
 * tpm2-pkcs11 1.9.0 makes keys on P-521 that it cannot use, and keeps one in
 * use that failed to sign until it is closed: removed after opening it again.
 */
static int
token_generate(
    const struct place *place, const struct key_type *type, struct fail *why)
{
	uint8_t random[ID_LEN];
	char hex[2 * 64 + 1]; /* pkcs11uri: an id of 64 octets at most */
	struct making m = {.type = type, .name.id = span_of(&place->uri->id)};

	if (m.name.id.len == 0) {
		if (RAND_bytes(random, sizeof(random)) != 1)
			return fail(
			    why, FAIL_BUSY, "random", "no random octets");
		m.name.id = (struct span){random, sizeof(random)};
	}
	hex_write(hex, m.name.id, false);
	m.name.label =
	    span_str(place->uri->object != NULL ? place->uri->object : hex);
	if (in_token(place, pair_make, &m, why) != 0)
		return -1;
	if (m.first == CKR_OK)
		return 0;
	if (in_token(place, pair_remove, &m, why) != 0)
		return -1;
	return refuse_type(
	    why, type, "does not sign with its own", "C_Sign", m.first);
}

/* ---- in a file ---------------------------------------------------------- */

/* Whole and synced under another name first, then linked: never over a key
 * that is there. */
static int
file_publish(const char *path, struct span pem, struct fail *why)
{
	char *tmp = str_fmt("%s.new", path), *dir = str_dup(path);
	char *slash = strrchr(dir, '/');
	int fd, rc = file_write(tmp, pem, 0600, why);

	if (rc == 0 && link(tmp, path) != 0) {
		if (errno == EEXIST) {
			rc = refuse_existing(why);
		} else {
			fail(why, FAIL_BROKEN, "file", "cannot make %s", path);
			rc = fail_errno(why, "link");
		}
	}
	(void)unlink(tmp);
	if (slash != NULL)
		slash[slash == dir] = '\0';
	fd = open(slash != NULL ? dir : ".", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		(void)close(fd);
	}
	free(dir);
	free(tmp);
	return rc;
}

static int
file_generate(const char *path, const struct key_type *type, struct fail *why)
{
	EVP_PKEY *key = NULL;
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	long len;
	int rc = -1;

	if (access(path, F_OK) == 0) {
		BIO_free(bio);
		return refuse_existing(why);
	}
	key = type->curve != NULL ? EVP_EC_gen(type->curve)
	                          : EVP_RSA_gen((unsigned)type->bits);
	if (key == NULL || bio == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(
		bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
		fail(why, FAIL_BROKEN, "openssl", "cannot make a key");
		fail_openssl(why, "keygen");
	} else {
		len = BIO_get_mem_data(bio, &text);
		rc = file_publish(path,
		    (struct span){(const uint8_t *)text, (size_t)len}, why);
	}
	EVP_PKEY_free(key);
	BIO_free(bio);
	return rc;
}

int
key_generate(const struct key_place *at, const char *name, struct fail *why)
{
	const struct key_type *type = type_find(name);
	struct place *place;
	int rc;

	if (type == NULL)
		return fail(why, FAIL_CONFIG, "key-type",
		    "key type %s: p256, p384, p521, rsa2048, rsa3072 or "
		    "rsa4096",
		    name);
	if (place_read(&place, at, why) != 0)
		return -1;
	rc = place->uri != NULL ? token_generate(place, type, why)
	                        : file_generate(place->text, type, why);
	if (rc != 0)
		place_hint(place, why);
	place_free(place);
	return rc;
}
