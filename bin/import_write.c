/* The import's values written as microca.conf and profiles.conf. */
#include "bin/import.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/base/file.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- forms -------------------------------------------------------------- */

/* A text in libconfig's quotes. */
static void
quoted(struct bytes *out, const char *text)
{
	bytes_addc(out, '"');
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20) {
			bytes_addf(out, "\\x%02x", (unsigned char)*text);
			continue;
		}
		if (*text == '"' || *text == '\\')
			bytes_addc(out, '\\');
		bytes_addc(out, *text);
	}
	bytes_addc(out, '"');
}

static void
setting(
    struct bytes *out, const char *indent, const char *name, const char *value)
{
	bytes_addf(out, "%s%s = ", indent, name);
	quoted(out, value);
	bytes_adds(out, ";\n");
}

/* A whole number within bounds, or -1. */
static long
number(const char *text, long most)
{
	char *end;
	long n;

	if (text == NULL || !isdigit((unsigned char)*text))
		return -1;
	n = strtol(text, &end, 10);
	return *end == '\0' && n <= most ? n : -1;
}

static const char *
of_cert(const struct import *im, const char *cert, const char *field)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s.%s", cert, field);
	return import_value(im, name);
}

/* Their paths begin where their configuration is. */
static char *
their_path(const struct import *im, const char *path)
{
	char *config = realpath(im->config, NULL), *full;

	if (config == NULL)
		return str_dup(path);
	*strrchr(config, '/') = '\0';
	full = file_path(config, path);
	free(config);
	return full;
}

static char *
object_uri(const char *object)
{
	struct bytes uri = {0};

	bytes_adds(&uri, "pkcs11:object=");
	for (; *object != '\0'; object++) {
		if (isalnum((unsigned char)*object) ||
		    strchr("-_.", *object) != NULL)
			bytes_addc(&uri, *object);
		else
			bytes_addf(&uri, "%%%02X", (unsigned char)*object);
	}
	return (char *)uri.data;
}

/* ---- names, keys, hashes ------------------------------------------------ */

/* From the country down, as such names are written; NULL: has none. */
static int
subject_of(
    char **subject, const struct import *im, const char *cert, struct fail *why)
{
	static const char *const types[] = {"C", "ST", "L", "O", "OU", "CN"};
	struct bytes text = {0};
	struct fail cause = {0};
	X509_NAME *name = NULL;

	*subject = NULL;
	for (size_t i = 0; i < COUNT(types); i++) {
		const char *value = of_cert(im, cert, types[i]);

		if (value == NULL)
			continue;
		bytes_addf(&text, "%s%s=", text.len > 0 ? "," : "", types[i]);
		for (; *value != '\0'; value++) {
			if (strchr(",+\"\\<>;=#", *value) != NULL)
				bytes_addc(&text, '\\');
			bytes_addc(&text, *value);
		}
	}
	if (text.len == 0)
		return 0;
	if (name_from_text(&name, (const char *)text.data, &cause) != 0) {
		fail(why, FAIL_MALFORMED, "import",
		    "the name of the %s certificate, %s: %s", cert,
		    (const char *)text.data, cause.text);
		bytes_free(&text);
		return -1;
	}
	*subject = name_text(name);
	X509_NAME_free(name);
	bytes_free(&text);
	return 0;
}

/* NULL: none that we make. */
static const char *
key_word(struct import *im, const char *cert)
{
	static const struct {
		bool rsa;
		long size;
		const char *word;
	} kinds[] = {
	    {true, 2048, "rsa2048"},
	    {true, 3072, "rsa3072"},
	    {true, 4096, "rsa4096"},
	    {false, 256, "p256"},
	    {false, 384, "p384"},
	    {false, 521, "p521"},
	};
	const char *type = of_cert(im, cert, "key");
	const char *size = of_cert(im, cert, "size");

	if (type == NULL && size == NULL)
		return NULL;
	for (size_t i = 0; type != NULL && i < COUNT(kinds); i++)
		if ((strcasecmp(type, "RSA") == 0) == kinds[i].rsa &&
		    (kinds[i].rsa || strncasecmp(type, "EC", 2) == 0) &&
		    number(size, 100000) == kinds[i].size)
			return kinds[i].word;
	import_say(im, "no match", "%s certificate: no keys of type %s %s here",
	    cert, type != NULL ? type : "?", size != NULL ? size : "?");
	return NULL;
}

static const char *
hash_word(struct import *im, const char *cert)
{
	static const char *const words[] = {"sha256", "sha384", "sha512"};
	const char *hash = of_cert(im, cert, "hash");

	if (hash == NULL)
		return NULL;
	for (size_t i = 0; i < COUNT(words); i++)
		if (strncasecmp(hash, "sha", 3) == 0 &&
		    strcmp(hash + 3 + (hash[3] == '-'), words[i] + 3) == 0)
			return words[i];
	import_say(
	    im, "no match", "%s certificate: no hash %s here", cert, hash);
	return NULL;
}

/* ---- microca.conf ------------------------------------------------------- */

/* Where a certificate of our own comes from; NULL: no server is named. */
static char *
url_of(struct import *im, const char *cert)
{
	const char *host = of_cert(im, cert, "host");
	const char *port = of_cert(im, cert, "port");
	long n = number(port, 65535);

	if (host == NULL)
		return NULL;
	if (strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789.-:[]") != strlen(host)) {
		import_say(im, "no match",
		    "%s certificate: \"%s\" is no host name", cert, host);
		return NULL;
	}
	if (n > 0)
		return str_fmt("https://%s:%ld", host, n);
	if (port != NULL)
		import_say(
		    im, "no match", "%s certificate: port %s", cert, port);
	return str_fmt("https://%s", host);
}

static bool
by_est(const struct import *im, const char *cert)
{
	const char *est = of_cert(im, cert, "est");

	return est != NULL && strcasecmp(est, "true") == 0 &&
	       import_value(im, "intermediate.host") != NULL;
}

static void
upstream(struct bytes *out, struct import *im)
{
	const char *label = import_value(im, "intermediate.label");
	const char *api = import_value(im, "api.host");
	const char *host = import_value(im, "intermediate.host");
	char *url = url_of(im, "intermediate");

	if (api != NULL && host != NULL && strcasecmp(api, host) != 0)
		import_say(im, "no match",
		    "APIconfig names another host, %s, than config.json: %s is "
		    "taken",
		    api, host);
	if (url == NULL)
		return;
	bytes_adds(out, "\n# The EST server above.\nupstream = {\n");
	setting(out, "\t", "url", url);
	if (label != NULL)
		setting(out, "\t", "label", label);
	setting(out, "\t", "anchors", "upstream-root.pem");
	bytes_adds(out, "};\n");
	import_say(im, "assumed",
	    "upstream.anchors: put the root of %s into upstream-root.pem "
	    "beside "
	    "microca.conf, or use pin",
	    url);
	free(url);
}

static void
renewal(struct bytes *out, struct import *im, const char *cert)
{
	const char *wanted = import_value(im, "renewal");
	const char *days = of_cert(im, cert, "days");
	long n = number(days, 36500);

	if (wanted != NULL && strcasecmp(wanted, "true") != 0)
		setting(out, "\t\t", "renew_before", "0");
	else if (n >= 0)
		bytes_addf(out, "\t\trenew_before = \"%ldd\";\n", n);
	else if (days != NULL)
		import_say(im, "no match",
		    "%s certificate: renewal %s days before its end", cert,
		    days);
}

static void
certificate_begin(struct bytes *out, const char *name, const char *source)
{
	const char *p = (const char *)out->data;

	bytes_adds(
	    out, strcmp(p + out->len - 2, "(\n") == 0 ? "\t{\n" : ",\n\t{\n");
	setting(out, "\t\t", "name", name);
	setting(out, "\t\t", "source", source);
}

/* intermediate, device */
static void
certificate_own(
    struct bytes *out, struct import *im, const char *cert, const char *subject)
{
	bool est = by_est(im, cert), token = import_value(im, "pkcs11.module");
	const char *label = of_cert(im, cert, "label"), *word;
	const char *base = import_value(im, "intermediate.label");
	char *url = url_of(im, cert), *up = url_of(im, "intermediate");

	certificate_begin(out, cert, est ? "upstream" : "manual");
	if (subject != NULL)
		setting(out, "\t\t", "subject", subject);
	if (strcmp(cert, "device") == 0 && token)
		setting(out, "\t\t", "key", "pkcs11:object=device");
	if ((word = key_word(im, cert)) != NULL)
		setting(out, "\t\t", "key_type", word);
	if ((word = hash_word(im, cert)) != NULL)
		setting(out, "\t\t", "hash", word);
	if (est && url != NULL && up != NULL && strcmp(url, up) != 0)
		setting(out, "\t\t", "url", url);
	if (est && label != NULL && (base == NULL || strcmp(label, base) != 0))
		setting(out, "\t\t", "label", label);
	renewal(out, im, cert);
	bytes_adds(out, "\t}");
	free(up);
	free(url);
}

/* The name that the old certificate has. */
static char *
client_subject(struct import *im, const char *path)
{
	STACK_OF(X509) *certs = NULL;
	struct fail ignored = {0};
	char *subject;

	if (cert_file_read(&certs, path, &ignored) != 0) {
		import_say(im, "assumed",
		    "the client certificate's subject is CN=Micro CA client: "
		    "%s cannot be read",
		    path);
		return str_dup("CN=Micro CA client");
	}
	subject = name_text(X509_get_subject_name(sk_X509_value(certs, 0)));
	sk_X509_pop_free(certs, X509_free);
	return subject;
}

static void
certificate_client(struct bytes *out, struct import *im)
{
	const char *cert = import_value(im, "client.cert");
	const char *object = import_value(im, "client.object");
	const char *file = import_value(im, "client.file");
	char *path, *key, *subject;

	if (cert == NULL || !by_est(im, "intermediate"))
		return;
	if (import_true(im, "client.token") && object != NULL)
		key = object_uri(object);
	else if (file != NULL)
		key = their_path(im, file);
	else
		key = NULL;
	path = their_path(im, cert);
	subject = client_subject(im, path);
	certificate_begin(out, "client", "upstream");
	setting(out, "\t\t", "subject", subject);
	if (key != NULL) {
		setting(out, "\t\t", "initial_certificate", path);
		setting(out, "\t\t", "initial_key", key);
	} else {
		import_say(im, "no match",
		    "the client certificate's key: neither label nor path");
	}
	renewal(out, im, "client");
	bytes_adds(out, "\t}");
	free(subject);
	free(path);
	free(key);
}

static void
certificate_server(struct bytes *out, struct import *im, const char *host)
{
	const char *hook = import_value(im, "server.hook");
	char *text = str_fmt("CN=%s", host), *path;

	certificate_begin(out, "server", "self");
	setting(out, "\t\t", "subject", text);
	bytes_addf(out, "\t\tsan = (\"DNS:%s\");\n", host);
	setting(out, "\t\t", "profile", "server");
	renewal(out, im, "server");
	if (hook != NULL) {
		path = their_path(im, hook);
		bytes_adds(out, "\t\thook = (");
		quoted(out, path);
		bytes_adds(out, ");\n");
		import_say(im, "assumed",
		    "%s runs as microca's user, without root's rights", path);
		free(path);
	}
	bytes_adds(out, "\t}");
	free(text);
}

static int
certificates(
    struct bytes *out, struct import *im, const char *host, struct fail *why)
{
	char *device = NULL;

	bytes_adds(out, "\ncertificates = (\n");
	certificate_own(out, im, "intermediate", NULL);
	if (import_true(im, "device.wanted")) {
		if (subject_of(&device, im, "device", why) != 0)
			return -1;
		if (device == NULL) {
			device = str_fmt("CN=%s", host);
			import_say(im, "assumed",
			    "the device certificate's subject is %s", device);
		}
		certificate_own(out, im, "device", device);
		free(device);
	}
	certificate_client(out, im);
	certificate_server(out, im, host);
	bytes_adds(out, "\n);\n");
	return 0;
}

static int
group_ca(struct bytes *out, struct import *im, struct fail *why)
{
	const char *module = import_value(im, "pkcs11.module");
	const char *word = key_word(im, "intermediate");
	char *subject, *path = NULL;

	if (subject_of(&subject, im, "intermediate", why) != 0)
		return -1;
	if (subject == NULL) {
		subject = str_dup("CN=Micro CA");
		import_say(im, "assumed", "the CA's subject is %s", subject);
	}
	bytes_adds(out, "ca = {\n");
	if (module != NULL) {
		path = their_path(im, module);
		setting(out, "\t", "key", "pkcs11:object=intermediate");
		setting(out, "\t", "module", path);
		import_say(im, "assumed",
		    "ca.key: the token's name was not said: add "
		    "token=NAME; before object=, and see to the object's name");
	} else {
		setting(out, "\t", "key", "intermediate.key");
		import_say(im, "assumed",
		    "ca.key: no PKCS#11 library was named, so it is a file");
	}
	if (import_value(im, "pkcs11.pin") != NULL)
		setting(out, "\t", "pin_file", "pin");
	if (word != NULL)
		setting(out, "\t", "key_type", word);
	setting(out, "\t", "subject", subject);
	bytes_adds(out, "};\n");
	free(path);
	free(subject);
	return 0;
}

char *
import_endpoint_name(const struct import *im, int endpoint)
{
	const char *name = import_of(im, endpoint, "name");

	if (im->endpoints == 0)
		return str_dup("device");
	return name != NULL && conf_is_name(name) && strcmp(name, "server") != 0
	           ? str_dup(name)
	           : str_fmt("endpoint-%d", endpoint + 1);
}

/* Clients of their mtls_ca_cert may ask for their own names. */
static void
rules(struct bytes *out, struct import *im, const char *name)
{
	const char *ca = import_value(im, "clients.ca");
	char *path;
	bool there;

	bytes_adds(out, "\t\tallow = (\n\t\t\t{ own = (");
	quoted(out, name);
	bytes_adds(out, "); }");
	if (ca != NULL) {
		path = their_path(im, ca);
		there = access(path, F_OK) == 0;
		bytes_adds(out, there ? ",\n\t\t\t" : "\n\t\t\t# , ");
		bytes_adds(out, "{ issuer = ");
		quoted(out, path);
		bytes_adds(out, "; names = \"own\"; }");
		free(path);
	}
	bytes_adds(out, "\n\t\t);\n");
}

static void
endpoint(struct bytes *out, struct import *im, int i, bool last)
{
	char *name = import_endpoint_name(im, i);
	const char *text = import_of(im, i, "port");
	long port = number(text, 65535);

	if (port <= 0) {
		port = 8443 + i;
		import_say(im, "assumed", "endpoint %s: port %ld", name, port);
	}
	bytes_adds(out, "\t{\n");
	setting(out, "\t\t", "name", name);
	bytes_addf(out, "\t\tport = %ld;\n", port);
	setting(out, "\t\t", "profile", name);
	rules(out, im, name);
	bytes_adds(out, last ? "\t}\n" : "\t},\n");
	free(name);
}

static void
endpoints(struct bytes *out, struct import *im)
{
	const char *ca = import_value(im, "clients.ca");
	int n = im->endpoints > 0 ? im->endpoints : 1;
	char *path;

	if (im->endpoints == 0)
		import_say(im, "assumed",
		    "no list of endpoints was found: there is one, device");
	bytes_adds(out, "\nendpoints = (\n");
	for (int i = 0; i < n; i++)
		endpoint(out, im, i, i + 1 == n);
	bytes_adds(out, ");\n");
	if (ca == NULL)
		return;
	path = their_path(im, ca);
	import_say(im, "assumed",
	    access(path, F_OK) == 0
		? "clients of %s may enrol, each under its own name only: see "
		  "names in microca.conf(5)"
		: "%s is not here: put it there, and take the # from the rules "
		  "that name it",
	    path);
	free(path);
}

/* For the web server's certificate. */
static void
host_of(char out[256], struct import *im)
{
	if (gethostname(out, 255) != 0 || out[0] == '\0' ||
	    strspn(out, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789.-") != strlen(out))
		(void)snprintf(out, 256, "localhost");
	import_say(im, "assumed", "httpd.server_name is this host's, %s", out);
}

int
import_conf(struct bytes *out, struct import *im, struct fail *why)
{
	char host[256] = "";

	host_of(host, im);
	bytes_adds(
	    out, "# microca.conf - made by microca import-appviewx from ");
	text_escape(out, span_str(im->config));
	bytes_adds(out, "\n# See microca.conf(5).\n\n");
	if (group_ca(out, im, why) != 0)
		return -1;
	upstream(out, im);
	if (certificates(out, im, host, why) != 0)
		return -1;
	endpoints(out, im);
	bytes_adds(out, "\nhttpd = {\n");
	setting(out, "\t", "server_name", host);
	bytes_adds(out, "};\n");
	if (import_true(im, "intermediate.new"))
		import_say(im, "assumed",
		    "new_intermediate_cert: microca init makes a key, microca "
		    "enroll intermediate gets its certificate");
	return 0;
}

/* ---- profiles.conf ------------------------------------------------------ */

/* RFC 5280's words, however they are written. */
static const char *
usage_word(const char *text)
{
	static const char *const words[] = {"digitalSignature",
	    "nonRepudiation", "contentCommitment", "keyEncipherment",
	    "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign",
	    "encipherOnly", "decipherOnly"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasecmp(words[i], text) == 0)
			/* One bit with two names. */
			return strcmp(words[i], "contentCommitment") == 0
			           ? "nonRepudiation"
			           : words[i];
	return strcasecmp(text, "certificateSigning") == 0 ? "keyCertSign"
	                                                   : NULL;
}

static const char *
purpose_word(const char *text)
{
	static const char *const words[][3] = {
	    {"serverAuth", "serverAuthentication",
		"TLSWebServerAuthentication"},
	    {"clientAuth", "clientAuthentication",
		"TLSWebClientAuthentication"},
	    {"codeSigning", "codeSigning", "codeSigning"},
	    {"emailProtection", "emailProtection", "secureEmail"},
	    {"timeStamping", "timeStamping", "timeStamping"},
	    {"OCSPSigning", "OCSPSigning", "OCSPSigning"},
	    {"anyExtendedKeyUsage", "any", "anyPurpose"},
	};

	for (size_t i = 0; i < COUNT(words); i++)
		for (size_t j = 0; j < 3; j++)
			if (strcasecmp(words[i][j], text) == 0)
				return words[i][0];
	return NULL;
}

static bool
has(const struct bytes *list, const char *word)
{
	return list->len > 0 && strstr((const char *)list->data, word) != NULL;
}

static void
word_put(struct bytes *out, const char *word)
{
	char *text = str_fmt("\"%s\"", word);

	if (!has(out, text))
		bytes_addf(out, "%s%s", out->len > 0 ? ", " : "", text);
	free(text);
}

/* Each of a list with commas, once; `out` gets it as a libconfig list. */
static void
words_put(struct bytes *out, struct import *im, const char *profile,
    const char *list, const char *(*word_of)(const char *text))
{
	char *copy = str_dup(list != NULL ? list : ""), *rest = copy, *item;

	while ((item = strsep(&rest, ",;")) != NULL) {
		char plain[64];
		size_t len = 0;
		const char *word;

		for (; *item != '\0' && len < sizeof(plain) - 1; item++)
			if (strchr(" _-\t", *item) == NULL)
				plain[len++] = *item;
		plain[len] = '\0';
		if (len == 0)
			continue;
		word = word_of(plain);
		if (word == NULL) {
			import_say(im, "not understood",
			    "endpoint %s: usage %s", profile, plain);
			continue;
		}
		word_put(out, word);
	}
	free(copy);
}

static bool
of_truth(const struct import *im, int i, const char *name)
{
	const char *text = import_of(im, i, name);

	return text != NULL && strcasecmp(text, "true") == 0;
}

static const char *
leaf_usage_word(const char *text)
{
	const char *word = usage_word(text);

	return word != NULL && strcmp(word, "keyCertSign") == 0 ? NULL : word;
}

/* Does it sign certificates?  Where isCA is not there, its key usage tells;
 * `usage` gets that. */
static bool
is_ca(struct bytes *usage, struct import *im, int i, const char *name)
{
	const char *list = import_of(im, i, "usage");
	bool said = import_of(im, i, "ca") != NULL;
	bool ca = of_truth(im, i, "ca");

	words_put(
	    usage, im, name, list, said && !ca ? leaf_usage_word : usage_word);
	if (said || !has(usage, "keyCertSign"))
		return ca;
	import_say(im, "assumed",
	    "endpoint %s: a CA, for its key usage has keyCertSign", name);
	return true;
}

/* What a profile needs so that it can be read: profile_check(). */
static void
usages(struct bytes *out, struct import *im, int i, const char *name,
    struct bytes *usage, bool ca)
{
	struct bytes purpose = {0};

	if (ca) {
		usage->len = 0;
		bytes_adds(usage, "\"keyCertSign\", \"cRLSign\"");
	} else {
		words_put(&purpose, im, name, import_of(im, i, "purpose"),
		    purpose_word);
	}
	if (!ca && !has(usage, "digitalSignature")) {
		word_put(usage, "digitalSignature");
		import_say(im, "assumed",
		    "endpoint %s: key usage digitalSignature", name);
	}
	bytes_addf(out, "\t\tkey_usage = (%s);\n", (const char *)usage->data);
	if (purpose.len > 0)
		bytes_addf(out, "\t\text_key_usage = (%s);\n",
		    (const char *)purpose.data);
	if (has(usage, "Encipherment"))
		bytes_adds(out,
		    "\t\tkeys = (\"rsa2048\", \"rsa3072\", \"rsa4096\");\n");
	else if (has(usage, "keyAgreement"))
		bytes_adds(out, "\t\tkeys = (\"p256\", \"p384\", \"p521\");\n");
	else
		bytes_adds(out, "\t\tkeys = (\"p256\", \"p384\", \"p521\", "
				"\"rsa2048\", \"rsa3072\", \"rsa4096\");\n");
	bytes_free(&purpose);
}

static void
profile(struct bytes *out, struct import *im, int i)
{
	char *name = import_endpoint_name(im, i);
	struct bytes usage = {0};
	bool ca = is_ca(&usage, im, i, name);
	long days = number(import_of(im, i, "days"), 36500);
	long path = number(import_of(im, i, "path"), 100);

	if (days <= 0) {
		days = ca ? 1095 : 90;
		import_say(im, "assumed", "endpoint %s: validity of %ld days",
		    name, days);
	}
	bytes_adds(out, "\t{\n");
	setting(out, "\t\t", "name", name);
	bytes_addf(out, "\t\tvalidity = \"%ldd\";\n", days);
	if (ca)
		bytes_addf(out, "\t\tca = true;\n\t\tpath_length = %ld;\n",
		    path >= 0 ? path : 0);
	usages(out, im, i, name, &usage, ca);
	bytes_adds(out,
	    "\t\tsubject = (\n"
	    "\t\t\t{ type = \"CN\"; from = \"required\"; },\n"
	    "\t\t\t{ type = \"serialNumber\"; from = \"optional\"; },\n"
	    "\t\t\t{ type = \"O\"; from = \"optional\"; }\n\t\t);\n");
	if (!ca)
		bytes_adds(out, "\t\tsan = ({ type = \"dns\"; }, { type = "
				"\"ip\"; }, { type = \"uri\"; });\n");
	if (of_truth(im, i, "azure"))
		bytes_adds(out, "\t\tazure = true;\n\t\tdevice_id = \"CN\";\n");
	bytes_adds(out, "\t},\n");
	bytes_free(&usage);
	free(name);
}

void
import_profiles(struct bytes *out, struct import *im)
{
	int n = im->endpoints > 0 ? im->endpoints : 1;

	bytes_adds(out,
	    "# profiles.conf - made by microca import-appviewx.  See "
	    "profiles.conf(5).\n\nprofiles = (\n");
	for (int i = 0; i < n; i++)
		profile(out, im, i);
	bytes_adds(out,
	    "\t{\n\t\tname = \"server\"; # the web server\n"
	    "\t\tvalidity = \"397d\";\n"
	    "\t\tkey_usage = (\"digitalSignature\");\n"
	    "\t\text_key_usage = (\"serverAuth\");\n"
	    "\t\tsubject = ({ type = \"CN\"; from = \"required\"; });\n"
	    "\t\tsan = ({ type = \"dns\"; }, { type = \"ip\"; });\n\t}\n);\n");
}
