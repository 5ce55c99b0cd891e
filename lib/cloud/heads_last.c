/* Links neither token nor network: for programs that only look. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cloud/headfile.h"
#include "lib/cloud/heads.h"

const char *
heads_edge(const struct settings *settings)
{
	return settings->cloud.edge != NULL && settings->cloud.edge[0] != '\0'
	           ? settings->cloud.edge
	           : HEADS_LOCAL;
}

int
heads_last(struct checkpoint *cp, bool *found, const struct settings *settings,
    struct fail *why)
{
	return headfile_last(
	    cp, found, settings->state, heads_edge(settings), why);
}

int
heads_counter(
    struct counter *counter, const struct checkpoint *cp, struct fail *why)
{
	*counter = (struct counter){.time = cp->time};
	for (size_t i = 0; i < cp->n; i++) {
		struct counter_lane *lane = &counter->lane[counter->n++];
		struct bytes hash = {0};
		bool good =
		    hex_read(&hash, cp->lane[i].hash) && hash.len == SHA256_LEN;

		lane->lane = cp->lane[i].lane;
		lane->seq = cp->lane[i].seq;
		if (good)
			memcpy(lane->hash, hash.data, SHA256_LEN);
		bytes_free(&hash);
		if (!good)
			return fail(why, FAIL_BROKEN, "head",
			    "the hash that a head tells of is none");
	}
	return 0;
}

/* The file's own time: a line may have been added, or was not needed. */
int64_t
heads_looked(const struct settings *settings)
{
	char *path =
	    str_fmt("%s/heads/%s", settings->state, heads_edge(settings));
	struct stat st;
	int64_t looked = stat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec : 0;

	free(path);
	return looked;
}

bool
heads_is_at(const struct checkpoint *cp, const struct trail_ends *ends)
{
	char hash[2 * SHA256_LEN + 1];

	if (cp == NULL || cp->n != ends->n)
		return false;
	for (size_t i = 0; i < cp->n; i++) {
		const struct trail_end *end = &ends->end[i];

		hex_write(hash, (struct span){end->hash, SHA256_LEN}, false);
		if (cp->lane[i].lane != ends->lane[i] ||
		    cp->lane[i].seq != end->seq ||
		    strcmp(cp->lane[i].hash, hash) != 0)
			return false;
	}
	return true;
}
