/* check_change - what a web server's configuration lacks, in its own words. */
#include "bin/check_url.h"

static const char *const lighttpd[] = {
    [FAULT_ENDPOINT] =
	"setenv.set-environment = ( \"MICROCA_ENDPOINT\" => \"NAME\" )",
    [FAULT_CERTIFICATE] = "ssl.verifyclient.activate = \"enable\" and "
			  "ssl.verifyclient.exportcert = \"enable\"",
    [FAULT_BUNDLE] = "ssl.verifyclient.ca-file = \"client-ca-NAME.pem\", and "
		     "the web server told to read it anew",
    [FAULT_STRANGER] = "ssl.verifyclient.enforce = \"disable\"",
    [FAULT_DEMANDED] = "ssl.verifyclient.enforce = \"disable\"",
    [FAULT_AUTHORIZATION] = "no auth.require",
    [FAULT_SPOOFED] = "no setenv.* from a request's header",
    [FAULT_BINDING] = "lighttpd has no channel binding",
    [FAULT_BODY] = "server.max-request-size = 128",
    [FAULT_TLS] =
	"ssl.openssl.ssl-conf-cmd = ( \"MinProtocol\" => \"TLSv1.2\" )",
};

static const char *const nginx[] = {
    [FAULT_ENDPOINT] = "fastcgi_param MICROCA_ENDPOINT \"NAME\";",
    [FAULT_CERTIFICATE] =
	"ssl_verify_client optional_no_ca; and fastcgi_param SSL_CLIENT_CERT "
	"\"$ssl_client_escaped_cert\";",
    [FAULT_BUNDLE] = "ssl_client_certificate client-ca-NAME.pem;, and the web "
		     "server told to read it anew",
    [FAULT_STRANGER] = "ssl_verify_client optional_no_ca;",
    [FAULT_DEMANDED] = "ssl_verify_client optional_no_ca;",
    [FAULT_AUTHORIZATION] = "fastcgi_pass_request_headers on;",
    [FAULT_SPOOFED] = "no fastcgi_param from $http_...",
    [FAULT_BINDING] = "the module for channel binding, and fastcgi_param "
		      "TLS_EXPORTER \"$tls_exporter\";",
    [FAULT_BODY] = "client_max_body_size 128k;",
    [FAULT_TLS] = "ssl_protocols TLSv1.2 TLSv1.3;",
};

static const char *const apache[] = {
    [FAULT_ENDPOINT] = "SetEnv MICROCA_ENDPOINT NAME",
    [FAULT_CERTIFICATE] = "SSLVerifyClient optional_no_ca and SSLOptions "
			  "+StdEnvVars +ExportCertData",
    [FAULT_BUNDLE] = "SSLCACertificateFile client-ca-NAME.pem, and the web "
		     "server told to read it anew",
    [FAULT_STRANGER] = "SSLVerifyClient optional_no_ca",
    [FAULT_DEMANDED] = "SSLVerifyClient optional_no_ca",
    [FAULT_AUTHORIZATION] = "CGIPassAuth On",
    [FAULT_SPOOFED] = "no SetEnvIf and no RewriteRule from a header",
    [FAULT_BINDING] = "the module for channel binding",
    [FAULT_BODY] = "LimitRequestBody 131072 (mod_fcgid: "
		   "FcgidMaxRequestLen 131072)",
    [FAULT_TLS] = "SSLProtocol -all +TLSv1.2 +TLSv1.3",
};

static const char *const caddy[] = {
    [FAULT_ENDPOINT] = "env MICROCA_ENDPOINT NAME",
    [FAULT_CERTIFICATE] =
	("client_auth { mode request } and env SSL_CLIENT_CERT "
	 "{http.request.tls.client.certificate_der_base64}"),
    [FAULT_BUNDLE] = "client_auth { mode request }",
    [FAULT_STRANGER] = "client_auth { mode request }",
    [FAULT_DEMANDED] = "client_auth { mode request }",
    [FAULT_AUTHORIZATION] = "no header_up -Authorization",
    [FAULT_SPOOFED] = "no env from {http.request.header.*}",
    [FAULT_BINDING] = "Caddy has no channel binding",
    [FAULT_BODY] = "request_body { max_size 128KiB }",
    [FAULT_TLS] = "protocols tls1.2 tls1.3",
};

const char *
check_change(int frontend, enum url_fault fault)
{
	switch (frontend) {
	case FRONTEND_NGINX:
		return nginx[fault];
	case FRONTEND_APACHE:
		return apache[fault];
	case FRONTEND_CADDY:
		return caddy[fault];
	default:
		return lighttpd[fault];
	}
}
