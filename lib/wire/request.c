#include "lib/wire/request.h"

#include <string.h>
#include <strings.h>

#define ROOT "/.well-known/est/"
#define LABEL_MAX 64

const char *
env_find(char *const *env, const char *name, bool *twice)
{
	const char *found = NULL;
	size_t len = strlen(name);

	if (twice != NULL)
		*twice = false;
	for (; *env != NULL; env++) {
		if (strncmp(*env, name, len) != 0 || (*env)[len] != '=')
			continue;
		if (found == NULL)
			found = *env + len + 1;
		else if (twice != NULL)
			*twice = true;
	}
	return found != NULL && *found != '\0' ? found : NULL;
}

/* RFC 7030, 3.2.2: a label is none of these. */
static bool
is_operation(const char *word)
{
	static const char *const operations[] = {"cacerts", "simpleenroll",
	    "simplereenroll", "fullcmc", "serverkeygen", "csrattrs"};

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(word, operations[i]) == 0)
			return true;
	return false;
}

static bool
label_ok(const char *label)
{
	size_t len =
	    strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			  "0123456789._-");

	return len > 0 && label[len] == '\0' && strcmp(label, ".") != 0 &&
	       strcmp(label, "..") != 0 && !is_operation(label);
}

bool
request_route(char label[65], const char *path, const char *operation)
{
	const char *slash;
	size_t len;

	label[0] = '\0';
	if (strncmp(path, ROOT, sizeof(ROOT) - 1) != 0)
		return false;
	path += sizeof(ROOT) - 1;
	if ((slash = strchr(path, '/')) != NULL) {
		len = (size_t)(slash - path);
		if (len > LABEL_MAX)
			return false;
		memcpy(label, path, len);
		label[len] = '\0';
		path = slash + 1;
		if (!label_ok(label)) {
			label[0] = '\0';
			return false;
		}
	}
	return strcmp(path, operation) == 0;
}

bool
request_path(struct bytes *out, char *const *env)
{
	const char *uri = env_find(env, "REQUEST_URI", NULL);
	const char *script = env_find(env, "SCRIPT_NAME", NULL);
	const char *info = env_find(env, "PATH_INFO", NULL);

	if (uri != NULL) {
		bytes_add(out, uri, strcspn(uri, "?"));
		return true;
	}
	bytes_adds(out, script != NULL ? script : "");
	bytes_adds(out, info != NULL ? info : "");
	return script != NULL || info != NULL;
}

int
request_length(int64_t *length, char *const *env, struct fail *why)
{
	bool twice;
	const char *text = env_find(env, "CONTENT_LENGTH", &twice);
	size_t len;

	*length = -1;
	if (!twice && (text == NULL || strcmp(text, "-1") == 0))
		return 0;
	/* RFC 9110, 8.6: Content-Length = 1*DIGIT; 18 of them do not wrap. */
	len = text != NULL ? strlen(text) : 0;
	if (twice || len > 18 || strspn(text, "0123456789") != len)
		return fail(why, FAIL_MALFORMED, "length",
		    "RFC 9110, 8.6: Content-Length is not one number");
	*length = 0;
	for (; *text != '\0'; text++)
		*length = *length * 10 + (*text - '0');
	return 0;
}

/* The parameters mean nothing here, but there is one media type only. */
static bool
parameters_ok(const char *p)
{
	bool quoted = false;

	for (; *p != '\0'; p++) {
		if ((*p < ' ' && *p != '\t') || *p == 0x7f)
			return false;
		if (quoted && *p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == ',' && !quoted)
			return false;
	}
	return !quoted;
}

bool
media_type_is(const char *value, const char *type)
{
	size_t len = strlen(type);

	if (value == NULL)
		return false;
	value += strspn(value, " \t");
	if (strncasecmp(value, type, len) != 0)
		return false;
	value += len;
	value += strspn(value, " \t");
	return *value == '\0' || (*value == ';' && parameters_ok(value));
}

void
request_free(struct request *rq)
{
	bytes_free(&rq->client_cert);
	basic_wipe(&rq->basic);
	bytes_wipe(&rq->body); /* a challengePassword may be in it */
}
