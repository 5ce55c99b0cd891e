/* microca import-appviewx - AppViewX's EST Micro CA: config.json, APIconfig. */
#include "bin/import.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DEPTH_MAX 8

/* ---- the names ---------------------------------------------------------- */

/* `ours` NULL: no match, and `says` why. */
struct known {
	const char *theirs, *ours, *says;
};

static const struct known config_names[] = {
    {"intermediate_cert_config.common_name", "intermediate.CN", NULL},
    {"intermediate_cert_config.country", "intermediate.C", NULL},
    {"intermediate_cert_config.province", "intermediate.ST", NULL},
    {"intermediate_cert_config.locality", "intermediate.L", NULL},
    {"intermediate_cert_config.organization", "intermediate.O", NULL},
    {"intermediate_cert_config.organizational_unit", "intermediate.OU", NULL},
    {"intermediate_cert_config.use_est", "intermediate.est", NULL},
    {"intermediate_cert_config.appviewx_hostname", "intermediate.host", NULL},
    {"intermediate_cert_config.port", "intermediate.port", NULL},
    {"intermediate_cert_config.est_agent_setting_name", "intermediate.label",
	NULL},
    {"intermediate_cert_config.key_type", "intermediate.key", NULL},
    {"intermediate_cert_config.key_size", "intermediate.size", NULL},
    {"intermediate_cert_config.hash_function", "intermediate.hash", NULL},
    {"intermediate_cert_config."
     "reenrollment_trigger_before_no_of_days_of_expiry",
	"intermediate.days", NULL},
    {"device_cert_config.is_device_cert_required", "device.wanted", NULL},
    {"device_cert_config.common_name", "device.CN", NULL},
    {"device_cert_config.country", "device.C", NULL},
    {"device_cert_config.province", "device.ST", NULL},
    {"device_cert_config.locality", "device.L", NULL},
    {"device_cert_config.organization", "device.O", NULL},
    {"device_cert_config.organizational_unit", "device.OU", NULL},
    {"device_cert_config.use_est", "device.est", NULL},
    {"device_cert_config.appviewx_hostname", "device.host", NULL},
    {"device_cert_config.port", "device.port", NULL},
    {"device_cert_config.est_agent_setting_name", "device.label", NULL},
    {"device_cert_config.key_type", "device.key", NULL},
    {"device_cert_config.key_size", "device.size", NULL},
    {"device_cert_config.hash_function", "device.hash", NULL},
    {"device_cert_config.reenrollment_trigger_before_no_of_days_of_expiry",
	"device.days", NULL},
    {"new_intermediate_cert", "intermediate.new", NULL},
    {"mtls_ca_cert", "clients.ca", NULL},
    {"certificateRenewal_config.isRenewalOfCertificatesRequired", "renewal",
	NULL},
    {"certificateRenewal_config.renewal_check_interval_time_in_minutes", NULL,
	"microca renew runs by cron or a systemd timer, every 10 minutes as "
	"shipped"},
    {"certificateRenewal_config.appviewx_hostname", NULL,
	"renewals go where the certificate came from"},
    {"certificateRenewal_config.port", NULL,
	"renewals go where the certificate came from"},
    {"certificateRenewal_config.est_agent_setting_name", NULL,
	"renewals go where the certificate came from"},
    {"mtls_server_cert_config.is_private_key_label_required", "server.token",
	NULL},
    {"mtls_server_cert_config.mtls_server_cert_path", NULL,
	"this CA issues the web server's certificate: microca enroll server; "
	"or put the old one into public/server.pem"},
    {"mtls_server_cert_config.mtls_server_key_path", NULL,
	"the web server's key is public/server.key"},
    {"mtls_server_cert_config.mtls_server_key_label", NULL,
	"the web server reads its key from a file"},
    {"mtls_server_cert_config.reenrollment_trigger_before_no_of_days_of_expiry",
	"server.days", NULL},
    {"mtls_server_cert_config.trigger_server_restart_script", "server.hook",
	NULL},
    {"pkcs11_library", "pkcs11.module", NULL},
    {"pkcs11_library_pin", "pkcs11.pin", NULL},
    {"mtls_client_auth_cert_config.is_private_key_label_required",
	"client.token", NULL},
    {"mtls_client_auth_cert_config.mtls_auth_cert_path", "client.cert", NULL},
    {"mtls_client_auth_cert_config.mtls_auth_key_label", "client.object", NULL},
    {"mtls_client_auth_cert_config.mtls_auth_key_path", "client.file", NULL},
    {"mtls_client_auth_cert_config."
     "reenrollment_trigger_before_no_of_days_of_expiry",
	"client.days", NULL},
};

#define NO_API "its REST interface is not used: certificates come by EST"
static const struct known api_names[] = {
    {"appviewx_hostname", "api.host", NULL},
    {"appviewx_port_number", NULL, NO_API},
    {"ca_setting_name", NULL, NO_API},
    {"template_name", NULL,
	"what an issued certificate holds is said in profiles.conf, and for "
	"our own by who issues it"},
    {"issuer_name", NULL, NO_API},
};

/* How the list of endpoints was named was never seen: guesses, lower case
 * without `_` and `-`. */
static const char *const list_guesses[] = {"endcertificate", "endcertificates",
    "endcertificateconfig", "endcertificatesconfig", "endcertificateconfigs",
    "endcertconfig", "endcertsconfig", "endpoint", "endpoints",
    "endpointconfig", "endpointsconfig", NULL};
static const struct known item_guesses[] = {
    {"endpointname", "name", NULL},
    {"name", "name", NULL},
    {"port", "port", NULL},
    {"endpointport", "port", NULL},
    {"keyusage", "usage", NULL},
    {"keyusages", "usage", NULL},
    {"ku", "usage", NULL},
    {"extendedkeyusage", "purpose", NULL},
    {"extendedkeyusages", "purpose", NULL},
    {"extkeyusage", "purpose", NULL},
    {"eku", "purpose", NULL},
    {"pathlength", "path", NULL},
    {"pathlengthconstraint", "path", NULL},
    {"pathlen", "path", NULL},
    {"isca", "ca", NULL},
    {"validity", "days", NULL},
    {"validitydays", "days", NULL},
    {"validityindays", "days", NULL},
    {"azure", "azure", NULL},
    {"isazure", "azure", NULL},
    {"isazureenabled", "azure", NULL},
    {"isazurerequired", "azure", NULL},
    {"azureconfig", NULL,
	"what is in it is not published: see docs/azure.md, group cloud"},
    {"azuresettings", NULL,
	"what is in it is not published: see docs/azure.md, group cloud"},
};

/* ---- values and report -------------------------------------------------- */

const char *
import_of(const struct import *im, int endpoint, const char *name)
{
	for (size_t i = 0; i < im->values; i++)
		if (im->value[i].endpoint == endpoint &&
		    strcmp(im->value[i].name, name) == 0)
			return im->value[i].text;
	return NULL;
}

const char *
import_value(const struct import *im, const char *name)
{
	return import_of(im, -1, name);
}

bool
import_true(const struct import *im, const char *name)
{
	const char *text = import_value(im, name);

	return text != NULL && strcasecmp(text, "true") == 0;
}

void
import_say(struct import *im, const char *kind, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bytes_addf(&im->report, "%-14s ", kind);
	text_escape(&im->report, span_str(text));
	bytes_addc(&im->report, '\n');
}

/* ---- the walk ----------------------------------------------------------- */

struct walk {
	struct import *im;
	const char *file; /* for the report */
	const struct known *names;
	size_t count;
	const char *path; /* so far */
	int endpoint;
	unsigned depth;
	struct fail *why;
};

static void
plain_name(char out[64], const char *key)
{
	size_t n = 0;

	for (; *key != '\0' && n < 63; key++)
		if (*key != '_' && *key != '-' && *key != ' ')
			out[n++] = (char)tolower((unsigned char)*key);
	out[n] = '\0';
}

static bool
is_secret(const char *ours)
{
	return strcmp(ours, "pkcs11.pin") == 0;
}

static void
keep(struct walk *w, const struct known *known, const char *path,
    const char *text)
{
	struct import *im = w->im;
	struct import_value *v;

	im->value = mem_grow(im->value, im->values + 1, sizeof(*im->value));
	v = &im->value[im->values++];
	*v = (struct import_value){
	    known->ours, w->endpoint, str_dup(text), str_dup(path)};
	import_say(im, "taken", "%s: %s = %s", w->file, path,
	    is_secret(known->ours) ? "(not shown)" : text);
}

/* Several texts in an array: with commas between. */
static int
joined_add(const char *key, const struct json *value, void *arg)
{
	struct bytes *out = arg;
	char *text = json_scalar(value);

	(void)key;
	if (text == NULL)
		return 1;
	if (out->len > 0)
		bytes_addc(out, ',');
	bytes_adds(out, text);
	free(text);
	return 0;
}

static char *
text_of(const struct json *value)
{
	struct bytes out = {0};

	if (json_type_of(value) != JSON_IS_ARRAY)
		return json_scalar(value);
	bytes_adds(&out, "");
	if (json_each(value, joined_add, &out) == 0)
		return (char *)out.data;
	bytes_free(&out);
	return NULL;
}

static const struct known *
known_find(const struct walk *w, const char *path, const char *key)
{
	char plain[64];
	const char *want = path;

	if (w->endpoint >= 0) {
		plain_name(plain, key);
		want = plain;
	}
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->names[i].theirs, want) == 0)
			return &w->names[i];
	return NULL;
}

static int walk_member(const char *key, const struct json *value, void *arg);

static int
walk_into(const struct walk *w, const struct json *value, const char *path)
{
	struct walk inner = *w;

	inner.path = path;
	inner.depth++;
	if (inner.depth > DEPTH_MAX) {
		import_say(w->im, "not understood", "%s: %s", w->file, path);
		return 0;
	}
	return json_each(value, walk_member, &inner);
}

/* One endpoint, by guessed names. */
static int
walk_endpoint(const char *key, const struct json *value, void *arg)
{
	const struct walk *w = arg;
	struct walk item = *w;
	char *path;
	int rc = 0;

	if (w->im->endpoints == IMPORT_ENDPOINTS)
		return fail(w->why, FAIL_MALFORMED, "import",
		    "%s: %s: more than %d endpoints", w->file, w->path,
		    IMPORT_ENDPOINTS);
	path = key != NULL ? str_fmt("%s.%s", w->path, key)
	                   : str_fmt("%s[%d]", w->path, w->im->endpoints);
	if (json_type_of(value) != JSON_IS_OBJECT) {
		import_say(w->im, "not understood", "%s: %s", w->file, path);
	} else {
		item.endpoint = w->im->endpoints++;
		item.names = item_guesses;
		item.count = COUNT(item_guesses);
		rc = walk_into(&item, value, path);
	}
	free(path);
	return rc;
}

static bool
is_list(const struct walk *w, const char *key, const struct json *value)
{
	char plain[64];

	if (w->endpoint >= 0 || w->names != config_names ||
	    json_type_of(value) < JSON_IS_ARRAY)
		return false;
	plain_name(plain, key);
	for (size_t i = 0; list_guesses[i] != NULL; i++)
		if (strcmp(list_guesses[i], plain) == 0)
			return true;
	return false;
}

static void
walk_value(struct walk *w, const struct known *known, const struct json *value,
    const char *path)
{
	char *text = text_of(value);

	w->im->known++;
	if (known->ours == NULL)
		import_say(w->im, "no match", "%s: %s: %s", w->file, path,
		    known->says);
	else if (text == NULL)
		import_say(w->im, "not understood",
		    "%s: %s: neither text, number nor truth", w->file, path);
	else if (*text != '\0')
		keep(w, known, path, text);
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}

static int
walk_member(const char *key, const struct json *value, void *arg)
{
	struct walk *w = arg;
	char *path = *w->path != '\0' ? str_fmt("%s.%s", w->path, key)
	                              : str_dup(key != NULL ? key : "");
	const struct known *known =
	    key != NULL ? known_find(w, path, key) : NULL;
	int rc = 0;

	if (known != NULL) {
		walk_value(w, known, value, path);
	} else if (key != NULL && is_list(w, key, value)) {
		struct walk list = *w;

		list.path = path;
		import_say(w->im, "guessed", "%s: %s is the list of endpoints",
		    w->file, path);
		rc = json_each(value, walk_endpoint, &list);
	} else if (key != NULL && w->endpoint < 0 &&
		   json_type_of(value) == JSON_IS_OBJECT) {
		rc = walk_into(w, value, path);
	} else {
		import_say(w->im, "not understood", "%s: %s", w->file,
		    *path != '\0' ? path : w->path);
	}
	free(path);
	return rc;
}

/* ---- the files ---------------------------------------------------------- */

/* Quotes that word processors and web pages put where JSON has ". */
static const struct {
	const char *utf8, *name;
} quotes[] = {
    {"\xe2\x80\x9c", "U+201C"},
    {"\xe2\x80\x9d", "U+201D"},
    {"\xe2\x80\x9e", "U+201E"},
    {"\xe2\x80\x9f", "U+201F"},
    {"\xe2\x80\x98", "U+2018"},
    {"\xe2\x80\x99", "U+2019"},
    {"\xc2\xab", "U+00AB"},
    {"\xc2\xbb", "U+00BB"},
};

static const char *
quote_at(const char *p, size_t *len)
{
	for (size_t i = 0; i < COUNT(quotes); i++) {
		*len = strlen(quotes[i].utf8);
		if (strncmp(p, quotes[i].utf8, *len) == 0)
			return quotes[i].name;
	}
	return NULL;
}

/* Does it stand where a text begins or ends? */
static bool
quote_ends_text(const char *text, const char *p, size_t len)
{
	const char *after = p + len, *before = p;

	after += strspn(after, " \t\r");
	while (before > text && strchr(" \t\r\n", before[-1]) != NULL)
		before--;
	return strchr(",:}]\n", *after) != NULL || before == text ||
	       strchr("{[,:", before[-1]) != NULL;
}

/* The first of them, with its place; false: there is none. */
static bool
quote_find(
    const char *text, unsigned *line, unsigned *column, const char **name)
{
	unsigned l = 1, c = 1;
	size_t len;

	for (const char *p = text; *p != '\0'; p++) {
		const char *found = quote_at(p, &len);

		if (found != NULL && quote_ends_text(text, p, len)) {
			*line = l;
			*column = c;
			*name = found;
			return true;
		}
		if (*p == '\n') {
			l++;
			c = 1;
		} else if (((unsigned char)*p & 0xc0) != 0x80) {
			c++;
		}
	}
	return false;
}

static int
not_json(const char *path, const char *text, struct fail *why)
{
	unsigned line, column;
	const char *name;
	const struct fail said = *why;

	if (quote_find(text, &line, &column, &name))
		return fail(why, FAIL_MALFORMED, "json",
		    "%s: line %u, column %u: a typographic quote (%s) where "
		    "JSON has \": write \" there (%s)",
		    path, line, column, name, said.text);
	return fail(why, FAIL_MALFORMED, "json", "%s: %s", path, said.text);
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static int
file_walk(struct import *im, const char *path, const struct known *names,
    size_t count, struct fail *why)
{
	struct walk w = {.im = im,
	    .file = base_of(path),
	    .names = names,
	    .count = count,
	    .path = "",
	    .endpoint = -1,
	    .why = why};
	struct bytes text = {0};
	struct json *json = NULL;
	const char *start;
	int rc = -1;

	if (tool_input(&text, path, why) != 0)
		goto out;
	bytes_adds(&text, "");
	start = (const char *)text.data;
	if (strncmp(start, "\xef\xbb\xbf", 3) == 0)
		start += 3; /* a byte order mark */
	if (json_read(&json, start, why) != 0)
		rc = not_json(path, start, why);
	else if (json_type_of(json) != JSON_IS_OBJECT)
		rc = fail(why, FAIL_MALFORMED, "json",
		    "%s: line 1: not an object in braces", path);
	else
		rc = json_each(json, walk_member, &w);
	if (json != NULL)
		json_free(json);
out:
	bytes_wipe(&text); /* the PIN is in it */
	return rc;
}

/* Never over a file that is there. */
static int
file_new(const char *path, struct span text, mode_t mode, struct fail *why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	ssize_t n;

	if (fd < 0) {
		fail(why, errno == EEXIST ? FAIL_DENIED : FAIL_BROKEN, "file",
		    errno == EEXIST ? "%s is there already and is not replaced"
				    : "cannot make %s",
		    path);
		return errno == EEXIST ? -1 : fail_errno(why, "open");
	}
	n = fchmod(fd, mode) == 0 ? write(fd, text.data, text.len) : -1;
	if (n == (ssize_t)text.len && fsync(fd) == 0 && close(fd) == 0)
		return 0;
	fail(why, FAIL_BROKEN, "file", "cannot write %s", path);
	fail_errno(why, "write");
	(void)unlink(path);
	return -1;
}

/* The files of one import, all or none. */
struct result {
	char *path[3];
	struct bytes text[3];
	mode_t mode[3];
};
enum { FILE_CONF, FILE_PROFILES, FILE_PIN };

static int
result_write(const struct result *r, struct fail *why)
{
	struct settings *settings = NULL;
	int made = 0, rc = 0;

	while (made < 3 && rc == 0) {
		if (r->text[made].len > 0)
			rc = file_new(r->path[made], span_of(&r->text[made]),
			    r->mode[made], why);
		made += rc == 0;
	}
	if (rc == 0)
		rc = settings_read(&settings, r->path[FILE_CONF], why);
	settings_free(settings);
	while (rc != 0 && made-- > 0)
		if (r->text[made].len > 0)
			(void)unlink(r->path[made]);
	return rc;
}

static int
result_make(
    struct result *r, struct import *im, const char *folder, struct fail *why)
{
	static const char *const names[] = {
	    "microca.conf", "profiles.conf", "pin"};
	static const mode_t modes[] = {0640, 0640, 0600};
	const char *pin = import_value(im, "pkcs11.pin");

	for (int i = 0; i < 3; i++) {
		r->path[i] = file_path(folder, names[i]);
		r->mode[i] = modes[i];
	}
	if (import_conf(&r->text[FILE_CONF], im, why) != 0)
		return -1;
	import_profiles(&r->text[FILE_PROFILES], im);
	if (pin != NULL)
		bytes_addf(&r->text[FILE_PIN], "%s\n", pin);
	return 0;
}

static void
import_free(struct import *im)
{
	for (size_t i = 0; i < im->values; i++) {
		OPENSSL_cleanse(im->value[i].text, strlen(im->value[i].text));
		free(im->value[i].text);
		free(im->value[i].path);
	}
	free(im->value);
	bytes_free(&im->report);
}

/* Two files the other way round have nothing for each other. */
static int
config_walk(struct import *im, struct fail *why)
{
	if (file_walk(im, im->config, config_names, COUNT(config_names), why) !=
	    0)
		return -1;
	if (im->known > 0 || im->report.len == 0)
		return 0;
	return fail(why, FAIL_MALFORMED, "import",
	    "%s: no name in it is known: it has to be config.json, and "
	    "APIconfig the second file",
	    im->config);
}

static int
import(struct import *im, const char *folder, struct fail *why)
{
	struct result r = {0};
	int rc = -1;

	if (config_walk(im, why) == 0 &&
	    file_walk(im, im->api, api_names, COUNT(api_names), why) == 0 &&
	    result_make(&r, im, folder, why) == 0)
		rc = result_write(&r, why);
	if (rc == 0) {
		fputs((const char *)im->report.data, stdout);
		for (int i = 0; i < 3; i++)
			if (r.text[i].len > 0)
				printf("%-14s %s\n", "written", r.path[i]);
	}
	for (int i = 0; i < 3; i++) {
		free(r.path[i]);
		bytes_wipe(&r.text[i]);
	}
	return rc;
}

int
import_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	const char *folder = ".";
	const struct option_spec options[] = {
	    {"out", 'o', OPTION_TEXT, &folder, 0, 0, NULL},
	};
	struct import im = {0};
	char *absolute;
	int rc;

	(void)tool;
	if (options_read(options, COUNT(options), &argc, &argv, why) != 0 ||
	    operands_ok(argc, 2, 2, why) != 0)
		return -1;
	absolute = realpath(folder, NULL);
	if (absolute == NULL) {
		fail(why, FAIL_CONFIG, "usage", "no folder %s", folder);
		return fail_errno(why, "realpath");
	}
	im.config = argv[0];
	im.api = argv[1];
	rc = import(&im, absolute, why);
	import_free(&im);
	free(absolute);
	return rc;
}
