/*
 * mod_channel_binding - a TLS session's channel bindings for CGI, FastCGI and
 * whatever else reads Apache's environment.
 *
 * TLS_UNIQUE: base64 of tls-unique (RFC 5929, 3), with TLS 1.2 alone.
 * TLS_EXPORTER: base64 of tls-exporter (RFC 9266, 2).
 * What the session does not have is not set, whatever was set before.  No
 * directives: loaded is on, for every virtual host with SSLEngine.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_connection.h>
#include <http_request.h>
#include <mod_ssl_openssl.h>
#include <apr_base64.h>

#include "../channel_binding.h"

module AP_MODULE_DECLARE_DATA channel_binding_module;

/* mod_ssl keeps its SSL to itself; this is where it shows it.  The pointer
 * lives as long as the connection, whose requests are its only readers. */
static int
remember(conn_rec *c, SSL *ssl, int is_proxy)
{
	if (!is_proxy)
		ap_set_module_config(
		    c->conn_config, &channel_binding_module, ssl);
	return OK;
}

static void
set(request_rec *r, const char *name, const unsigned char *value, size_t len)
{
	char *text;

	apr_table_unset(r->subprocess_env, name);
	if (len == 0)
		return;
	text = apr_palloc(r->pool, (apr_size_t)apr_base64_encode_len((int)len));
	apr_base64_encode_binary(text, value, (int)len);
	apr_table_setn(r->subprocess_env, name, text);
}

static int
fixups(request_rec *r)
{
	/* HTTP/2 has a connection of its own for each request. */
	conn_rec *c = r->connection->master != NULL ? r->connection->master
	                                            : r->connection;
	SSL *ssl =
	    ap_get_module_config(c->conn_config, &channel_binding_module);
	unsigned char value[CHANNEL_BINDING_MAX];

	set(r, "TLS_UNIQUE", value, channel_unique(value, ssl));
	set(r, "TLS_EXPORTER", value, channel_exporter(value, ssl));
	return DECLINED;
}

static void
hooks(apr_pool_t *p)
{
	(void)p;
	APR_OPTIONAL_HOOK(
	    ssl, pre_handshake, remember, NULL, NULL, APR_HOOK_MIDDLE);
	/* After mod_env and mod_setenvif, before what copies it. */
	ap_hook_fixups(fixups, NULL, NULL, APR_HOOK_LAST);
}

AP_DECLARE_MODULE(channel_binding) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks, 0};
