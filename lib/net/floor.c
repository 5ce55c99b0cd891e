#include "lib/net/floor.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

bool
floor_below(const struct origin *origin)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	BIO *bio = NULL;
	SSL *ssl = NULL;
	char *at = str_fmt(origin->address && strchr(origin->host, ':') != NULL
			       ? "[%s]:%u"
			       : "%s:%u",
	    origin->host, origin->port);
	bool done = false;

	/* Security level 0: OpenSSL would not offer them otherwise. */
	if (ctx != NULL && SSL_CTX_set_min_proto_version(ctx, 0) == 1 &&
	    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION) == 1 &&
	    SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0") == 1 &&
	    (bio = BIO_new_ssl_connect(ctx)) != NULL) {
		(void)BIO_get_ssl(bio, &ssl);
		(void)BIO_set_conn_hostname(bio, at);
		if (ssl != NULL && !origin->address)
			(void)SSL_set_tlsext_host_name(ssl, origin->host);
		done = BIO_do_handshake(bio) == 1;
	}
	BIO_free_all(bio);
	SSL_CTX_free(ctx);
	free(at);
	ERR_clear_error();
	return done;
}
