/*
 * work - a folder for what is on its way, gone when it is done.
 *
 * One that was left by a process that was killed is removed by the next who
 * makes one of the same name there: a living process holds a lock on its own.
 */
#ifndef MICROCA_WORK_H
#define MICROCA_WORK_H

#include "lib/base/fail.h"

struct work {
	char *path; /* NULL: none */
	int lock;
};

/* FOLDER/NAME.XXXXXX, mode 0700.  Fails: FAIL_BROKEN "folder". */
MUST_CHECK int work_make(
    struct work *work, const char *folder, const char *name, struct fail *why);
/* With all that is in it.  NULL path is fine. */
void work_remove(struct work *work);

#endif
