#include "lib/web/confine.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "lib/base/log.h"
#include "lib/ca/settings.h"

#ifdef HAVE_SECCOMP

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#include <seccomp.h>

#include "lib/base/bytes.h"

#define CALLS 1024 /* numbers that are remembered by themselves */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* By name: which of them there are differs from machine to machine. */
static const struct {
	unsigned may; /* 0: always */
	const char *names;
} calls[] = {
    /* descriptors that are open */
    {0, "read readv pread64 preadv preadv2 write writev pwrite64 pwritev "
	"pwritev2 close close_range dup dup2 dup3 lseek _llseek fcntl fcntl64 "
	"flock fsync fdatasync sync_file_range ftruncate ftruncate64 "
	"fallocate fadvise64 fadvise64_64 arm_fadvise64_64 sendfile "
	"sendfile64 pipe2 eventfd2"},
    {0, "poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 "
	"epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2"},
    /* files: what they are */
    {0, "stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx "
	"access faccessat faccessat2 readlink readlinkat getdents getdents64 "
	"statfs statfs64 fstatfs fstatfs64 getcwd umask"},
    /* the sockets that it was given, and connections of theirs */
    {0, "accept accept4 getsockname getpeername getsockopt setsockopt "
	"recvfrom recvmsg sendto sendmsg recv send shutdown"},
    /* memory */
    {0, "brk munmap mremap madvise msync mincore"},
    /* threads and signals of this process */
    {0, "futex futex_time64 futex_waitv set_robust_list get_robust_list "
	"set_tid_address rseq membarrier sched_yield sched_getaffinity "
	"sched_getparam sched_getscheduler exit exit_group rt_sigaction "
	"rt_sigprocmask rt_sigreturn sigreturn rt_sigtimedwait "
	"rt_sigtimedwait_time64 rt_sigpending rt_sigsuspend sigaltstack "
	"restart_syscall"},
    /* time, chance, and what this machine is */
    {0, "clock_gettime clock_gettime64 clock_getres clock_getres_time64 "
	"clock_nanosleep clock_nanosleep_time64 nanosleep gettimeofday time "
	"times getrandom uname sysinfo getrusage getrlimit ugetrlimit getcpu "
	"getpid getppid gettid getuid getuid32 geteuid geteuid32 getgid "
	"getgid32 getegid getegid32"},
    {CONFINE_FILES,
	"open openat openat2 creat unlink unlinkat rename renameat renameat2 "
	"mkdir mkdirat rmdir chmod fchmod fchmodat fchown fchown32 link "
	"linkat utimensat utimensat_time64"},
    {CONFINE_NETWORK, "socket socketpair bind sendmmsg recvmmsg"},
    {0, "connect"}, /* what socket() may be is in allow_some() */
#ifdef SANITIZED
    {0, "ptrace wait4 waitid prctl kill process_vm_readv clone pipe open "
	"openat socket prlimit64 tgkill mmap sched_setaffinity personality"},
#endif
};

/* A refused call's number, and whether it was told. */
static atomic_uchar refused[CALLS];
static atomic_uint refused_any;
enum { REFUSED_NEW = 1, REFUSED_TOLD = 2 };

/* ---- what was refused ---------------------------------------------------- */

/* The kernel did nothing: to whoever asked, the call has failed. */
static void
answer_eperm(ucontext_t *at)
{
#if defined(__x86_64__)
	at->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__i386__)
	at->uc_mcontext.gregs[REG_EAX] = -EPERM;
#elif defined(__aarch64__)
	at->uc_mcontext.regs[0] = (uint64_t)-EPERM;
#elif defined(__arm__)
	at->uc_mcontext.arm_r0 = (unsigned long)-EPERM;
#elif defined(__riscv)
	at->uc_mcontext.__gregs[REG_A0] = (unsigned long)-EPERM;
#else
	(void)at;
	_exit(128 + SIGSYS); /* never back to where it cannot be said */
#endif
}

static void
refuse(int sig, siginfo_t *info, void *context)
{
	int call = info->si_syscall;
	unsigned char none = 0;

	(void)sig;
	if (call < 0 || call >= CALLS)
		call = CALLS - 1;
	if (atomic_compare_exchange_strong(&refused[call], &none, REFUSED_NEW))
		atomic_store(&refused_any, 1);
	answer_eperm(context);
}

void
confine_tell(void)
{
	if (atomic_exchange(&refused_any, 0) == 0)
		return;
	for (int i = 0; i < CALLS; i++) {
		unsigned char is = REFUSED_NEW;
		char *name;

		if (!atomic_compare_exchange_strong(
			&refused[i], &is, REFUSED_TOLD))
			continue;
		name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, i);
		log_write(LOG_LEVEL_ERROR,
		    "system call %d (%s) is none that this program makes: "
		    "refused",
		    i, name != NULL ? name : "?");
		free(name);
	}
}

/* ---- the filter ---------------------------------------------------------- */

/* One that this machine does not have cannot be made either. */
static int
allow(scmp_filter_ctx filter, const char *name, unsigned n,
    const struct scmp_arg_cmp *args)
{
	int call = seccomp_syscall_resolve_name(name);

	if (call == __NR_SCMP_ERROR || call < 0)
		return 0;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, n, args);
}

static int
allow_all(scmp_filter_ctx filter, const char *names)
{
	char *copy = str_dup(names), *rest = copy, *name;
	int rc = 0;

	while (rc == 0 && (name = strsep(&rest, " ")) != NULL)
		rc = allow(filter, name, 0, NULL);
	free(copy);
	return rc;
}

/* Allowed when the bits of `mask` in argument `at` are `want`. */
static int
allow_bits(scmp_filter_ctx filter, const char *name, unsigned at, uint64_t mask,
    uint64_t want)
{
	const struct scmp_arg_cmp arg = {.arg = at,
	    .op = SCMP_CMP_MASKED_EQ,
	    .datum_a = mask,
	    .datum_b = want};

	return allow(filter, name, 1, &arg);
}

/* To read only; a directory, too. */
#define READ_MASK (O_ACCMODE | O_CREAT | O_TRUNC)
/* A thread, with nothing unshared. */
#define THREAD_MASK                                                            \
	(CLONE_THREAD | CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID |           \
	    CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |     \
	    CLONE_PTRACE)

static int
allow_some(scmp_filter_ctx filter, unsigned may)
{
	const struct scmp_arg_cmp syslogd[] = {
	    {0, SCMP_CMP_EQ, AF_UNIX, 0},
	    {1, SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM},
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].may == 0 || (calls[i].may & may) != 0)
			rc = allow_all(filter, calls[i].names);
	if (rc == 0 && (may & CONFINE_FILES) == 0)
		rc = allow_bits(filter, "open", 1, READ_MASK, O_RDONLY);
	if (rc == 0 && (may & CONFINE_FILES) == 0)
		rc = allow_bits(filter, "openat", 2, READ_MASK, O_RDONLY);
#ifdef COVERAGE
	/* The counts of gcov, when the program ends: never in what is installed. */
	if (rc == 0 && (may & CONFINE_FILES) == 0)
		rc = allow_bits(
		    filter, "openat", 2, READ_MASK, O_RDWR | O_CREAT);
#endif
	if (rc == 0 && (may & CONFINE_NETWORK) == 0)
		rc = allow(filter, "socket", 2, syslogd);
	return rc;
}

static int
rules_add(scmp_filter_ctx filter, unsigned may)
{
	const uint64_t self = (uint64_t)getpid(), code = PROT_EXEC;
	const struct scmp_arg_cmp own = {0, SCMP_CMP_EQ, self, 0};
	/* prlimit64: its own limits, to be read. */
	const struct scmp_arg_cmp limits[] = {
	    {0, SCMP_CMP_EQ, 0, 0}, {2, SCMP_CMP_EQ, 0, 0}};
	const struct scmp_arg_cmp terminal = {1, SCMP_CMP_EQ, TCGETS, 0};
	/* How long is the answer of a server of names? */
	const struct scmp_arg_cmp waiting = {1, SCMP_CMP_EQ, FIONREAD, 0};
	int clone3 = seccomp_syscall_resolve_name("clone3"), rc;

	if ((rc = allow_some(filter, may)) != 0 ||
	    (rc = allow_bits(filter, "mmap", 2, code, 0)) != 0 ||
	    (rc = allow_bits(filter, "mmap2", 2, code, 0)) != 0 ||
	    (rc = allow_bits(filter, "mprotect", 2, code, 0)) != 0 ||
	    (rc = allow_bits(filter, "clone", 0, THREAD_MASK, CLONE_THREAD)) !=
		0 ||
	    (rc = allow(filter, "tgkill", 1, &own)) != 0 ||
	    (rc = allow(filter, "prlimit64", 2, limits)) != 0 ||
	    (rc = allow(filter, "ioctl", 1, &terminal)) != 0 ||
	    ((may & CONFINE_NETWORK) != 0 &&
		(rc = allow(filter, "ioctl", 1, &waiting)) != 0))
		return rc;
	/* Its flags are in memory, where no filter sees them: the C library
	 * then takes clone. */
	if (clone3 >= 0)
		rc =
		    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), clone3, 0);
	return rc;
}

int
confine(unsigned may, struct fail *why)
{
	struct sigaction sa = {
	    .sa_sigaction = refuse, .sa_flags = SA_SIGINFO | SA_NODEFER};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int rc = filter == NULL ? -ENOMEM : 0;

	/* All threads at once; libseccomp sets no_new_privs first. */
	if (rc == 0 &&
	    (rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1)) == 0 &&
	    (rc = rules_add(filter, may)) == 0 &&
	    (rc = sigaction(SIGSYS, &sa, NULL)) == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc == 0)
		return 0;
	fail(why, FAIL_CONFIG, "confine",
	    "the kernel does not take a filter of system calls");
	return fail_cause(why, "%s", strerror(-rc));
}

#else

int
confine(unsigned may, struct fail *why)
{
	(void)may;
	return fail(why, FAIL_CONFIG, "confine",
	    "this program was built without libseccomp");
}

void
confine_tell(void)
{
}

#endif

int
confine_as(int when, unsigned may, struct fail *why)
{
	if (when == CONFINE_OFF || confine(may, why) == 0)
		return 0;
	if (when == CONFINE_REQUIRED)
		return -1;
	log_write(LOG_LEVEL_WARN, "not confined: %s%s%s", why->text,
	    why->cause[0] != '\0' ? ": " : "", why->cause);
	*why = (struct fail){0};
	return 0;
}
