/*
 * unit - the part of a systemd service that no shell tool can do: start a
 * program as systemd would, or try what such a program could.
 *
 *	unit [-u uid] [-g gid] [-G gid]... [-n mount]... [-f file] [-a family]...
 *	    [-m] PROGRAM [ARGUMENT...]
 *	unit -p TRY...
 *
 * -n: this mount becomes noexec.  -f: the names of the system calls that are
 * allowed, one a line; others fail with EPERM.  -a: with -f, the families that
 * sockets may be of, as numbers.  -m: no memory is code.  Then no
 * capability is left, and no_new_privs is set.  With -p each TRY is a letter,
 * ':' and a path: r read, w write, x run, c connect; i: is an Internet socket.
 * Printed is the letter of each that can be done, or '-'.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUPS 8

static unsigned long families[GROUPS];
static size_t n_families;

static _Noreturn void
die(const char *what)
{
	(void)fprintf(stderr, "unit: %s: %s\n", what, strerror(errno));
	exit(126);
}

/* ---- -p ------------------------------------------------------------------ */

static int
try_connect(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&at, sizeof(at));
}

static int
try_run(const char *path)
{
	char name[] = "x";
	char *const argv[] = {name, NULL};
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		(void)execv(path, argv);
		_exit(126);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) != 126 ? 0 : -1;
}

/* A file to write is the path itself, or a new one in that folder. */
static int
try_write(const char *path)
{
	char new[4096];
	struct stat st;
	int fd;

	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return open(path, O_WRONLY | O_CLOEXEC);
	(void)snprintf(new, sizeof(new), "%s/tried.%ld", path, (long)getpid());
	if ((fd = open(new, O_WRONLY | O_CREAT | O_EXCL, 0600)) >= 0)
		(void)unlink(new);
	return fd;
}

static int
try(const char *what)
{
	const char *path = what[0] != '\0' && what[1] == ':' ? what + 2 : "";

	switch (what[0]) {
	case 'r':
		return open(path, O_RDONLY | O_CLOEXEC);
	case 'w':
		return try_write(path);
	case 'x':
		return try_run(path);
	case 'c':
		return try_connect(path);
	case 'i':
		return socket(AF_INET, SOCK_STREAM, 0);
	default:
		errno = EINVAL;
		die(what);
	}
}

/* ---- the program --------------------------------------------------------- */

static void
noexec(const char *mount_point)
{
	/* What may be written to stays so. */
	unsigned long keep =
	    access(mount_point, W_OK) == 0 ? 0 : (unsigned long)MS_RDONLY;

	if (mount(NULL, mount_point, NULL,
		MS_REMOUNT | MS_BIND | MS_NOEXEC | MS_NOSUID | keep, NULL) != 0)
		die(mount_point);
}

static void
allow_named(scmp_filter_ctx filter, const char *file)
{
	FILE *f = fopen(file, "r");
	char name[128];

	if (f == NULL)
		die(file);
	while (fscanf(f, "%127s", name) == 1) {
		int call = seccomp_syscall_resolve_name(name);

		if (strcmp(name, "socket") == 0 || call < 0)
			continue;
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) != 0)
			die(name);
	}
	(void)fclose(f);
	for (size_t i = 0; i < n_families; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket),
			1, SCMP_A0(SCMP_CMP_EQ, families[i])) != 0)
			die("socket");
	/* To get there at all. */
	(void)seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(execve), 0);
}

static void
filter_set(const char *file)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	if (filter == NULL)
		die("seccomp");
	allow_named(filter, file);
	if (seccomp_load(filter) != 0)
		die("seccomp");
	seccomp_release(filter);
}

static void
no_code(void)
{
	static const char *const calls[] = {"mmap", "mprotect"};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	const struct scmp_arg_cmp written = {2, SCMP_CMP_MASKED_EQ,
	    PROT_EXEC | PROT_WRITE, PROT_EXEC | PROT_WRITE};
	const struct scmp_arg_cmp code = {
	    2, SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC};

	if (filter == NULL)
		die("seccomp");
	for (int i = 0; i < 2; i++)
		if (seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM),
			seccomp_syscall_resolve_name(calls[i]), 1,
			i == 0 ? &written : &code) != 0)
			die(calls[i]);
	if (seccomp_load(filter) != 0)
		die("seccomp");
	seccomp_release(filter);
}

static void
drop(uid_t uid, gid_t gid, size_t n, const gid_t *groups)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (setgroups(n, groups) != 0 || setgid(gid) != 0 || setuid(uid) != 0)
		die("user");
	if (syscall(SCMP_SYS(capset), &head, none) != 0)
		die("capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		die("no_new_privs");
}

int
main(int argc, char **argv)
{
	const char *file = NULL, *mounts[32];
	gid_t groups[GROUPS], gid = 0;
	size_t n_groups = 0, n_mounts = 0;
	bool sealed = false, asked = false;
	uid_t uid = 0;
	int opt;

	while ((opt = getopt(argc, argv, "+a:f:g:G:mn:pu:")) != -1)
		switch (opt) {
		case 'a':
			if (n_families < GROUPS)
				families[n_families++] =
				    strtoul(optarg, NULL, 10);
			break;
		case 'f':
			file = optarg;
			break;
		case 'g':
			gid = (gid_t)strtoul(optarg, NULL, 10);
			break;
		case 'G':
			if (n_groups < GROUPS)
				groups[n_groups++] =
				    (gid_t)strtoul(optarg, NULL, 10);
			break;
		case 'm':
			sealed = true;
			break;
		case 'n':
			if (n_mounts < 32)
				mounts[n_mounts++] = optarg;
			break;
		case 'p':
			asked = true;
			break;
		case 'u':
			uid = (uid_t)strtoul(optarg, NULL, 10);
			break;
		default:
			return 126;
		}
	if (asked) {
		for (; optind < argc; optind++)
			(void)putchar(
			    try(argv[optind]) >= 0 ? argv[optind][0] : '-');
		(void)putchar('\n');
		return 0;
	}
	for (size_t i = 0; i < n_mounts; i++)
		noexec(mounts[i]);
	drop(uid, gid, n_groups, groups);
	if (sealed)
		no_code();
	if (file != NULL)
		filter_set(file);
	(void)execv(argv[optind], argv + optind);
	die(argv[optind]);
}
