/* Real keys in SoftHSM, through a module with faults (tests/shim). */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <p11-kit/pkcs11.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/key/key.h"
#include "lib/key/note.h"
#include "lib/key/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define PIN "73a9-Secret"
#define REAL "/usr/lib/softhsm/libsofthsm2.so"

static char dir[] = "/tmp/microca-key.XXXXXX";
static char *control, *calls, *pin, *self, *shim, *state_dir;

/* ---- helpers ------------------------------------------------------------ */

static char *
in_dir(const char *name)
{
	return file_path(dir, name);
}

static void
put(const char *path, const char *text)
{
	struct fail why = {0};

	if (file_write(path, span_str(text), 0600, &why) != 0)
		fail_msg("%s: %s", path, why.cause);
}

/* In place, as the shim may hold a lock on it. */
static void
faults(const char *words)
{
	int fd = open(control, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, words, strlen(words)), strlen(words));
	(void)close(fd);
}

static int PRINTF_LIKE(1, 2) run(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return system(text); /* NOLINT: our own words */
}

static size_t
logins(void)
{
	struct bytes text = {0};
	struct fail why = {0};
	const char *p;
	size_t n = 0;

	if (file_read(&text, calls, 1 << 20, &why) == 0 && text.len > 0)
		for (p = (char *)text.data; (p = strstr(p, "C_Login ")) != NULL;
		     p++)
			n++;
	bytes_free(&text);
	return n;
}

static void
forget_calls(void)
{
	(void)unlink(calls);
}

static struct key_place
place_of(const char *uri)
{
	return (struct key_place){uri, shim, pin, state_dir};
}

static struct key_place
key_at(const char *name)
{
	static char uri[8][128];
	static unsigned turn;
	char *text = uri[turn++ % 8];

	(void)snprintf(text, 128, "pkcs11:token=test;object=%s", name);
	return place_of(text);
}

static struct key *
opened(struct key_place place)
{
	struct fail why = {0};
	struct key *key;

	if (key_open(&key, &place, &why) != 0 || key_ready(key, 20, &why) != 0)
		fail_msg("%s: %s: %s (%s)", place.uri, why.reason, why.text,
		    why.cause);
	return key;
}

/* Until it says `reason`; an opening takes its time on a slow machine. */
static void
says(struct key *key, const char *reason, struct fail *why)
{
	double until = when_clock() + 20;

	while (key_state(key, why) == 0 || strcmp(why->reason, reason) != 0) {
		if (when_clock() > until)
			fail_msg("%s expected, not %s: %s (%s)", reason,
			    why->reason, why->text, why->cause);
		(void)usleep(2000);
	}
}

/* Open and expect not to get there. */
static void
refused(struct key_place place, const char *reason)
{
	struct fail why = {0};
	struct key *key;

	assert_int_equal(key_open(&key, &place, &why), 0);
	says(key, reason, &why);
	assert_true(why.retry >= 5 && why.retry <= 30);
	assert_null(strstr(why.text, PIN));
	assert_null(strstr(why.cause, PIN));
	key_free(key);
}

/* Until it is usable by itself, whatever it says meanwhile. */
static bool
comes_back(struct key *key, double wait)
{
	double until = when_clock() + wait;
	struct fail why = {0};

	while (key_ready(key, 0.1, &why) != 0)
		if (when_clock() > until)
			return false;
		else
			(void)usleep(10000);
	return true;
}

static X509 *
cert_new(void)
{
	static const unsigned char spki[] = {0x30, 0x2a, 0x30, 5, 6, 3, 0x2b,
	    0x65, 0x70, 3, 0x21, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	    14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
	    31, 32}; /* Ed25519: whose does not matter here */
	const unsigned char *p = spki;
	EVP_PKEY *subject = d2i_PUBKEY(NULL, &p, sizeof(spki));
	X509 *cert = X509_new();

	X509_set_pubkey(cert, subject);
	EVP_PKEY_free(subject);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	ASN1_TIME_set_string(X509_getm_notBefore(cert), "20260101000000Z");
	ASN1_TIME_set_string(X509_getm_notAfter(cert), "20270101000000Z");
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
	    MBSTRING_UTF8, (const unsigned char *)"x", -1, -1, 0);
	return cert;
}

static int
sign(struct key *key, struct fail *why)
{
	X509 *cert = cert_new();
	int rc = key_sign_cert(key, cert, NULL, why);

	X509_free(cert);
	return rc;
}

static void
must_sign(struct key *key)
{
	struct fail why = {0};

	if (sign(key, &why) != 0)
		fail_msg("%s: %s (%s)", why.reason, why.text, why.cause);
}

/* This program again, as another process: see child(). */
static pid_t
spawn(const char *mode, const char *uri)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)execl(
		    self, "key", mode, uri, shim, pin, state_dir, (char *)NULL);
		_exit(99);
	}
	return pid;
}

static int
status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static int slow_child(struct key *key);

/* 0: signed; else the first letter that differs of what went wrong. */
static int
child(char **argv)
{
	struct key_place place = {argv[2], argv[3], argv[4], argv[5]};
	struct fail why = {0};
	struct key *key;
	X509 *cert;
	int rc;

	if (strcmp(argv[1], "open") != 0)
		watch_limit(0.6);
	if (key_open(&key, &place, &why) != 0)
		return 98;
	rc = key_ready(key, 20, &why);
	if (rc == 0 && strcmp(argv[1], "slow") == 0)
		return slow_child(key);
	if (rc == 0) {
		cert = cert_new();
		rc = key_sign_cert(key, cert, NULL, &why);
		X509_free(cert);
	}
	key_free(key);
	if (rc == 0)
		return 0;
	return strcmp(why.reason, "token-pin") == 0 ? 10 : 11;
}

/* ---- keys --------------------------------------------------------------- */

static void
every_type_is_made_in_the_token_and_signs(void **st)
{
	static const struct {
		const char *type;
		int sig;
	} types[] = {
	    {"p256", NID_ecdsa_with_SHA256},
	    {"p384", NID_ecdsa_with_SHA384},
	    {"p521", NID_ecdsa_with_SHA512},
	    {"rsa2048", NID_sha256WithRSAEncryption},
	};
	size_t i;

	(void)st;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct key_place at = key_at(types[i].type);
		struct fail why = {0};
		EVP_PKEY *public;
		struct key *key;
		X509_REQ *req = X509_REQ_new();
		X509 *cert;

		if (key_generate(&at, types[i].type, &why) != 0)
			fail_msg("%s (%s)", why.text, why.cause);
		key = opened(at);
		assert_false(key_is_file(key));
		assert_int_equal(key_public(&public, key, &why), 0);
		cert = cert_new();
		assert_int_equal(key_sign_cert(key, cert, NULL, &why), 0);
		assert_int_equal(X509_verify(cert, public), 1);
		assert_int_equal(X509_get_signature_nid(cert), types[i].sig);
		assert_int_equal(
		    key_sign_cert(key, cert, EVP_sha512(), &why), 0);
		X509_REQ_set_pubkey(req, public);
		assert_int_equal(key_sign_req(key, req, NULL, &why), 0);
		assert_int_equal(X509_REQ_verify(req, public), 1);
		X509_free(cert);
		X509_REQ_free(req);
		EVP_PKEY_free(public);
		key_free(key);
	}
}

static void
an_existing_key_is_never_replaced(void **st)
{
	struct key_place at = key_at("p256"), by_id = key_at("other;id=%01%02"),
			 again = key_at("third;id=%01%02");
	struct fail why = {0};

	(void)st;
	assert_int_equal(key_generate(&at, "p256", &why), -1);
	assert_int_equal(why.kind, FAIL_DENIED);
	assert_string_equal(why.reason, "key-exists");
	assert_int_equal(key_generate(&by_id, "p256", &why), 0);
	assert_int_equal(key_generate(&again, "p256", &why), -1);
	assert_string_equal(why.reason, "key-exists");
	assert_int_equal(key_generate(&at, "dsa", &why), -1);
	assert_string_equal(why.reason, "key-type");
	key_free(opened(by_id));
}

/* Delete the public object of `label`, so that only the private is left. */
static void
forget_public(const char *label)
{
	void *module = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
	CK_RV (*list)(CK_FUNCTION_LIST **);
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof(class)},
	    {CKA_LABEL, (void *)label, strlen(label)}};
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE object;
	CK_SLOT_ID slots[16];
	CK_ULONG n = 16, found = 0, i;

	*(void **)&list = dlsym(module, "C_GetFunctionList");
	assert_int_equal(list(&f), CKR_OK);
	assert_int_equal(f->C_Initialize(NULL), CKR_OK);
	assert_int_equal(f->C_GetSlotList(CK_TRUE, slots, &n), CKR_OK);
	for (i = 0; i < n; i++) {
		if (f->C_OpenSession(slots[i],
			CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
			&s) != CKR_OK)
			continue;
		(void)f->C_Login(
		    s, CKU_USER, (CK_UTF8CHAR_PTR)PIN, strlen(PIN));
		assert_int_equal(f->C_FindObjectsInit(s, wanted, 2), CKR_OK);
		assert_int_equal(
		    f->C_FindObjects(s, &object, 1, &found), CKR_OK);
		(void)f->C_FindObjectsFinal(s);
		if (found > 0) {
			assert_int_equal(f->C_DestroyObject(s, object), CKR_OK);
			break;
		}
		(void)f->C_CloseSession(s);
	}
	assert_int_equal(found, 1);
	assert_int_equal(f->C_Finalize(NULL), CKR_OK);
	(void)dlclose(module);
}

static void
an_rsa_key_alone_has_its_public_half(void **st)
{
	struct key_place at = key_at("alone-rsa");
	struct fail why = {0};
	struct key *key;

	(void)st;
	assert_int_equal(key_generate(&at, "rsa2048", &why), 0);
	forget_public("alone-rsa");
	key = opened(at);
	must_sign(key);
	key_free(key);
}

static void
an_ec_key_without_any_public_half_is_told(void **st)
{
	struct key_place at = key_at("alone-ec");
	struct fail why = {0};
	struct key *key;

	(void)st;
	assert_int_equal(key_generate(&at, "p256", &why), 0);
	forget_public("alone-ec");
	assert_int_equal(key_open(&key, &at, &why), 0);
	says(key, "token-key", &why);
	assert_non_null(strstr(why.text, "neither public key nor certificate"));
	key_free(key);
}

static void
no_key_and_two_keys_are_told_apart(void **st)
{
	struct key_place none = key_at("absent"), two = key_at("twin"),
			 one = key_at("twin;id=%aa");
	char *pem = in_dir("twin.pem");
	struct key_place file = {pem, NULL, NULL, NULL};
	struct fail why = {0};
	struct key *key;

	(void)st;
	refused(none, "token-key");
	assert_int_equal(key_generate(&one, "p256", &why), 0);
	assert_int_equal(key_generate(&file, "p256", &why), 0);
	assert_int_equal(run("softhsm2-util --import %s --token test --label "
			     "twin --id bb --pin %s >/dev/null",
			     pem, PIN),
	    0);
	assert_int_equal(key_open(&key, &two, &why), 0);
	says(key, "token-key", &why);
	assert_non_null(strstr(why.text, "several"));
	key_free(key);
	key_free(opened(one));
	free(pem);
}

static void
a_key_file_works_and_is_known_as_one(void **st)
{
	char *pem = in_dir("ca.pem");
	struct key_place at = {pem, NULL, NULL, NULL};
	struct fail why = {0};
	struct stat s;
	struct key *key;

	(void)st;
	refused(at, "token-absent");
	assert_int_equal(key_generate(&at, "p384", &why), 0);
	assert_int_equal(stat(pem, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0600);
	assert_int_equal(key_generate(&at, "p384", &why), -1);
	assert_string_equal(why.reason, "key-exists");
	key = opened(at);
	assert_true(key_is_file(key));
	must_sign(key);
	key_free(key);

	assert_int_equal(chmod(pem, 0640), 0);
	assert_int_equal(key_open(&key, &at, &why), -1);
	assert_int_equal(why.kind, FAIL_CONFIG);
	assert_string_equal(why.reason, "file-mode");
	assert_int_equal(chmod(pem, 0400), 0);
	key_free(opened(at));
	put(pem, "no key\n");
	refused(at, "token-key");
	free(pem);
}

/* What a TLS handshake does with a key. */
static void
must_sign_for_tls(EVP_PKEY *lent, EVP_PKEY *public, bool pss)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *settings;
	uint8_t sig[1024];
	size_t len = sizeof(sig);

	assert_int_equal(
	    EVP_DigestSignInit(ctx, &settings, EVP_sha256(), NULL, lent), 1);
	if (pss) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(
				     settings, RSA_PKCS1_PSS_PADDING),
		    1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(
				     settings, RSA_PSS_SALTLEN_DIGEST),
		    1);
	}
	assert_int_equal(
	    EVP_DigestSign(ctx, sig, &len, (const uint8_t *)"tls", 3), 1);
	EVP_MD_CTX_free(ctx);
	ctx = EVP_MD_CTX_new();
	assert_int_equal(
	    EVP_DigestVerifyInit(ctx, &settings, EVP_sha256(), NULL, public),
	    1);
	if (pss)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(
				     settings, RSA_PKCS1_PSS_PADDING),
		    1);
	assert_int_equal(
	    EVP_DigestVerify(ctx, sig, len, (const uint8_t *)"tls", 3), 1);
	EVP_MD_CTX_free(ctx);
}

/* The token's own word for it comes out where TLS has none. */
static void
cannot_sign(EVP_PKEY *lent)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct fail why = {0};
	uint8_t sig[1024];
	size_t len = sizeof(sig);

	faults("sign-denied");
	assert_int_equal(
	    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, lent), 1);
	assert_true(
	    EVP_DigestSign(ctx, sig, &len, (const uint8_t *)"tls", 3) <= 0);
	assert_int_equal(key_lent_state(lent, &why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_string_equal(why.reason, "token-key");
	EVP_MD_CTX_free(ctx);
}

static void
a_lent_key_signs_over_reopenings(void **st)
{
	static const char *const types[] = {"p256", "p384", "p521", "rsa2048"};
	struct fail why = {0};

	(void)st;
	for (int i = 0; i < 8; i++) {
		char *pem = str_fmt("%s/lent-%d.pem", dir, i);
		char *name = str_fmt("lent-%d", i);
		struct key_place at =
		    i < 4 ? key_at(name) : (struct key_place){.uri = pem};
		const char *type = types[i % 4];
		EVP_PKEY *lent, *public;
		struct key *key;
		char *words;

		assert_int_equal(key_generate(&at, type, &why), 0);
		key = opened(at);
		assert_int_equal(key_lend(&lent, key, &why), 0);
		assert_int_equal(key_public(&public, key, &why), 0);
		must_sign_for_tls(lent, public, false);
		if (i % 4 == 3)
			must_sign_for_tls(lent, public, true);
		/* Lost under it, and opened again for another signature. */
		words = str_fmt("session-invalid=lent%d", i);
		faults(words);
		must_sign(key);
		must_sign_for_tls(lent, public, false);
		free(words);
		if (i < 4)
			cannot_sign(lent);
		faults("");
		for (int tries = 0; key_state(key, &why) != 0; tries++) {
			assert_true(tries < 10000);
			(void)usleep(2000);
		}
		must_sign_for_tls(lent, public, false);
		assert_int_equal(key_lent_state(lent, &why), 0);
		EVP_PKEY_free(public);
		EVP_PKEY_free(lent);
		key_free(key);
		free(name);
		free(pem);
	}
}

static void
an_ed25519_file_signs_without_a_hash(void **st)
{
	char *pem = in_dir("ed.pem");
	struct key_place at = {pem, NULL, NULL, NULL};
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_mem());
	struct key *key;
	char *text;

	(void)st;
	PEM_write_bio_PKCS8PrivateKey(bio, ed, NULL, NULL, 0, NULL, NULL);
	BIO_write(bio, "", 1);
	(void)BIO_get_mem_data(bio, &text);
	put(pem, text);
	key = opened(at);
	must_sign(key);
	key_free(key);
	BIO_free(bio);
	EVP_PKEY_free(ed);
	free(pem);
}

static void
must_note(struct key *key, const char *label, size_t n, const char *text)
{
	struct fail why = {0};
	struct notes notes;

	if (key_notes(&notes, key, label, &why) != 0)
		fail_msg("%s: %s (%s)", why.reason, why.text, why.cause);
	assert_int_equal(notes.n, n);
	if (n > 0)
		assert_string_equal((char *)notes.note[0].data, text);
	notes_free(&notes);
}

static void
must_write(struct key *key, const char *label, const char *text)
{
	struct fail why = {0};

	if (key_note_write(key, label, span_str(text), &why) != 0)
		fail_msg("%s: %s (%s)", why.reason, why.text, why.cause);
}

static void
may_not_write(struct key *key, const char *words, const char *text)
{
	struct fail why = {0};

	faults(words);
	assert_int_equal(key_note_write(key, "a", span_str("no"), &why), -1);
	assert_string_equal(why.reason, "data-object");
	if (strstr(why.text, text) == NULL)
		fail_msg("%s, not %s", why.text, text);
	faults("");
	must_sign(key);
}

static void
a_token_keeps_notes_beside_its_keys(void **st)
{
	struct key_place at = key_at("noted");
	char *pem = str_fmt("%s/noted.pem", dir), *large;
	struct fail why = {0};
	struct notes notes;
	struct key *key, *file;
	unsigned opening;

	(void)st;
	assert_int_equal(key_generate(&at, "p256", &why), 0);
	key = opened(at);
	opening = key_opening(key);
	assert_true(opening > 0);
	must_note(key, "a", 0, NULL);
	must_write(key, "a", "one");
	must_write(key, "b", "other");
	must_note(key, "a", 1, "one");
	must_write(key, "a", "two");
	must_note(key, "a", 1, "two");
	must_note(key, "b", 1, "other");
	large = mem_new(8001);
	memset(large, 'x', 8000);
	must_write(key, "b", large);
	must_note(key, "b", 1, large);

	may_not_write(key, "data-denied", "keeps no data");
	may_not_write(key, "data-cut", "does not keep what");
	may_not_write(key, "data-hidden", "does not list");
	must_note(key, "a", 1, "two");
	may_not_write(key, "data-kept", "does not let go");
	may_not_write(key, "data-kept", "does not let go");
	assert_int_equal(key_notes(&notes, key, "a", &why), 0);
	assert_int_equal(notes.n, 2);
	notes_free(&notes);
	must_write(key, "a", "three");
	must_note(key, "a", 1, "three");

	/* It is there for the next opening, which is told from this one. */
	faults("session-invalid=noted");
	must_sign(key);
	faults("");
	assert_true(key_opening(key) > opening);
	must_note(key, "a", 1, "three");
	key_free(key);
	key = opened(at);
	must_note(key, "a", 1, "three");

	at = (struct key_place){.uri = pem};
	assert_int_equal(key_generate(&at, "p256", &why), 0);
	file = opened(at);
	assert_int_equal(key_opening(file), 0);
	assert_int_equal(key_notes(&notes, file, "a", &why), -1);
	assert_string_equal(why.reason, "data-object");
	key_free(file);
	key_free(key);
	free(large);
	free(pem);
}

static void
what_waiting_cannot_mend_is_refused_at_once(void **st)
{
	char *open_pin = in_dir("open-pin");
	struct key_place bad[] = {
	    {"pkcs11:token=test;token=test;object=a", shim, pin, state_dir},
	    {"pkcs11:token=test;object=a", NULL, pin, state_dir},
	    {"pkcs11:token=test;object=a", "softhsm2.so", pin, state_dir},
	    {"pkcs11:token=test;object=a", shim, open_pin, state_dir},
	    {"pkcs11:token=test;object=a", shim, dir, state_dir},
	    {"pkcs11:token=test;object=a", shim, pin, NULL},
	};
	size_t i;

	(void)st;
	put(open_pin, PIN);
	assert_int_equal(chmod(open_pin, 0644), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fail why = {0};
		struct key *key;

		assert_int_equal(key_open(&key, &bad[i], &why), -1);
		assert_null(key);
		assert_int_equal(why.kind, FAIL_CONFIG);
		assert_null(strstr(why.text, PIN));
	}
	free(open_pin);
}

static void
a_module_that_is_none_is_told(void **st)
{
	struct key_place missing = key_at("p256"), none = missing;
	char *text = in_dir("module.so");

	(void)st;
	missing.module = "/nowhere/module.so";
	refused(missing, "token-module");
	put(text, "\177ELF, but no more\n");
	none.module = text;
	refused(none, "token-module");
	none.module = "/lib/x86_64-linux-gnu/libm.so.6";
	if (access(none.module, F_OK) == 0)
		refused(none, "token-module");
	free(text);
}

/* ---- PIN ---------------------------------------------------------------- */

static void
a_wrong_pin_is_tried_once_by_all_processes_together(void **st)
{
	char *wrong = in_dir("wrong-pin");
	struct key_place at = key_at("p256"), other;
	struct key *key[3];
	char *right = pin;
	pid_t pid[4];
	size_t i;

	(void)st;
	put(wrong, "0000-Wrong\n");
	at.pin_file = pin = wrong;
	forget_calls();
	for (i = 0; i < 4; i++)
		pid[i] = spawn("open", at.uri);
	for (i = 0; i < 3; i++) {
		struct fail why = {0};
		int n;

		assert_int_equal(key_open(&key[i], &at, &why), 0);
		assert_int_equal(key_ready(key[i], 10, &why), -1);
		assert_string_equal(why.reason, "token-pin");
		for (n = 0; n < 100; n++)
			assert_int_equal(sign(key[i], &why), -1);
		assert_string_equal(why.reason, "token-pin");
	}
	for (i = 0; i < 4; i++)
		assert_int_equal(status_of(pid[i]), 10);
	assert_int_equal(logins(), 1);
	/* It is the token's: no other key of it costs a try. */
	other = key_at("p384");
	refused(other, "token-pin");
	assert_int_equal(logins(), 1);

	/* The file changes: everybody finds out without being told. */
	put(wrong, PIN "\n");
	for (i = 0; i < 3; i++)
		assert_true(comes_back(key[i], 15));
	for (i = 0; i < 3; i++)
		must_sign(key[i]);
	for (i = 0; i < 3; i++)
		key_free(key[i]);
	pin = right;
	free(wrong);
}

static void
a_pin_file_that_holds_no_pin_costs_no_try(void **st)
{
	static const char *const text[] = {"", "\n", "a\nb", "a\r\nb\n"};
	char *path = in_dir("odd-pin");
	struct key_place at = key_at("p256");
	size_t i;

	(void)st;
	forget_calls();
	at.pin_file = path;
	refused(at, "token-pin");
	for (i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		put(path, text[i]);
		refused(at, "token-pin");
	}
	at.pin_file = NULL;
	refused(at, "token-pin");
	assert_int_equal(logins(), 0);
	put(path, PIN "\r\n");
	at.pin_file = path;
	key_free(opened(at));
	free(path);
}

static void
the_pin_is_in_no_log_line(void **st)
{
	char *path = in_dir("log"), *other = in_dir("log-pin");
	int saved = dup(STDERR_FILENO);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct key_place at = key_at("p256");
	struct bytes text = {0};
	struct fail why = {0};

	(void)st;
	put(other, PIN);
	at.pin_file = other;
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	faults("login-pin-incorrect");
	refused(at, "token-pin");
	put(other, PIN "x");
	faults("open-error");
	refused(at, "token-session");
	faults("device-removed");
	refused(at, "token-absent");
	faults("sign-error");
	put(other, PIN "\n");
	refused(at, "token-session");
	faults("");
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	(void)close(fd);
	assert_int_equal(file_read(&text, path, 1 << 20, &why), 0);
	assert_non_null(strstr((char *)text.data, "token-pin"));
	assert_non_null(strstr((char *)text.data, "PKCS#11 module"));
	assert_null(strstr((char *)text.data, PIN));
	bytes_free(&text);
	free(path);
	free(other);
}

/* ---- faults ------------------------------------------------------------- */

static void
a_token_that_is_absent_comes_into_use_by_itself(void **st)
{
	char *tokens = in_dir("tokens"), *away = in_dir("away");
	struct fail why = {0};
	struct key *key;
	struct key_place at = key_at("p256");

	(void)st;
	assert_int_equal(rename(tokens, away), 0);
	assert_int_equal(key_open(&key, &at, &why), 0);
	says(key, "token-absent", &why);
	assert_int_equal(sign(key, &why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_int_equal(rename(away, tokens), 0);
	assert_true(comes_back(key, 20));
	must_sign(key);

	/* And goes and comes while it is in use. */
	assert_int_equal(rename(tokens, away), 0);
	while (sign(key, &why) == 0)
		;
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_true(why.retry >= 5 && why.retry <= 30);
	assert_int_equal(rename(away, tokens), 0);
	assert_true(comes_back(key, 20));
	must_sign(key);
	key_free(key);
	free(tokens);
	free(away);
}

static void
faults_while_signing_are_told_and_pass(void **st)
{
	static const struct {
		const char *words, *reason;
		enum fail_kind kind;
	} cases[] = {
	    {"device-removed", "token-absent", FAIL_BUSY},
	    {"sign-error", "token-session", FAIL_BUSY},
	    {"sign-error open-error", "token-session", FAIL_BUSY},
	    {"sign-denied", "token-key", FAIL_BUSY},
	    {"flip", "sign-check", FAIL_BROKEN},
	};
	struct key *key = opened(key_at("p256"));
	size_t i;

	(void)st;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fail why = {0};

		must_sign(key);
		faults(cases[i].words);
		assert_int_equal(sign(key, &why), -1);
		assert_int_equal(why.kind, cases[i].kind);
		says(key, cases[i].reason, &why);
		faults("");
		assert_true(comes_back(key, 20));
		assert_int_equal(key_state(key, &why), 0);
		assert_int_equal(why.kind, FAIL_NONE);
	}
	key_free(key);
}

static void
a_key_whose_first_signature_is_wrong_is_not_used(void **st)
{
	(void)st;
	faults("flip");
	refused(key_at("rsa2048"), "sign-check");
	faults("sign-denied");
	refused(key_at("rsa2048"), "token-key");
	faults("");
}

static void
lost_sessions_are_mended_unseen(void **st)
{
	struct key *key = opened(key_at("p256"));
	char words[64];
	int i;

	(void)st;
	for (i = 0; i < 10; i++) {
		(void)snprintf(words, sizeof(words), "session-invalid=a%d", i);
		faults(words);
		must_sign(key);
	}
	faults("");
	key_free(key);
}

static struct {
	struct key *key;
	int left, done, refused;
	pthread_mutex_t lock;
} crowd = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *
crowd_run(void *arg)
{
	int i = 0;

	(void)arg;
	while (i < 50) {
		struct fail why = {0};
		int rc = sign(crowd.key, &why);

		if (rc != 0 && (why.kind != FAIL_BUSY || why.retry < 5)) {
			log_fail("crowd", &why);
			abort();
		}
		pthread_mutex_lock(&crowd.lock);
		if (rc == 0)
			crowd.done++, i++;
		else
			crowd.refused++;
		pthread_mutex_unlock(&crowd.lock);
		if (rc != 0 && !comes_back(crowd.key, 20))
			abort();
	}
	pthread_mutex_lock(&crowd.lock);
	crowd.left--;
	pthread_mutex_unlock(&crowd.lock);
	return NULL;
}

static int
crowd_read(const int *number)
{
	int n;

	pthread_mutex_lock(&crowd.lock);
	n = *number;
	pthread_mutex_unlock(&crowd.lock);
	return n;
}

static void
sixteen_threads_sign_while_sessions_are_lost(void **st)
{
	pthread_t thread[16];
	char words[64];
	int i, n = 0;

	(void)st;
	faults("sign-ms=1");
	crowd.key = opened(key_at("p256"));
	crowd.left = 16;
	for (i = 0; i < 16; i++)
		pthread_create(&thread[i], NULL, crowd_run, NULL);
	while (crowd_read(&crowd.left) > 0)
		if (crowd_read(&crowd.done) < 40 * n) {
			(void)usleep(1000);
		} else {
			(void)snprintf(words, sizeof(words),
			    "sign-ms=1 session-invalid=c%d", n++);
			faults(words);
		}
	for (i = 0; i < 16; i++)
		pthread_join(thread[i], NULL);
	faults("");
	assert_int_equal(crowd.done, 16 * 50);
	assert_true(n >= 20);
	/* Of sixteen that a loss hits, one or two are told to come again. */
	assert_true(crowd.refused <= 2 * n);
	key_free(crowd.key);
}

static void
what_has_no_encoding_is_no_fault_of_the_token(void **st)
{
	struct key *key = opened(key_at("p256"));
	struct fail why = {0};
	X509 *empty = X509_new();

	(void)st;
	forget_calls();
	assert_int_equal(key_sign_cert(key, empty, NULL, &why), -1);
	assert_int_equal(why.kind, FAIL_BROKEN);
	assert_string_equal(why.reason, "sign");
	must_sign(key);
	assert_int_equal(logins(), 0);
	X509_free(empty);
	key_free(key);
}

static void
two_keys_of_one_module_share_a_process(void **st)
{
	struct key *a = opened(key_at("p256")), *b = opened(key_at("p384"));
	int i;

	(void)st;
	for (i = 0; i < 5; i++) {
		must_sign(a);
		must_sign(b);
		key_free(a); /* C_Finalize is the process's, so also b's */
		must_sign(b);
		a = opened(key_at("p256"));
	}
	key_free(b);
	must_sign(a);
	key_free(a);
}

static void
a_key_moves_to_another_place(void **st)
{
	struct key_place p256 = key_at("p256"), rsa = key_at("rsa2048"),
			 bad = key_at("p256;slot-id=1"),
			 none = key_at("absent");
	struct key *key = opened(p256);
	struct fail why = {0};
	EVP_PKEY *public;

	(void)st;
	forget_calls();
	assert_int_equal(key_move(key, &p256, &why), 0);
	must_sign(key);
	assert_int_equal(key_move(key, &bad, &why), -1);
	assert_int_equal(why.kind, FAIL_CONFIG);
	must_sign(key);
	assert_int_equal(logins(), 0); /* nothing was opened anew */
	assert_int_equal(key_move(key, &rsa, &why), 0);
	assert_int_equal(key_ready(key, 10, &why), 0);
	assert_int_equal(key_public(&public, key, &why), 0);
	assert_int_equal(EVP_PKEY_get_base_id(public), EVP_PKEY_RSA);
	EVP_PKEY_free(public);
	must_sign(key);
	assert_int_equal(key_move(key, &none, &why), 0);
	assert_int_equal(key_ready(key, 10, &why), -1);
	assert_string_equal(why.reason, "token-key");
	assert_int_equal(key_move(key, &p256, &why), 0);
	must_sign(key);
	key_free(key);
}

static void
eight_processes_open_at_once_and_all_sign(void **st)
{
	pid_t pid[8];
	size_t i;

	(void)st;
	for (i = 0; i < 8; i++)
		pid[i] = spawn("open", key_at("p256").uri);
	for (i = 0; i < 8; i++)
		assert_int_equal(status_of(pid[i]), 0);
}

static void *
slow_run(void *arg)
{
	must_sign(arg);
	return NULL;
}

/* More wait in turn than the limit would allow each. */
static int
slow_child(struct key *key)
{
	pthread_t thread[8];
	int i;

	for (i = 0; i < 8; i++)
		pthread_create(&thread[i], NULL, slow_run, key);
	for (i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	key_free(key);
	return 0;
}

static void
a_slow_token_is_none_that_hangs(void **st)
{
	(void)st;
	faults("sign-ms=200");
	assert_int_equal(status_of(spawn("slow", key_at("p256").uri)), 0);
	faults("");
}

static void
a_module_that_hangs_ends_the_process(void **st)
{
	static const char *const words[] = {"hang", "hang-open"};
	size_t i;

	(void)st;
	for (i = 0; i < 2; i++) {
		faults(words[i]);
		assert_int_equal(
		    status_of(spawn("hang", key_at("p256").uri)), 7);
		faults("");
		assert_int_equal(
		    status_of(spawn("open", key_at("p256").uri)), 0);
	}
}

/* ---- set-up ------------------------------------------------------------- */

static int
token_make(void **st)
{
	const char *build = getenv("BUILDDIR");
	char *conf, *text, *tokens, *built;

	(void)st;
	if (mkdtemp(dir) == NULL)
		return -1;
	tokens = in_dir("tokens");
	conf = in_dir("softhsm2.conf");
	control = in_dir("control");
	calls = in_dir("calls");
	pin = in_dir("pin");
	state_dir = in_dir("state");
	built =
	    file_path(build != NULL ? build : ".", "tests/shim/pkcs11-shim.so");
	shim = realpath(built, NULL);
	self = realpath("/proc/self/exe", NULL);
	free(built);
	text = str_fmt("directories.tokendir = %s\nlog.level = ERROR\n"
		       "objectstore.backend = file\n",
	    tokens);
	if (shim == NULL || self == NULL || mkdir(tokens, 0700) != 0 ||
	    mkdir(state_dir, 0700) != 0)
		return -1;
	put(conf, text);
	put(pin, PIN "\n");
	faults("");
	setenv("SOFTHSM2_CONF", conf, 1);
	setenv("SHIM_MODULE", REAL, 1);
	setenv("SHIM_CONTROL", control, 1);
	setenv("SHIM_LOG", calls, 1);
	free(text);
	free(conf);
	free(tokens);
	return run("softhsm2-util --init-token --free --label test --pin %s "
		   "--so-pin so-pin-1 >/dev/null",
	    PIN);
}

static int
remove_one(const char *path, const struct stat *s, int type, struct FTW *where)
{
	(void)s;
	(void)type;
	(void)where;
	return remove(path);
}

static int
token_remove(void **st)
{
	(void)st;
	free(control);
	free(calls);
	free(pin);
	free(self);
	free(shim);
	free(state_dir);
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_type_is_made_in_the_token_and_signs),
	    cmocka_unit_test(an_existing_key_is_never_replaced),
	    cmocka_unit_test(an_rsa_key_alone_has_its_public_half),
	    cmocka_unit_test(an_ec_key_without_any_public_half_is_told),
	    cmocka_unit_test(no_key_and_two_keys_are_told_apart),
	    cmocka_unit_test(a_key_file_works_and_is_known_as_one),
	    cmocka_unit_test(an_ed25519_file_signs_without_a_hash),
	    cmocka_unit_test(a_lent_key_signs_over_reopenings),
	    cmocka_unit_test(a_token_keeps_notes_beside_its_keys),
	    cmocka_unit_test(what_waiting_cannot_mend_is_refused_at_once),
	    cmocka_unit_test(a_module_that_is_none_is_told),
	    cmocka_unit_test(
		a_wrong_pin_is_tried_once_by_all_processes_together),
	    cmocka_unit_test(a_pin_file_that_holds_no_pin_costs_no_try),
	    cmocka_unit_test(the_pin_is_in_no_log_line),
	    cmocka_unit_test(a_token_that_is_absent_comes_into_use_by_itself),
	    cmocka_unit_test(faults_while_signing_are_told_and_pass),
	    cmocka_unit_test(a_key_whose_first_signature_is_wrong_is_not_used),
	    cmocka_unit_test(lost_sessions_are_mended_unseen),
	    cmocka_unit_test(sixteen_threads_sign_while_sessions_are_lost),
	    cmocka_unit_test(what_has_no_encoding_is_no_fault_of_the_token),
	    cmocka_unit_test(two_keys_of_one_module_share_a_process),
	    cmocka_unit_test(a_key_moves_to_another_place),
	    cmocka_unit_test(eight_processes_open_at_once_and_all_sign),
	    cmocka_unit_test(a_slow_token_is_none_that_hangs),
	    cmocka_unit_test(a_module_that_hangs_ends_the_process),
	};

	if (argc == 6)
		return child(argv);
	key_harden_process();
	return cmocka_run_group_tests(tests, token_make, token_remove);
}
