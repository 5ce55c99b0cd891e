/* Enrolments: what is sent, what comes back, linking, keys made elsewhere. */
#include "tests/unit/scripted.h"

#include <openssl/cms.h>

#include "lib/key/key.h"
#include "lib/wire/der.h"
#include "lib/wire/keypackage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static void
expect(const char *what, int rc, const struct fail *why, enum fail_kind kind,
    const char *reason)
{
	if (rc == 0 ? reason != NULL
		    : reason == NULL || why->kind != kind ||
			  strcmp(why->reason, reason) != 0)
		fail_msg("%s: %d %s: %s (%s)", what, rc,
		    why->reason != NULL ? why->reason : "-", why->text,
		    why->cause);
}

static int
request_make(
    void *arg, struct bytes *der, const char *binding, struct fail *why)
{
	struct wish wish = {.subject = "CN=device 7", .challenge = binding};

	(void)why;
	pki_csr_der(der, &wish, arg);
	return 0;
}

static int
enroll(const struct est_server *server, const struct est_auth *auth, bool renew,
    int *others, struct fail *why)
{
	struct est *est = est_of(server, auth);
	STACK_OF(X509) * rest;
	X509 *leaf;
	int rc =
	    est_enroll(&leaf, &rest, est, renew, request_make, device_key, why);

	if (rc == 0)
		assert_int_equal(X509_cmp(leaf, device_cert), 0);
	if (others != NULL && rc == 0)
		*others = sk_X509_num(rest);
	X509_free(leaf);
	sk_X509_pop_free(rest, X509_free);
	est_close(est);
	return rc;
}

/* What follows `name` in the Nth line of the log, by blanks; caller frees. */
static char *
logged(const struct scripted *s, int line, int field)
{
	struct bytes log = scripted_file(s, "log");
	char *save, *p = (char *)log.data, *found = NULL;

	while (--line > 0 && p != NULL)
		p = strchr(p, '\n') + 1;
	for (p = strtok_r(p, " \n", &save); p != NULL && field-- > 1;)
		p = strtok_r(NULL, " \n", &save);
	if (p != NULL)
		found = str_dup(p);
	bytes_free(&log);
	return found;
}

/* ---- enrolling ----------------------------------------------------------- */

static void
the_certificate_of_the_request_is_taken(void **state)
{
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);
	struct spec again = {.subject = "CN=twin",
	    .key = device_key,
	    .issuer = root,
	    .signer = root_key,
	    .extension = {LEAF_EXTENSIONS}};
	X509 *twin = pki_cert(&again);
	const struct {
		const char *what;
		X509 *a, *b, *c;
		const char *reason;
		int others;
	} rows[] = {{"alone", device_cert, NULL, NULL, NULL, 0},
	    {"with its issuer", device_cert, root, NULL, NULL, 1},
	    {"in the middle", server_cert, device_cert, root, NULL, 2},
	    {"of another key", server_cert, NULL, NULL, "up-cert", 0},
	    {"twice", device_cert, twin, NULL, "up-cert", 0},
	    {"none", NULL, NULL, NULL, "up-body", 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fail why = {0};
		int others = 0;

		answer_with_certs(
		    &s, "simpleenroll", rows[i].a, rows[i].b, rows[i].c);
		expect(rows[i].what,
		    enroll(&server, NULL, false, &others, &why), &why,
		    FAIL_MALFORMED, rows[i].reason);
		assert_int_equal(others, rows[i].others);
	}
	X509_free(twin);
	scripted_stop(&s);
}

static void
the_request_is_base64_in_lines_with_its_type(void **state)
{
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);
	struct bytes head, body, der = {0};
	struct fail why = {0};
	char *target;

	(void)state;
	server.label = "pumps";
	answer_with_certs(&s, "simplereenroll", device_cert, NULL, NULL);
	expect(
	    "renewal", enroll(&server, NULL, true, NULL, &why), &why, 0, NULL);
	target = logged(&s, 1, 4);
	assert_string_equal(target, "/.well-known/est/pumps/simplereenroll");
	free(target);
	head = scripted_file(&s, "request.1");
	body = scripted_file(&s, "request.1.body");
	assert_non_null(strstr(
	    (char *)head.data, "\r\nContent-Type: application/pkcs10\r\n"));
	assert_null(strstr((char *)head.data, "Expect"));
	assert_null(strstr((char *)head.data, "Cookie"));
	assert_int_equal(strcspn((char *)body.data, "\n"), 64);
	assert_int_equal(base64_read(&der, span_of(&body), &why), 0);
	assert_true(der_deep_ok(span_of(&der), 16));
	bytes_free(&head);
	bytes_free(&body);
	bytes_free(&der);
	scripted_stop(&s);
}

static const struct waiting {
	const char *what, *status, *header, *reason;
	enum fail_kind kind;
	int least, most;
} waits[] = {
    {"202, an hour", "202 A", "Retry-After: 3600\r\n", "up-pending",
	FAIL_PENDING, 3600, 3600},
    {"202, 0", "202 A", "Retry-After: 0\r\n", "up-pending", FAIL_PENDING, 60,
	60},
    {"202, negative", "202 A", "Retry-After: -5\r\n", "up-pending",
	FAIL_PENDING, 60, 86400},
    {"202, 10^12", "202 A", "Retry-After: 1000000000000\r\n", "up-pending",
	FAIL_PENDING, 86400, 86400},
    {"202, 10^30", "202 A", "Retry-After: 1000000000000000000000000000000\r\n",
	"up-pending", FAIL_PENDING, 86400, 86400},
    {"202, the past", "202 A", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n",
	"up-pending", FAIL_PENDING, 60, 60},
    {"202, far away", "202 A", "Retry-After: Fri, 31 Dec 2399 23:59:59 GMT\r\n",
	"up-pending", FAIL_PENDING, 86400, 86400},
    {"202, nothing", "202 A", "", "up-pending", FAIL_PENDING, 60, 86400},
    {"202, garbage", "202 A", "Retry-After: soon\r\n", "up-pending",
	FAIL_PENDING, 60, 86400},
    {"503, 7", "503 B", "Retry-After: 7\r\n", "up-busy", FAIL_BUSY, 7, 7},
    {"429, nothing", "429 B", "", "up-busy", FAIL_BUSY, 0, 0},
    {"503, 10^12", "503 B", "Retry-After: 1000000000000\r\n", "up-busy",
	FAIL_BUSY, 86400, 86400},
    {"redirect", "307 T", "Location: /x\r\n", "up-redirect", FAIL_DENIED, 0, 0},
};

static void
waiting_is_within_a_minute_and_a_day(void **state)
{
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);

	(void)state;
	for (size_t i = 0; i < COUNT(waits); i++) {
		const struct waiting *w = &waits[i];
		struct fail why = {0};

		scripted_answer(&s, "simpleenroll", w->status, w->header,
		    span_str("text\n"));
		expect(w->what, enroll(&server, NULL, false, NULL, &why), &why,
		    w->kind, w->reason);
		if (why.retry < w->least || why.retry > w->most)
			fail_msg("%s: %d", w->what, why.retry);
	}
	scripted_stop(&s);
}

/* ---- our certificate ----------------------------------------------------- */

static struct key *
device_handle(EVP_PKEY *key)
{
	char *path = pki_path("device-key.pem");
	struct key_place place = {.uri = path};
	struct fail why = {0};
	FILE *f = fopen(path, "w");
	struct key *handle;

	must(f != NULL &&
		 PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1,
	    path);
	(void)fchmod(fileno(f), 0600);
	(void)fclose(f);
	must(key_open(&handle, &place, &why) == 0 &&
		 key_ready(handle, 10, &why) == 0,
	    why.text);
	free(path);
	return handle;
}

static void
shown_with(EVP_PKEY *own, const char *tls)
{
	char *ca = pki_path("ca.pem"), *subject, *version;
	const char *options[] = {"-C", ca, "-t", tls, NULL};
	X509 *cert = pki_leaf("CN=device 7", own, root, root_key);
	struct key *key = device_handle(own);
	struct est_auth auth = {
	    .certs = pki_chain(cert, root, NULL), .key = key};
	struct scripted s;
	struct est_server server;
	struct fail why = {0};

	pki_pem("ca.pem", anchors);
	s = scripted_start(server_cert, server_key, options);
	server = server_of(&s);
	answer_with_certs(&s, "simpleenroll", device_cert, NULL, NULL);
	expect(
	    "enrol", enroll(&server, &auth, false, NULL, &why), &why, 0, NULL);
	subject = logged(&s, 1, 6);
	version = logged(&s, 1, 5);
	assert_string_equal(subject, "CN=device_7");
	assert_string_equal(version + strlen("TLSv"), tls);
	free(subject);
	free(version);
	scripted_stop(&s);
	sk_X509_pop_free(auth.certs, X509_free);
	X509_free(cert);
	key_free(key);
	free(ca);
}

static void
our_certificate_is_shown(void **state)
{
	EVP_PKEY *keys[] = {EVP_EC_gen("P-256"), EVP_EC_gen("P-384"),
	    EVP_EC_gen("P-521"), EVP_RSA_gen(2048)};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		shown_with(keys[i], "1.2");
		shown_with(keys[i], "1.3");
		EVP_PKEY_free(keys[i]);
	}
}

/* TLS 1.3 tells it after the handshake. */
static void
a_server_that_refuses_our_certificate_is_told(void **state)
{
	const char *const versions[] = {"1.2", "1.3"};
	char *ca = pki_path("ca.pem");
	EVP_PKEY *other_key = pki_key();
	X509 *other = pki_ca("CN=other", other_key, NULL, NULL),
	     *foreign = pki_leaf("CN=device 7", device_key, other, other_key);
	struct key *key = device_handle(device_key);
	struct est_auth auths[] = {{0},
	    {.certs = pki_chain(foreign, NULL, NULL), .key = key},
	    {.certs = pki_chain(device_cert, NULL, NULL), .key = key}};

	(void)state;
	pki_pem("ca.pem", anchors);
	for (size_t i = 0; i < 2 * COUNT(auths); i++) {
		const char *options[] = {
		    "-r", "-C", ca, "-t", versions[i % 2], NULL};
		struct scripted s =
		    scripted_start(server_cert, server_key, options);
		struct est_server server = server_of(&s);
		struct fail why = {0};

		answer_with_certs(&s, "simpleenroll", device_cert, NULL, NULL);
		expect(versions[i % 2],
		    enroll(&server, &auths[i / 2], false, NULL, &why), &why,
		    FAIL_DENIED, i / 2 == 2 ? NULL : "up-tls");
		scripted_stop(&s);
	}
	for (size_t i = 0; i < COUNT(auths); i++)
		sk_X509_pop_free(auths[i].certs, X509_free);
	X509_free(foreign);
	X509_free(other);
	EVP_PKEY_free(other_key);
	key_free(key);
	free(ca);
}

static void
a_certificate_of_another_key_is_a_mistake_of_ours(void **state)
{
	struct key *key = device_handle(server_key);
	struct est_auth auth = {
	    .certs = pki_chain(device_cert, NULL, NULL), .key = key};
	struct est_server server = {
	    .url = "https://localhost", .anchors = anchors, .timeout = 1};
	struct fail why = {0};
	struct est *est;

	(void)state;
	expect("open", est_open(&est, &server, &auth, &why), &why, FAIL_CONFIG,
	    "up-tls");
	sk_X509_pop_free(auth.certs, X509_free);
	key_free(key);
}

/* ---- linking (RFC 7030, 3.5) --------------------------------------------- */

/* challengePassword of the Nth request's body, or NULL; the caller frees. */
static char *
challenge_of(const struct scripted *s, int request)
{
	char file[32], *found = NULL;
	struct bytes body, der = {0};
	struct fail why = {0};
	const unsigned char *in;
	X509_REQ *req;
	int at;

	(void)snprintf(file, sizeof(file), "request.%d.body", request);
	body = scripted_file(s, file);
	assert_int_equal(base64_read(&der, span_of(&body), &why), 0);
	in = der.data;
	req = d2i_X509_REQ(NULL, &in, (long)der.len);
	at = X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1);
	if (at >= 0) {
		ASN1_TYPE *value =
		    X509_ATTRIBUTE_get0_type(X509_REQ_get_attr(req, at), 0);

		found = mem_dup(ASN1_STRING_get0_data(value->value.asn1_string),
		    (size_t)ASN1_STRING_length(value->value.asn1_string));
	}
	X509_REQ_free(req);
	bytes_free(&body);
	bytes_free(&der);
	return found;
}

#define LINK_WANTED "MAsGCSqGSIb3DQEJBw==\n" /* challengePassword */

static const struct linking {
	const char *what;
	int pop;
	bool asked, close_first, close_always;
	const char *option, *tls;
	const char *reason;
	bool linked;
	enum fail_kind kind;
} links[] = {
    {"never", POP_NEVER, true, false, false, "-t", "1.3", NULL, false, 0},
    {"not asked", POP_IF_ASKED, false, false, false, "-t", "1.3", NULL, false,
	0},
    {"asked", POP_IF_ASKED, true, false, false, "-t", "1.3", NULL, true, 0},
    {"always", POP_ALWAYS, false, false, false, "-t", "1.2", NULL, true, 0},
    {"a connection lost in between", POP_ALWAYS, true, true, false, "-t", "1.2",
	NULL, true, 0},
    {"no connection kept", POP_ALWAYS, true, false, true, "-t", "1.2",
	"up-proto", false, FAIL_MALFORMED},
    {"asked, TLS 1.3 alone", POP_IF_ASKED, true, false, false, "-T", "1.3",
	NULL, false, 0},
    {"always, TLS 1.3 alone", POP_ALWAYS, true, false, false, "-T", "1.3",
	"up-tls", false, FAIL_DENIED},
};

/* The last request: by the session's own name, or by none. */
static void
was_linked(const struct scripted *s, bool linked)
{
	int n = scripted_requests(s), line = 0;
	char *number = NULL, *unique, *challenge = challenge_of(s, n);

	do {
		free(number);
		number = logged(s, ++line, 1);
	} while (number != NULL && atoi(number) != n);
	unique = logged(s, line, 7);
	if (linked)
		assert_string_equal(challenge, unique);
	else
		assert_null(challenge);
	free(number);
	free(unique);
	free(challenge);
}

static void
a_request_names_the_connection_that_it_goes_by(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(links); i++) {
		const struct linking *l = &links[i];
		const char *options[] = {l->option, l->tls, NULL};
		struct scripted s =
		    scripted_start(server_cert, server_key, options);
		struct est_server server = server_of(&s);
		struct fail why = {0};

		server.pop_link = l->pop;
		scripted_answer(&s, "csrattrs", "200 OK",
		    "Content-Type: application/csrattrs\r\n",
		    span_str(l->asked ? LINK_WANTED : "MAA=\n"));
		if (l->close_first || l->close_always) {
			scripted_text(&s,
			    l->close_always ? "csrattrs.mode"
					    : "csrattrs.1.mode",
			    "close");
			if (l->close_first)
				scripted_answer(&s, "csrattrs.1", "200 OK",
				    "Content-Type: application/csrattrs\r\n",
				    span_str(LINK_WANTED));
			scripted_answer(&s, "simpleenroll.1", "400 Bad", "",
			    span_str("pop-link\n"));
		}
		if (l->close_always)
			scripted_answer(&s, "simpleenroll", "400 Bad", "",
			    span_str("pop-link\n"));
		else
			answer_with_certs(
			    &s, "simpleenroll", device_cert, NULL, NULL);
		expect(l->what, enroll(&server, NULL, false, NULL, &why), &why,
		    l->kind, l->reason);
		if (l->reason == NULL)
			was_linked(&s, l->linked);
		scripted_stop(&s);
	}
}

/* The 401 may end the connection that the request was linked to. */
static void
a_linked_request_survives_a_401(void **state)
{
	struct est_auth auth = {.user = "u", .password = "p"};
	static const char *const options[] = {"-t", "1.2", NULL};

	(void)state;
	for (int close = 0; close < 2; close++) {
		struct scripted s =
		    scripted_start(server_cert, server_key, options);
		struct est_server server = server_of(&s);
		struct fail why = {0};

		server.pop_link = POP_ALWAYS;
		scripted_answer(&s, "csrattrs", "204 No", "", span_str(""));
		scripted_answer(&s, "simpleenroll.1", "401 No",
		    close ? "WWW-Authenticate: Basic realm=\"x\"\r\n"
			    "Connection: close\r\n"
			  : "WWW-Authenticate: Basic realm=\"x\"\r\n",
		    span_str(""));
		answer_with_certs(&s, "simpleenroll", device_cert, NULL, NULL);
		if (close)
			scripted_answer(&s, "simpleenroll.2", "400 Bad", "",
			    span_str("pop-link\n"));
		expect("401", enroll(&server, &auth, false, NULL, &why), &why,
		    0, NULL);
		was_linked(&s, true);
		assert_int_equal(scripted_requests(&s), close ? 5 : 3);
		scripted_stop(&s);
	}
}

/* ---- serverkeygen -------------------------------------------------------- */

static struct bytes
private_info(EVP_PKEY *key)
{
	PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
	struct bytes out = {0};
	uint8_t *der = NULL;
	int len = i2d_PKCS8_PRIV_KEY_INFO(p8, &der);

	must(len > 0, "encode a key");
	bytes_add(&out, der, (size_t)len);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(p8);
	return out;
}

/* RFC 7030, 4.4.2: AsymmetricKeyPackage in SignedData in EnvelopedData. */
static struct bytes
enveloped(EVP_PKEY *key, X509 *to, X509 *signer, EVP_PKEY *by)
{
	struct bytes info = private_info(key), package = {0}, out = {0};
	STACK_OF(X509) *recipients = pki_chain(to, NULL, NULL);
	uint8_t *der = NULL;
	CMS_ContentInfo *cms;
	BIO *in;
	int len;

	der_put(&package, DER_SEQUENCE, span_of(&info));
	if (signer != NULL) {
		in = BIO_new_mem_buf(package.data, (int)package.len);
		cms =
		    CMS_sign(signer, by, NULL, in, CMS_BINARY | CMS_NOSMIMECAP);
		must(cms != NULL, "sign a key");
		len = i2d_CMS_ContentInfo(cms, &der);
		CMS_ContentInfo_free(cms);
		BIO_free(in);
		in = BIO_new_mem_buf(der, len);
	} else {
		in = BIO_new_mem_buf(package.data, (int)package.len);
	}
	cms = CMS_encrypt(recipients, in, EVP_aes_256_cbc(), CMS_BINARY);
	must(cms != NULL, "encrypt a key");
	OPENSSL_free(der);
	der = NULL;
	len = i2d_CMS_ContentInfo(cms, &der);
	bytes_add(&out, der, (size_t)len);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	sk_X509_pop_free(recipients, X509_free);
	bytes_wipe(&info);
	bytes_wipe(&package);
	return out;
}

#define SKG_TYPE "Content-Type: multipart/mixed ; boundary=\"b 1\"\r\n"
#define KEY_PART "Content-Type: application/pkcs8\r\n\r\n"
#define ENV_PART                                                               \
	"Content-Type: application/pkcs7-mime; "                               \
	"smime-type=server-generated-key\r\n\r\n"
#define CERT_PART                                                              \
	"Content-Type: " CERTS_TYPE                                            \
	"\r\nContent-Transfer-Encoding: base64\r\n\r\n"

static void
skg_answer(const struct scripted *s, const char *key_part, struct span key,
    X509 *cert, bool swapped)
{
	struct bytes body = {0}, text = {0}, certs;

	certs = certs_body(cert, NULL, NULL);
	base64_write(&text, key, 64);
	for (int i = 0; i < 2; i++) {
		bool is_key = (i == 0) != swapped;

		bytes_addf(&body, "--b 1\r\n%s%s",
		    is_key ? key_part : CERT_PART,
		    (char *)(is_key ? text.data : certs.data));
	}
	bytes_adds(&body, "--b 1--\r\n");
	scripted_answer(s, "serverkeygen", "200 OK", SKG_TYPE, span_of(&body));
	bytes_free(&body);
	bytes_free(&text);
	bytes_free(&certs);
}

static const STACK_OF(X509) * above;
static bool lenient;

/* A certificate that signs keys, or one for `purpose`. */
static X509 *
signer_of(const char *purpose, X509 *issuer, EVP_PKEY *by)
{
	struct spec s = {.subject = "CN=Key Generator",
	    .key = server_key,
	    .issuer = issuer,
	    .signer = by,
	    .extension = {{NID_key_usage, "critical,digitalSignature"},
		{purpose != NULL ? NID_ext_key_usage
				 : NID_subject_key_identifier,
		    purpose != NULL ? purpose : "hash"}}};

	return pki_cert(&s);
}

static int
keygen(const struct scripted *s, EVP_PKEY *decrypt, struct fail *why)
{
	struct est_server server = server_of(s);
	struct est *est = est_of(&server, NULL);
	struct bytes csr = {0}, key = {0};
	struct wish wish = {.subject = "CN=device 7"};
	struct est_decrypt with = {decrypt, anchors, above, lenient};
	X509 *leaf;
	int rc;

	pki_csr_der(&csr, &wish, server_key);
	rc = est_serverkeygen(&leaf, &key, est, span_of(&csr), &with, why);
	if (rc == 0) {
		struct bytes want = private_info(device_key);

		assert_true(span_equal(span_of(&key), span_of(&want)));
		bytes_wipe(&want);
	} else {
		assert_null(leaf);
		assert_int_equal(key.len, 0);
	}
	X509_free(leaf);
	bytes_wipe(&key);
	bytes_free(&csr);
	est_close(est);
	return rc;
}

static void
a_key_that_comes_is_compared_with_its_certificate(void **state)
{
	struct scripted s = scripted_usual();
	struct bytes mine = private_info(device_key),
		     other = private_info(server_key);
	EVP_PKEY *weak = EVP_RSA_gen(1024);
	struct bytes weak_info = private_info(weak);
	X509 *weak_cert = pki_leaf("CN=weak", weak, root, root_key);
	struct fail why = {0};

	(void)state;
	skg_answer(&s, KEY_PART, span_of(&mine), device_cert, false);
	expect("plain", keygen(&s, NULL, &why), &why, 0, NULL);
	skg_answer(&s, KEY_PART, span_of(&mine), device_cert, true);
	expect("swapped", keygen(&s, NULL, &why), &why, 0, NULL);
	skg_answer(&s, KEY_PART, span_of(&other), device_cert, false);
	expect("other", keygen(&s, NULL, &why), &why, FAIL_DENIED, "up-key");
	skg_answer(&s, KEY_PART, span_of(&weak_info), weak_cert, false);
	expect("weak", keygen(&s, NULL, &why), &why, FAIL_DENIED, "up-key");
	skg_answer(&s, CERT_PART, span_of(&mine), device_cert, false);
	expect(
	    "no key", keygen(&s, NULL, &why), &why, FAIL_MALFORMED, "up-type");
	mine.data[mine.len - 1] ^= 1;
	skg_answer(&s, KEY_PART, (struct span){mine.data, mine.len - 1},
	    device_cert, false);
	expect("cut", keygen(&s, NULL, &why), &why, FAIL_MALFORMED, "up-body");
	scripted_answer(&s, "serverkeygen", "200 OK", SKG_TYPE,
	    span_str("--b 1\r\n" KEY_PART "AAAA\r\n--b 1--\r\n"));
	expect("one part", keygen(&s, NULL, &why), &why, FAIL_MALFORMED,
	    "up-body");
	scripted_answer(
	    &s, "serverkeygen", "202 A", "Retry-After: 90\r\n", span_str(""));
	expect("202", keygen(&s, NULL, &why), &why, FAIL_PENDING, "up-pending");
	bytes_wipe(&mine);
	bytes_wipe(&other);
	bytes_wipe(&weak_info);
	X509_free(weak_cert);
	EVP_PKEY_free(weak);
	scripted_stop(&s);
}

static void
a_key_that_comes_encrypted_is_decrypted(void **state)
{
	struct scripted s = scripted_usual();
	EVP_PKEY *keys[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256")},
		 *others[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256")};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct spec spec = {.subject = "CN=receiver",
		    .key = keys[i],
		    .issuer = root,
		    .signer = root_key,
		    .extension = {{NID_subject_key_identifier, "hash"}}};
		X509 *receiver = pki_cert(&spec);
		X509 *signer = signer_of(NULL, root, root_key);
		struct bytes sealed =
		    enveloped(device_key, receiver, signer, server_key);
		struct fail why = {0};

		skg_answer(&s, ENV_PART, span_of(&sealed), device_cert, i == 1);
		expect("ours", keygen(&s, keys[i], &why), &why, 0, NULL);
		expect("another", keygen(&s, keys[1 - i], &why), &why,
		    FAIL_DENIED, "up-key");
		expect("same type", keygen(&s, others[i], &why), &why,
		    FAIL_DENIED, "up-key");
		expect("nothing", keygen(&s, NULL, &why), &why, FAIL_DENIED,
		    "up-key");
		sealed.len -= 3;
		skg_answer(&s, ENV_PART, span_of(&sealed), device_cert, false);
		expect("cut", keygen(&s, keys[i], &why), &why, FAIL_MALFORMED,
		    "up-body");
		X509_free(signer);
		X509_free(receiver);
		bytes_free(&sealed);
	}
	for (size_t i = 0; i < COUNT(keys); i++) {
		EVP_PKEY_free(keys[i]);
		EVP_PKEY_free(others[i]);
	}
	scripted_stop(&s);
}

/* RFC 7030, 4.4.2: or whoever stands in between could send one of theirs. */
static void
a_key_that_comes_encrypted_is_signed(void **state)
{
	struct scripted s = scripted_usual();
	EVP_PKEY *key = EVP_EC_gen("P-256"), *stranger = pki_key(),
		 *sub_key = pki_key();
	X509 *receiver = pki_leaf("CN=r", key, root, root_key);
	X509 *other = pki_ca("CN=other", stranger, NULL, NULL);
	X509 *sub = pki_ca("CN=sub", sub_key, root, root_key);
	STACK_OF(X509) *subs = pki_chain(sub, NULL, NULL);
	const struct {
		const char *what;
		X509 *signer;
		const STACK_OF(X509) * above;
		bool lenient, ok;
	} rows[] = {
	    {"its generator", signer_of(NULL, root, root_key), NULL, false,
		true},
	    {"a key generation authority",
		signer_of("1.3.6.1.5.5.7.3.32", root, root_key), NULL, false,
		true},
	    {"one below another CA", signer_of(NULL, sub, sub_key), subs, false,
		true},
	    {"whose CA nobody knows", signer_of(NULL, sub, sub_key), NULL,
		false, false},
	    {"a device", signer_of("clientAuth", root, root_key), NULL, false,
		false},
	    {"a web server", signer_of("serverAuth", root, root_key), NULL,
		true, false},
	    {"a stranger", signer_of(NULL, other, stranger), NULL, true, false},
	    {"nobody", NULL, NULL, false, false},
	    {"nobody, which is allowed", NULL, NULL, true, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes sealed =
		    enveloped(device_key, receiver, rows[i].signer, server_key);
		struct fail why = {0};

		above = rows[i].above;
		lenient = rows[i].lenient;
		skg_answer(&s, ENV_PART, span_of(&sealed), device_cert, false);
		expect(rows[i].what, keygen(&s, key, &why), &why, FAIL_DENIED,
		    rows[i].ok ? NULL : "up-key");
		X509_free(rows[i].signer);
		bytes_free(&sealed);
	}
	above = NULL;
	lenient = false;
	sk_X509_pop_free(subs, X509_free);
	X509_free(sub);
	X509_free(other);
	X509_free(receiver);
	EVP_PKEY_free(key);
	EVP_PKEY_free(stranger);
	EVP_PKEY_free(sub_key);
	scripted_stop(&s);
}

/* And as our own server encrypts it. */
static void
a_key_of_our_own_server_is_decrypted(void **state)
{
	const struct keywrap wraps[] = {{NID_sha256, 0, 0, NID_aes_256_cbc},
	    {0, 0, 0, NID_aes_128_cbc},
	    {0, NID_sha256, NID_id_aes256_wrap, NID_aes_256_cbc}};
	EVP_PKEY *keys[] = {
	    EVP_RSA_gen(2048), EVP_RSA_gen(2048), EVP_EC_gen("P-384")};
	struct scripted s = scripted_usual();
	struct bytes info = private_info(device_key);

	(void)state;
	for (size_t i = 0; i < COUNT(wraps); i++) {
		X509 *receiver = pki_leaf("CN=r", keys[i], root, root_key);
		X509 *signer = signer_of(NULL, root, root_key);
		struct keypackage package = {span_of(&info), receiver, wraps[i],
		    signer, server_key, NULL};
		struct bytes sealed = {0};
		struct fail why = {0};

		if (keypackage_write(&sealed, &package, &why) != 0)
			fail_msg("%zu: %s %s", i, why.text, why.cause);
		skg_answer(&s, ENV_PART, span_of(&sealed), device_cert, false);
		expect("ours", keygen(&s, keys[i], &why), &why, 0, NULL);
		bytes_free(&sealed);
		X509_free(signer);
		X509_free(receiver);
		EVP_PKEY_free(keys[i]);
	}
	bytes_wipe(&info);
	scripted_stop(&s);
}

/* ---- csrattrs ------------------------------------------------------------ */

static void
csrattrs_may_be_none(void **state)
{
	static const struct {
		const char *status, *type, *body;
		const char *reason;
		size_t len;
	} rows[] = {{"204 No", "", "", NULL, 0}, {"404 No", "", "x", NULL, 0},
	    {"200 OK", "Content-Type: application/csrattrs\r\n", "MAA=", NULL,
		0},
	    {"200 OK", "", "", NULL, 0},
	    {"200 OK", "Content-Type: application/csrattrs\r\n", LINK_WANTED,
		NULL, 13},
	    {"200 OK", "Content-Type: text/html\r\n", "MAA=", "up-type", 0},
	    {"200 OK", "Content-Type: application/csrattrs\r\n",
		"MA?=", "up-body", 0}};
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);
	struct est *est = est_of(&server, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes der = {0};
		struct fail why = {0};

		scripted_answer(&s, "csrattrs", rows[i].status, rows[i].type,
		    span_str(rows[i].body));
		expect(rows[i].body, est_csrattrs(&der, est, &why), &why,
		    FAIL_MALFORMED, rows[i].reason);
		assert_int_equal(der.len, rows[i].len);
		bytes_free(&der);
	}
	est_close(est);
	scripted_stop(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_certificate_of_the_request_is_taken),
	    cmocka_unit_test(the_request_is_base64_in_lines_with_its_type),
	    cmocka_unit_test(waiting_is_within_a_minute_and_a_day),
	    cmocka_unit_test(our_certificate_is_shown),
	    cmocka_unit_test(a_server_that_refuses_our_certificate_is_told),
	    cmocka_unit_test(a_certificate_of_another_key_is_a_mistake_of_ours),
	    cmocka_unit_test(a_request_names_the_connection_that_it_goes_by),
	    cmocka_unit_test(a_linked_request_survives_a_401),
	    cmocka_unit_test(a_key_that_comes_is_compared_with_its_certificate),
	    cmocka_unit_test(a_key_that_comes_encrypted_is_decrypted),
	    cmocka_unit_test(a_key_that_comes_encrypted_is_signed),
	    cmocka_unit_test(a_key_of_our_own_server_is_decrypted),
	    cmocka_unit_test(csrattrs_may_be_none),
	};

	return cmocka_run_group_tests_name(
	    "est_enroll", tests, scripted_make, scripted_remove);
}
