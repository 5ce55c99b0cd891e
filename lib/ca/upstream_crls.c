#include "lib/ca/upstream_crls.h"

#include <stdlib.h>
#include <string.h>

bool
upstream_crls_is_url(const char *text)
{
	return strncmp(text, "http://", 7) == 0;
}

char *
upstream_crls_path(const struct settings *settings, size_t n)
{
	const char *text = settings->upstream.crls.text[n];
	char hex[2 * SHA256_LEN + 1];
	uint8_t hash[SHA256_LEN];

	if (!upstream_crls_is_url(text))
		return str_dup(text);
	sha256(hash, span_str(text));
	hex_write(hex, (struct span){hash, sizeof(hash)}, false);
	return str_fmt("%s/own/crls/%.16s.crl", settings->state, hex);
}

static void
say(struct fail *trouble, const char *name, const struct fail *why)
{
	if (trouble->kind == FAIL_NONE)
		(void)fail(trouble, FAIL_BUSY, "upstream-crl", "%s: %s", name,
		    why->kind == FAIL_ABSENT ? "it is not there" : why->text);
}

struct above *
upstream_crls_read(
    const struct settings *settings, int64_t now, struct fail *trouble)
{
	const struct conf_strings *crls = &settings->upstream.crls;
	struct above *above = crls->n > 0 ? above_new() : NULL;
	struct fail why = {0};

	*trouble = (struct fail){0};
	for (size_t i = 0; i < crls->n; i++) {
		char *path = upstream_crls_path(settings, i);
		size_t had = above_count(above);

		if (above_add_file(above, path, &why) != 0)
			say(trouble, crls->text[i], &why);
		else if (above_count(above) == had) {
			(void)fail(&why, FAIL_MALFORMED, "crl",
			    "no list in it is of a kind that is understood");
			say(trouble, crls->text[i], &why);
		}
		why = (struct fail){0};
		free(path);
	}
	if (above != NULL && above_fresh(above, now, &why) != 0)
		say(trouble, "upstream.crls", &why);
	return above;
}
