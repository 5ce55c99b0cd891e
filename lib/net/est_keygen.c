#include "lib/net/est_handle.h"

#include "lib/net/est_answer.h"
#include "lib/net/est_key.h"

/* The one certificate of its part; RFC 7030, 4.4.2: as simpleenroll's. */
static int
made_leaf(X509 **leaf, const struct multipart_body *part, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;

	if (!media_type_is(part->type, EST_PKCS7))
		return fail(why, FAIL_MALFORMED, "up-type",
		    "RFC 7030, 4.4.2: the second part is %.80s, not " EST_PKCS7,
		    part->type);
	if (answer_certs_only(part->type, why) != 0 ||
	    answer_certs(&certs, span_of(&part->content), why) != 0)
		return -1;
	if (sk_X509_num(certs) == 1)
		*leaf = sk_X509_pop(certs);
	sk_X509_pop_free(certs, X509_free);
	return *leaf != NULL
	           ? 0
	           : fail(why, FAIL_MALFORMED, "up-cert",
			 "RFC 7030, 4.4.2: more than one certificate came "
			 "with the key");
}

/* Either part may come first. */
static int
made_read(X509 **leaf, struct bytes *key,
    const struct multipart_body parts[MULTIPART_PARTS],
    const struct est_decrypt *with, struct fail *why)
{
	int first = est_key_is(&parts[0]) ? 0 : 1;

	if (!est_key_is(&parts[first]))
		return fail(why, FAIL_MALFORMED, "up-type",
		    "RFC 7030, 4.4.2: neither part is a private key");
	if (made_leaf(leaf, &parts[1 - first], why) == 0 &&
	    est_key_read(key, &parts[first], with, *leaf, why) == 0)
		return 0;
	X509_free(*leaf);
	*leaf = NULL;
	return -1;
}

static int
made(X509 **leaf, struct bytes *key, const struct http_answer *answer,
    const struct est_decrypt *with, struct fail *why)
{
	struct multipart_body parts[MULTIPART_PARTS];
	struct fail first = {0};
	int rc;

	if (answer->type == NULL ||
	    !media_type_is(answer->type, "multipart/mixed"))
		return fail(why, FAIL_MALFORMED, "up-type",
		    "RFC 7030, 4.4.2: the answer is %.80s, not multipart/mixed",
		    answer->type == NULL ? "of no type" : answer->type);
	if (multipart_read(
		parts, answer->type, span_of(&answer->body), &first) != 0)
		rc = fail(why, FAIL_MALFORMED, "up-body",
		    "the server's answer cannot be read: %.240s", first.text);
	else
		rc = made_read(leaf, key, parts, with, why);
	multipart_free(parts);
	return rc;
}

int
est_serverkeygen(X509 **leaf, struct bytes *key, struct est *est,
    struct span csr, const struct est_decrypt *with, struct fail *why)
{
	struct http_answer answer = {0};
	struct bytes body = {0};
	int rc = -1;

	*leaf = NULL;
	base64_write(&body, csr, 64);
	if (est_exchange(&answer, est, "serverkeygen", span_of(&body), why) ==
		0 &&
	    answer_status(&answer, true, why) == 0)
		rc = made(leaf, key, &answer, with, why);
	bytes_free(&body);
	http_answer_free(&answer);
	return rc;
}
