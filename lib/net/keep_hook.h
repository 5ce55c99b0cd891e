/*
 * keep_hook - run the operator's program after a switch: fixed arguments, no
 * shell, nothing open but standard error, a minute at most.
 */
#ifndef MICROCA_KEEP_HOOK_H
#define MICROCA_KEEP_HOOK_H

#include "lib/base/fail.h"

#define KEEP_HOOK_WAIT 60 /* s, then it and its group are killed */

/*
 * argv[0] is an absolute path.  Standard input and output are /dev/null and
 * standard error; the environment is PATH, EST_NAME and EST_FOLDER (where
 * `current` is).  FAIL_BROKEN "hook" unless it exits with 0.
 */
MUST_CHECK int keep_hook_run(const char *const *argv, const char *name,
    const char *folder, double wait, struct fail *why);

#endif
