/*
 * What a confined process can still do, and what it cannot.  Each try is a
 * process of its own, for confinement is for good.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/log.h"
#include "lib/web/confine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#if defined(__SANITIZE_ADDRESS__)
#error "built without sanitizers, which need more than a program may"
#endif

static char folder[] = "/tmp/microca-confine.XXXXXX";
static pthread_barrier_t both;

/* Each returns 0 when it was done, else errno. */
static int
done(long rc)
{
	return rc < 0 ? errno : 0;
}

static int
try_execve(void)
{
	char program[] = "/bin/true";
	char *const argv[] = {program, NULL}, *const env[] = {NULL};

	return done(execve(program, argv, env));
}

static int
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return done(pid);
}

static int
try_ptrace(void)
{
	return done(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
try_kill(void)
{
	return done(kill(getppid(), 0));
}

static int
try_inet(void)
{
	return done(socket(AF_INET, SOCK_STREAM, 0));
}

static int
try_unix_stream(void)
{
	return done(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
try_unix_datagram(void)
{
	return done(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int
try_bind(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "\0x"};

	return done(bind(0, (struct sockaddr *)&at, sizeof(at)));
}

static int
open_in(const char *name, int flags)
{
	char *path = str_fmt("%s/%s", folder, name);
	int fd = open(path, flags | O_CLOEXEC, 0600), rc = done(fd);

	free(path);
	return rc;
}

static int
try_read(void)
{
	return open_in("there", O_RDONLY);
}

static int
try_write(void)
{
	return open_in("there", O_WRONLY);
}

static int
try_read_write(void)
{
	return open_in("there", O_RDWR);
}

static int
try_create(void)
{
	return open_in("new", O_RDONLY | O_CREAT);
}

static int
try_truncate(void)
{
	return open_in("there", O_RDONLY | O_TRUNC);
}

static int
try_unlink(void)
{
	char *path = str_fmt("%s/there", folder);
	int rc = done(unlink(path));

	free(path);
	return rc;
}

static int
try_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int
try_make_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED
	           ? EFAULT
	           : done(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int
try_memory(void)
{
	void *at = malloc(8 << 20);
	int rc = at != NULL ? 0 : errno;

	free(at);
	return rc;
}

static int
try_chroot(void)
{
	return done(chroot("/"));
}

static int
try_clone3(void)
{
	return done(syscall(SYS_clone3, NULL, 0));
}

static int
try_unshare(void)
{
	return done(syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */));
}

static void *
nothing(void *arg)
{
	return arg;
}

static int
try_thread(void)
{
	pthread_t thread;
	int rc = pthread_create(&thread, NULL, nothing, NULL);

	return rc != 0 ? rc : pthread_join(thread, NULL);
}

/* One that was there before. */
static void *
elsewhere(void *arg)
{
	(void)pthread_barrier_wait(&both);
	*(int *)arg = try_inet();
	return NULL;
}

static const struct {
	const char *name;
	unsigned may;
	int (*run)(void);
	int want;
	const char *call; /* the log's; NULL: nothing is said */
} tries[] = {
    {"another program", 0, try_execve, EPERM, "execve"},
    {"another program, with a store", CONFINE_FILES, try_execve, EPERM,
	"execve"},
    {"another program, with a network", CONFINE_FILES | CONFINE_NETWORK,
	try_execve, EPERM, "execve"},
    {"another process", 0, try_fork, EPERM, "clone"},
    {"another process, by a store's", CONFINE_FILES, try_fork, EPERM, "clone"},
    {"clone3: the C library shall do without", 0, try_clone3, ENOSYS, NULL},
    {"ptrace", 0, try_ptrace, EPERM, "ptrace"},
    {"a signal to another process", 0, try_kill, EPERM, "kill"},
    {"an Internet socket", 0, try_inet, EPERM, "socket"},
    {"an Internet socket, with a store", CONFINE_FILES, try_inet, EPERM,
	"socket"},
    {"an Internet socket, with a network", CONFINE_NETWORK, try_inet, 0, NULL},
    {"a Unix stream socket", 0, try_unix_stream, EPERM, "socket"},
    {"a Unix datagram socket", 0, try_unix_datagram, 0, NULL},
    {"bind", 0, try_bind, EPERM, "bind"},
    {"a file to read", 0, try_read, 0, NULL},
    {"a file to write", 0, try_write, EPERM, "openat"},
    {"a file to read and write", 0, try_read_write, EPERM, "openat"},
    {"a new file", 0, try_create, EPERM, "openat"},
    {"an emptied file", 0, try_truncate, EPERM, "openat"},
    {"a file removed", 0, try_unlink, EPERM, "unlink"},
    {"a file to write, with a store", CONFINE_FILES, try_read_write, 0, NULL},
    {"a new file, with a store", CONFINE_FILES, try_create, 0, NULL},
    {"memory", 0, try_memory, 0, NULL},
    {"memory that is code", 0, try_code, EPERM, "mmap"},
    {"memory that becomes code", 0, try_make_code, EPERM, "mprotect"},
    {"another root", CONFINE_FILES | CONFINE_NETWORK, try_chroot, EPERM,
	"chroot"},
    {"a namespace", CONFINE_FILES | CONFINE_NETWORK, try_unshare, EPERM,
	"unshare"},
    {"a thread", 0, try_thread, 0, NULL},
};

/* In a process of its own: 0 to 133 is errno, 200 and more what went wrong. */
static _Noreturn void
child(unsigned may, int (*run)(void), int log)
{
	struct fail why = {0};
	int rc;

	(void)dup2(log, STDERR_FILENO);
	log_open("confined", LOG_SINK_STDERR, LOG_LEVEL_INFO);
	if (confine(may, &why) != 0) {
		log_fail("confine", &why);
		_exit(200);
	}
	rc = run();
	confine_tell();
	confine_tell(); /* says nothing twice */
	_exit(rc);
}

/* Its exit status, or 300 and a signal; `text`: what it logged. */
static int
run_apart(unsigned may, int (*run)(void), char text[4096])
{
	int pipes[2], status = 0;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	assert_true((pid = fork()) >= 0);
	if (pid == 0)
		child(may, run, pipes[1]);
	(void)close(pipes[1]);
	while (len < 4095 && (n = read(pipes[0], text + len, 4095 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	(void)close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 300 + WTERMSIG(status);
}

static size_t
lines_of(const char *text)
{
	size_t n = 0;

	while ((text = strchr(text, '\n')) != NULL) {
		n++;
		text++;
	}
	return n;
}

static void
files_make(void)
{
	char *path = str_fmt("%s/there", folder);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
	free(path);
	path = str_fmt("%s/new", folder);
	(void)unlink(path);
	free(path);
}

static void
test_tries(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		char text[4096], want[64] = "";
		int rc;

		files_make();
		rc = run_apart(tries[i].may, tries[i].run, text);
		if (rc != tries[i].want)
			print_error("%s: %d, not %d; %s\n", tries[i].name, rc,
			    tries[i].want, text);
		assert_int_equal(rc, tries[i].want);
		if (tries[i].call != NULL)
			(void)snprintf(
			    want, sizeof(want), "(%s) is none", tries[i].call);
		if (strstr(text, want) == NULL ||
		    lines_of(text) != (tries[i].call != NULL))
			print_error("%s: logged: %s\n", tries[i].name, text);
		assert_non_null(strstr(text, want));
		assert_int_equal(lines_of(text), tries[i].call != NULL);
	}
}

/* Threads that are there already are confined as well. */
static void
test_threads(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	assert_true((pid = fork()) >= 0);
	if (pid == 0) {
		struct fail why = {0};
		pthread_t thread;
		int rc = -1;

		(void)pthread_barrier_init(&both, NULL, 2);
		if (pthread_create(&thread, NULL, elsewhere, &rc) != 0 ||
		    confine(0, &why) != 0)
			_exit(200);
		(void)pthread_barrier_wait(&both);
		(void)pthread_join(thread, NULL);
		_exit(rc);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EPERM);
}

/* The same tries without confinement: this test can fail. */
static void
test_control(void **state)
{
	(void)state;
	files_make();
	assert_int_equal(try_write(), 0);
	assert_int_equal(try_inet(), 0);
	assert_int_equal(try_make_code(), 0);
	assert_int_equal(try_kill(), 0);
}

static int
folder_make(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
folder_remove(void **state)
{
	char *there = str_fmt("%s/there", folder);
	char *new = str_fmt("%s/new", folder);

	(void)state;
	(void)unlink(there);
	(void)unlink(new);
	free(there);
	free(new);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_control),
	    cmocka_unit_test(test_tries),
	    cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
