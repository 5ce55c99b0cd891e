#include <string.h>

#include "lib/store/store.h"

static const char *const reason_words[] = {
    [REASON_UNSPECIFIED] = "unspecified",
    [REASON_KEY_COMPROMISE] = "keyCompromise",
    [REASON_CA_COMPROMISE] = "cACompromise",
    [REASON_AFFILIATION_CHANGED] = "affiliationChanged",
    [REASON_SUPERSEDED] = "superseded",
    [REASON_CESSATION] = "cessationOfOperation",
    [REASON_HOLD] = "certificateHold",
    [REASON_PRIVILEGE_WITHDRAWN] = "privilegeWithdrawn",
};
#define REASONS (int)(sizeof(reason_words) / sizeof(reason_words[0]))

const char *
store_reason_word(int reason)
{
	return reason >= 0 && reason < REASONS ? reason_words[reason] : NULL;
}

int
store_reason_of(const char *word)
{
	for (int i = 0; i < REASONS; i++)
		if (reason_words[i] != NULL &&
		    strcmp(reason_words[i], word) == 0)
			return i;
	return -1;
}
