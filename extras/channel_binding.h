/*
 * channel_binding - the server's view of a TLS session's channel bindings.
 *
 * For the modules beside it.  Both return the value's octets, 0 when the
 * session has none (or `ssl` is NULL, or its handshake is not done).
 */
#ifndef MICROCA_EXTRAS_CHANNEL_BINDING_H
#define MICROCA_EXTRAS_CHANNEL_BINDING_H

#include <openssl/ssl.h>

#define CHANNEL_BINDING_MAX 64 /* octets */
#define CHANNEL_EXPORTER_LEN 32

/* RFC 7627: without it two sessions can be made to have the same secrets, so
 * that neither value says which one it is of. */
static inline int
channel_extended(const SSL *ssl)
{
	return SSL_get_extms_support((SSL *)ssl) == 1;
}

/*
 * RFC 5929, 3.1: the first Finished message of the last handshake: the
 * client's, or the server's where a session was resumed.  TLS 1.3 has none
 * (RFC 9266, 1).  A resumed session without the extended master secret has a
 * value that a man in the middle can bring about (RFC 7627, 1).
 */
static inline size_t
channel_unique(unsigned char value[CHANNEL_BINDING_MAX], SSL *ssl)
{
	size_t len;

	if (ssl == NULL || !SSL_is_init_finished(ssl) ||
	    SSL_version(ssl) != TLS1_2_VERSION)
		return 0;
	if (!SSL_session_reused(ssl))
		len = SSL_get_peer_finished(ssl, value, CHANNEL_BINDING_MAX);
	else if (channel_extended(ssl))
		len = SSL_get_finished(ssl, value, CHANNEL_BINDING_MAX);
	else
		len = 0;
	return len <= CHANNEL_BINDING_MAX ? len : 0;
}

/* RFC 9266, 2 and 4.2: of TLS 1.3, of TLS 1.2 with the extended master
 * secret. */
static inline size_t
channel_exporter(unsigned char value[CHANNEL_BINDING_MAX], SSL *ssl)
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (ssl == NULL || !SSL_is_init_finished(ssl) ||
	    SSL_version(ssl) < TLS1_2_VERSION ||
	    (SSL_version(ssl) == TLS1_2_VERSION && !channel_extended(ssl)))
		return 0;
	return SSL_export_keying_material(ssl, value, CHANNEL_EXPORTER_LEN,
		   label, sizeof(label) - 1, (const unsigned char *)"", 0,
		   1) == 1
	           ? CHANNEL_EXPORTER_LEN
	           : 0;
}

#endif
