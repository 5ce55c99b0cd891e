#include "lib/net/origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/wire/general.h"

#define SCHEME "https://"
#define HTTPS_PORT 443

/* ---- URLs ---------------------------------------------------------------- */

static int
refuse(struct fail *why, const char *url, const char *what)
{
	return fail(
	    why, FAIL_CONFIG, "url", "%.120s: RFC 7030, 3.2.2: %s", url, what);
}

static bool
is_address(const char *host)
{
	unsigned char octets[16];

	return inet_pton(AF_INET, host, octets) == 1 ||
	       inet_pton(AF_INET6, host, octets) == 1;
}

/* HOST or [IPv6]; NULL: neither.  The rest of the text otherwise. */
static const char *
host_take(struct origin *o, const char *text)
{
	bool bracket = *text == '[';
	size_t len;

	text += bracket;
	len = strcspn(text, bracket ? "]" : ":/");
	if (len == 0 || len >= sizeof(o->host) || (bracket && text[len] != ']'))
		return NULL;
	for (size_t i = 0; i < len; i++)
		o->host[i] = (char)tolower((unsigned char)text[i]);
	o->host[len] = '\0';
	o->address = is_address(o->host);
	if (bracket != (strchr(o->host, ':') != NULL) ||
	    (bracket && !o->address))
		return NULL;
	if (!o->address &&
	    !general_host_ok(
		(struct span){(const uint8_t *)o->host, len}, false))
		return NULL;
	return text + len + bracket;
}

static const char *
port_take(struct origin *o, const char *text)
{
	char *end;
	unsigned long port;

	o->port = HTTPS_PORT;
	if (*text != ':')
		return text;
	if (!isdigit((unsigned char)text[1]))
		return NULL;
	port = strtoul(text + 1, &end, 10);
	if (port == 0 || port > 65535)
		return NULL;
	o->port = (unsigned)port;
	return end;
}

/* RFC 3986, 3.3: unreserved characters and a few more; no dot segments. */
static bool
path_ok(const char *path)
{
	if (*path != '\0' && *path != '/')
		return false;
	for (const char *p = path; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) &&
		    strchr("/-._~!$&'()*+,;=:@", *p) == NULL)
			return false;
	return strstr(path, "/./") == NULL && strstr(path, "/../") == NULL;
}

int
origin_read(
    struct origin *origin, const char **path, const char *url, struct fail *why)
{
	const char *rest;

	memset(origin, 0, sizeof(*origin));
	/* RFC 7030, 3.3: only HTTPS. */
	if (strncasecmp(url, SCHEME, sizeof(SCHEME) - 1) != 0)
		return refuse(why, url, "the URL must begin with https://");
	rest = host_take(origin, url + sizeof(SCHEME) - 1);
	if (rest == NULL)
		return refuse(why, url, "no host name or address in the URL");
	rest = port_take(origin, rest);
	if (rest == NULL)
		return refuse(why, url, "the URL's port is none");
	if (!path_ok(rest))
		return refuse(why, url,
		    "only a plain path may follow the host in the URL");
	if (path != NULL)
		*path = rest;
	return 0;
}

bool
origin_equal(const struct origin *a, const struct origin *b)
{
	return strcmp(a->host, b->host) == 0 && a->port == b->port;
}

/* ---- certificates -------------------------------------------------------- */

bool
origin_named(const struct origin *origin, X509 *cert)
{
	/* RFC 9525, 6.3, 2: no subject, no partial wildcards. */
	unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
	                 X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	int found;

	ERR_set_mark();
	found = origin->address
	            ? X509_check_ip_asc(cert, origin->host, 0)
	            : X509_check_host(cert, origin->host, 0, flags, NULL);
	ERR_pop_to_mark();
	return found == 1;
}

/* RFC 6402, 2.10 */
static bool
is_cmc_ra(X509 *cert)
{
	EXTENDED_KEY_USAGE *eku =
	    X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	bool found = false;

	for (int i = 0; eku != NULL && i < sk_ASN1_OBJECT_num(eku); i++)
		found = found ||
		        OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i)) == NID_cmcRA;
	EXTENDED_KEY_USAGE_free(eku);
	return found;
}

/* Does the path end at, or pass through, one of the explicit anchors? */
static bool
is_explicit(STACK_OF(X509) * chain, const STACK_OF(X509) * anchors)
{
	for (int i = 0; anchors != NULL && i < sk_X509_num(anchors); i++)
		for (int k = 0; k < sk_X509_num(chain); k++)
			if (X509_cmp(sk_X509_value(chain, k),
				sk_X509_value(anchors, i)) == 0)
				return true;
	return false;
}

int
origin_authorize(const struct origin *origin, STACK_OF(X509) * chain,
    const STACK_OF(X509) * anchors, struct fail *why)
{
	X509 *leaf = sk_X509_value(chain, 0);

	if (origin_named(origin, leaf))
		return 0;
	/* RFC 7030, 3.6.2: the name is all that counts. */
	if (!is_explicit(chain, anchors))
		return fail(why, FAIL_DENIED, "up-tls",
		    "RFC 7030, 3.6.2: the server's certificate does not name "
		    "%s",
		    origin->host);
	/* RFC 7030, 3.6.1 */
	if (is_cmc_ra(leaf))
		return 0;
	return fail(why, FAIL_DENIED, "up-authz",
	    "RFC 7030, 3.6.1: the server's certificate neither names %s nor "
	    "is one of an EST server (id-kp-cmcRA)",
	    origin->host);
}

int
origin_judge(void *arg, STACK_OF(X509) * chain, struct fail *why)
{
	const struct origin *origin = arg;

	if (origin_named(origin, sk_X509_value(chain, 0)))
		return 0;
	return fail(why, FAIL_DENIED, "up-tls",
	    "RFC 9525, 6: the server's certificate does not name %s",
	    origin->host);
}
