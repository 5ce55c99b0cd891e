#include "bin/microca.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/x509v3.h>

#include "lib/base/file.h"
#include "lib/base/meter.h"
#include "lib/base/when.h"
#include "lib/cloud/guard.h"

/* The file by its folder's real path: a link in a place that is closed to the
 * state folder's owner does no harm. */
static char *
real_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL
	                   ? str_dup(".")
	                   : mem_dup(path, (size_t)(slash - path) + 1);
	char *real = realpath(folder, NULL);
	const char *name = slash == NULL ? path : slash + 1;
	char *whole;

	if (real == NULL)
		whole = str_dup(path);
	else if (strcmp(real, "/") == 0)
		whole = str_fmt("/%s", name);
	else
		whole = file_path(real, name);

	free(folder);
	free(real);
	return whole;
}

int
tool_settings(struct tool *tool, struct fail *why)
{
	char *path;
	int rc;

	if (tool->settings != NULL)
		return 0;
	path = tool->conf != NULL ? real_path(tool->conf) : NULL;
	rc = settings_read(&tool->settings, path, why);
	free(path);
	return rc;
}

void
tool_close(struct tool *tool)
{
	identity_free(tool->who);
	settings_free(tool->settings);
	tool->who = NULL;
	tool->settings = NULL;
}

static int
drop_to(uid_t uid, gid_t gid, const struct passwd *user)
{
	if (user != NULL) {
		if (initgroups(user->pw_name, user->pw_gid) != 0 ||
		    setgid(user->pw_gid) != 0)
			return -1;
	} else if (setgroups(0, NULL) != 0 || setgid(gid) != 0) {
		return -1;
	}
	if (setuid(uid) != 0)
		return -1;
	if (setuid(0) == 0) { /* there must be no way back */
		errno = EPERM;
		return -1;
	}
	if (user != NULL && setenv("HOME", user->pw_dir, 1) != 0)
		return -1;
	return 0;
}

static int
not_owner(const char *state, uid_t uid, struct fail *why)
{
	const struct passwd *user = getpwuid(uid);

	return fail(why, FAIL_CONFIG, "owner",
	    "%s belongs to %s: run microca as that user or as root", state,
	    user != NULL ? user->pw_name : "another user");
}

/* The audit names the person, sudo's caller where there is one. */
static int
operator_name(struct identity **who, struct fail *why)
{
	const char *sudo = getuid() == 0 ? secure_getenv("SUDO_USER") : NULL;
	const struct passwd *user = getpwuid(getuid());

	if (identity_operator(who, why) != 0)
		return -1;
	free((*who)->requester);
	if (sudo != NULL)
		(*who)->requester = str_fmt("operator:%s", sudo);
	else if (user != NULL)
		(*who)->requester = str_fmt("operator:%s", user->pw_name);
	else
		(*who)->requester = str_fmt("operator:%ld", (long)getuid());
	return 0;
}

int
tool_become_owner(struct tool *tool, struct fail *why)
{
	const char *state = tool->settings->state;
	struct stat st;

	(void)umask(077);
	/* While we still know who started us. */
	if (tool->who == NULL && operator_name(&tool->who, why) != 0)
		return -1;
	if (stat(state, &st) != 0) {
		fail(why, FAIL_CONFIG, "state",
		    "no state folder %s: run microca init", state);
		return fail_errno(why, "stat");
	}
	if (geteuid() != 0)
		return st.st_uid == geteuid()
		           ? 0
		           : not_owner(state, st.st_uid, why);
	if (st.st_uid == 0) {
		fprintf(stderr,
		    "microca %s: warning: %s belongs to root: give it to a "
		    "user of its own\n",
		    tool->command, state);
		return 0;
	}
	if (drop_to(st.st_uid, st.st_gid, getpwuid(st.st_uid)) != 0) {
		fail(why, FAIL_BROKEN, "owner", "cannot become the owner of %s",
		    state);
		return fail_errno(why, "setuid");
	}
	return 0;
}

/* The key that issues now, where it is another one than ca.key: for a program
 * that runs on, the former one would stand in until it is open. */
static void
signer_wait(const struct ca *ca)
{
	const struct issuer *active;
	struct fail ignored = {0};
	size_t i;

	if (ca->issuers == NULL)
		return;
	active = issuers_active(ca->issuers, when_now());
	for (i = 0; i < ca->issuers->n; i++)
		if (ca->signer[i].issuer == active && ca->signer[i].key != NULL)
			(void)!key_ready(
			    ca->signer[i].key, TOOL_TOKEN_WAIT, &ignored);
}

/* What is counted is told while there is a run folder: with a web server. */
static void
meter_begin(const struct tool *tool)
{
	const char *program =
	    strcmp(tool->command, "upload") == 0 ? "microca-upload" : "microca";
	struct fail ignored = {0};

	(void)!meter_open(tool->settings->run, program, &ignored);
}

int
tool_ca(struct ca **ca, struct tool *tool, unsigned need, struct fail *why)
{
	*ca = NULL;
	if (tool_settings(tool, why) != 0 || tool_become_owner(tool, why) != 0)
		return -1;
	meter_begin(tool);
	if ((need & CA_KEY) != 0)
		key_harden_process();
	if (ca_open(ca, tool->settings->path, need, NULL, why) != 0)
		return -1;
	if ((need & CA_KEY) != 0 &&
	    key_ready((*ca)->key, TOOL_TOKEN_WAIT, why) != 0) {
		ca_drop(*ca);
		*ca = NULL;
		return -1;
	}
	if ((need & CA_KEY) != 0)
		signer_wait(*ca);
	return 0;
}

int
tool_issuing_ca(struct ca **ca, struct tool *tool, struct fail *why)
{
	struct fail guard = {0};

	if (tool_ca(ca, tool, CA_STORE | CA_KEY, why) != 0)
		return -1;
	if (guard_look(*ca, &guard) == 0 ||
	    strcmp(guard.reason, GUARD_BEHIND) != 0)
		return 0;
	*why = guard;
	ca_drop(*ca);
	*ca = NULL;
	return -1;
}

static int
stdin_read(struct bytes *out, struct fail *why)
{
	char chunk[4096];
	size_t n;

	while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0) {
		if (out->len + n > TOOL_FILE_MAX)
			return fail(why, FAIL_SIZE, "too-large",
			    "standard input is larger than %d octets",
			    TOOL_FILE_MAX);
		bytes_add(out, chunk, n);
	}
	if (ferror(stdin)) {
		fail(why, FAIL_BROKEN, "file", "cannot read standard input");
		return fail_errno(why, "read");
	}
	return 0;
}

int
tool_input(struct bytes *out, const char *path, struct fail *why)
{
	if (strcmp(path, "-") == 0)
		return stdin_read(out, why);
	return file_read(out, path, TOOL_FILE_MAX, why);
}

int
output_open(struct output *out, const char *path, struct fail *why)
{
	*out = (struct output){.path = path, .fd = STDOUT_FILENO};
	if (path == NULL || strcmp(path, "-") == 0) {
		out->path = NULL;
		return 0;
	}
	out->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	out->made = out->fd >= 0;
	if (out->fd < 0 && errno == EEXIST)
		out->fd = open(path, O_WRONLY | O_CLOEXEC);
	if (out->fd >= 0)
		return 0;
	fail(why, FAIL_CONFIG, "file", "cannot write %s", path);
	return fail_errno(why, "open");
}

static int
write_all(int fd, struct span text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.data, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text.data += n;
		text.len -= (size_t)n;
	}
	return 0;
}

/* What went to a pipe or terminal needs no truncating or syncing. */
int
output_write(struct output *out, struct span text, struct fail *why)
{
	struct stat st;
	bool regular = out->path != NULL && fstat(out->fd, &st) == 0 &&
	               S_ISREG(st.st_mode);

	if ((!regular || ftruncate(out->fd, 0) == 0) &&
	    write_all(out->fd, text) == 0 &&
	    (!regular || fsync(out->fd) == 0)) {
		out->made = false;
		return 0;
	}
	fail(why, FAIL_BROKEN, "file", "cannot write %s",
	    out->path != NULL ? out->path : "standard output");
	return fail_errno(why, "write");
}

void
output_close(struct output *out)
{
	if (out->path == NULL)
		return;
	if (out->fd >= 0)
		(void)close(out->fd);
	if (out->made)
		(void)unlink(out->path);
	out->path = NULL;
}

int
tool_audit(const struct tool *tool, struct store *store, struct audit *entry,
    struct fail *why)
{
	entry->requester = tool->who->requester;
	return store_audit(store, entry, true, why);
}

int
tool_serial(struct bytes *out, const char *text, struct fail *why)
{
	const char *s;

	for (s = text; *s != '\0'; s++) {
		if (*s == ':' || *s == ' ')
			continue;
		if (!isxdigit((unsigned char)*s))
			return fail(why, FAIL_CONFIG, "usage",
			    "a serial is hex digits, not \"%s\"", text);
		bytes_addc(out, (char)toupper((unsigned char)*s));
	}
	if (out->len == 0 || out->len > 64)
		return fail(why, FAIL_CONFIG, "usage",
		    "a serial has 1 to 64 hex digits");
	if (out->len % 2 != 0) {
		bytes_addc(out, '0');
		memmove(out->data + 1, out->data, out->len - 1);
		out->data[0] = '0';
	}
	return 0;
}

int
extension_push(STACK_OF(X509_EXTENSION) * *stack, int nid, const char *text,
    struct fail *why)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, text);

	if (ext != NULL && X509v3_add_ext(stack, ext, -1) != NULL) {
		X509_EXTENSION_free(ext);
		return 0;
	}
	X509_EXTENSION_free(ext);
	fail(why, FAIL_BROKEN, "build", "cannot build an extension");
	return fail_openssl(why, "%s", OBJ_nid2sn(nid));
}
