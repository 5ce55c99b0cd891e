#include "lib/web/shown.h"

#include <errno.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/settings.h"
#include "lib/wire/cert.h"
#include "lib/wire/request.h"

/* The web server had a certificate that it did not accept, and hides it. */
static int
verify_failed(const char *verify, struct fail *why)
{
	static const struct {
		const char *part, *reason, *text;
	} known[] = {
	    /* X509_V_ERR_CERT_HAS_EXPIRED as lighttpd writes it */
	    {"0000000A", "client-expired", "the client certificate expired"},
	    {"expired", "client-expired", "the client certificate expired"},
	    {"00000009", "client-notyet",
		"the client certificate is not valid yet"},
	    {"not yet valid", "client-notyet",
		"the client certificate is not valid yet"},
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(verify, known[i].part) != NULL)
			break;
	if (i < sizeof(known) / sizeof(known[0]))
		fail(why, FAIL_DENIED, known[i].reason, "%s", known[i].text);
	else
		fail(why, FAIL_DENIED, "client-untrusted",
		    "the client certificate is not accepted here");
	return fail_cause(why, "SSL_CLIENT_VERIFY is %s", verify);
}

static int
verify_strange(const char *verify, bool cert, struct fail *why)
{
	fail(why, FAIL_DENIED, "auth-config",
	    "what the web server says about the client certificate "
	    "contradicts itself");
	return fail_cause(why, "%s client certificate, SSL_CLIENT_VERIFY is %s",
	    cert ? "a" : "no", verify != NULL ? verify : "not set");
}

/* Set by the web server's configuration, as MICROCA_ENDPOINT is: a client's
 * headers arrive as HTTP_... alone. */
static int
frontend_of(int *frontend, char *const *env, struct fail *why)
{
	bool twice = false;
	const char *word = env_find(env, "MICROCA_FRONTEND", &twice);
	int said = word != NULL ? frontend_find(word) : FRONTEND_LIGHTTPD;

	if (*frontend != FRONTEND_ANY && (word == NULL || said == *frontend))
		return 0;
	if (*frontend == FRONTEND_ANY && said > FRONTEND_ANY && !twice) {
		*frontend = said;
		return 0;
	}
	fail(why, FAIL_CONFIG, "config",
	    "the web server's configuration does not fit this program");
	return fail_cause(why, "MICROCA_FRONTEND is %s, frontend is %s", word,
	    frontend_word(*frontend));
}

int
shown_read(struct bytes *der, int frontend, bool hidden, char *const *env,
    struct fail *why)
{
	bool twice = false, again = false;
	const char *text, *verify;

	if (frontend_of(&frontend, env, why) != 0)
		return -1;
	text = env_find(env, frontend_cert_variable(frontend), &twice);
	verify = env_find(env, "SSL_CLIENT_VERIFY", &again);
	if (twice || again)
		return fail(why, FAIL_DENIED, "auth-config",
		    "the web server hands over the client certificate twice");
	if (text == NULL && hidden)
		return 0;
	if (text == NULL && verify != NULL && strcmp(verify, "NONE") != 0)
		return strncmp(verify, "FAILED", 6) == 0
		           ? verify_failed(verify, why)
		           : verify_strange(verify, false, why);
	if (text == NULL)
		return 0;
	/* lighttpd exports only what it verified. */
	if (frontend == FRONTEND_LIGHTTPD &&
	    (verify == NULL || strcmp(verify, "SUCCESS") != 0))
		return verify_strange(verify, true, why);
	return cert_text_read(
	    der, text, (enum cert_form)frontend_cert_form(frontend), why);
}

static int
too_large(size_t max, struct fail *why)
{
	return fail(why, FAIL_SIZE, "too-large",
	    "RFC 9110, 15.5.14: the body is over %zu octets", max);
}

static int
broke_off(struct edge *e, struct fail *why)
{
	if (errno == ETIMEDOUT)
		return fail(why, FAIL_TIMEOUT, "timeout",
		    "RFC 9110, 15.5.9: the body did not arrive in time");
	e->broken = true;
	fail(why, FAIL_MALFORMED, "aborted",
	    "the request ended before its body did");
	return fail_errno(why, "read");
}

int
shown_body(struct bytes *body, struct edge *e, int64_t length, size_t max,
    int64_t seconds, struct fail *why)
{
	double until = when_clock() + (double)seconds;
	char part[4096];
	ssize_t n;

	if (length > (int64_t)max)
		return too_large(max, why);
	while ((n = e->read(e, part, sizeof(part), until)) > 0) {
		if (body->len + (size_t)n > max)
			return too_large(max, why);
		bytes_add(body, part, (size_t)n);
	}
	if (n < 0)
		return broke_off(e, why);
	/* RFC 9112, 6.3: a body is as long as its Content-Length. */
	if (length > (int64_t)body->len)
		return fail(why, FAIL_MALFORMED, "body-short",
		    "RFC 9112, 6.3: the body is shorter than its length");
	if (length >= 0 && length < (int64_t)body->len)
		return fail(why, FAIL_MALFORMED, "body-long",
		    "RFC 9112, 6.3: the body is longer than its length");
	return 0;
}
