#include "lib/key/place.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/base/file.h"
#include "lib/key/pin.h"

#define PEM_MAX (64 * 1024)

static int
place_check(const struct place *place, struct fail *why)
{
	if (place->uri == NULL)
		return secret_mode_ok(place->text, why);
	if (place->module == NULL || place->module[0] != '/')
		return fail(why, FAIL_CONFIG, "pkcs11-module",
		    "a PKCS#11 URI needs a module: an absolute path in the "
		    "configuration or as module-path");
	if (place->state == NULL)
		return fail(why, FAIL_CONFIG, "pkcs11-state",
		    "a PKCS#11 key needs a state folder for its lock");
	return place->pin_file == NULL ? 0
	                               : secret_mode_ok(place->pin_file, why);
}

static const char *
first_of(const char *a, const char *b)
{
	return a != NULL ? a : b;
}

int
place_read(struct place **place, const struct key_place *from, struct fail *why)
{
	struct place *p = mem_new(sizeof(*p));

	*place = NULL;
	if (pkcs11uri_is(from->uri) &&
	    pkcs11uri_read(&p->uri, from->uri, why) != 0) {
		place_free(p);
		return -1;
	}
	p->text = str_dup(from->uri);
	p->state = str_dup(from->state);
	if (p->uri != NULL) {
		p->module = str_dup(first_of(p->uri->module, from->module));
		p->pin_file =
		    str_dup(first_of(p->uri->pin_file, from->pin_file));
	}
	if (place_check(p, why) != 0) {
		place_free(p);
		return -1;
	}
	*place = p;
	return 0;
}

void
place_free(struct place *place)
{
	if (place == NULL)
		return;
	pkcs11uri_free(place->uri);
	free(place->text);
	free(place->module);
	free(place->pin_file);
	free(place->state);
	free(place);
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
place_equal(const struct place *a, const struct place *b)
{
	return same(a->text, b->text) && same(a->module, b->module) &&
	       same(a->pin_file, b->pin_file) && same(a->state, b->state);
}

struct token_place
place_token(const struct place *place)
{
	return (struct token_place){
	    place->uri, place->module, place->pin_file, place->state};
}

static const struct hint {
	const char *reason, *text;
} tpm_hints[] = {
    {"token-absent",
	"a TPM: is its resource manager there (/dev/tpmrm0, or tpm2-abrmd "
	"running), this user in group tss, TPM2_PKCS11_TCTI and "
	"TPM2_PKCS11_STORE right?"},
    {"token-session",
	"a TPM: without a resource manager (/dev/tpmrm0, tpm2-abrmd) it has "
	"room for three objects, and 0x902 means that they are used up"},
    {"token-pin",
	"a TPM: `tpm2_getcap properties-variable` tells whether it is in "
	"lockout"},
};

void
place_hint(const struct place *place, struct fail *why)
{
	size_t i;

	if (place->uri == NULL || strstr(place->module, "tpm2_pkcs11") == NULL)
		return;
	for (i = 0; i < sizeof(tpm_hints) / sizeof(tpm_hints[0]); i++)
		if (strcmp(why->reason, tpm_hints[i].reason) == 0)
			(void)fail_cause(why, "%s", tpm_hints[i].text);
}

/* Without it OpenSSL would ask for a password on the terminal. */
static int
no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

int
place_read_file(EVP_PKEY **key, const struct place *place, struct fail *why)
{
	struct bytes pem = {0};
	BIO *bio = NULL;

	*key = NULL;
	if (file_read_secret(&pem, place->text, PEM_MAX, why) != 0) {
		why->reason =
		    why->kind == FAIL_ABSENT ? "token-absent" : "token-key";
		why->kind = FAIL_BUSY;
	} else {
		ERR_clear_error();
		bio = BIO_new_mem_buf(pem.data, (int)pem.len);
		*key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
		BIO_free(bio);
		if (*key == NULL) {
			fail(why, FAIL_BUSY, "token-key",
			    "the key file holds no private key in PEM without "
			    "a password");
			fail_openssl(why, "%s", place->text);
		}
	}
	bytes_wipe(&pem);
	return *key != NULL ? 0 : -1;
}
