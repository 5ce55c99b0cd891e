/*
 * users - who may connect to a program's socket.
 */
#ifndef MICROCA_USERS_H
#define MICROCA_USERS_H

#include <sys/types.h>

#include "lib/base/conf.h"

struct users {
	uid_t *uid;
	size_t n;
};

/* Names or numbers.  FAIL_CONFIG "config". */
MUST_CHECK int users_read(
    struct users *users, const struct conf_strings *names, struct fail *why);
bool users_admit(const struct users *users, uid_t uid);
void users_free(struct users *users); /* contents, then zero */

#endif
