#include "lib/net/session.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "lib/net/staple.h"

#define DEPTH_MAX 10

/* RFC 5280, 6.3: of any certificate of the path. */
static int
not_revoked(struct session *session, const STACK_OF(X509) * chain)
{
	struct fail why = {0};

	if (above_check(session->tls.above, chain, &why) == 0)
		return 0;
	return fail(&session->refused, FAIL_DENIED, "up-tls",
	    "the server's certificate, or one above it, is revoked: %s",
	    why.text);
}

static int
verify(X509_STORE_CTX *ctx, void *arg)
{
	struct session *session = arg;
	struct fail *why = &session->refused;

	if (session->tls.anyone)
		return 1;
	/* RFC 7030, 3.3.1: path validation as RFC 5280 has it */
	if (X509_verify_cert(ctx) != 1) {
		(void)fail(why, FAIL_DENIED, "up-tls",
		    "the server's certificate is not trusted: %s",
		    X509_verify_cert_error_string(
			X509_STORE_CTX_get_error(ctx)));
		return 0;
	}
	if (not_revoked(session, X509_STORE_CTX_get0_chain(ctx)) != 0) {
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_REVOKED);
		return 0;
	}
	if (session->tls.judge(
		session->tls.arg, X509_STORE_CTX_get0_chain(ctx), why) == 0)
		return 1;
	X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

/* RFC 6066, 8: what came along with the certificate. */
static int
stapled(SSL *ssl, void *arg)
{
	struct session *session = arg;
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	const unsigned char *der = NULL;
	long len = SSL_get_tlsext_status_ocsp_resp(ssl, &der);

	return chain != NULL && staple_check(len > 0 ? der : NULL, len, chain,
				    session->store, &session->refused) == 0;
}

/* RFC 5929, 3.1: the first Finished message is the client's in a handshake
 * that resumes nothing. */
static void
unique_take(struct session *session, const SSL *ssl)
{
	session->unique_len = 0;
	if (SSL_version(ssl) == TLS1_2_VERSION)
		session->unique_len =
		    SSL_get_finished(ssl, session->unique, SESSION_UNIQUE_MAX);
	if (session->unique_len > SESSION_UNIQUE_MAX)
		session->unique_len = 0;
}

/* RFC 9266, 4.2: before TLS 1.3 it needs the extended master secret. */
static void
exporter_take(struct session *session, const SSL *ssl)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	SSL *whole = (SSL *)ssl; /* OpenSSL has no const for what changes
				    nothing */

	session->exporter_len = 0;
	if ((SSL_version(ssl) == TLS1_3_VERSION ||
		SSL_get_extms_support(whole) == 1) &&
	    SSL_export_keying_material(whole, session->exporter,
		SESSION_EXPORTER_LEN, label, sizeof(label) - 1,
		(const unsigned char *)"", 0, 1) == 1)
		session->exporter_len = SESSION_EXPORTER_LEN;
}

static void
asked_take(struct session *session, const SSL *ssl)
{
	const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);

	sk_X509_NAME_pop_free(session->asked, X509_NAME_free);
	session->asked = names == NULL ? NULL
	                               : sk_X509_NAME_deep_copy(names,
					     X509_NAME_dup, X509_NAME_free);
}

static void
handshake_done(const SSL *ssl, int where, int ret)
{
	struct session *session;

	(void)ret;
	if ((where & SSL_CB_HANDSHAKE_DONE) == 0)
		return;
	session = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	unique_take(session, ssl);
	exporter_take(session, ssl);
	asked_take(session, ssl);
}

/* What we show: the leaf and what is between it and its root. */
static bool
certificate_set(SSL_CTX *ctx, const struct http_tls *tls)
{
	bool ok =
	    SSL_CTX_use_certificate(ctx, sk_X509_value(tls->certs, 0)) == 1 &&
	    SSL_CTX_use_PrivateKey(ctx, tls->key) == 1;

	for (int i = 1; ok && i < sk_X509_num(tls->certs); i++) {
		X509 *cert = sk_X509_value(tls->certs, i);

		if (X509_NAME_cmp(X509_get_subject_name(cert),
			X509_get_issuer_name(cert)) != 0)
			ok = SSL_CTX_add1_chain_cert(ctx, cert) == 1;
	}
	return ok;
}

bool
session_prepare(struct session *session, SSL_CTX *ctx)
{
	SSL_CTX_set1_cert_store(ctx, session->store);
	SSL_CTX_set_app_data(ctx, session);
	SSL_CTX_set_cert_verify_callback(ctx, verify, session);
	SSL_CTX_set_verify_depth(ctx, DEPTH_MAX);
	SSL_CTX_set_info_callback(ctx, handshake_done);
	if (!session->tls.anyone) {
		(void)SSL_CTX_set_tlsext_status_type(
		    ctx, TLSEXT_STATUSTYPE_ocsp);
		(void)SSL_CTX_set_tlsext_status_cb(ctx, stapled);
		(void)SSL_CTX_set_tlsext_status_arg(ctx, session);
	}
	return session->tls.certs == NULL ||
	       certificate_set(ctx, &session->tls);
}

static X509_STORE *
store_make(const struct http_tls *tls)
{
	X509_STORE *store = X509_STORE_new();

	if (store == NULL)
		abort();
	for (int i = 0; tls->anchors != NULL && i < sk_X509_num(tls->anchors);
	     i++)
		(void)X509_STORE_add_cert(
		    store, sk_X509_value(tls->anchors, i));
	/* RFC 5280, 6.1: a trust anchor need not be self-signed. */
	(void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	if (tls->system)
		(void)X509_STORE_set_default_paths(store);
	ERR_clear_error();
	return store;
}

void
session_open(struct session *session, const struct http_tls *tls)
{
	*session = (struct session){.tls = *tls, .store = store_make(tls)};
}

void
session_close(struct session *session)
{
	sk_X509_NAME_pop_free(session->asked, X509_NAME_free);
	X509_STORE_free(session->store);
}
