#include "lib/ca/backup_files.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "lib/base/file.h"
#include "lib/base/tar.h"

#define FILE_MAX ((size_t)4 * 1024 * 1024) /* octets, of configuration */
#define DEPTH 3    /* folders below the configuration's */
#define FILES 5000 /* at most */

void
backup_files_free(struct backup_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->item[i].path);
		free(files->item[i].name);
	}
	free(files->item);
	memset(files, 0, sizeof(*files));
}

/* ---- what a file is ------------------------------------------------------------ */

static bool
is_der(struct span in)
{
	const uint8_t *p = in.data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)in.len);
	bool whole = crl != NULL && p == in.data + in.len;

	X509_CRL_free(crl);
	if (!whole) {
		X509 *cert;

		p = in.data;
		cert = d2i_X509(NULL, &p, (long)in.len);
		whole = cert != NULL && p == in.data + in.len;
		X509_free(cert);
	}
	ERR_clear_error();
	return whole;
}

static bool
block_public(const char *name)
{
	return strcmp(name, PEM_STRING_X509) == 0 ||
	       strcmp(name, PEM_STRING_X509_OLD) == 0 ||
	       strcmp(name, PEM_STRING_X509_TRUSTED) == 0 ||
	       strcmp(name, PEM_STRING_X509_CRL) == 0;
}

/* Text between the blocks is for people, and there may be any. */
static bool
is_pem(struct span in)
{
	BIO *bio = BIO_new_mem_buf(in.data, (int)in.len);
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	long len;
	bool good = true;
	size_t n = 0;

	if (bio == NULL)
		abort();
	while (good && PEM_read_bio(bio, &name, &header, &data, &len) == 1) {
		good = block_public(name);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(data, (size_t)len);
		n++;
	}
	BIO_free(bio);
	ERR_clear_error();
	return good && n > 0;
}

static bool
holds(struct span in, const char *text)
{
	return memmem(in.data, in.len, text, strlen(text)) != NULL;
}

bool
backup_file_public(struct span in)
{
	if (in.len == 0 || in.len > FILE_MAX || holds(in, "PRIVATE KEY"))
		return false;
	return is_pem(in) || is_der(in);
}

/* ---- the list -------------------------------------------------------------------- */

struct search {
	const struct settings *settings;
	struct backup_files *files;
	struct manifest_texts *left_out;
	struct fail *why;
};

static bool
is_listed(const struct backup_files *files, const char *name)
{
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(files->item[i].name, name) == 0)
			return true;
	return false;
}

static void
leave_out(struct search *s, const char *name, const char *why)
{
	char *text = str_fmt("%s: %s", name, why);

	manifest_add_text(s->left_out, text);
	free(text);
}

static int
take(struct search *s, const char *path, const char *name)
{
	struct backup_files *files = s->files;

	if (is_listed(files, name))
		return 0;
	if (!tar_name_ok(name)) {
		leave_out(s, name, "its name is too long or unusual");
		return 0;
	}
	if (files->n >= FILES)
		return fail(s->why, FAIL_CONFIG, "backup",
		    "more than %d files belong to it", FILES);
	files->item = mem_grow(files->item, files->n + 1, sizeof(*files->item));
	files->item[files->n].path = str_dup(path);
	files->item[files->n++].name = str_dup(name);
	return 0;
}

static bool
is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Each name in a folder, in order; "." and ".." are none. */
static int
names_of(struct dirent ***names, const char *path, struct fail *why)
{
	int n = scandir(path, names, NULL, alphasort);

	if (n >= 0 || errno == ENOENT)
		return n < 0 ? 0 : n;
	(void)fail(why, FAIL_BROKEN, "file", "cannot read the folder %s", path);
	return fail_errno(why, "opendir");
}

static void
names_free(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* ---- the configuration ------------------------------------------------------------- */

/* "conf/x" of FOLDER/x; NULL: it is elsewhere. */
static char *
conf_name(const struct settings *s, const char *path)
{
	size_t len = strlen(s->folder);

	if (strncmp(path, s->folder, len) != 0 || path[len] != '/')
		return NULL;
	return str_fmt("conf/%s", path + len + 1);
}

static int conf_take(struct search *s, const char *path, unsigned depth);

/* `@include "name"`, at the beginning of a line but for blanks; relative to
 * the folder of the first file, as libconfig was told. */
static int
includes_take(struct search *s, const char *text, unsigned depth)
{
	static const char word[] = "@include";
	int rc = 0;

	for (const char *line = text; rc == 0 && line != NULL;) {
		const char *p = line + strspn(line, " \t"), *end;

		if (strncmp(p, word, sizeof(word) - 1) == 0) {
			p += sizeof(word) - 1;
			p += strspn(p, " \t");
			end = *p == '"' ? strpbrk(p + 1, "\"\n") : NULL;
			if (end != NULL && *end == '"') {
				char *name =
				    mem_dup(p + 1, (size_t)(end - p) - 1);
				char *path =
				    file_path(s->settings->folder, name);

				rc = conf_take(s, path, depth + 1);
				free(path);
				free(name);
			}
		}
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	return rc;
}

/* A file that was read as configuration. */
static int
conf_take(struct search *s, const char *path, unsigned depth)
{
	char *name = conf_name(s->settings, path);
	struct bytes text = {0};
	struct fail no = {0};
	int rc = 0;

	if (name == NULL)
		leave_out(s, path, "it is outside the configuration's folder");
	else if (depth > DEPTH || file_read(&text, path, FILE_MAX, &no) != 0)
		leave_out(s, name, "it cannot be read");
	else if (holds(span_of(&text), "PRIVATE KEY") ||
		 holds(span_of(&text), "pin-value"))
		leave_out(s, name, "there is a secret in it");
	else if ((rc = take(s, path, name)) == 0 && text.data != NULL)
		rc = includes_take(s, (const char *)text.data, depth);
	bytes_wipe(&text);
	free(name);
	return rc;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), tail = strlen(end);

	return len > tail && strcmp(text + len - tail, end) == 0;
}

/* Nothing else is opened: neither a PIN nor a database, whose locks would go
 * when it is closed. */
static bool
is_called_public(const char *name)
{
	static const char *const ends[] = {
	    ".pem", ".crt", ".cer", ".crl", ".der"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends_with(name, ends[i]))
			return true;
	return false;
}

/* What else is in that folder: certificates, by name and content. */
static int
other_take(struct search *s, const char *path)
{
	char *name = conf_name(s->settings, path);
	struct bytes content = {0};
	struct fail no = {0};
	int rc = 0;

	if (name == NULL || is_listed(s->files, name)) {
		free(name);
		return 0;
	}
	if (!is_called_public(name))
		leave_out(s, name, "neither configuration nor certificates");
	else if (file_read(&content, path, FILE_MAX, &no) != 0)
		leave_out(s, name, "it cannot be read");
	else if (holds(span_of(&content), "PRIVATE KEY"))
		leave_out(s, name, "there is a private key in it");
	else if (backup_file_public(span_of(&content)))
		rc = take(s, path, name);
	else
		leave_out(s, name, "neither configuration nor certificates");
	bytes_wipe(&content);
	free(name);
	return rc;
}

/* Where the state or what is published is. */
static bool
is_root(const struct settings *s, const struct stat *st)
{
	const char *const root[] = {s->state, s->public_folder, s->run};
	struct stat other;

	for (size_t i = 0; i < sizeof(root) / sizeof(root[0]); i++)
		if (stat(root[i], &other) == 0 && other.st_dev == st->st_dev &&
		    other.st_ino == st->st_ino)
			return true;
	return false;
}

static int
folder_take(struct search *s, const char *folder, unsigned depth)
{
	struct dirent **names = NULL;
	int n = names_of(&names, folder, s->why), rc = n < 0 ? -1 : 0;

	for (int i = 0; rc == 0 && i < n; i++) {
		char *path = file_path(folder, names[i]->d_name);
		struct stat st;

		if (names[i]->d_name[0] == '.' || stat(path, &st) != 0 ||
		    is_root(s->settings, &st))
			rc = 0; /* not the configuration's, or gone */
		else if (S_ISDIR(st.st_mode) && depth < DEPTH)
			rc = folder_take(s, path, depth + 1);
		else if (S_ISREG(st.st_mode))
			rc = other_take(s, path);
		free(path);
	}
	names_free(names, n);
	return rc;
}

/* ---- state and public -------------------------------------------------------------- */

enum root { ROOT_STATE, ROOT_PUBLIC };

/* The places that a file of a backup may have; folders end with a slash. */
static const struct place {
	const char *name; /* of the member; its beginning for a folder */
	enum root root;
	const char *path;
	const char *end; /* of names in a folder; "": any */
} places[] = {
    {"state/issuer.pem", ROOT_STATE, "issuer.pem", NULL},
    {"state/issuers/", ROOT_STATE, "issuers", ".pem"},
    {"state/issuers/over/", ROOT_STATE, "issuers/over", ".pem"},
    {"state/own/anchors.pem", ROOT_STATE, "own/anchors.pem", NULL},
    {"state/heads/", ROOT_STATE, "heads", ""},
    {"public/crl/", ROOT_PUBLIC, "crl", ".crl"},
};
#define PLACES (sizeof(places) / sizeof(places[0]))

static const char *
root_of(const struct settings *s, enum root root)
{
	return root == ROOT_STATE ? s->state : s->public_folder;
}

static int
place_take(struct search *s, const struct place *p)
{
	char *path = file_path(root_of(s->settings, p->root), p->path);
	struct dirent **names = NULL;
	int n, rc = 0;

	if (p->end == NULL) {
		if (is_file(path))
			rc = take(s, path, p->name);
		free(path);
		return rc;
	}
	n = names_of(&names, path, s->why);
	rc = n < 0 ? -1 : 0;
	for (int i = 0; rc == 0 && i < n; i++) {
		char *one = file_path(path, names[i]->d_name);
		char *name = str_fmt("%s%s", p->name, names[i]->d_name);

		if (names[i]->d_name[0] != '.' && ends_with(name, p->end) &&
		    is_file(one))
			rc = take(s, one, name);
		free(name);
		free(one);
	}
	names_free(names, n);
	free(path);
	return rc;
}

char *
backup_file_place(const struct settings *settings, const char *name)
{
	if (!tar_name_ok(name))
		return NULL;
	for (size_t i = 0; i < PLACES; i++) {
		const struct place *p = &places[i];
		const char *root = root_of(settings, p->root);
		size_t len = strlen(p->name);

		if (p->end == NULL && strcmp(name, p->name) == 0)
			return str_fmt("%s/%s", root, p->path);
		if (p->end != NULL && strncmp(name, p->name, len) == 0 &&
		    strchr(name + len, '/') == NULL && name[len] != '.' &&
		    ends_with(name, p->end))
			return str_fmt("%s/%s/%s", root, p->path, name + len);
	}
	return NULL;
}

int
backup_files_find(struct backup_files *files, struct manifest_texts *left_out,
    const struct settings *settings, struct fail *why)
{
	struct search s = {settings, files, left_out, why};
	int rc;

	memset(files, 0, sizeof(*files));
	rc = conf_take(&s, settings->path, 0);
	if (rc == 0)
		rc = conf_take(&s, settings->profiles_path, 0);
	if (rc == 0)
		rc = folder_take(&s, settings->folder, 0);
	for (size_t i = 0; rc == 0 && i < PLACES; i++)
		rc = place_take(&s, &places[i]);
	if (rc != 0)
		backup_files_free(files);
	return rc;
}
