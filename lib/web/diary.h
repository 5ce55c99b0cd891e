/*
 * diary - a program's start, stop and configuration, in the audit.
 *
 * "start" and "stop" have the program as `operation`, "start" and "config" the
 * SHA-256 of the configuration in force (effective.h); a configuration that is
 * not used is a "config" with the reason why not.  What cannot be recorded is
 * logged: a program that answers 503 is of more use than none.
 */
#ifndef MICROCA_DIARY_H
#define MICROCA_DIARY_H

#include "lib/web/serve.h"

struct diary {
	const char *program;
	char conf[2 * SHA256_LEN + 1]; /* that was recorded last */
};

/* Nothing is written without a store. */
void diary_start(
    struct diary *diary, const struct operation *op, const struct ca *ca);
void diary_stop(const struct diary *diary, const struct ca *ca);
/* Read anew; a row when it is another configuration. */
void diary_config(struct diary *diary, const struct ca *ca);
void diary_refused(
    const struct diary *diary, const struct ca *ca, const struct fail *why);

#endif
