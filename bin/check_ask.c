/* check_ask - one request of check_url's, and who makes it. */
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "bin/check_url.h"
#include "lib/net/http.h"

#define TIMEOUT 20.0
#define ANSWER_MAX 65536

/* Each with the mark as its value: no variable but HTTP_... may have it. */
static const char *const spoofs[] = {"SSL_CLIENT_CERT", "SSL-Client-Cert",
    "SSL_CLIENT_VERIFY", "SSL-Client-Verify", "SSL_PROTOCOL",
    "MICROCA_ENDPOINT", "MicroCA-Endpoint", "MICROCA_FRONTEND", "REMOTE_USER",
    "Remote-User", "REMOTE_ADDR", "X-Forwarded-For", "TLS_UNIQUE",
    "TLS-Exporter", "TLS_EXPORTER", "MicroCA-Mark"};
#define SPOOFS (sizeof(spoofs) / sizeof(spoofs[0]))

/* ---- one request ------------------------------------------------------------ */

void
seen_free(struct seen *s)
{
	json_free(s->facts);
	free(s->trouble);
	bytes_free(&s->exporter);
	bytes_free(&s->unique);
	sk_X509_NAME_pop_free(s->asked, X509_NAME_free);
	*s = (struct seen){0};
}

static void
base64_add(struct bytes *out, struct span in)
{
	if (in.len > 0)
		base64_write(out, in, 0);
	while (out->len > 0 && out->data[out->len - 1] == '\n')
		out->len--;
	bytes_addc(out, '\0');
}

/* The ticket and every spoof; NULL-terminated, the caller frees. */
static char **
headers_make(const struct look *l)
{
	char **h = mem_new((SPOOFS + 2) * sizeof(*h));

	for (size_t i = 0; i < SPOOFS; i++)
		h[i] = str_fmt("%s: %s", spoofs[i], l->mark);
	h[SPOOFS] = str_fmt("%s: %s", PROBE_HEADER, l->ticket);
	return h;
}

static void
headers_free(char **h)
{
	for (size_t i = 0; h[i] != NULL; i++)
		free(h[i]);
	free(h);
}

char *
authorization_make(const struct look *l)
{
	struct bytes b = {0};

	bytes_adds(&b, "Basic ");
	base64_add(&b, span_str(l->mark));
	return (char *)b.data;
}

/* `octets` < 0: GET. */
void
ask(struct seen *seen, const struct look *l, const char *path,
    const struct shown_pair *pair, int octets)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	struct http_tls tls = {
	    .anchors = l->anchors,
	    .judge = origin_judge,
	    .arg = (void *)&l->origin,
	    .certs = pair->cert != NULL ? certs : NULL,
	    .key = pair->key,
	};
	char **headers = headers_make(l), *basic = authorization_make(l);
	char *url = str_fmt("%s%s", l->wish->url, path);
	struct bytes body = {0};
	struct http_request rq = {.url = url,
	    .type = "application/pkcs10",
	    .authorization = basic,
	    .headers = (const char *const *)headers,
	    .body_max = ANSWER_MAX};
	struct http_answer answer = {0};
	struct http *http = NULL;
	struct fail why = {0};

	*seen = (struct seen){0};
	if (pair->cert != NULL)
		(void)sk_X509_push(certs, pair->cert);
	for (int i = 0; i < octets; i++)
		bytes_addc(&body, 'A');
	if (octets >= 0)
		rq.body = span_of(&body);
	if (http_open(&http, &tls, TIMEOUT, &why) == 0 &&
	    http_ask(&answer, http, &rq, &why) == 0) {
		struct fail none = {0};

		seen->status = answer.status;
		bytes_addc(&answer.body, '\0');
		if (answer.status == 200 && answer.type != NULL &&
		    strcmp(answer.type, "application/json") == 0 &&
		    json_read(&seen->facts, (const char *)answer.body.data,
			&none) != 0)
			seen->facts = NULL;
		base64_add(&seen->exporter, http_exporter(http));
		base64_add(&seen->unique, http_unique(http));
		if (http_asked(http) != NULL)
			seen->asked = sk_X509_NAME_deep_copy(
			    http_asked(http), X509_NAME_dup, X509_NAME_free);
		http_answer_free(&answer);
	} else {
		seen->trouble = str_fmt("%s", why.text);
	}
	http_close(http);
	sk_X509_free(certs);
	bytes_free(&body);
	headers_free(headers);
	free(basic);
	free(url);
}

/* ---- the stranger ------------------------------------------------------------ */

int
stranger_make(struct look *l, struct fail *why)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(
	    NULL, NULL, NID_basic_constraints, "critical,CA:FALSE");

	l->stranger.cert = x;
	l->stranger.key = EVP_EC_gen("P-256");
	if (l->stranger.key == NULL || ext == NULL ||
	    X509_set_version(x, X509_VERSION_3) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(x), 1) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		(const unsigned char *)"microca check", -1, -1, 0) != 1 ||
	    X509_set_issuer_name(x, name) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(x), -300) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(x), 3600) == NULL ||
	    X509_set_pubkey(x, l->stranger.key) != 1 ||
	    X509_add_ext(x, ext, -1) != 1 ||
	    X509_sign(x, l->stranger.key, EVP_sha256()) <= 0) {
		fail(why, FAIL_BROKEN, "build", "cannot make a certificate");
		(void)fail_openssl(why, "X509_sign");
	}
	X509_EXTENSION_free(ext);
	return why->kind == FAIL_NONE ? 0 : -1;
}

/* Read by whoever started us. */
int
given_read(
    struct shown_pair *given, const struct url_wish *wish, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;
	struct bytes pem = {0};
	BIO *bio = NULL;
	int rc = -1;

	if (wish->cert == NULL)
		return 0;
	if (cert_file_read(&certs, wish->cert, why) == 0 &&
	    tool_input(&pem, wish->key, why) == 0 &&
	    (bio = BIO_new_mem_buf(pem.data, (int)pem.len)) != NULL) {
		given->cert = sk_X509_shift(certs);
		given->key =
		    PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
		rc = given->key != NULL
		         ? 0
		         : fail(why, FAIL_CONFIG, "usage",
			       "%s holds no private key", wish->key);
	}
	BIO_free(bio);
	bytes_wipe(&pem);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

void
pair_free(struct shown_pair *pair)
{
	X509_free(pair->cert);
	EVP_PKEY_free(pair->key);
}

int
check_pair(const struct url_wish *wish, struct fail *why)
{
	struct shown_pair given = {0};
	bool pair;

	if (given_read(&given, wish, why) != 0) {
		pair_free(&given);
		return -1;
	}
	pair = X509_check_private_key(given.cert, given.key) == 1;
	printf("%s: %s and %s are %s\n", pair ? "ok" : "FAIL", wish->cert,
	    wish->key, pair ? "a pair" : "no pair");
	pair_free(&given);
	return pair ? 0 : EXIT_DIFFERENCE;
}
