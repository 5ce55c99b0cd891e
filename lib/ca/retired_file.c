#include "lib/ca/retired_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/when.h"

#define NEW ".new"

/* ---- a certificate and its line ------------------------------------------------ */

static void
hash_put(struct json *j, const char *key, const uint8_t hash[SHA256_LEN])
{
	char hex[2 * SHA256_LEN + 1];

	hex_write(hex, (struct span){hash, SHA256_LEN}, false);
	json_str(j, key, hex);
}

static struct json *
line_json(const struct record *r)
{
	struct json *j = json_new_object();
	struct bytes der = {0};

	json_int(j, "id", r->id);
	json_str(j, "serial", r->serial);
	json_str(j, "issuer", r->issuer);
	json_str(j, "subject", r->subject);
	json_str(j, "san", r->san);
	json_str(j, "profile", r->profile);
	json_str(j, "endpoint", r->endpoint);
	json_str(j, "operation", r->operation);
	json_str(j, "requester", r->requester);
	json_str(j, "owner", r->owner);
	json_str(j, "device", r->device);
	hash_put(j, "csr_sha256", r->csr_sha256);
	hash_put(j, "spki_sha256", r->spki_sha256);
	hash_put(j, "subject_hash", r->subject_hash);
	hash_put(j, "request_key", r->request_key);
	json_int(j, "not_before", r->not_before);
	json_int(j, "not_after", r->not_after);
	json_int(j, "issued", r->issued);
	json_int(j, "status", (int64_t)r->status);
	json_int(j, "reason", r->reason);
	json_int(j, "revoked", r->revoked);
	json_int(j, "invalid", r->invalid);
	base64_write(&der, span_of(&r->der), 0);
	der.data[der.len - 1] = '\0'; /* its LF */
	json_str(j, "der", (const char *)der.data);
	bytes_free(&der);
	return j;
}

static bool
hash_take(uint8_t hash[SHA256_LEN], const struct json *j, const char *key)
{
	const char *hex = json_str_of(j, key);
	struct bytes b = {0};
	bool ok = hex != NULL && hex_read(&b, hex) && b.len == SHA256_LEN;

	if (ok)
		memcpy(hash, b.data, SHA256_LEN);
	bytes_free(&b);
	return ok;
}

static void
texts_take(struct record *r, const struct json *j)
{
	r->serial = str_dup(json_str_of(j, "serial"));
	r->issuer = str_dup(json_str_of(j, "issuer"));
	r->subject = str_dup(json_str_of(j, "subject"));
	r->san = str_dup(json_str_of(j, "san"));
	r->profile = str_dup(json_str_of(j, "profile"));
	r->endpoint = str_dup(json_str_of(j, "endpoint"));
	r->operation = str_dup(json_str_of(j, "operation"));
	r->requester = str_dup(json_str_of(j, "requester"));
	r->owner = str_dup(json_str_of(j, "owner"));
	r->device = str_dup(json_str_of(j, "device"));
}

static void
numbers_take(struct record *r, const struct json *j)
{
	r->id = json_int_of(j, "id", 0);
	r->not_before = json_int_of(j, "not_before", 0);
	r->not_after = json_int_of(j, "not_after", 0);
	r->issued = json_int_of(j, "issued", 0);
	r->status = (enum store_status)json_int_of(j, "status", 0);
	r->reason = (int)json_int_of(j, "reason", 0);
	r->revoked = json_int_of(j, "revoked", 0);
	r->invalid = json_int_of(j, "invalid", 0);
}

/* `path` is for the text alone. */
static int
line_read(
    struct record *r, const char *line, const char *path, struct fail *why)
{
	struct fail no = {0};
	struct json *j = NULL;
	const char *der;
	bool ok;

	memset(r, 0, sizeof(*r));
	ok = json_read(&j, line, &no) == 0 &&
	     (der = json_str_of(j, "der")) != NULL &&
	     base64_read(&r->der, span_str(der), &no) == 0 &&
	     hash_take(r->csr_sha256, j, "csr_sha256") &&
	     hash_take(r->spki_sha256, j, "spki_sha256") &&
	     hash_take(r->subject_hash, j, "subject_hash") &&
	     hash_take(r->request_key, j, "request_key");
	if (ok) {
		texts_take(r, j);
		numbers_take(r, j);
		sha256(r->sha256, span_of(&r->der));
		ok = r->id > 0 && r->serial != NULL && r->issuer != NULL &&
		     r->subject != NULL && r->profile != NULL;
	}
	json_free(j);
	if (ok)
		return 0;
	record_free(r);
	return fail(why, FAIL_MALFORMED, "retired-file",
	    "%s: what should be a certificate is none", path);
}

/* ---- written -------------------------------------------------------------------- */

struct retired_file {
	char *folder, *path; /* … of the new one; NULL: it has its name */
	FILE *to;
	EVP_MD_CTX *hash;
	int64_t n, first, last_end;
};

static int
file_fail(const char *what, const char *path, struct fail *why)
{
	int error = errno;

	if (error == ENOSPC || error == EDQUOT)
		(void)fail(why, FAIL_BUSY, "disk-full",
		    "there is no room for %s", path);
	else
		(void)fail(why, FAIL_BROKEN, "file", "cannot write %s", path);
	errno = error;
	return fail_errno(why, "%s", what);
}

static int
text_add(struct retired_file *f, const char *text, struct fail *why)
{
	if (EVP_DigestUpdate(f->hash, text, strlen(text)) != 1 ||
	    EVP_DigestUpdate(f->hash, "\n", 1) != 1)
		abort();
	if (fputs(text, f->to) < 0 || fputc('\n', f->to) == EOF)
		return file_fail("write", f->path, why);
	return 0;
}

static int
json_line(struct retired_file *f, struct json *j, struct fail *why)
{
	char *text = json_text(j, 0);
	int rc = text_add(f, text, why);

	free(text);
	json_free(j);
	return rc;
}

int
retired_file_begin(
    struct retired_file **out, const char *folder, struct fail *why)
{
	struct retired_file *f = mem_new(sizeof(*f));
	struct json *head = json_new_object();
	int fd;

	*out = f;
	f->folder = str_dup(folder);
	f->path = file_path(folder, NEW);
	f->hash = EVP_MD_CTX_new();
	if (f->hash == NULL || EVP_DigestInit(f->hash, EVP_sha256()) != 1)
		abort();
	fd = open(
	    f->path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || (f->to = fdopen(fd, "w")) == NULL) {
		json_free(head);
		return file_fail("open", f->path, why);
	}
	json_str(head, "schema", RETIRED_SCHEMA);
	return json_line(f, head, why);
}

int
retired_file_add(
    struct retired_file *f, const struct record *r, struct fail *why)
{
	if (f->n++ == 0)
		f->first = r->id;
	f->last_end = r->not_after;
	return json_line(f, line_json(r), why);
}

void
retired_file_free(struct retired_file *f)
{
	if (f == NULL)
		return;
	if (f->to != NULL)
		(void)fclose(f->to);
	if (f->path != NULL)
		(void)unlink(f->path);
	EVP_MD_CTX_free(f->hash);
	free(f->folder);
	free(f->path);
	free(f);
}

static int
folder_sync(const char *folder, struct fail *why)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd >= 0 && fsync(fd) == 0 ? 0 : file_fail("sync", folder, why);

	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* The year's folder, there and synced. */
static int
year_make(char **year, struct retired_file *f, struct fail *why)
{
	struct when_parts t;
	char *path;

	when_split(&t, f->last_end);
	*year = str_fmt("%04d", t.year);
	path = file_path(f->folder, *year);
	if (mkdir(path, 0700) == 0 || errno == EEXIST) {
		free(path);
		return folder_sync(f->folder, why);
	}
	(void)file_fail("mkdir", path, why);
	free(path);
	return -1;
}

static int
synced(struct retired_file *f, struct fail *why)
{
	struct json *end = json_new_object(), *told = json_new_object();

	json_int(told, "certificates", f->n);
	json_add(end, "end", told);
	if (json_line(f, end, why) != 0)
		return -1;
	if (fflush(f->to) != 0 || fsync(fileno(f->to)) != 0)
		return file_fail("sync", f->path, why);
	/* From the disk, as far as the kernel lets us. */
	(void)posix_fadvise(fileno(f->to), 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

int
retired_file_end(struct shelf *shelf, struct retired_file *f, struct fail *why)
{
	char *year = NULL, *path = NULL, *folder = NULL,
	     hex[2 * SHA256_LEN + 1];
	int rc = -1;

	memset(shelf, 0, sizeof(*shelf));
	if (synced(f, why) != 0 || year_make(&year, f, why) != 0)
		goto out;
	if (EVP_DigestFinal_ex(f->hash, shelf->sha256, NULL) != 1)
		abort();
	hex_write(hex, (struct span){shelf->sha256, SHA256_LEN}, false);
	shelf->path =
	    str_fmt("%s/%012lld-%.16s.jsonl", year, (long long)f->first, hex);
	shelf->certificates = f->n;
	shelf->ended = f->last_end;
	if (retired_file_read(f->folder, NEW, shelf->sha256, NULL, NULL, why) !=
	    0)
		goto out;
	path = file_path(f->folder, shelf->path);
	folder = file_path(f->folder, year);
	/* The same octets, if there is one: its hash is in its name. */
	if (rename(f->path, path) != 0) {
		(void)file_fail("rename", path, why);
		goto out;
	}
	free(f->path);
	f->path = NULL;
	rc = folder_sync(folder, why);
out:
	if (rc != 0) {
		free(shelf->path);
		shelf->path = NULL;
	}
	free(year);
	free(path);
	free(folder);
	return rc;
}

/* ---- read --------------------------------------------------------------------------- */

static int
file_open(FILE **in, char **path, const char *folder, const char *name,
    struct fail *why)
{
	*path = file_path(folder, name);
	*in = fopen(*path, "re");
	if (*in != NULL)
		return 0;
	if (errno == ENOENT || errno == ENOTDIR)
		return fail(why, FAIL_ABSENT, "retired-file",
		    "%s is not there: it holds certificates that were retired",
		    *path);
	(void)fail(why, FAIL_BROKEN, "file", "cannot read %s", *path);
	return fail_errno(why, "open");
}

static int
hash_check(FILE *in, const uint8_t should[SHA256_LEN], const char *path,
    struct fail *why)
{
	uint8_t hash[SHA256_LEN], *part = mem_new(65536);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n;

	if (ctx == NULL || EVP_DigestInit(ctx, EVP_sha256()) != 1)
		abort();
	while ((n = fread(part, 1, 65536, in)) > 0)
		if (EVP_DigestUpdate(ctx, part, n) != 1)
			abort();
	if (EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	free(part);
	if (ferror(in)) {
		(void)fail(why, FAIL_BROKEN, "file", "cannot read %s", path);
		return fail_errno(why, "read");
	}
	rewind(in);
	return memcmp(hash, should, SHA256_LEN) == 0
	           ? 0
	           : fail(why, FAIL_MALFORMED, "retired-file",
			 "%s is not the file that was recorded: its SHA-256 is "
			 "another",
			 path);
}

/* The hash was right, so the lines are what was written. */
static int
lines_read(FILE *in, const char *path,
    int (*each)(const struct record *r, int64_t place, void *arg), void *arg,
    struct fail *why)
{
	char *line = NULL;
	size_t size = 0;
	int64_t place = 0;
	bool stop = false;
	ssize_t n;
	int rc = 0;

	for (; rc == 0 && !stop && (n = getline(&line, &size, in)) > 0;
	     place += n) {
		struct record r;

		if (strncmp(line, "{\"id\":", 6) != 0)
			continue; /* the first and the last line */
		rc = line_read(&r, line, path, why);
		if (rc == 0) {
			stop = each(&r, place, arg) != 0;
			record_free(&r);
		}
	}
	free(line);
	return rc;
}

int
retired_file_read(const char *folder, const char *name,
    const uint8_t should[SHA256_LEN],
    int (*each)(const struct record *r, int64_t place, void *arg), void *arg,
    struct fail *why)
{
	char *path;
	FILE *in;
	int rc = file_open(&in, &path, folder, name, why);

	if (rc == 0) {
		rc = hash_check(in, should, path, why);
		if (rc == 0 && each != NULL)
			rc = lines_read(in, path, each, arg, why);
		(void)fclose(in);
	}
	free(path);
	return rc;
}

int
retired_file_one(struct record *r, const char *folder, const struct retired *of,
    struct fail *why)
{
	char *path, *line = NULL;
	size_t size = 0;
	FILE *in;
	int rc;

	memset(r, 0, sizeof(*r));
	rc = file_open(&in, &path, folder, of->path, why);
	if (rc != 0) {
		free(path);
		return rc;
	}
	if (fseeko(in, (off_t)of->place, SEEK_SET) != 0 ||
	    getline(&line, &size, in) <= 0)
		rc = fail(why, FAIL_MALFORMED, "retired-file",
		    "%s ends before certificate %lld", path, (long long)of->id);
	else
		rc = line_read(r, line, path, why);
	if (rc == 0 && memcmp(r->sha256, of->sha256, SHA256_LEN) != 0)
		rc = fail(why, FAIL_MALFORMED, "retired-file",
		    "%s has another certificate there", path);
	r->status = of->status;
	r->reason = of->reason;
	r->revoked = of->revoked;
	if (rc != 0)
		record_free(r);
	(void)fclose(in);
	free(line);
	free(path);
	return rc;
}
