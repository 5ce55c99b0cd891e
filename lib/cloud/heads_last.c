/* Links neither token nor network: for programs that only look. */
#include <string.h>

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

bool
heads_is_at(const struct checkpoint *cp, const struct trail_end *end)
{
	char hash[2 * SHA256_LEN + 1];

	hex_write(hash, (struct span){end->hash, SHA256_LEN}, false);
	return cp != NULL && cp->n == 1 && cp->lane[0].seq == end->seq &&
	       strcmp(cp->lane[0].hash, hash) == 0;
}
