#include "lib/net/est_handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/net/est_answer.h"

#define BINDINGS_MAX 3 /* tries to send a request on the connection it names */

/* ---- what is to be sent -------------------------------------------------- */

/* What is to be sent, and the public key in it. */
struct order {
	const char *operation;
	est_make_csr *make;
	void *arg;
	struct bytes csr;
	EVP_PKEY *key;
};

static void
order_free(struct order *order)
{
	bytes_free(&order->csr);
	EVP_PKEY_free(order->key);
}

static int
order_make(struct order *order, const char *binding, struct fail *why)
{
	const unsigned char *in;
	X509_REQ *req;

	order_free(order);
	order->key = NULL;
	if (order->make(order->arg, &order->csr, binding, why) != 0)
		return -1;
	in = order->csr.data;
	req = d2i_X509_REQ(NULL, &in, (long)order->csr.len);
	order->key = req != NULL ? X509_REQ_get_pubkey(req) : NULL;
	X509_REQ_free(req);
	if (order->key != NULL)
		return 0;
	fail(why, FAIL_BROKEN, "csr", "our own request cannot be read");
	return fail_openssl(why, "CSR");
}

static int
order_send(struct http_answer *answer, struct est *est,
    const struct order *order, struct fail *why)
{
	struct bytes body = {0};
	int rc;

	/* RFC 8951, 3; in lines, which some servers need. */
	base64_write(&body, span_of(&order->csr), 64);
	rc = est_exchange(answer, est, order->operation, span_of(&body), why);
	bytes_free(&body);
	return rc;
}

/* The binding of the connection that csrattrs just came on, or NULL. */
static int
binding_take(char **binding, struct est *est, struct fail *why)
{
	struct bytes ignored = {0}, text = {0};
	struct span value;
	int rc = est_csrattrs(&ignored, est, why);

	*binding = NULL;
	bytes_free(&ignored);
	if (rc != 0 && why->kind == FAIL_MALFORMED)
		rc = 0; /* an answer all the same */
	value = est->server.exporter ? http_exporter(est->http)
	                             : http_unique(est->http);
	if (rc == 0 && value.len > 0) {
		base64_write(&text, value, 0);
		text.data[--text.len] = '\0';
		*binding = (char *)text.data;
	}
	return rc;
}

/*
 * RFC 7030, 3.5: the request names the connection that it is sent on.  When it
 * went out on another one after all, what the server says of it means nothing.
 */
static int
send_bound(struct http_answer *answer, struct est *est, struct order *order,
    struct fail *why)
{
	for (int i = 0; i < BINDINGS_MAX; i++) {
		char *binding;
		int rc = binding_take(&binding, est, why);

		if (rc == 0 && binding == NULL)
			rc = fail(why, FAIL_DENIED, "up-tls",
			    "RFC 7030, 3.5: no %s to link the request to",
			    est->server.exporter ? "tls-exporter"
						 : "tls-unique");
		if (rc == 0)
			rc = order_make(order, binding, why);
		free(binding);
		if (rc == 0)
			rc = order_send(answer, est, order, why);
		if (rc != 0 || !answer->fresh || answer->status == 200 ||
		    answer->status == 202)
			return rc;
		http_answer_free(answer);
	}
	return fail(why, FAIL_MALFORMED, "up-proto",
	    "RFC 7030, 3.5: the server ends the connection that the request "
	    "is to be linked to");
}

/* RFC 7030, 3.5: always, never, or if the server lists challengePassword. */
static int
link_wanted(bool *wanted, struct est *est, struct fail *why)
{
	struct bytes ignored = {0};
	int rc = 0;

	*wanted = est->server.pop_link == POP_ALWAYS;
	if (est->server.pop_link != POP_IF_ASKED)
		return 0;
	if (!est->knows_wishes) {
		rc = est_csrattrs(&ignored, est, why);
		bytes_free(&ignored);
		if (rc != 0 && why->kind == FAIL_MALFORMED)
			rc = 0;
	}
	*wanted = est->wants_link;
	return rc;
}

/* TLS 1.3 has no tls-unique. */
static int
send_linked(struct http_answer *answer, struct est *est, struct order *order,
    struct fail *why)
{
	int rc;

	http_only_tls12(est->http, !est->server.exporter);
	rc = send_bound(answer, est, order, why);
	http_only_tls12(est->http, false);
	/* Who only asks for it, and speaks TLS 1.3 alone, goes without. */
	if (rc != 0 && est->server.pop_link == POP_IF_ASKED &&
	    why->kind == FAIL_DENIED && strcmp(why->reason, "up-tls") == 0) {
		*why = (struct fail){0};
		rc = order_make(order, NULL, why);
		if (rc == 0)
			rc = order_send(answer, est, order, why);
	}
	return rc;
}

/* Send it, and have an answer with status 200. */
/* Who approves of it there is shown the request's SHA-256: so is who waits. */
static int
order_status(const struct http_answer *answer, const struct order *order,
    struct fail *why)
{
	char hash[2 * SHA256_LEN + 1];
	uint8_t digest[SHA256_LEN];

	if (answer_status(answer, true, why) == 0)
		return 0;
	if (why->kind != FAIL_PENDING)
		return -1;
	sha256(digest, span_of(&order->csr));
	hex_write(hash, (struct span){digest, SHA256_LEN}, false);
	(void)snprintf(why->text, sizeof(why->text),
	    "the server has the request and has not decided: ask again in %d "
	    "s; the request's SHA-256: %s",
	    why->retry, hash);
	return -1;
}

static int
order_place(struct http_answer *answer, struct est *est, struct order *order,
    struct fail *why)
{
	bool linked;

	if (link_wanted(&linked, est, why) != 0)
		return -1;
	if (linked) {
		if (send_linked(answer, est, order, why) != 0)
			return -1;
	} else if (order_make(order, NULL, why) != 0 ||
		   order_send(answer, est, order, why) != 0) {
		return -1;
	}
	return order_status(answer, order, why);
}

static int
enrolled(X509 **leaf, STACK_OF(X509) * *others,
    const struct http_answer *answer, const struct est *est, EVP_PKEY *key,
    struct fail *why)
{
	struct bytes der = {0};
	int rc = -1;

	if (answer_der(&der, answer, EST_PKCS7, est->server.lenient, why) ==
		0 &&
	    answer_certs_only(answer->type, why) == 0 &&
	    answer_certs(others, span_of(&der), why) == 0)
		rc = answer_leaf(leaf, *others, key, why);
	if (rc != 0) {
		/* Somebody may want to see what came instead. */
		*leaf = sk_X509_shift(*others);
		sk_X509_pop_free(*others, X509_free);
		*others = NULL;
	}
	bytes_free(&der);
	return rc;
}

int
est_enroll(X509 **leaf, STACK_OF(X509) * *others, struct est *est, bool renew,
    est_make_csr *make, void *arg, struct fail *why)
{
	struct order order = {
	    .operation = renew ? "simplereenroll" : "simpleenroll",
	    .make = make,
	    .arg = arg};
	struct http_answer answer = {0};
	int rc = -1;

	*leaf = NULL;
	*others = NULL;
	if (order_place(&answer, est, &order, why) == 0)
		rc = enrolled(leaf, others, &answer, est, order.key, why);
	http_answer_free(&answer);
	order_free(&order);
	return rc;
}
