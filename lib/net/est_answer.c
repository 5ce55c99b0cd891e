#include "lib/net/est_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>

#include "lib/wire/cert.h"
#include "lib/wire/certsonly.h"
#include "lib/wire/multipart.h"

#define RETRY_LEAST 60
#define RETRY_UNSAID 300
#define RETRY_MOST (24 * 60 * 60)
#define SHOWN_MAX 160 /* characters of what the server says */

/* ---- statuses ------------------------------------------------------------ */

/* Its first line, safe to print. */
static void
shown(char out[SHOWN_MAX + 1], const struct http_answer *answer)
{
	struct span line = span_of(&answer->body);
	struct bytes text = {0};
	const uint8_t *end;

	out[0] = '\0';
	/* RFC 8951, 5: text/plain, or no type. */
	if (answer->type != NULL && !media_type_is(answer->type, "text/plain"))
		return;
	end = line.len > 0 ? memchr(line.data, '\n', line.len) : NULL;
	if (end != NULL)
		line.len = (size_t)(end - line.data);
	while (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	if (line.len > SHOWN_MAX)
		line.len = SHOWN_MAX;
	text_escape(&text, line);
	if (text.len > 0)
		(void)snprintf(out, SHOWN_MAX + 1, "%s", (char *)text.data);
	bytes_free(&text);
}

static int
refused(const struct http_answer *answer, struct fail *why)
{
	char text[SHOWN_MAX + 1];

	shown(text, answer);
	if (answer->status == 404 && text[0] == '\0')
		return fail(why, FAIL_DENIED, "up-refused",
		    "the server refuses with status 404: it does not have this "
		    "operation, or not under this URL and label");
	return fail(why, FAIL_DENIED, "up-refused",
	    "the server refuses with status %d%s%s", answer->status,
	    text[0] != '\0' ? ": " : "", text);
}

static int
busy(const struct http_answer *answer, struct fail *why)
{
	char text[SHOWN_MAX + 1];
	int64_t retry = answer->retry_after;

	shown(text, answer);
	fail(why, FAIL_BUSY, "up-busy", "the server is busy: status %d%s%s",
	    answer->status, text[0] != '\0' ? ": " : "", text);
	return fail_retry(why, retry < 0            ? 0
			       : retry > RETRY_MOST ? RETRY_MOST
						    : (int)retry);
}

/* RFC 7030, 4.2.3: wait as long as the server says, within reason. */
static int
pending(const struct http_answer *answer, struct fail *why)
{
	int64_t retry = answer->retry_after;

	if (retry < 0)
		retry = RETRY_UNSAID;
	if (retry < RETRY_LEAST)
		retry = RETRY_LEAST;
	if (retry > RETRY_MOST)
		retry = RETRY_MOST;
	fail(why, FAIL_PENDING, "up-pending",
	    "the server has the request and has not decided: ask again in %d s",
	    (int)retry);
	return fail_retry(why, (int)retry);
}

int
answer_status(const struct http_answer *answer, bool may_wait, struct fail *why)
{
	int status = answer->status;

	if (status == 200)
		return 0;
	if (status == 202 && may_wait)
		return pending(answer, why);
	if (status == 401)
		return fail(why, FAIL_DENIED, "up-auth",
		    "the server wants a user name and a password");
	if (status == 408 || status == 429 ||
	    (status >= 500 && status < 600 && status != 501))
		return busy(answer, why);
	if ((status >= 400 && status < 500) || status == 501)
		return refused(answer, why);
	return fail(why, FAIL_MALFORMED, "up-proto",
	    "RFC 7030, 4: status %d says nothing to an EST client", status);
}

/* ---- bodies -------------------------------------------------------------- */

static int
body_unread(struct fail *why)
{
	struct fail first = *why;

	return fail(why, FAIL_MALFORMED, "up-body",
	    "the server's answer cannot be read: %.240s", first.text);
}

/* PEM: what is between the two lines of armour. */
static bool
armour_off(struct span *body)
{
	static const char begin[] = "-----BEGIN ";
	const uint8_t *from, *to;

	if (body->len < sizeof(begin) - 1 ||
	    memcmp(body->data, begin, sizeof(begin) - 1) != 0)
		return false;
	from = memchr(body->data, '\n', body->len);
	if (from == NULL)
		return false;
	body->len -= (size_t)(from - body->data);
	body->data = from;
	to = memmem(body->data, body->len, "-----END ", 9);
	if (to == NULL)
		return false;
	body->len = (size_t)(to - body->data);
	return true;
}

int
answer_der(struct bytes *der, const struct http_answer *answer,
    const char *type, bool lenient, struct fail *why)
{
	struct span body = span_of(&answer->body);

	/* RFC 7030, 3.2.4: the media type names the message. */
	if (answer->type == NULL || !media_type_is(answer->type, type))
		return fail(why, FAIL_MALFORMED, "up-type",
		    "RFC 7030, 3.2.4: the answer is %.80s, not %s",
		    answer->type == NULL ? "of no type" : answer->type, type);
	/* libest's server counts the end of its C string. */
	while (body.len > 0 && body.data[body.len - 1] == '\0')
		body.len--;
	if (lenient && body.len > 0 && body.data[0] == 0x30) {
		bytes_add(der, answer->body.data, answer->body.len);
		return 0;
	}
	if (lenient)
		(void)armour_off(&body);
	/* RFC 8951, 3: base64, whatever Content-Transfer-Encoding says. */
	return base64_read(der, body, why) == 0 ? 0 : body_unread(why);
}

int
answer_certs_only(const char *type, struct fail *why)
{
	char *smime = media_type_parameter(type, "smime-type");
	int rc = 0;

	if (smime != NULL && strcasecmp(smime, "certs-only") != 0)
		rc = fail(why, FAIL_MALFORMED, "up-type",
		    "RFC 7030, 4.2.3: the answer's smime-type is not "
		    "certs-only");
	free(smime);
	return rc;
}

/* ---- certificates -------------------------------------------------------- */

static int
certs_add(
    STACK_OF(X509) * certs, const struct span *ders, size_t n, struct fail *why)
{
	for (size_t i = 0; i < n; i++) {
		X509 *cert;

		if (cert_x509(&cert, ders[i], why) != 0) {
			ERR_clear_error();
			return fail(why, FAIL_MALFORMED, "up-cert",
			    "certificate %zu of the answer cannot be read",
			    i + 1);
		}
		if (sk_X509_push(certs, cert) == 0)
			abort();
	}
	return 0;
}

int
answer_certs(STACK_OF(X509) * *certs, struct span der, struct fail *why)
{
	struct span ders[CERTSONLY_MAX];
	size_t n;

	*certs = NULL;
	if (certsonly_read(ders, &n, der, why) != 0)
		return body_unread(why);
	*certs = sk_X509_new_null();
	if (*certs == NULL)
		abort();
	if (certs_add(*certs, ders, n, why) == 0)
		return 0;
	sk_X509_pop_free(*certs, X509_free);
	*certs = NULL;
	return -1;
}

int
answer_leaf(
    X509 **leaf, STACK_OF(X509) * certs, EVP_PKEY *key, struct fail *why)
{
	int found = -1;

	*leaf = NULL;
	for (int i = 0; i < sk_X509_num(certs); i++) {
		EVP_PKEY *its = X509_get0_pubkey(sk_X509_value(certs, i));

		if (its == NULL || EVP_PKEY_eq(its, key) != 1)
			continue;
		if (found >= 0)
			return fail(why, FAIL_MALFORMED, "up-cert",
			    "RFC 7030, 4.2.3: two certificates of the "
			    "requested key came");
		found = i;
	}
	ERR_clear_error();
	if (found < 0)
		return fail(why, FAIL_MALFORMED, "up-cert",
		    "RFC 7030, 4.2.3: no certificate of the requested key "
		    "came");
	*leaf = sk_X509_delete(certs, found);
	return 0;
}
