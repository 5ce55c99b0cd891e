#include "lib/key/pin.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "lib/base/file.h"

#define MARKS "pin-refused"
#define MARK_LINE (2 * SHA256_LEN + 1)
#define MARKS_MAX (64 * MARK_LINE)

static const char *
said(const char *value)
{
	return value != NULL ? value : "";
}

static void
mark_make(char *mark, const struct stat *st, const struct pkcs11uri *uri,
    const char *module)
{
	uint8_t digest[SHA256_LEN];
	struct bytes b = {0};

	bytes_addf(&b, "%s\n%s\n%s\n%s\n", said(uri->token), said(uri->serial),
	    said(uri->model), said(uri->manufacturer));
	bytes_addf(&b, "%s\n%llu %llu %lld.%09ld %lld", module,
	    (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
	    (long long)st->st_mtim.tv_sec, (long)st->st_mtim.tv_nsec,
	    (long long)st->st_size);
	sha256(digest, span_of(&b));
	hex_write(mark, (struct span){digest, SHA256_LEN}, false);
	bytes_free(&b);
}

/* All marks; none when there is no such file. */
static int
marks_read(struct bytes *marks, const char *state, struct fail *why)
{
	char *path = file_path(state, MARKS);
	int rc = file_read(marks, path, MARKS_MAX, why);

	if (rc != 0 && why->kind == FAIL_ABSENT) {
		*why = (struct fail){0};
		rc = 0;
	}
	bytes_adds(marks, "");
	free(path);
	return rc;
}

static int
not_refused_before(const struct pin *pin, const char *state, const char *path,
    struct fail *why)
{
	struct bytes marks = {0};
	int rc = marks_read(&marks, state, why);

	if (rc != 0) {
		/* Not knowing is no reason to risk a try. */
		why->kind = FAIL_BUSY;
		why->reason = "token-pin";
	} else if (strstr((char *)marks.data, pin->mark) != NULL) {
		rc = fail(why, FAIL_BUSY, "token-pin",
		    "the token refused this PIN; it is not tried again until "
		    "the PIN file or the token changes");
		fail_cause(why, "PIN file %s", path);
	}
	bytes_free(&marks);
	return rc;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int
no_pin(struct fail *why, const char *path, const char *text)
{
	fail(why, FAIL_BUSY, "token-pin", "the token's PIN file %s", text);
	return fail_cause(why, "%s", path);
}

/* The octets of the file into pin->text, without its line end. */
static int
pin_text(struct pin *pin, const char *path, struct fail *why)
{
	struct bytes b = {0};
	int rc = -1;

	if (file_read_secret(&b, path, PIN_MAX, why) != 0) {
		no_pin(why, path, "cannot be read or is too long");
		goto out;
	}
	while (b.len > 0 &&
	       (b.data[b.len - 1] == '\n' || b.data[b.len - 1] == '\r'))
		b.len--;
	if (b.len == 0) {
		no_pin(why, path, "is empty");
		goto out;
	}
	memcpy(pin->text, b.data, b.len);
	pin->text[b.len] = '\0';
	pin->len = b.len;
	if (strcspn(pin->text, "\r\n") != pin->len) {
		no_pin(why, path, "must hold one line without a NUL octet");
		goto out;
	}
	rc = 0;
out:
	bytes_wipe(&b);
	return rc;
}

int
pin_read(struct pin *pin, const char *path, const struct pkcs11uri *uri,
    const char *module, const char *state, struct fail *why)
{
	struct stat before, after;

	memset(pin, 0, sizeof(*pin));
	if (stat(path, &before) != 0) {
		no_pin(why, path, "is not there");
		return fail_errno(why, "stat");
	}
	mark_make(pin->mark, &before, uri, module);
	if (not_refused_before(pin, state, path, why) != 0 ||
	    pin_text(pin, path, why) != 0)
		return -1;
	/* A mark must name the octets that are tried. */
	if (stat(path, &after) != 0 || !same_file(&before, &after))
		return no_pin(why, path, "changed while it was read");
	return 0;
}

void
pin_wipe(struct pin *pin)
{
	OPENSSL_cleanse(pin, sizeof(*pin));
}

int
pin_refuse(const struct pin *pin, const char *state, struct fail *why)
{
	struct bytes marks = {0};
	struct span keep;
	char *path = file_path(state, MARKS);
	int rc = marks_read(&marks, state, why);

	if (rc == 0) {
		bytes_addf(&marks, "%s\n", pin->mark);
		keep = span_of(&marks);
		if (keep.len > MARKS_MAX) {
			keep.data += MARK_LINE;
			keep.len -= MARK_LINE;
		}
		rc = file_write(path, keep, 0600, why);
	}
	bytes_free(&marks);
	free(path);
	return rc;
}

int
secret_mode_ok(const char *path, struct fail *why)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return 0;
	if (!S_ISREG(st.st_mode) ||
	    (st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & 077) != 0)
		return fail(why, FAIL_CONFIG, "file-mode",
		    "%s must be a regular file of its reader, mode 0400 or "
		    "0600",
		    path);
	return 0;
}
