#include "lib/net/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>
#include <openssl/err.h>

#include "lib/net/head.h"
#include "lib/net/names.h"
#include "lib/net/session.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define HEADERS_MAX (32 * 1024) /* octets */
#define TEXT_MAX 2048           /* octets kept of a refusal's body */

struct http {
	CURL *curl;
	struct session session;
	double timeout;
	bool only_tls12;
	/* Of the exchange that runs: */
	struct http_answer *answer;
	size_t headers, body_max;
	bool whole, too_long, cut; /* wanted; refused; enough was seen */
	char error[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
curl_start(void)
{
	if (curl_global_init(CURL_GLOBAL_SSL) != CURLE_OK)
		abort();
}

static CURLcode
tls_set(CURL *curl, void *ssl_ctx, void *arg)
{
	struct http *http = arg;

	(void)curl;
	return session_prepare(&http->session, ssl_ctx) ? CURLE_OK
	                                                : CURLE_SSL_CERTPROBLEM;
}

/* ---- the answer as it comes ---------------------------------------------- */

static size_t
take_header(char *line, size_t size, size_t n, void *arg)
{
	struct http *http = arg;
	size_t len = size * n;

	http->headers += len;
	if (http->headers > HEADERS_MAX) {
		http->too_long = true;
		return 0;
	}
	head_line(http->answer, line, len);
	return len;
}

static size_t
take_body(char *data, size_t size, size_t n, void *arg)
{
	struct http *http = arg;
	struct bytes *body = &http->answer->body;
	size_t len = size * n;
	long status = 0;

	(void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200 && !http->whole && body->len + len > TEXT_MAX) {
		bytes_add(body, data, TEXT_MAX - body->len);
		http->cut = true;
		return 0;
	}
	if (body->len + len > http->body_max) {
		http->too_long = true;
		return 0;
	}
	bytes_add(body, data, len);
	return len;
}

/* ---- what went wrong ----------------------------------------------------- */

static bool
said(const struct http *http, const char *word)
{
	return strcasestr(http->error, word) != NULL;
}

static int
broken_off(const struct http *http, struct fail *why)
{
	if (http->too_long)
		return fail(why, FAIL_MALFORMED, "up-body",
		    "the server's answer is too long");
	return fail(why, FAIL_MALFORMED, "up-body",
	    "the server's answer ends early or is not framed as HTTP has it");
}

/* A handshake that fails says no; a connection that ends says nothing. */
static int
tls_failed(const struct http *http, struct fail *why)
{
	if (http->session.refused.reason != NULL) {
		*why = http->session.refused;
		return -1;
	}
	if (said(http, "SSL_ERROR_SYSCALL") || said(http, "reset by peer") ||
	    said(http, "unexpected eof"))
		return fail(why, FAIL_BUSY, "up-net",
		    "the connection ended during the TLS handshake");
	return fail(why, FAIL_DENIED, "up-tls",
	    "no TLS session with the server: %.200s", http->error);
}

static int
went_wrong(const struct http *http, CURLcode rc, struct fail *why)
{
	switch (rc) {
	case CURLE_WRITE_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_FILESIZE_EXCEEDED:
		return broken_off(http, why);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_USE_SSL_FAILED:
		return tls_failed(http, why);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return fail(why, FAIL_MALFORMED, "up-proto",
		    "the server does not speak HTTP/1.1");
	case CURLE_RECV_ERROR:
		if (said(http, "alert"))
			return tls_failed(http, why);
		if (said(http, "chunk"))
			return broken_off(http, why);
		break;
	default:
		break;
	}
	return fail(why, FAIL_BUSY, "up-net",
	    "the server cannot be reached: %s",
	    rc == CURLE_OPERATION_TIMEDOUT ? "time-out"
					   : curl_easy_strerror(rc));
}

/* ---- exchanges ----------------------------------------------------------- */

static void
header_add(struct curl_slist **list, const char *name, const char *value)
{
	char *line;

	if (value == NULL)
		return;
	line = str_fmt("%s: %s", name, value);
	*list = curl_slist_append(*list, line);
	OPENSSL_cleanse(line, strlen(line));
	free(line);
}

static struct curl_slist *
headers_of(const struct http_request *request)
{
	struct curl_slist *list = NULL;

	/* No waiting for "100 Continue": what we send is short. */
	list = curl_slist_append(list, "Expect:");
	if (request->body.data != NULL)
		header_add(&list, "Content-Type", request->type);
	header_add(&list, "Authorization", request->authorization);
	for (const char *const *h = request->headers; h != NULL && *h != NULL;
	     h++)
		list = curl_slist_append(list, *h);
	if (list == NULL)
		abort();
	return list;
}

static void
headers_free(struct curl_slist *list)
{
	for (struct curl_slist *l = list; l != NULL; l = l->next)
		OPENSSL_cleanse(l->data, strlen(l->data));
	curl_slist_free_all(list);
}

/* What is the same for all exchanges. */
static void
settings(struct http *http)
{
	CURL *c = http->curl;

	(void)curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_HTTP09_ALLOWED, 0L);
	(void)curl_easy_setopt(
	    c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	(void)curl_easy_setopt(c, CURLOPT_MAXCONNECTS, 1L);
	(void)curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 16384L);
	(void)curl_easy_setopt(
	    c, CURLOPT_TIMEOUT_MS, (long)(http->timeout * 1000));
	(void)curl_easy_setopt(
	    c, CURLOPT_USERAGENT, "microca/" PACKAGE_VERSION);
	/* Judged by verify(), not by what curl would load. */
	(void)curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
	(void)curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	(void)curl_easy_setopt(c, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2 |
		(http->only_tls12 ? (long)CURL_SSLVERSION_MAX_TLSv1_2
				  : (long)CURL_SSLVERSION_MAX_DEFAULT));
	(void)curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, tls_set);
	(void)curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, http);
	(void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_easy_setopt(c, CURLOPT_HEADERDATA, http);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, http);
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, http->error);
}

/* What is this exchange's own. */
static void
request_set(CURL *c, const struct http_request *request,
    struct curl_slist *headers, struct curl_slist *connect_to)
{
	(void)curl_easy_setopt(
	    c, CURLOPT_PROTOCOLS_STR, request->plain ? "http,https" : "https");
	(void)curl_easy_setopt(c, CURLOPT_URL, request->url);
	(void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(c, CURLOPT_CONNECT_TO, connect_to);
	if (request->body.data != NULL) {
		(void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)request->body.len);
		(void)curl_easy_setopt(
		    c, CURLOPT_POSTFIELDS, request->body.data);
	}
	if (request->method != NULL)
		(void)curl_easy_setopt(
		    c, CURLOPT_CUSTOMREQUEST, request->method);
}

static CURLcode
perform(struct http *http, const struct http_request *request)
{
	struct curl_slist *headers = headers_of(request), *to = NULL;
	CURLcode rc;

	if (request->connect_to != NULL) {
		char *line = str_fmt("::%s", request->connect_to);

		to = curl_slist_append(NULL, line);
		free(line);
		if (to == NULL)
			abort();
	}
	curl_easy_reset(http->curl);
	settings(http);
	request_set(http->curl, request, headers, to);
	ERR_clear_error();
	rc = curl_easy_perform(http->curl);
	ERR_clear_error();
	headers_free(headers);
	curl_slist_free_all(to);
	return rc;
}

int
http_ask(struct http_answer *answer, struct http *http,
    const struct http_request *request, struct fail *why)
{
	long status = 0, connects = 0;
	CURLcode rc;

	*answer = (struct http_answer){.retry_after = -1};
	http->answer = answer;
	http->headers = 0;
	http->body_max = request->body_max;
	http->whole = request->whole;
	http->too_long = http->cut = false;
	http->session.refused = (struct fail){0};
	http->error[0] = '\0';
	rc = perform(http, request);
	http->answer = NULL;
	if (rc != CURLE_OK && !(rc == CURLE_WRITE_ERROR && http->cut)) {
		http_answer_free(answer);
		(void)went_wrong(http, rc, why);
		return fail_cause(
		    why, "%s: curl %d: %s", request->url, (int)rc, http->error);
	}
	(void)curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(http->curl, CURLINFO_NUM_CONNECTS, &connects);
	answer->status = (int)status;
	answer->fresh = connects > 0;
	return 0;
}

void
http_prepare(void)
{
	(void)pthread_once(&once, curl_start);
	(void)names_load(NULL);
}

/* ---- the handle ---------------------------------------------------------- */

int
http_open(struct http **http, const struct http_tls *tls, double timeout,
    struct fail *why)
{
	struct http *h;

	*http = NULL;
	if (tls->certs != NULL &&
	    X509_check_private_key(sk_X509_value(tls->certs, 0), tls->key) !=
		1) {
		fail(why, FAIL_CONFIG, "up-tls",
		    "the client certificate and its key do not belong "
		    "together");
		return fail_openssl(why, "certificate");
	}
	(void)pthread_once(&once, curl_start);
	h = mem_new(sizeof(*h));
	h->curl = curl_easy_init();
	if (h->curl == NULL)
		abort();
	h->timeout = timeout;
	session_open(&h->session, tls);
	*http = h;
	return 0;
}

void
http_close(struct http *http)
{
	if (http == NULL)
		return;
	curl_easy_cleanup(http->curl);
	session_close(&http->session);
	free(http);
}

void
http_only_tls12(struct http *http, bool only)
{
	http->only_tls12 = only;
}

struct span
http_unique(const struct http *http)
{
	return (struct span){http->session.unique, http->session.unique_len};
}

struct span
http_exporter(const struct http *http)
{
	return (struct span){
	    http->session.exporter, http->session.exporter_len};
}

const STACK_OF(X509_NAME) * http_asked(const struct http *http)
{
	return http->session.asked;
}

int64_t
http_date(const char *text)
{
	time_t date = curl_getdate(text, NULL);

	return date < 0 ? -1 : (int64_t)date;
}

char *
http_join(const char *url, const char *location)
{
	CURLU *u = curl_url();
	char *text = NULL, *copy = NULL;

	if (u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_URL, location, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
		copy = str_dup(text);
	curl_free(text);
	curl_url_cleanup(u);
	return copy;
}
