#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/ca/policy_names.h"
#include "lib/wire/san.h"

const char *
policy_shown(const struct identity *who)
{
	return who->secret != 0 ? "secret" : "certificate";
}

static bool
has(const struct grant *grant, int nid, const char *device)
{
	char *value = name_value(grant->subject, nid);
	bool same = value != NULL && strcmp(value, device) == 0;

	free(value);
	return same;
}

static bool
in_san(const struct grant *grant, const char *device)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(grant->san); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(grant->san, i);
		char *value;
		bool same;

		/* No URI: it has a colon, and a device's name has none. */
		if (name->type != GEN_DNS)
			continue;
		value = san_value(name);
		same = value != NULL && strcasecmp(value, device) == 0;
		free(value);
		if (same)
			return true;
	}
	return false;
}

int
policy_secret(
    const struct grant *grant, const struct identity *who, struct fail *why)
{
	if (who->secret == 0 || has(grant, NID_commonName, who->device) ||
	    has(grant, NID_serialNumber, who->device) ||
	    in_san(grant, who->device))
		return 0;
	return fail(why, FAIL_DENIED, "name-policy",
	    "RFC 7030, 3.7: the request does not name the device that the "
	    "secret is for");
}
