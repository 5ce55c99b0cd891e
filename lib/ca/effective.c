#include "lib/ca/effective.h"

void
effective_write(struct bytes *out, const struct settings *settings)
{
	bytes_addf(out, "# %s\n", settings->path);
	settings_write(out, settings);
	bytes_addf(out, "\n# %s\n", settings->profiles_path);
	profiles_write(out, settings->profiles);
}

void
effective_sha256(char out[2 * SHA256_LEN + 1], const struct settings *settings)
{
	struct bytes text = {0};
	uint8_t hash[SHA256_LEN];

	effective_write(&text, settings);
	sha256(hash, span_of(&text));
	hex_write(out, (struct span){hash, SHA256_LEN}, false);
	bytes_free(&text);
}
