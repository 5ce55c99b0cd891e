#include "lib/net/keep_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/bytes.h"

#define EXEC_FAILED 127

/* After a fork in a process of several threads: system calls only. */
static void
become(const char *const *argv, char *const *env)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	(void)setpgid(0, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(EXEC_FAILED);
	closefrom(STDERR_FILENO + 1);
	(void)execve(argv[0], (char *const *)(uintptr_t)argv, env);
	_exit(EXEC_FAILED);
}

static int
judge(const char *program, int status, struct fail *why)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXEC_FAILED)
		return fail(why, FAIL_BROKEN, "hook",
		    "the hook %s could not be run", program);
	if (WIFEXITED(status))
		return fail(why, FAIL_BROKEN, "hook",
		    "the hook %s ended with status %d", program,
		    WEXITSTATUS(status));
	return fail(why, FAIL_BROKEN, "hook", "the hook %s died of signal %d",
	    program, WTERMSIG(status));
}

/* Until it ends: 1; 0: the time is over. */
static int
wait_end(pid_t pid, double wait)
{
	struct pollfd end = {.events = POLLIN};
	int n;

	end.fd = pidfd_open(pid, 0);
	if (end.fd < 0) /* a kernel before 5.3: no limit */
		return 1;
	do
		n = poll(&end, 1, (int)(wait * 1000));
	while (n < 0 && errno == EINTR);
	(void)close(end.fd);
	return n != 0;
}

static int
wait_for(pid_t pid, const char *program, double wait, struct fail *why)
{
	int status = 0;
	bool in_time = wait_end(pid, wait) == 1;

	if (!in_time)
		(void)kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			fail(why, FAIL_BROKEN, "hook", "the hook %s is lost",
			    program);
			return fail_errno(why, "waitpid");
		}
	if (!in_time)
		return fail(why, FAIL_BROKEN, "hook",
		    "the hook %s was killed after %d s", program, (int)wait);
	return judge(program, status, why);
}

int
keep_hook_run(const char *const *argv, const char *name, const char *folder,
    double wait, struct fail *why)
{
	char *env[4] = {
	    str_dup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
		    "/sbin:/bin"),
	    str_fmt("EST_NAME=%s", name), str_fmt("EST_FOLDER=%s", folder),
	    NULL};
	pid_t pid;
	int rc;
	size_t i;

	if (argv[0][0] != '/') {
		rc = fail(why, FAIL_BROKEN, "hook",
		    "the hook %s is not an absolute path", argv[0]);
	} else if ((pid = fork()) < 0) {
		fail(why, FAIL_BROKEN, "hook", "the hook %s could not be run",
		    argv[0]);
		rc = fail_errno(why, "fork");
	} else {
		if (pid == 0)
			become(argv, env);
		(void)setpgid(pid, pid);
		rc = wait_for(pid, argv[0], wait, why);
	}
	for (i = 0; env[i] != NULL; i++)
		free(env[i]);
	return rc;
}
