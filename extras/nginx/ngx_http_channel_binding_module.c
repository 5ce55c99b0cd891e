/*
 * ngx_http_channel_binding_module - a TLS session's channel bindings as nginx
 * variables.
 *
 * $tls_unique: base64 of tls-unique (RFC 5929, 3), with TLS 1.2 alone.
 * $tls_exporter: base64 of tls-exporter (RFC 9266, 2).
 * What the session does not have is empty.  No directives.
 */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../channel_binding.h"

typedef size_t binding(unsigned char value[CHANNEL_BINDING_MAX], SSL *ssl);

static binding *const bindings[] = {channel_unique, channel_exporter};

static ngx_int_t
read_binding(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t which)
{
	unsigned char value[CHANNEL_BINDING_MAX];
	ngx_connection_t *c = r->connection;
	ngx_str_t in = {0, value}, out;

	if (c->ssl != NULL)
		in.len = bindings[which](value, c->ssl->connection);
	if (in.len == 0) {
		v->not_found = 1;
		return NGX_OK;
	}
	out.data = ngx_pnalloc(r->pool, ngx_base64_encoded_length(in.len));
	if (out.data == NULL)
		return NGX_ERROR;
	ngx_encode_base64(&out, &in);
	v->data = out.data;
	v->len = (unsigned)out.len;
	v->valid = 1;
	v->no_cacheable = 0;
	v->not_found = 0;
	return NGX_OK;
}

static ngx_http_variable_t variables[] = {
    {ngx_string("tls_unique"), NULL, read_binding, 0, 0, 0},
    {ngx_string("tls_exporter"), NULL, read_binding, 1, 0, 0},
    ngx_http_null_variable,
};

static ngx_int_t
variables_add(ngx_conf_t *cf)
{
	for (ngx_http_variable_t *v = variables; v->name.len > 0; v++) {
		ngx_http_variable_t *var =
		    ngx_http_add_variable(cf, &v->name, 0);

		if (var == NULL)
			return NGX_ERROR;
		var->get_handler = v->get_handler;
		var->data = v->data;
	}
	return NGX_OK;
}

static ngx_http_module_t context = {
    variables_add, NULL, NULL, NULL, NULL, NULL, NULL, NULL};

ngx_module_t ngx_http_channel_binding_module = {NGX_MODULE_V1, &context, NULL,
    NGX_HTTP_MODULE, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NGX_MODULE_V1_PADDING};
