/* Links neither token nor network: for programs that only look. */
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
