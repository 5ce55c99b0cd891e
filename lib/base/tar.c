#include "lib/base/tar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#define BLOCK 512
#define PART ((size_t)64 * 1024)
#define OCTAL_MOST 077777777777LL /* 11 digits */

/* POSIX.1-1988. */
struct header {
	char name[TAR_NAME];
	char mode[8], uid[8], gid[8];
	char size[12], when[12];
	char sum[8];
	char type;
	char link[TAR_NAME];
	char magic[6], version[2];
	char user[32], group[32];
	char major[8], minor[8];
	char prefix[155];
	char rest[12];
};

static int
bad(struct fail *why, const char *text)
{
	return fail(why, FAIL_MALFORMED, "archive",
	    "this is no archive of ours: %s", text);
}

static bool
segment_ok(const char *s, size_t len)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";

	if (len == 0 || strspn(s, allowed) < len)
		return false;
	return !(s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.')));
}

bool
tar_name_ok(const char *name)
{
	size_t len;

	if (strlen(name) > TAR_NAME)
		return false;
	for (;; name += len + 1) {
		len = strcspn(name, "/");
		if (!segment_ok(name, len))
			return false;
		if (name[len] == '\0')
			return true;
	}
}

/* ---- the hash of a member --------------------------------------------------- */

static void
hash_begin(struct tar *tar)
{
	if (tar->hash == NULL)
		tar->hash = EVP_MD_CTX_new();
	if (tar->hash == NULL ||
	    EVP_DigestInit_ex(tar->hash, EVP_sha256(), NULL) != 1)
		abort(); /* out of memory */
}

static void
hash_add(struct tar *tar, const void *p, size_t len)
{
	if (EVP_DigestUpdate(tar->hash, p, len) != 1)
		abort();
}

static void
hash_end(struct tar *tar, uint8_t sha256[SHA256_LEN])
{
	if (EVP_DigestFinal_ex(tar->hash, sha256, NULL) != 1)
		abort();
}

void
tar_free(struct tar *tar)
{
	EVP_MD_CTX_free(tar->hash);
	tar->hash = NULL;
}

/* ---- writing ------------------------------------------------------------------ */

static int
all_write(int fd, const void *p, size_t len, struct fail *why)
{
	const uint8_t *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			bool full = errno == ENOSPC || errno == EDQUOT;

			(void)fail(why, full ? FAIL_BUSY : FAIL_BROKEN,
			    full ? "disk-full" : "file",
			    full ? "the disk is full: the archive has no room"
				 : "cannot write the archive");
			return fail_errno(why, "write");
		}
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static void
octal(char *field, size_t len, int64_t v)
{
	char text[24];

	(void)snprintf(
	    text, sizeof(text), "%0*llo", (int)len - 1, (long long)v);
	memcpy(field, text, len);
}

/* GNU: the first bit says that the others are a binary number. */
static void
size_put(char field[12], int64_t v)
{
	if (v <= OCTAL_MOST) {
		octal(field, 12, v);
		return;
	}
	memset(field, 0, 12);
	field[0] = (char)0x80;
	for (int i = 11; i > 3; i--, v >>= 8)
		field[i] = (char)(v & 0xff);
}

static unsigned
sum_of(const struct header *h)
{
	const uint8_t *p = (const uint8_t *)h;
	size_t at = offsetof(struct header, sum);
	unsigned sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= at && i < at + sizeof(h->sum) ? ' ' : p[i];
	return sum;
}

int
tar_begin(struct tar *tar, const struct tar_entry *e, struct fail *why)
{
	struct header h = {.type = '0'};

	_Static_assert(sizeof(h) == BLOCK, "a header is one block");
	if (!tar_name_ok(e->name))
		return fail(why, FAIL_BROKEN, "archive",
		    "\"%s\" is no name for a member", e->name);
	memcpy(h.name, e->name, strlen(e->name));
	octal(h.mode, sizeof(h.mode), e->mode & 07777);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	size_put(h.size, e->size);
	octal(h.when, sizeof(h.when),
	    e->when < 0            ? 0
	    : e->when > OCTAL_MOST ? OCTAL_MOST
				   : e->when);
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	octal(h.sum, 7, sum_of(&h));
	h.sum[7] = ' ';
	tar->size = tar->left = e->size;
	hash_begin(tar);
	return all_write(tar->fd, &h, sizeof(h), why);
}

int
tar_write(struct tar *tar, struct span part, struct fail *why)
{
	if ((int64_t)part.len > tar->left)
		return fail(why, FAIL_BROKEN, "archive",
		    "a member is longer than was said");
	tar->left -= (int64_t)part.len;
	hash_add(tar, part.data, part.len);
	return all_write(tar->fd, part.data, part.len, why);
}

static size_t
padding(const struct tar *tar)
{
	return (size_t)((BLOCK - tar->size % BLOCK) % BLOCK);
}

int
tar_close(struct tar *tar, uint8_t sha256[SHA256_LEN], struct fail *why)
{
	static const uint8_t zeros[BLOCK];

	if (tar->left != 0)
		return fail(why, FAIL_BROKEN, "archive",
		    "a member is shorter than was said");
	hash_end(tar, sha256);
	return all_write(tar->fd, zeros, padding(tar), why);
}

int
tar_finish(struct tar *tar, struct fail *why)
{
	static const uint8_t zeros[2 * BLOCK];

	return all_write(tar->fd, zeros, sizeof(zeros), why);
}

/* ---- reading ------------------------------------------------------------------- */

/* As many octets as there are, up to `len`. */
static int
some_read(size_t *got, int fd, void *p, size_t len, struct fail *why)
{
	uint8_t *at = p;

	for (*got = 0; *got < len;) {
		ssize_t n = read(fd, at + *got, len - *got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			(void)fail(why, FAIL_BROKEN, "file",
			    "cannot read the archive");
			return fail_errno(why, "read");
		}
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return 0;
}

static int
all_read(int fd, void *p, size_t len, struct fail *why)
{
	size_t got;

	if (some_read(&got, fd, p, len, why) != 0)
		return -1;
	return got == len ? 0 : bad(why, "it is cut off");
}

/* Octal digits, then NUL or blank; -1: none. */
static int64_t
octal_of(const char *field, size_t len)
{
	int64_t v = 0;
	size_t i;

	for (i = 0; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		v = v * 8 + (field[i] - '0');
	if (i == 0 || i == len || (field[i] != '\0' && field[i] != ' '))
		return -1;
	return v;
}

static int64_t
size_of(const char field[12])
{
	uint64_t v = 0;

	if ((uint8_t)field[0] != 0x80)
		return octal_of(field, 12);
	for (int i = 1; i < 4; i++)
		if (field[i] != 0)
			return -1;
	for (int i = 4; i < 12; i++)
		v = v << 8 | (uint8_t)field[i];
	return v <= INT64_MAX - BLOCK ? (int64_t)v : -1;
}

static bool
is_zero(const void *p, size_t len)
{
	const uint8_t *at = p;

	while (len > 0 && at[len - 1] == 0)
		len--;
	return len == 0;
}

/* What is behind the first block of zeros: another, then zeros or nothing. */
static int
end_read(struct tar *tar, struct fail *why)
{
	uint8_t block[BLOCK];
	size_t got = BLOCK;

	if (all_read(tar->fd, block, BLOCK, why) != 0)
		return -1;
	while (got > 0) {
		if (!is_zero(block, got))
			return bad(why, "something follows its end");
		if (some_read(&got, tar->fd, block, BLOCK, why) != 0)
			return -1;
	}
	tar->ended = true;
	return 0;
}

static int
header_read(struct tar_entry *e, const struct header *h, struct fail *why)
{
	int64_t mode = octal_of(h->mode, sizeof(h->mode));

	if (memcmp(h->magic, "ustar", 6) != 0 ||
	    octal_of(h->sum, sizeof(h->sum)) != sum_of(h))
		return bad(why, "a header is damaged");
	memcpy(e->name, h->name, TAR_NAME);
	e->name[TAR_NAME] = '\0';
	if (!tar_name_ok(e->name) || h->prefix[0] != '\0' ||
	    !is_zero(h->name + strlen(e->name), TAR_NAME - strlen(e->name)))
		return bad(why, "a name in it is not allowed");
	if ((h->type != '0' && h->type != '\0') || h->link[0] != '\0')
		return bad(why, "something in it is not a file");
	e->size = size_of(h->size);
	e->when = octal_of(h->when, sizeof(h->when));
	e->mode = (mode_t)(mode & 0777);
	if (e->size < 0 || mode < 0 || e->when < 0)
		return bad(why, "a header is damaged");
	return 0;
}

int
tar_next(
    struct tar *tar, struct tar_entry *entry, bool *found, struct fail *why)
{
	struct header h;

	*found = false;
	if (tar->ended)
		return 0;
	if (all_read(tar->fd, &h, sizeof(h), why) != 0)
		return -1;
	if (is_zero(&h, sizeof(h)))
		return end_read(tar, why);
	if (header_read(entry, &h, why) != 0)
		return -1;
	tar->size = tar->left = entry->size;
	hash_begin(tar);
	*found = true;
	return 0;
}

int
tar_read(
    struct tar *tar, size_t *got, void *part, size_t room, struct fail *why)
{
	*got = (int64_t)room < tar->left ? room : (size_t)tar->left;
	if (all_read(tar->fd, part, *got, why) != 0)
		return -1;
	tar->left -= (int64_t)*got;
	hash_add(tar, part, *got);
	return 0;
}

int
tar_read_close(struct tar *tar, uint8_t sha256[SHA256_LEN], struct fail *why)
{
	uint8_t *part = mem_new(PART);
	size_t got = 1;
	int rc = 0;

	while (rc == 0 && got > 0)
		rc = tar_read(tar, &got, part, PART, why);
	if (rc == 0)
		rc = all_read(tar->fd, part, padding(tar), why);
	if (rc == 0 && !is_zero(part, padding(tar)))
		rc = bad(why, "something is between its members");
	if (rc == 0)
		hash_end(tar, sha256);
	free(part);
	return rc;
}
