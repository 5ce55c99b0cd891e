/* What servers do wrong before they say anything of certificates: who they
 * are, HTTP, redirects, authentication. */
#include "tests/unit/scripted.h"

#include <openssl/ocsp.h>

#include "lib/base/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define DIGEST                                                                 \
	"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", "

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
cacerts(const struct est_server *server, const struct est_auth *auth,
    struct fail *why)
{
	struct est *est = est_of(server, auth);
	STACK_OF(X509) * certs;
	int rc = est_cacerts(&certs, est, why);

	sk_X509_pop_free(certs, X509_free);
	est_close(est);
	return rc;
}

/* ---- who the server is --------------------------------------------------- */

static const struct identity_row {
	const char *what, *url; /* with one %u for the port */
	struct extension extension[8];
	int64_t from, to;
	bool stranger; /* of another root */
	const char *tls, *reason;
	enum fail_kind kind;
} identities[] = {
    {"its name", "https://LOCALHOST:%u", SERVER_EXTENSIONS("DNS:localhost"), 0,
	0, false, NULL, NULL, 0},
    {"its address", "https://127.0.0.1:%u", SERVER_EXTENSIONS("IP:127.0.0.1"),
	0, 0, false, NULL, NULL, 0},
    {"TLS 1.2", "https://localhost:%u", SERVER_EXTENSIONS("DNS:localhost"), 0,
	0, false, "1.2", NULL, 0},
    {"TLS 1.1", "https://localhost:%u", SERVER_EXTENSIONS("DNS:localhost"), 0,
	0, false, "1.1", "up-tls", FAIL_DENIED},
    {"expired", "https://localhost:%u", SERVER_EXTENSIONS("DNS:localhost"),
	-9 * DAY, -DAY, false, NULL, "up-tls", FAIL_DENIED},
    {"not yet valid", "https://localhost:%u",
	SERVER_EXTENSIONS("DNS:localhost"), DAY, 9 * DAY, false, NULL, "up-tls",
	FAIL_DENIED},
    {"another root", "https://localhost:%u", SERVER_EXTENSIONS("DNS:localhost"),
	0, 0, true, NULL, "up-tls", FAIL_DENIED},
    {"for clients only", "https://localhost:%u",
	{{NID_subject_alt_name, "DNS:localhost"},
	    {NID_ext_key_usage, "clientAuth"}},
	0, 0, false, NULL, "up-tls", FAIL_DENIED},
    {"another name", "https://localhost:%u",
	SERVER_EXTENSIONS("DNS:est.example.net"), 0, 0, false, NULL, "up-authz",
	FAIL_DENIED},
    {"a name in the subject alone", "https://localhost:%u",
	{{NID_ext_key_usage, "serverAuth"}}, 0, 0, false, NULL, "up-authz",
	FAIL_DENIED},
    {"an address as dNSName", "https://127.0.0.1:%u",
	SERVER_EXTENSIONS("DNS:127.0.0.1"), 0, 0, false, NULL, "up-authz",
	FAIL_DENIED},
    {"another name, but an RA", "https://localhost:%u",
	{{NID_subject_alt_name, "DNS:est.example.net"},
	    {NID_ext_key_usage, "serverAuth,1.3.6.1.5.5.7.3.28"}},
	0, 0, false, NULL, NULL, 0},
};

static X509 *
identity_cert(const struct identity_row *row, X509 *other, EVP_PKEY *other_key)
{
	struct spec s = {.subject = "CN=localhost",
	    .key = server_key,
	    .issuer = row->stranger ? other : root,
	    .signer = row->stranger ? other_key : root_key,
	    .from = row->from,
	    .to = row->to};

	memcpy(s.extension, row->extension, sizeof(s.extension));
	return pki_cert(&s);
}

static void
a_server_is_authorized_before_anything_is_sent(void **state)
{
	EVP_PKEY *other_key = pki_key();
	X509 *other = pki_ca("CN=other", other_key, NULL, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(identities); i++) {
		const struct identity_row *row = &identities[i];
		const char *options[] = {"-t", row->tls, NULL};
		X509 *cert = identity_cert(row, other, other_key);
		struct scripted s = scripted_start(
		    cert, server_key, row->tls != NULL ? options : NULL);
		struct est_server server = server_of(&s);
		char *url = str_fmt("https://%.*s:%u",
		    (int)(strlen(row->url) - strlen("https://:%u")),
		    row->url + 8, s.port);
		struct fail why = {0};
		int rc;

		server.url = url;
		answer_with_certs(&s, "cacerts", root, NULL, NULL);
		rc = cacerts(&server, NULL, &why);
		expect(row->what, rc, &why, row->kind, row->reason);
		assert_int_equal(scripted_requests(&s), row->reason == NULL);
		free(url);
		X509_free(cert);
		scripted_stop(&s);
	}
	X509_free(other);
	EVP_PKEY_free(other_key);
}

/* ---- OCSP stapling (RFC 6066, 8) ------------------------------------------ */

/* A response about `cert`, by whoever holds `key`; since `from` s ago. */
static struct bytes
ocsp_of(X509 *cert, int status, X509 *by, EVP_PKEY *key, long from)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha256(), cert, root);
	ASN1_TIME *since = X509_gmtime_adj(NULL, -from),
		  *until = X509_gmtime_adj(NULL, 3600 - from);
	OCSP_RESPONSE *response;
	struct bytes out = {0};
	unsigned char *der = NULL;
	int len;

	must(
	    OCSP_basic_add1_status(basic, id, status,
		OCSP_REVOKED_STATUS_KEYCOMPROMISE, since, since, until) != NULL,
	    "add a status");
	must(OCSP_basic_sign(basic, by, key, EVP_sha256(), NULL, 0) == 1,
	    "sign a response");
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	len = i2d_OCSP_RESPONSE(response, &der);
	must(len > 0, "encode a response");
	bytes_add(&out, der, (size_t)len);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(since);
	ASN1_TIME_free(until);
	return out;
}

#define NONE (-1)
#define GOOD V_OCSP_CERTSTATUS_GOOD
#define REVOKED V_OCSP_CERTSTATUS_REVOKED

static void
a_server_that_says_it_is_revoked_is_believed(void **state)
{
	struct spec promise = {.subject = "CN=localhost",
	    .key = server_key,
	    .issuer = root,
	    .signer = root_key,
	    .extension = {{NID_subject_alt_name, "DNS:localhost"},
		{NID_ext_key_usage, "serverAuth"},
		{NID_tlsfeature, "status_request"}}};
	X509 *usual = server_cert, *promising = pki_cert(&promise);
	X509 *other = device_cert;
	EVP_PKEY *theirs = root_key, *others = device_key;
	const struct {
		const char *what, *tls;
		X509 *cert, *about;
		int status;
		X509 *by;
		EVP_PKEY *key;
		long from;
		bool ok;
	} rows[] = {
	    {"good", "1.3", usual, usual, GOOD, root, theirs, 60, true},
	    {"revoked", "1.3", usual, usual, REVOKED, root, theirs, 60, false},
	    {"in 1.2", "1.2", usual, usual, REVOKED, root, theirs, 60, false},
	    {"old", "1.3", usual, usual, REVOKED, root, theirs, 900000, false},
	    {"another", "1.3", usual, other, REVOKED, root, theirs, 60, true},
	    {"hearsay", "1.3", usual, usual, REVOKED, other, others, 60, true},
	    {"none", "1.3", usual, usual, NONE, NULL, NULL, 0, true},
	    {"promised", "1.3", promising, promising, GOOD, root, theirs, 60,
		true},
	    {"of last week", "1.3", promising, promising, GOOD, root, theirs,
		900000, false},
	    {"by somebody", "1.3", promising, promising, GOOD, other, others,
		60, false},
	    {"not kept", "1.2", promising, promising, NONE, NULL, NULL, 0,
		false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *options[] = {"-t", rows[i].tls, NULL};
		struct scripted s =
		    scripted_start(rows[i].cert, server_key, options);
		struct est_server server = server_of(&s);
		struct bytes response = {0};
		struct fail why = {0};

		if (rows[i].status != NONE) {
			response = ocsp_of(rows[i].about, rows[i].status,
			    rows[i].by, rows[i].key, rows[i].from);
			scripted_put(&s, "staple", span_of(&response));
		}
		answer_with_certs(&s, "cacerts", root, NULL, NULL);
		expect(rows[i].what, cacerts(&server, NULL, &why), &why,
		    FAIL_DENIED, rows[i].ok ? NULL : "up-tls");
		assert_int_equal(scripted_requests(&s), rows[i].ok);
		bytes_free(&response);
		scripted_stop(&s);
	}
	X509_free(promising);
}

/* RFC 7030, 3.6.2: under the system's store only the name counts. */
static void
an_implicit_anchor_wants_the_name(void **state)
{
	struct spec spec = {.subject = "CN=x",
	    .key = server_key,
	    .issuer = root,
	    .signer = root_key,
	    .extension = {{NID_subject_alt_name, "DNS:est.example.net"},
		{NID_ext_key_usage, "serverAuth,1.3.6.1.5.5.7.3.28"}}};
	X509 *cert = pki_cert(&spec);
	struct scripted s = scripted_start(cert, server_key, NULL),
			named = scripted_usual();
	struct est_server server = server_of(&s);
	char *bundle = pki_path("system.pem");
	struct fail why = {0};

	(void)state;
	pki_pem("system.pem", anchors);
	must(setenv("SSL_CERT_FILE", bundle, 1) == 0, "set SSL_CERT_FILE");
	server.anchors = NULL;
	server.implicit = true;
	answer_with_certs(&s, "cacerts", root, NULL, NULL);
	expect("RA", cacerts(&server, NULL, &why), &why, FAIL_DENIED, "up-tls");
	answer_with_certs(&named, "cacerts", root, NULL, NULL);
	server.url = named.url;
	expect("name", cacerts(&server, NULL, &why), &why, 0, NULL);
	(void)unsetenv("SSL_CERT_FILE");
	expect("no store", cacerts(&server, NULL, &why), &why, FAIL_DENIED,
	    "up-tls");
	free(bundle);
	X509_free(cert);
	scripted_stop(&s);
	scripted_stop(&named);
}

static void
what_is_no_tls_is_told(void **state)
{
	static const struct {
		const char *option, *reason;
		enum fail_kind kind;
	} rows[] = {{"-g", "up-tls", FAIL_DENIED}, {"-n", "up-net", FAIL_BUSY}};
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *options[] = {rows[i].option, NULL};
		struct scripted s =
		    scripted_start(server_cert, server_key, options);
		struct est_server server = server_of(&s);

		server.timeout = 0.5;
		expect(rows[i].option, cacerts(&server, NULL, &why), &why,
		    rows[i].kind, rows[i].reason);
		scripted_stop(&s);
		/* And now nobody listens there. */
		server.url = "https://localhost:1";
		expect("nobody", cacerts(&server, NULL, &why), &why, FAIL_BUSY,
		    "up-net");
	}
}

static void
urls_are_judged_before_use(void **state)
{
	static const struct {
		const char *url, *label;
		bool ok;
	} rows[] = {{"https://a.example", NULL, true},
	    {"https://a.example/", "label", true},
	    {"https://[::1]:8443/pki", NULL, true},
	    {"https://192.0.2.1", NULL, true},
	    {"http://a.example", NULL, false}, {"https://", NULL, false},
	    {"https://u@a.example", NULL, false},
	    {"https://a.example:0", NULL, false},
	    {"https://a.example:65536", NULL, false},
	    {"https://a.example:x", NULL, false},
	    {"https://a.example/?x", NULL, false},
	    {"https://a.example/%2e", NULL, false},
	    {"https://a.example/../x", NULL, false},
	    {"https://a b.example", NULL, false}, {"https://::1", NULL, false},
	    {"https://[192.0.2.1]", NULL, false},
	    {"https://a.example", "a/b", false},
	    {"https://a.example", "", false},
	    {"https://a.example", "..", false}};
	struct est_auth nobody = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct est_server server = {.url = rows[i].url,
		    .label = rows[i].label,
		    .anchors = anchors,
		    .timeout = 1};
		struct fail why = {0};
		struct est *est;
		int rc = est_open(&est, &server, &nobody, &why);

		expect(rows[i].url, rc, &why, FAIL_CONFIG,
		    rows[i].ok ? NULL : "url");
		est_close(est);
	}
}

static void
without_trust_anchors_only_bootstrap_works(void **state)
{
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);
	struct est_auth auth = {.user = "u", .password = "p"};
	struct fail why = {0};
	struct est *est;
	STACK_OF(X509) * certs;

	(void)state;
	server.anchors = NULL;
	expect("open", est_open(&est, &server, &auth, &why), &why, FAIL_CONFIG,
	    "up-tls");
	answer_with_certs(&s, "cacerts.1", root, NULL, NULL);
	expect("bootstrap", est_cacerts_bootstrap(&certs, &server, &why), &why,
	    0, NULL);
	assert_int_equal(sk_X509_num(certs), 1);
	sk_X509_pop_free(certs, X509_free);
	/* RFC 7030, 4.1.1: no HTTP authentication on it. */
	scripted_answer(&s, "cacerts", "401 No",
	    "WWW-Authenticate: Basic realm=\"x\"\r\n", span_str(""));
	expect("401", est_cacerts_bootstrap(&certs, &server, &why), &why,
	    FAIL_DENIED, "up-auth");
	assert_int_equal(scripted_requests(&s), 2);
	scripted_stop(&s);
}

/* ---- HTTP ---------------------------------------------------------------- */

#define OK_TYPE "HTTP/1.1 200 OK\r\nContent-Type: application/pkcs7-mime\r\n"

static const struct http_row {
	const char *what, *answer, *mode, *reason;
	enum fail_kind kind;
} https[] = {
    {"HTTP/0.9", "MIIB\n", "close", "up-proto", FAIL_MALFORMED},
    {"204", "HTTP/1.1 204 No\r\n\r\n", NULL, "up-proto", FAIL_MALFORMED},
    {"206", "HTTP/1.1 206 P\r\nContent-Length: 1\r\n\r\nM", NULL, "up-proto",
	FAIL_MALFORMED},
    {"299", "HTTP/1.1 299 X\r\nContent-Length: 0\r\n\r\n", NULL, "up-proto",
	FAIL_MALFORMED},
    {"202 for a GET", "HTTP/1.1 202 A\r\nContent-Length: 0\r\n\r\n", NULL,
	"up-proto", FAIL_MALFORMED},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "close", "up-proto",
	FAIL_MALFORMED},
    {"100 alone", "HTTP/1.1 100 Continue\r\n\r\n", "close", "up-net",
	FAIL_BUSY},
    {"403", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", NULL, "up-refused",
	FAIL_DENIED},
    {"404", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", NULL, "up-refused",
	FAIL_DENIED},
    {"405", "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n", NULL, "up-refused",
	FAIL_DENIED},
    {"501", "HTTP/1.1 501 No\r\nContent-Length: 0\r\n\r\n", NULL, "up-refused",
	FAIL_DENIED},
    {"500", "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", NULL, "up-busy",
	FAIL_BUSY},
    {"503", "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", NULL, "up-busy",
	FAIL_BUSY},
    {"429", "HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n", NULL, "up-busy",
	FAIL_BUSY},
    {"HTML",
	"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4"
	"\r\n\r\n<a>\n",
	NULL, "up-type", FAIL_MALFORMED},
    {"no type", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nMAA=", NULL,
	"up-type", FAIL_MALFORMED},
    {"an enrolment's other type",
	"HTTP/1.1 200 OK\r\nContent-Type: application/pkcs7-mime; "
	"smime-type=CMC-response\r\nContent-Length: 4\r\n\r\nMAA=",
	NULL, "up-type", FAIL_MALFORMED},
    {"empty", OK_TYPE "Content-Length: 0\r\n\r\n", NULL, "up-body",
	FAIL_MALFORMED},
    {"not base64", OK_TYPE "Content-Length: 4\r\n\r\nM*A=", NULL, "up-body",
	FAIL_MALFORMED},
    {"not a CMS message", OK_TYPE "Content-Length: 4\r\n\r\nMAA=", NULL,
	"up-body", FAIL_MALFORMED},
    {"gzip",
	OK_TYPE "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b"
		"\x08",
	NULL, "up-body", FAIL_MALFORMED},
    {"cut", OK_TYPE "Content-Length: 100\r\n\r\nMAA=", "close", "up-body",
	FAIL_MALFORMED},
    {"chunk overflow",
	OK_TYPE "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nMAA=",
	"close", "up-body", FAIL_MALFORMED},
    {"a chunk that is none",
	OK_TYPE "Transfer-Encoding: chunked\r\n\r\nxyz\r\nMAA=", "close",
	"up-body", FAIL_MALFORMED},
    {"a chunked body without end",
	OK_TYPE "Transfer-Encoding: chunked\r\n\r\n4\r\nMAA=\r\n", "close",
	"up-body", FAIL_MALFORMED},
    {"endless", OK_TYPE "\r\n", "endless", "up-body", FAIL_MALFORMED},
    {"1 GiB announced", OK_TYPE "Content-Length: 1073741824\r\n\r\n", "endless",
	"up-body", FAIL_MALFORMED},
    {"closed after the request", "HTTP", "cut 0", "up-net", FAIL_BUSY},
    {"cut in the status line", "HTTP/1.1 200 OK\r\n", "cut 6", "up-net",
	FAIL_BUSY},
    {"no answer", "HTTP", "hang 0", "up-net", FAIL_BUSY},
    {"half an answer", OK_TYPE "Content-Length: 100\r\n\r\nMAA=", "hang 80",
	"up-net", FAIL_BUSY},
    {"too slow", OK_TYPE "Content-Length: 100\r\n\r\n", "drip 100", "up-net",
	FAIL_BUSY},
};

static void
odd_http_is_bounded_and_told(void **state)
{
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);

	(void)state;
	for (size_t i = 0; i < COUNT(https); i++) {
		bool waits =
		    https[i].mode != NULL &&
		    (https[i].mode[0] == 'h' || https[i].mode[0] == 'd');
		struct fail why = {0};
		double begin = when_clock();

		server.timeout = waits ? 1 : 20;
		scripted_text(&s, "cacerts", https[i].answer);
		scripted_text(&s, "cacerts.mode",
		    https[i].mode != NULL ? https[i].mode : "");
		expect(https[i].what, cacerts(&server, NULL, &why), &why,
		    https[i].kind, https[i].reason);
		assert_true(when_clock() - begin < 15);
	}
	scripted_stop(&s);
}

static void
headers_without_end_are_cut_off(void **state)
{
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);
	struct bytes all = {0};
	struct fail why = {0};

	(void)state;
	bytes_adds(&all, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 4000; i++)
		bytes_addf(&all, "X-%d: y\r\n", i);
	scripted_put(&s, "cacerts", span_of(&all));
	expect("headers", cacerts(&server, NULL, &why), &why, FAIL_MALFORMED,
	    "up-body");
	bytes_free(&all);
	scripted_stop(&s);
}

/* How bodies come: as libest, GlobalSign and others send them. */
static void
legal_forms_of_the_body_are_read(void **state)
{
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);
	struct bytes text = certs_body(root, NULL, NULL), line = {0}, der = {0};
	struct fail why = {0};
	char *chunked;

	(void)state;
	assert_int_equal(base64_read(&der, span_of(&text), &why), 0);
	base64_write(&line, span_of(&der), 0);
	line.len--; /* without its LF */
	line.data[line.len] = '\0';
	scripted_answer(&s, "cacerts", "200 ",
	    "content-type:Application/PKCS7-MIME ;x=y\r\n", span_of(&line));
	expect("one line", cacerts(&server, NULL, &why), &why, 0, NULL);
	scripted_answer(&s, "cacerts", "200 OK",
	    "Content-Type: application/pkcs7-mime\r\n"
	    "Content-Transfer-Encoding: binary\r\n",
	    span_of(&text));
	expect("wrapped", cacerts(&server, NULL, &why), &why, 0, NULL);
	scripted_answer(&s, "cacerts", "200 OK",
	    "Content-Type: application/pkcs7-mime\r\n",
	    (struct span){line.data, line.len + 1});
	expect("a NUL", cacerts(&server, NULL, &why), &why, 0, NULL);
	chunked = str_fmt("%sTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n"
			  "0\r\n\r\n",
	    OK_TYPE, line.len, (char *)line.data);
	scripted_text(&s, "cacerts", chunked);
	expect("chunked", cacerts(&server, NULL, &why), &why, 0, NULL);
	free(chunked);
	chunked = str_fmt("HTTP/1.0 200 OK\r\nContent-Type: "
			  "application/pkcs7-mime\r\n\r\n%s",
	    (char *)line.data);
	scripted_text(&s, "cacerts", chunked);
	scripted_text(&s, "cacerts.mode", "close");
	expect("no length", cacerts(&server, NULL, &why), &why, 0, NULL);
	free(chunked);
	bytes_free(&text);
	bytes_free(&line);
	bytes_free(&der);
	scripted_stop(&s);
}

static void
pem_and_der_only_when_lenient(void **state)
{
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);
	struct bytes text = certs_body(root, NULL, NULL), der = {0};
	struct fail why = {0};
	char *pem = str_fmt("-----BEGIN PKCS7-----\n%s-----END PKCS7-----\n",
	    (char *)text.data);

	(void)state;
	assert_int_equal(base64_read(&der, span_of(&text), &why), 0);
	for (int i = 0; i < 4; i++) {
		server.lenient = i % 2 == 1;
		scripted_answer(&s, "cacerts", "200 OK",
		    "Content-Type: application/pkcs7-mime\r\n",
		    i < 2 ? span_of(&der) : span_str(pem));
		expect(i < 2 ? "DER" : "PEM", cacerts(&server, NULL, &why),
		    &why, FAIL_MALFORMED, server.lenient ? NULL : "up-body");
	}
	free(pem);
	bytes_free(&text);
	bytes_free(&der);
	scripted_stop(&s);
}

static void
a_refusal_is_shown_escaped_and_cut(void **state)
{
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);
	struct bytes body = {0};
	struct fail why = {0};

	(void)state;
	bytes_adds(&body, "no\033[2J\xff pumps");
	while (body.len < 10 << 20)
		bytes_adds(&body, " and no pipes either");
	scripted_answer(&s, "cacerts", "403 Forbidden",
	    "Content-Type: text/plain\r\n", span_of(&body));
	expect("text", cacerts(&server, NULL, &why), &why, FAIL_DENIED,
	    "up-refused");
	assert_non_null(strstr(why.text, "403: no\\x1b[2J\\xff pumps and"));
	assert_true(strlen(why.text) < 240);
	scripted_answer(&s, "cacerts", "403 Forbidden",
	    "Content-Type: text/html\r\n", span_str("<h1>no</h1>"));
	expect("HTML", cacerts(&server, NULL, &why), &why, FAIL_DENIED,
	    "up-refused");
	assert_null(strstr(why.text, "h1"));
	bytes_free(&body);
	scripted_stop(&s);
}

/* ---- redirects ----------------------------------------------------------- */

static void
redirects_stay_with_the_server(void **state)
{
	struct scripted s = scripted_usual(), other = scripted_usual();
	struct est_server server = server_of(&s);
	char *elsewhere = str_fmt("Location: %s/x\r\n", other.url);
	char *absolute = str_fmt("Location: %s/b/two\r\n", s.url);
	const struct {
		const char *what, *location, *reason;
	} rows[] = {{"another path", "Location: /a/one\r\n", NULL},
	    {"a relative one", "Location: one\r\n", NULL},
	    {"the whole URL", absolute, NULL},
	    {"another host", elsewhere, "up-redirect"},
	    {"http", "Location: http://localhost/\r\n", "up-redirect"},
	    {"no location", "", "up-redirect"},
	    {"a loop", "Location: cacerts\r\n", "up-redirect"},
	    {"a file", "Location: file:///etc/passwd\r\n", "up-redirect"}};

	(void)state;
	answer_with_certs(&s, "two", root, NULL, NULL);
	scripted_answer(
	    &s, "one", "301 Moved", "Location: /b/two\r\n", span_str(""));
	answer_with_certs(&other, "default", root, NULL, NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fail why = {0};

		scripted_answer(
		    &s, "cacerts", "302 Found", rows[i].location, span_str(""));
		expect(rows[i].what, cacerts(&server, NULL, &why), &why,
		    FAIL_DENIED, rows[i].reason);
	}
	assert_int_equal(scripted_requests(&other), 0);
	free(elsewhere);
	free(absolute);
	scripted_stop(&s);
	scripted_stop(&other);
}

/* ---- authentication ------------------------------------------------------ */

static char *
header_of(const struct scripted *s, int request, const char *name)
{
	char file[32], *found = NULL;
	struct bytes head;
	const char *p;

	(void)snprintf(file, sizeof(file), "request.%d", request);
	head = scripted_file(s, file);
	p = strstr((char *)head.data, name);
	if (p != NULL)
		found = mem_dup(
		    p + strlen(name), strcspn(p + strlen(name), "\r\n"));
	bytes_free(&head);
	return found;
}

static const struct auth_row {
	const char *what, *challenge, *second; /* the second status */
	const char *reason;
	int requests;
	const char *begins; /* of what was sent */
} auths[] = {
    {"Basic", "WWW-Authenticate: Basic realm=\"x\"\r\n", NULL, NULL, 2,
	"Basic dTpwYXNz"},
    {"Digest", DIGEST "algorithm=SHA-256\r\n", NULL, NULL, 2,
	"Digest response="},
    {"Digest before Basic",
	"WWW-Authenticate: Basic realm=\"x\", Digest realm=\"r\", "
	"nonce=\"n\", algorithm=MD5\r\n" DIGEST "algorithm=SHA-256\r\n",
	NULL, NULL, 2, "Digest response="},
    {"no challenge", "", NULL, "up-auth", 1, NULL},
    {"Digest with MD5", DIGEST "algorithm=MD5\r\n", NULL, "up-auth", 1, NULL},
    {"Digest without algorithm", DIGEST "opaque=\"\"\r\n", NULL, "up-auth", 1,
	NULL},
    {"NTLM", "WWW-Authenticate: NTLM\r\nWWW-Authenticate: Negotiate\r\n", NULL,
	"up-auth", 1, NULL},
    {"wrong password", "WWW-Authenticate: Basic realm=\"x\"\r\n", "401 No",
	"up-auth", 2, "Basic dTpwYXNz"},
};

static void
a_401_is_answered_once(void **state)
{
	struct est_auth auth = {.user = "u", .password = "pass"};

	(void)state;
	for (size_t i = 0; i < COUNT(auths); i++) {
		const struct auth_row *row = &auths[i];
		struct scripted s = scripted_usual();
		struct est_server server = server_of(&s);
		struct est *est = est_of(&server, &auth);
		struct fail why = {0};
		STACK_OF(X509) * certs;
		char *sent;
		int rc;

		answer_with_certs(&s, "cacerts", root, NULL, NULL);
		scripted_answer(
		    &s, "cacerts.1", "401 No", row->challenge, span_str(""));
		if (row->second != NULL)
			scripted_answer(&s, "cacerts.2", row->second,
			    row->challenge, span_str(""));
		rc = est_cacerts(&certs, est, &why);
		expect(row->what, rc, &why, FAIL_DENIED, row->reason);
		sk_X509_pop_free(certs, X509_free);
		assert_int_equal(scripted_requests(&s), row->requests);
		sent = header_of(&s, 1, "Authorization: ");
		assert_null(sent);
		sent = header_of(&s, 2, "Authorization: ");
		if (row->begins != NULL &&
		    strncmp(sent, row->begins, strlen(row->begins)) != 0)
			fail_msg("%s: %s", row->what, sent);
		free(sent);
		if (row->second != NULL) {
			/* Not by another operation either. */
			scripted_answer(&s, "csrattrs", "401 No",
			    row->challenge, span_str(""));
			struct bytes der = {0};

			assert_int_equal(est_csrattrs(&der, est, &why), -1);
			assert_string_equal(why.reason, "up-auth");
			assert_true(scripted_requests(&s) <= 4);
		}
		est_close(est);
		scripted_stop(&s);
	}
}

/* RFC 7616, 3.4: what the server would compute. */
static void
a_digest_is_what_the_rfc_says(void **state)
{
	struct est_auth auth = {.user = "Mufasa", .password = "Circle of Life"};
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);
	struct fail why = {0};
	char *sent, *cnonce, *text, hex[2 * SHA256_LEN + 1], a1[sizeof(hex)],
	    a2[sizeof(hex)];
	uint8_t hash[SHA256_LEN];
	struct span octets = {hash, sizeof(hash)};

	(void)state;
	answer_with_certs(&s, "cacerts", root, NULL, NULL);
	scripted_answer(&s, "cacerts.1", "401 No",
	    "WWW-Authenticate: Digest realm=\"http-auth@example.org\", "
	    "qop=\"auth, auth-int\", algorithm=SHA-256, nonce=\"7ypf/xlj\", "
	    "opaque=\"FQhe/qaU\"\r\n",
	    span_str(""));
	expect("digest", cacerts(&server, &auth, &why), &why, 0, NULL);
	sent = header_of(&s, 2, "Authorization: ");
	assert_non_null(strstr(sent, "username=\"Mufasa\""));
	assert_non_null(strstr(sent, "opaque=\"FQhe/qaU\""));
	assert_non_null(strstr(sent, "uri=\"/.well-known/est/cacerts\""));
	assert_non_null(strstr(sent, "qop=auth, nc=00000001"));
	cnonce = strstr(sent, "cnonce=\"") + 8;
	sha256(hash, span_str("Mufasa:http-auth@example.org:Circle of Life"));
	hex_write(a1, octets, false);
	sha256(hash, span_str("GET:/.well-known/est/cacerts"));
	hex_write(a2, octets, false);
	text = str_fmt("%s:7ypf/xlj:00000001:%.32s:auth:%s", a1, cnonce, a2);
	sha256(hash, span_str(text));
	hex_write(hex, octets, false);
	free(text);
	text = str_fmt("response=\"%s\"", hex);
	assert_non_null(strstr(sent, text));
	free(text);
	free(sent);
	scripted_stop(&s);
}

static void
only_a_stale_nonce_is_tried_again(void **state)
{
	struct est_auth auth = {.user = "u", .password = "p"};
	struct scripted s = scripted_usual();
	struct est_server server = server_of(&s);
	struct est *est = est_of(&server, &auth);
	struct fail why = {0};
	STACK_OF(X509) * certs;

	(void)state;
	answer_with_certs(&s, "cacerts", root, NULL, NULL);
	scripted_answer(&s, "cacerts.1", "401 No",
	    DIGEST "algorithm=SHA-256\r\n", span_str(""));
	scripted_answer(&s, "cacerts.3", "401 No",
	    DIGEST "algorithm=SHA-256, stale=true\r\n", span_str(""));
	for (int i = 0; i < 2; i++) {
		expect("stale", est_cacerts(&certs, est, &why), &why, 0, NULL);
		sk_X509_pop_free(certs, X509_free);
	}
	assert_int_equal(scripted_requests(&s), 4);
	est_close(est);
	scripted_stop(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_server_is_authorized_before_anything_is_sent),
	    cmocka_unit_test(a_server_that_says_it_is_revoked_is_believed),
	    cmocka_unit_test(an_implicit_anchor_wants_the_name),
	    cmocka_unit_test(what_is_no_tls_is_told),
	    cmocka_unit_test(urls_are_judged_before_use),
	    cmocka_unit_test(without_trust_anchors_only_bootstrap_works),
	    cmocka_unit_test(odd_http_is_bounded_and_told),
	    cmocka_unit_test(headers_without_end_are_cut_off),
	    cmocka_unit_test(legal_forms_of_the_body_are_read),
	    cmocka_unit_test(pem_and_der_only_when_lenient),
	    cmocka_unit_test(a_refusal_is_shown_escaped_and_cut),
	    cmocka_unit_test(redirects_stay_with_the_server),
	    cmocka_unit_test(a_401_is_answered_once),
	    cmocka_unit_test(a_digest_is_what_the_rfc_says),
	    cmocka_unit_test(only_a_stale_nonce_is_tried_again),
	};

	return cmocka_run_group_tests_name(
	    "est", tests, scripted_make, scripted_remove);
}
