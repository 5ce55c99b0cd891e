/*
 * handshake - a TLS client that shows a key out of a token.
 *
 * usage: handshake URI MODULE PIN-FILE STATE
 *
 * For TLS 1.2 and TLS 1.3, within this process: "VERSION SIGNATURE HASH", as
 * the server saw them in the client's CertificateVerify; or why not, and exit
 * status 1.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "lib/key/key.h"

static struct fail why;

static void
must(long done, const char *what)
{
	if (done == 1)
		return;
	if (why.reason != NULL)
		fprintf(stderr, "%s: %s: %s (%s)\n", what, why.reason, why.text,
		    why.cause);
	else
		fprintf(stderr, "%s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static X509 *
certificate(struct key *key, EVP_PKEY *public)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	must(X509_set_version(cert, X509_VERSION_3), "certificate");
	must(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), "certificate");
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		 (const unsigned char *)"client", -1, -1, 0),
	    "certificate");
	must(X509_set_issuer_name(cert, name), "certificate");
	must(X509_gmtime_adj(X509_getm_notBefore(cert), 0) != NULL,
	    "certificate");
	must(X509_gmtime_adj(X509_getm_notAfter(cert), 3600) != NULL,
	    "certificate");
	must(X509_set_pubkey(cert, public), "certificate");
	must(key_sign_cert(key, cert, NULL, &why) == 0, "certificate");
	return cert;
}

static int
anybody(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static SSL_CTX *
context(const SSL_METHOD *method, int version, X509 *cert, EVP_PKEY *key)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	SSL_CTX_set_verify(
	    ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, anybody);
	must(SSL_CTX_set_min_proto_version(ctx, version), "version");
	must(SSL_CTX_set_max_proto_version(ctx, version), "version");
	must(SSL_CTX_use_certificate(ctx, cert), "certificate");
	must(SSL_CTX_use_PrivateKey(ctx, key), "key");
	return ctx;
}

/* One step; true when this side has finished. */
static bool
step(SSL *ssl, int (*go)(SSL *))
{
	int rc = go(ssl), error = SSL_get_error(ssl, rc);

	must(rc == 1 || error == SSL_ERROR_WANT_READ ||
		 error == SSL_ERROR_WANT_WRITE,
	    "handshake");
	return rc == 1;
}

static void
shake(SSL_CTX *server_ctx, SSL_CTX *client_ctx)
{
	SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
	BIO *a, *b;
	int hash = 0, type = 0;
	bool done;

	must(BIO_new_bio_pair(&a, 0, &b, 0), "pair");
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	do {
		done = step(client, SSL_connect);
		done = step(server, SSL_accept) && done;
	} while (!done);
	must(SSL_get_peer_signature_nid(server, &hash), "hash");
	must(SSL_get_peer_signature_type_nid(server, &type), "signature");
	printf("%s %s %s\n", SSL_get_version(server), OBJ_nid2sn(type),
	    OBJ_nid2sn(hash));
	SSL_free(server);
	SSL_free(client);
}

int
main(int argc, char **argv)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	EVP_PKEY *lent = NULL, *public = NULL, *own = EVP_EC_gen("P-256");
	struct key_place place = {0};
	struct key *key = NULL;
	X509 *cert, *shown;

	must(argc == 5, "usage: handshake URI MODULE PIN-FILE STATE");
	place = (struct key_place){argv[1], argv[2], argv[3], argv[4]};
	must(key_open(&key, &place, &why) == 0, "key");
	must(key_ready(key, 10, &why) == 0, "key");
	must(key_public(&public, key, &why) == 0, "key");
	must(key_lend(&lent, key, &why) == 0, "key");
	cert = certificate(key, public);
	/* The server's: who it is does not matter here. */
	shown = X509_dup(cert);
	must(X509_set_pubkey(shown, own), "server");
	must(X509_sign(shown, own, EVP_sha256()) > 0, "server");
	for (int i = 0; i < 2; i++) {
		SSL_CTX *server =
		    context(TLS_server_method(), versions[i], shown, own);
		SSL_CTX *client =
		    context(TLS_client_method(), versions[i], cert, lent);

		shake(server, client);
		SSL_CTX_free(server);
		SSL_CTX_free(client);
	}
	X509_free(shown);
	X509_free(cert);
	EVP_PKEY_free(public);
	EVP_PKEY_free(own);
	EVP_PKEY_free(lent);
	key_free(key);
	return 0;
}
