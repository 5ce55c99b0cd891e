/* microca init - folders, the CA's key, the database; a root of our own. */
#include "bin/microca.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/key/pkcs11uri.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

/* Members may read the server's key and connect to the sockets. */
#define WEB_GROUP "microca-web"

struct wish {
	const char *key_type;
	bool self_signed;
	int64_t days, path_length;
	bool made_key, made_store, made_root; /* what was not there before */
};

/* Who owns what is made: the state folder's owner, else our own user. */
static int
owner_find(
    uid_t *uid, gid_t *gid, const struct settings *settings, struct fail *why)
{
	const struct passwd *user;
	struct stat st;

	*uid = geteuid();
	*gid = getegid();
	if (*uid != 0)
		return 0;
	if (stat(settings->state, &st) == 0) {
		*uid = st.st_uid;
		*gid = st.st_gid;
		return 0;
	}
	user = getpwnam(MICROCA_USER);
	if (user == NULL)
		return fail(why, FAIL_CONFIG, "owner",
		    "no user %s: make it, or %s with the owner it shall have",
		    MICROCA_USER, settings->state);
	*uid = user->pw_uid;
	*gid = user->pw_gid;
	return 0;
}

static int
folder_failed(const char *what, const char *path, struct fail *why)
{
	fail(why, FAIL_CONFIG, "folder", "cannot make the %s folder %s", what,
	    path);
	return errno != 0 ? fail_errno(why, "mkdir") : -1;
}

static int
folder_make(const char *what, const char *path, mode_t mode, uid_t uid,
    gid_t gid, struct fail *why)
{
	struct stat st;

	if (mkdir(path, mode) != 0) {
		if (errno != EEXIST)
			return folder_failed(what, path, why);
		if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
			errno = ENOTDIR;
			return folder_failed(what, path, why);
		}
		printf("%s folder %s: already there\n", what, path);
		return 0;
	}
	if ((geteuid() == 0 && chown(path, uid, gid) != 0) ||
	    chmod(path, mode) != 0)
		return folder_failed(what, path, why);
	printf("%s folder %s: made\n", what, path);
	return 0;
}

/* The web server's certificates: their group is that of the folder. */
static int
server_folder_make(
    const struct settings *settings, uid_t uid, gid_t gid, struct fail *why)
{
	const struct group *web = getgrnam(WEB_GROUP);
	char *path = file_path(settings->public_folder, "server");
	int rc;

	if (web == NULL)
		web = getgrnam(settings->httpd.group);
	rc = folder_make("server", path, 02755, uid,
	    geteuid() == 0 && web != NULL ? web->gr_gid : gid, why);
	free(path);
	return rc;
}

int
folders_make(const struct settings *settings, struct fail *why)
{
	const struct group *web = getgrnam(WEB_GROUP);
	uid_t uid;
	gid_t gid;

	if (owner_find(&uid, &gid, settings, why) != 0)
		return -1;
	(void)umask(077);
	if (folder_make("state", settings->state, 0700, uid, gid, why) != 0 ||
	    folder_make(
		"public", settings->public_folder, 0755, uid, gid, why) != 0 ||
	    server_folder_make(settings, uid, gid, why) != 0)
		return -1;
	return folder_make("run", settings->run, 0750, uid,
	    geteuid() == 0 && web != NULL ? web->gr_gid : gid, why);
}

static int
key_make(struct wish *wish, const struct settings *settings, struct fail *why)
{
	struct key_place place = settings_key_place(settings);
	const char *type =
	    wish->key_type != NULL ? wish->key_type : settings->ca.key_type;

	if (!pkcs11uri_is(place.uri))
		fprintf(stderr,
		    "microca init: warning: the CA's key is a file: a token "
		    "is where it belongs\n");
	if (key_generate(&place, type, why) == 0) {
		wish->made_key = true;
		printf("key %s: made (%s)\n", place.uri, type);
		return 0;
	}
	if (why->reason == NULL || strcmp(why->reason, "key-exists") != 0)
		return -1;
	*why = (struct fail){0};
	printf("key %s: already there\n", place.uri);
	return 0;
}

static int
store_make(struct wish *wish, struct store **store,
    const struct settings *settings, struct fail *why)
{
	struct fail absent = {0};

	if (store_open_node(store, settings->store, settings->node, false, 1,
		settings->disk_reserve, &absent) == 0) {
		printf("store %s: already there\n", settings->store);
		return 0;
	}
	if (absent.reason == NULL || strcmp(absent.reason, "db-missing") != 0) {
		*why = absent;
		return -1;
	}
	if (store_open_node(store, settings->store, settings->node, true, 1,
		settings->disk_reserve, why) != 0)
		return -1;
	wish->made_store = true;
	printf("store %s: made\n", settings->store);
	return 0;
}

static int
root_install(
    const struct wish *wish, const struct settings *settings, struct fail *why)
{
	struct key_place place = settings_key_place(settings);
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct key *key = NULL;
	X509 *root = NULL;
	int rc = -1;

	if (key_open(&key, &place, why) == 0 &&
	    key_ready(key, TOOL_TOKEN_WAIT, why) == 0 &&
	    root_make(&root, settings, key, wish->days, wish->path_length,
		why) == 0 &&
	    sk_X509_push(chain, root) > 0)
		rc = chain_install(settings, key, chain, why);
	X509_free(root);
	sk_X509_free(chain);
	key_free(key);
	return rc;
}

static int
root_ensure(
    struct wish *wish, const struct settings *settings, struct fail *why)
{
	char *path = settings_issuer_path(settings);
	struct issuers *present = NULL;
	struct fail none = {0};
	int rc = 0;

	if (issuers_read(&present, settings, &none) == 0 ||
	    access(path, F_OK) == 0) {
		printf("issuer %s: already there\n",
		    present != NULL ? present->item[0]->path : path);
	} else if ((rc = root_install(wish, settings, why)) == 0) {
		wish->made_root = true;
		printf("issuer %s: made, self-signed\n", path);
	}
	issuers_free(present);
	free(path);
	return rc;
}

static int
made_record(const struct wish *wish, const struct tool *tool,
    struct store *store, struct fail *why)
{
	struct bytes text = {0};
	struct audit entry = {.event = "init"};
	int rc;

	if (!wish->made_key && !wish->made_store && !wish->made_root)
		return 0;
	bytes_adds(&text, "made:");
	if (wish->made_key)
		bytes_addf(&text, " key %s", tool->settings->ca.key);
	if (wish->made_store)
		bytes_adds(&text, " store");
	if (wish->made_root)
		bytes_adds(&text, " self-signed issuer");
	entry.text = (const char *)text.data;
	rc = tool_audit(tool, store, &entry, why);
	bytes_free(&text);
	return rc;
}

static int
init(struct wish *wish, struct tool *tool, struct fail *why)
{
	struct store *store = NULL;
	int rc = -1;

	if (tool_settings(tool, why) != 0 ||
	    folders_make(tool->settings, why) != 0 ||
	    tool_become_owner(tool, why) != 0)
		return -1;
	key_harden_process();
	if (key_make(wish, tool->settings, why) == 0 &&
	    store_make(wish, &store, tool->settings, why) == 0 &&
	    (!wish->self_signed || root_ensure(wish, tool->settings, why) == 0))
		rc = made_record(wish, tool, store, why);
	store_free(store);
	return rc;
}

int
init_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct wish wish = {.days = 3650, .path_length = -1};
	const struct option_spec options[] = {
	    {"key-type", 0, OPTION_TEXT, &wish.key_type, 0, 0, NULL},
	    {"self-signed", 0, OPTION_FLAG, &wish.self_signed, 0, 0, NULL},
	    {"days", 0, OPTION_INT, &wish.days, 1, 3652059, NULL},
	    {"path-length", 0, OPTION_INT, &wish.path_length, 0, 100, NULL},
	};

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	return init(&wish, tool, why);
}
