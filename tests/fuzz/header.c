/* What stands in one header, variable or value. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "lib/net/challenge.h"
#include "lib/wire/multipart.h"
#include "lib/wire/name.h"
#include "lib/wire/pattern.h"
#include "lib/wire/request.h"

static void
credentials(const char *text)
{
	struct challenge challenge = {0};
	struct basic basic;
	struct bytes out = {0};
	struct fail why = {0};

	basic_read(&basic, text);
	basic_wipe(&basic);
	(void)!challenge_read(&challenge, text, &why);
	challenge_free(&challenge);
	bytes_free(&out);
}

static void
route(const char *text)
{
	char *variable = str_fmt("REQUEST_URI=%s", text);
	char *length = str_fmt("CONTENT_LENGTH=%s", text);
	char *const env[] = {variable, length, NULL};
	struct bytes path = {0};
	struct fail why = {0};
	int64_t octets;
	char label[65];

	if (request_path(&path, env))
		(void)!request_route(
		    label, (const char *)path.data, "simpleenroll");
	(void)!request_length(&octets, env, &why);
	(void)media_type_is(text, "application/pkcs10");
	free(media_type_parameter(text, "boundary"));
	bytes_free(&path);
	free(variable);
	free(length);
}

static void
names(const char *text)
{
	struct pattern *pattern = NULL;
	X509_NAME *name = NULL;
	struct fail why = {0};

	if (pattern_read(&pattern, text, &why) == 0) {
		fuzz_taken++;
		(void)pattern_match(pattern, text);
	}
	pattern_free(pattern);
	if (name_from_text(&name, text, &why) == 0)
		free(name_text(name));
	X509_NAME_free(name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	credentials(text);
	route(text);
	names(text);
	free(text);
	return 0;
}
