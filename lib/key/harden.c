#include "lib/key/key.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void
key_harden_process(void)
{
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(SANITIZED)
	/* LeakSanitizer attaches to its own process. */
	struct rlimit none = {0, 0};

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
#endif
}
