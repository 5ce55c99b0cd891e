#include "lib/key/p11.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include <libp11.h>
#include <p11-kit/pkcs11.h>

#define SLOTS_MAX 256

struct p11 {
	CK_FUNCTION_LIST *f;
	PKCS11_CTX *ctx; /* NULL: never loaded */
	PKCS11_SLOT *slots, *slot;
	unsigned n;
	UI_METHOD *ui;
	EVP_PKEY *private, *public;
};

/* The PKCS#11 return value behind the errors in the queue; CKR_OK: none. */
static CK_RV
last_rv(void)
{
	unsigned long e = ERR_peek_last_error();

	if (e == 0 || ERR_GET_LIB(e) != ERR_get_CKR_code())
		e = ERR_peek_error();
	return e != 0 && ERR_GET_LIB(e) == ERR_get_CKR_code()
	           ? (CK_RV)ERR_GET_REASON(e)
	           : CKR_OK;
}

static const char *
rv_word(CK_RV rv)
{
	switch (rv) {
	case CKR_DEVICE_REMOVED:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_TOKEN_NOT_RECOGNIZED:
	case CKR_SLOT_ID_INVALID:
		return "token-absent";
	case CKR_OK: /* an error of libp11's own */
	case CKR_KEY_FUNCTION_NOT_PERMITTED:
	case CKR_KEY_HANDLE_INVALID:
	case CKR_KEY_SIZE_RANGE:
	case CKR_KEY_TYPE_INCONSISTENT:
	case CKR_MECHANISM_INVALID:
	case CKR_USER_NOT_LOGGED_IN:
		return "token-key";
	default:
		return "token-session";
	}
}

const char *
p11_error_word(void)
{
	return rv_word(last_rv());
}

bool
p11_error_is_ours(void)
{
	int lib = ERR_GET_LIB(ERR_peek_error());

	return lib == ERR_LIB_ASN1 || lib == ERR_LIB_X509;
}

/* Loaded once and never unloaded: some modules do not survive that. */
static int
module_load(struct p11 *p, const char *path, struct fail *why)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	union {
		void *object;
		CK_C_GetFunctionList call;
	} list = {NULL};

	if (handle == NULL) {
		fail(why, FAIL_BUSY, "token-module",
		    "the PKCS#11 module cannot be loaded");
		return fail_cause(why, "%s", dlerror());
	}
	list.object = dlsym(handle, "C_GetFunctionList");
	if (list.object == NULL || list.call(&p->f) != CKR_OK)
		p->f = NULL;
	(void)dlclose(handle);
	if (p->f != NULL)
		return 0;
	fail(why, FAIL_BUSY, "token-module", "not a PKCS#11 module");
	return fail_cause(why, "%s has no working C_GetFunctionList", path);
}

/* A key that wants its PIN at each signature would ask on the terminal. */
static int
ui_refuse(UI *ui, UI_STRING *string)
{
	(void)ui;
	(void)string;
	return 0;
}

/* libp11 leaks its slots when one of them fails: asked first, without it. */
static int
slots_probe(struct p11 *p, struct fail *why)
{
	CK_SLOT_ID ids[SLOTS_MAX];
	CK_TOKEN_INFO info;
	CK_ULONG n = SLOTS_MAX, i;
	CK_RV rv = p->f->C_GetSlotList(CK_FALSE, ids, &n);

	for (i = 0; rv == CKR_OK && i < n; i++) {
		rv = p->f->C_GetTokenInfo(ids[i], &info);
		if (rv == CKR_TOKEN_NOT_PRESENT ||
		    rv == CKR_TOKEN_NOT_RECOGNIZED)
			rv = CKR_OK;
	}
	if (rv == CKR_OK)
		return 0;
	fail(why, FAIL_BUSY, "token-absent",
	    "the PKCS#11 module does not show its slots");
	return fail_cause(
	    why, "C_GetSlotList, C_GetTokenInfo: CKR 0x%lX", (unsigned long)rv);
}

static int
context_open(struct p11 *p, const char *path, struct fail *why)
{
	PKCS11_CTX *ctx = PKCS11_CTX_new();

	if (ctx == NULL)
		abort();
	if (PKCS11_CTX_load(ctx, path) != 0) {
		PKCS11_CTX_free(ctx);
		fail(why, FAIL_BUSY, "token-absent",
		    "the PKCS#11 module does not start");
		return fail_openssl(why, "C_Initialize");
	}
	p->ctx = ctx;
	p->ui = UI_create_method("no questions");
	UI_method_set_reader(p->ui, ui_refuse);
	PKCS11_set_ui_method(ctx, p->ui, NULL);
	if (slots_probe(p, why) != 0)
		return -1;
	if (PKCS11_enumerate_slots(ctx, &p->slots, &p->n) != 0) {
		p->slots = NULL;
		p->n = 0;
		fail(why, FAIL_BUSY, "token-absent",
		    "the PKCS#11 module shows no slots");
		return fail_openssl(why, "C_GetSlotList, C_GetTokenInfo");
	}
	return 0;
}

static bool
same(const char *wanted, const char *has)
{
	return wanted == NULL || (has != NULL && strcmp(wanted, has) == 0);
}

static int
slot_find(struct p11 *p, const struct pkcs11uri *uri, struct fail *why)
{
	unsigned i, found = 0;

	for (i = 0; i < p->n; i++) {
		const PKCS11_TOKEN *token = p->slots[i].token;

		if (token == NULL || !same(uri->token, token->label) ||
		    !same(uri->serial, token->serialnr) ||
		    !same(uri->model, token->model) ||
		    !same(uri->manufacturer, token->manufacturer))
			continue;
		p->slot = &p->slots[i];
		found++;
	}
	if (found == 1)
		return 0;
	p->slot = NULL;
	return fail(why, FAIL_BUSY, "token-absent", "%s",
	    found == 0 ? "no token is there that the URI names"
		       : "several tokens are there that the URI names");
}

/* libp11 would wait for ever if the first session cannot be opened. */
static int
probe(struct p11 *p, struct fail *why)
{
	CK_SESSION_HANDLE s;
	CK_RV rv = p->f->C_OpenSession(PKCS11_get_slotid_from_slot(p->slot),
	    CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s);

	if (rv == CKR_OK)
		rv = p->f->C_CloseSession(s);
	if (rv == CKR_OK)
		return 0;
	fail(why, FAIL_BUSY, rv_word(rv), "the token opens no session");
	return fail_cause(why, "C_OpenSession: CKR 0x%lX", (unsigned long)rv);
}

static int
token_fit(const PKCS11_TOKEN *token, bool have_pin, struct fail *why)
{
	const char *text = NULL;

	if (!token->loginRequired)
		return 0;
	if (!have_pin)
		text = "the token wants a PIN and no PIN file is named";
	else if (!token->userPinSet)
		text = "the token has no user PIN yet";
	else if (token->userPinLocked)
		text = "the token's PIN is locked";
	else if (token->userPinToBeChanged)
		text = "the token's PIN must be changed first";
	return text == NULL ? 0 : fail(why, FAIL_BUSY, "token-pin", "%s", text);
}

/* PKCS#11 3.0, 5.6.8: what says that the PIN is not the right one. */
static enum p11_pin
pin_said(CK_RV rv)
{
	switch (rv) {
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
	case CKR_PIN_EXPIRED:
		return P11_PIN_REFUSED;
	case CKR_PIN_LOCKED: /* of a TPM: until some time has passed */
		return P11_PIN_LOCKED;
	default:
		return P11_PIN_FINE;
	}
}

static int
login(struct p11 *p, const char *pin, enum p11_pin *said, struct fail *why)
{
	CK_RV rv;

	if (token_fit(p->slot->token, pin != NULL, why) != 0)
		return -1;
	if (pin == NULL)
		return 0;
	ERR_clear_error();
	if (PKCS11_login(p->slot, 0, pin) == 0)
		return 0;
	rv = last_rv();
	*said = pin_said(rv);
	if (*said == P11_PIN_LOCKED)
		fail(why, FAIL_BUSY, "token-pin", "the token's PIN is locked");
	else if (*said == P11_PIN_REFUSED)
		fail(why, FAIL_BUSY, "token-pin",
		    "the token refused the PIN; it is not tried again until "
		    "the PIN file or the token changes");
	else if (rv == CKR_USER_PIN_NOT_INITIALIZED)
		fail(why, FAIL_BUSY, "token-pin",
		    "the token has no user PIN yet");
	else
		fail(why, FAIL_BUSY, rv_word(rv), "the token takes no login");
	return fail_openssl(why, "C_Login");
}

static bool
key_matches(const PKCS11_KEY *key, const struct pkcs11uri *uri)
{
	struct span id = {key->id, key->id_len};

	return same(uri->object, key->label) &&
	       (uri->id.len == 0 || span_equal(id, span_of(&uri->id)));
}

static int
no_key(struct fail *why, const char *text)
{
	fail(why, FAIL_BUSY, "token-key", "%s", text);
	return ERR_peek_error() == 0 ? -1 : fail_openssl(why, "token");
}

static int
key_find(PKCS11_KEY **key, struct p11 *p, const struct pkcs11uri *uri,
    struct fail *why)
{
	PKCS11_KEY *keys;
	unsigned n, i, found = 0;

	ERR_clear_error();
	if (PKCS11_enumerate_keys(p->slot->token, &keys, &n) != 0) {
		if (ERR_peek_error() == 0)
			return no_key(why,
			    "the token holds a key of a type "
			    "that libp11 does not know: give the "
			    "CA a token of its own");
		fail(why, FAIL_BUSY, p11_error_word(),
		    "the token does not list its keys");
		return fail_openssl(why, "C_FindObjects");
	}
	for (i = 0; i < n; i++)
		if (keys[i].isPrivate && key_matches(&keys[i], uri)) {
			*key = &keys[i];
			found++;
		}
	if (found == 1)
		return 0;
	return no_key(
	    why, found == 0
		     ? "no private key in the token is the one the URI names"
		     : "several private keys in the token are the one the URI "
		       "names");
}

/* A copy that owes nothing to libp11; NULL when `key` has no public half. */
static EVP_PKEY *
public_copy(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	const unsigned char *in;
	int len = key == NULL ? -1 : i2d_PUBKEY(key, &der);
	EVP_PKEY *copy = NULL;

	if (len > 0) {
		in = der;
		copy = d2i_PUBKEY(NULL, &in, len);
	}
	OPENSSL_free(der);
	return copy;
}

/* From the private object, else the public one, else a certificate. */
static EVP_PKEY *
public_find(struct p11 *p, PKCS11_KEY *key)
{
	EVP_PKEY *copy = public_copy(p->private), *other;
	PKCS11_KEY *keys;
	PKCS11_CERT *cert;
	unsigned n, i;

	if (copy != NULL ||
	    PKCS11_enumerate_public_keys(p->slot->token, &keys, &n) != 0)
		n = 0;
	for (i = 0; copy == NULL && i < n; i++) {
		if (keys[i].id_len != key->id_len || key->id_len == 0 ||
		    memcmp(keys[i].id, key->id, key->id_len) != 0)
			continue;
		other = PKCS11_get_public_key(&keys[i]);
		copy = public_copy(other);
		EVP_PKEY_free(other);
	}
	if (copy == NULL && (cert = PKCS11_find_certificate(key)) != NULL)
		copy = public_copy(X509_get0_pubkey(cert->x509));
	return copy;
}

static int
key_pick(struct p11 *p, const struct pkcs11uri *uri, struct fail *why)
{
	PKCS11_KEY *key = NULL;

	if (key_find(&key, p, uri, why) != 0)
		return -1;
	p->private = PKCS11_get_private_key(key);
	if (p->private == NULL)
		return no_key(why, "the private key is of no type that signs");
	p->public = public_find(p, key);
	if (p->public == NULL)
		return no_key(why, "the token holds neither public key nor "
				   "certificate of the private key");
	ERR_clear_error();
	return 0;
}

int
p11_open(struct p11 **p11, const struct p11_wish *wish, enum p11_pin *said,
    struct fail *why)
{
	struct p11 *p = mem_new(sizeof(*p));
	int rc = -1;

	*said = P11_PIN_FINE;
	ERR_clear_error();
	if (module_load(p, wish->module, why) == 0 &&
	    context_open(p, wish->module, why) == 0 &&
	    slot_find(p, wish->uri, why) == 0 && probe(p, why) == 0 &&
	    login(p, wish->pin, said, why) == 0)
		rc = wish->pick ? key_pick(p, wish->uri, why) : 0;
	*p11 = p;
	return rc;
}

bool
p11_close(struct p11 *p)
{
	bool started = p->ctx != NULL;

	EVP_PKEY_free(p->private);
	EVP_PKEY_free(p->public);
	if (p->slots != NULL)
		PKCS11_release_all_slots(p->ctx, p->slots, p->n);
	if (started) {
		PKCS11_CTX_unload(p->ctx);
		PKCS11_CTX_free(p->ctx);
	}
	if (p->ui != NULL)
		UI_destroy_method(p->ui);
	ERR_clear_error();
	free(p);
	return started;
}

EVP_PKEY *
p11_private(const struct p11 *p)
{
	return p->private;
}

EVP_PKEY *
p11_public(const struct p11 *p)
{
	return p->public;
}

void *
p11_functions(const struct p11 *p, unsigned long *slot)
{
	if (slot != NULL)
		*slot = PKCS11_get_slotid_from_slot(p->slot);
	return p->f;
}
