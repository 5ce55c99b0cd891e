/* cacerts - RFC 7030, 4.1: the certificates that clients trust and need. */
#include <stdlib.h>

#include "lib/web/serve.h"
#include "lib/wire/certsonly.h"

/* The published chain, issuer first and root last, as one certs-only message;
 * made once, so it is served when token and store are down. */
static int
chain_load(struct bytes *out, const struct ca *ca, struct fail *why)
{
	char *path = settings_chain_path(ca->settings);
	STACK_OF(X509) *certs = NULL;
	struct bytes *der;
	struct span *spans;
	int n, rc = cert_file_read(&certs, path, why);

	free(path);
	if (rc != 0) {
		fail(why, FAIL_BUSY, "issuer-absent",
		    "the CA has no certificate yet");
		return fail_retry(why, 60);
	}
	n = sk_X509_num(certs);
	der = mem_new((size_t)n * sizeof(*der));
	spans = mem_new((size_t)n * sizeof(*spans));
	for (int i = 0; i < n; i++) {
		cert_der_add(&der[i], sk_X509_value(certs, i));
		spans[i] = span_of(&der[i]);
	}
	certsonly_write(out, spans, (size_t)n);
	for (int i = 0; i < n; i++)
		bytes_free(&der[i]);
	free(der);
	free(spans);
	sk_X509_pop_free(certs, X509_free);
	return 0;
}

static int
cacerts(
    struct ca *ca, const struct request *rq, struct reply *rp, struct fail *why)
{
	(void)ca;
	(void)rq;
	(void)why;
	bytes_add(&rp->body, rp->loaded->data, rp->loaded->len);
	/* RFC 7030, 4.1.3; without the parameter every known client takes it */
	rp->type = "application/pkcs7-mime";
	rp->base64 = true;
	return 0;
}

static const struct operation operation = {
    .name = "cacerts",
    .allow = "GET, HEAD",
    .est = true,
    .load = chain_load,
    .run = cacerts,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}
