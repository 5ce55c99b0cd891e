#include "lib/web/edge.h"

#include <string.h>
#include <sys/random.h>

#include "lib/base/when.h"

void
edge_id(char text[EDGE_ID])
{
	uint8_t id[8];

	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id)) {
		uint64_t now = (uint64_t)when_now_us();

		memcpy(id, &now, sizeof(id));
	}
	hex_write(text, (struct span){id, sizeof(id)}, false);
}

int
edge_not_set(struct fail *why, const char *name)
{
	fail(why, FAIL_CONFIG, "config",
	    "the web server's configuration does not fit this program");
	return fail_cause(why, "%s is not set", name);
}
