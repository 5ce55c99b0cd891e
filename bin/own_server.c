/*
 * What the web server reads: public/server.pem and public/server.key, links
 * through public/server/current to one generation's folder, so that both
 * change in one rename.  That folder's group is the web server's: its files
 * get it from the set-group-ID bit, or we belong to the group ourselves.
 */
#include "bin/own.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

#define KEY_MAX (64 * 1024)

static int
failed(const char *call, const char *path, struct fail *why)
{
	int e = errno;

	fail(why, FAIL_BROKEN, "server-files", "cannot change %s", path);
	errno = e;
	return fail_errno(why, "%s", call);
}

/* Not by chmod(2): that drops the set-group-ID bit where we are no member. */
static int
folder_make(const char *path, struct fail *why)
{
	mode_t mask = umask(022);
	int rc = 0;

	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		rc = failed("mkdir", path, why);
	(void)umask(mask);
	return rc;
}

static int
link_set(const char *path, const char *to, struct fail *why)
{
	char *tmp = str_fmt("%s.new", path), now[64];
	ssize_t len = readlink(path, now, sizeof(now));
	int rc = 0;

	if (len >= 0 && (size_t)len == strlen(to) &&
	    memcmp(now, to, (size_t)len) == 0) {
		free(tmp);
		return 0;
	}
	(void)unlink(tmp);
	if (symlink(to, tmp) != 0 || rename(tmp, path) != 0) {
		rc = failed("symlink", path, why);
		(void)unlink(tmp);
	}
	free(tmp);
	return rc;
}

/* ---- the group ---------------------------------------------------------- */

/* The folder's own, when it hands it on; else the web server's. */
static int
group_set(const char *path, const struct own_run *run, struct fail *why)
{
	const char *name = run->settings->httpd.group;
	const struct group *web = getgrnam(name);
	char *folder = file_path(run->settings->public_folder, "server");
	struct stat dir = {0}, file = {0};
	gid_t want;
	int rc = 0;

	if (stat(folder, &dir) != 0 || stat(path, &file) != 0)
		rc = failed("stat", path, why);
	want = (dir.st_mode & S_ISGID) != 0 ? dir.st_gid
	       : web != NULL                ? web->gr_gid
	                                    : file.st_gid;
	if (rc == 0 && file.st_gid != want && chown(path, (uid_t)-1, want) != 0)
		rc = fail(why, FAIL_CONFIG, "server-group",
		    "the web server could not read its key: as root run "
		    "chgrp %s %s && chmod g+s %s",
		    name, folder, folder);
	free(folder);
	return rc;
}

/* Closed to everybody until its group is right. */
static int
key_write(const struct own_run *run, const char *path, const char *from,
    struct fail *why)
{
	struct bytes pem = {0};
	int rc = -1;

	if (file_read_secret(&pem, from, KEY_MAX, why) == 0 &&
	    file_write(path, span_of(&pem), 0600, why) == 0 &&
	    group_set(path, run, why) == 0)
		rc = chmod(path, 0640) != 0 ? failed("chmod", path, why) : 0;
	bytes_wipe(&pem);
	return rc;
}

/* ---- a generation ------------------------------------------------------- */

/* RFC 8446, 4.4.2: the leaf first, the root may be left out. */
static int
chain_write(const char *path, const STACK_OF(X509) * chain, struct fail *why)
{
	struct bytes pem = {0};
	int i, rc;

	for (i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		struct bytes der = {0};

		if (i > 0 && X509_check_issued(cert, cert) == X509_V_OK)
			break;
		cert_der_add(&der, cert);
		cert_pem_write(&pem, span_of(&der));
		bytes_free(&der);
	}
	rc = file_write(path, span_of(&pem), 0644, why);
	bytes_free(&pem);
	return rc;
}

static int
generation_write(const struct own_run *run, const char *folder,
    const struct keep_pair *pair, struct fail *why)
{
	char *cert = file_path(folder, "server.pem");
	char *key = file_path(folder, "server.key");
	int rc = -1;

	if (folder_make(folder, why) == 0 &&
	    key_write(run, key, pair->key_place, why) == 0)
		rc = chain_write(cert, pair->chain, why);
	free(cert);
	free(key);
	return rc;
}

static void
generation_remove(const char *folder, const char *name)
{
	static const char *const files[] = {"server.pem", "server.key"};
	char *path = file_path(folder, name), *file;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		file = file_path(path, files[i]);
		(void)unlink(file);
		free(file);
	}
	(void)rmdir(path);
	free(path);
}

/* A web server may still read the one before. */
static void
sweep(const char *folder, const char *now, const char *before)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (strspn(e->d_name, "0123456789") == strlen(e->d_name) &&
		    strcmp(e->d_name, now) != 0 &&
		    strcmp(e->d_name, before) != 0)
			generation_remove(folder, e->d_name);
	if (dir != NULL)
		(void)closedir(dir);
}

/* ---- the switch --------------------------------------------------------- */

static int
links_set(const struct settings *settings, const char *folder,
    const char *generation, struct fail *why)
{
	char *current = file_path(folder, "current");
	char *cert = file_path(settings->public_folder, "server.pem");
	char *key = file_path(settings->public_folder, "server.key");
	char before[64] = "";
	ssize_t len = readlink(current, before, sizeof(before) - 1);
	int rc = -1;

	before[len > 0 ? len : 0] = '\0';
	if (link_set(current, generation, why) == 0 &&
	    link_set(cert, "server/current/server.pem", why) == 0)
		rc = link_set(key, "server/current/server.key", why);
	if (rc == 0 && strcmp(before, generation) != 0)
		sweep(folder, generation, before);
	free(current);
	free(cert);
	free(key);
	return rc;
}

static int
publish(void *arg, const struct keep_pair *pair, struct fail *why)
{
	const struct own_run *run = arg;
	const char *generation = strrchr(pair->folder, '/') + 1;
	char *folder = file_path(run->settings->public_folder, "server");
	char *path = file_path(folder, generation);
	int rc = -1;

	if (folder_make(folder, why) == 0 &&
	    generation_write(run, path, pair, why) == 0)
		rc = links_set(run->settings, folder, generation, why);
	free(path);
	free(folder);
	return rc;
}

void
own_server(struct own_run *run)
{
	run->plan.activate = publish;
}

/* ---- is it there? ------------------------------------------------------- */

static bool
is_published(const struct own_run *run, const struct keep_pair *pair)
{
	char *path = file_path(run->settings->public_folder, "server.pem");
	char *key = file_path(run->settings->public_folder, "server.key");
	STACK_OF(X509) *certs = NULL;
	struct fail ignored = {0};
	bool is = access(key, F_OK) == 0 &&
	          cert_file_read(&certs, path, &ignored) == 0 &&
	          X509_cmp(sk_X509_value(certs, 0), pair->leaf) == 0;

	sk_X509_pop_free(certs, X509_free);
	free(key);
	free(path);
	return is;
}

int
own_server_publish(struct own_run *run, struct fail *why)
{
	struct keep_pair *pair = NULL;
	int rc = keep_pair_read(&pair, run->plan.folder, why);

	if (rc == 0 && pair != NULL && !is_published(run, pair))
		rc = publish(run, pair, why);
	keep_pair_free(pair);
	return rc;
}
