/* tar: what was written is read; what others made is read or refused. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/tar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct fail why;

static int
memory(void)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
member(struct tar *tar, const char *name, const char *text)
{
	const struct tar_entry e = {
	    .size = (int64_t)strlen(text), .mode = 0640, .when = 1234567890};
	struct tar_entry named = e;
	uint8_t hash[SHA256_LEN], should[SHA256_LEN];

	(void)snprintf(named.name, sizeof(named.name), "%s", name);
	assert_int_equal(tar_begin(tar, &named, &why), 0);
	assert_int_equal(tar_write(tar, span_str(text), &why), 0);
	assert_int_equal(tar_close(tar, hash, &why), 0);
	sha256(should, span_str(text));
	assert_memory_equal(hash, should, SHA256_LEN);
}

/* Two members, the second one longer than a block. */
static int
sample(char *long_text, size_t len)
{
	struct tar tar = {.fd = memory()};

	memset(long_text, 'x', len);
	long_text[len - 1] = '\0';
	member(&tar, "a", "hello");
	member(&tar, "folder/b.pem", long_text);
	assert_int_equal(tar_finish(&tar, &why), 0);
	tar_free(&tar);
	assert_int_equal(lseek(tar.fd, 0, SEEK_SET), 0);
	return tar.fd;
}

static void
test_read_again(void **state)
{
	char text[1000], part[2000];
	struct tar tar = {.fd = sample(text, sizeof(text))};
	struct tar_entry e;
	uint8_t hash[SHA256_LEN], should[SHA256_LEN];
	bool found;
	size_t got;

	(void)state;
	assert_int_equal(tar_next(&tar, &e, &found, &why), 0);
	assert_true(found);
	assert_string_equal(e.name, "a");
	assert_int_equal(e.size, 5);
	assert_int_equal(e.mode, 0640);
	assert_int_equal(e.when, 1234567890);
	assert_int_equal(tar_read_close(&tar, hash, &why), 0); /* unread */
	sha256(should, span_str("hello"));
	assert_memory_equal(hash, should, SHA256_LEN);
	assert_int_equal(tar_next(&tar, &e, &found, &why), 0);
	assert_string_equal(e.name, "folder/b.pem");
	assert_int_equal(tar_read(&tar, &got, part, 10, &why), 0);
	assert_int_equal(got, 10);
	assert_int_equal(tar_read(&tar, &got, part, sizeof(part), &why), 0);
	assert_int_equal(got, strlen(text) - 10);
	assert_int_equal(tar_read_close(&tar, hash, &why), 0);
	sha256(should, span_str(text));
	assert_memory_equal(hash, should, SHA256_LEN);
	assert_int_equal(tar_next(&tar, &e, &found, &why), 0);
	assert_false(found);
	assert_int_equal(tar_next(&tar, &e, &found, &why), 0);
	assert_false(found);
	tar_free(&tar);
	(void)close(tar.fd);
}

/* tar(1) agrees. */
static void
test_tar_lists_it(void **state)
{
	char text[1000], command[64], line[64] = "";
	int fd = sample(text, sizeof(text));
	FILE *f;

	(void)state;
	assert_int_equal(fcntl(fd, F_SETFD, 0), 0);
	(void)snprintf(command, sizeof(command),
	    "tar -xO -f /proc/self/fd/%d folder/b.pem | wc -c", fd);
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_int_equal(pclose(f), 0);
	assert_int_equal(atoi(line), (int)strlen(text));
	(void)close(fd);
}

static void
test_names(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} names[] = {
	    {"a", true},
	    {"state/issuers/over/x-1_2.pem", true},
	    {"..a", true},
	    {".hidden", true},
	    {"", false},
	    {"/etc/passwd", false},
	    {"../a", false},
	    {"a/../b", false},
	    {"a/..", false},
	    {"./a", false},
	    {"a/./b", false},
	    {"a//b", false},
	    {"a/", false},
	    {"a b", false},
	    {"a\n", false},
	    {"\xc3\xa4", false},
	    {"a\\b", false},
	};
	char longest[TAR_NAME + 2];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		if (tar_name_ok(names[i].name) != names[i].ok)
			fail_msg("\"%s\"", names[i].name);
	memset(longest, 'a', sizeof(longest));
	longest[TAR_NAME] = '\0';
	assert_true(tar_name_ok(longest));
	longest[TAR_NAME] = 'a';
	longest[TAR_NAME + 1] = '\0';
	assert_false(tar_name_ok(longest));
}

/* ---- archives of others ------------------------------------------------------ */

static void
put(int fd, off_t at, const char *text, size_t len)
{
	assert_int_equal(pwrite(fd, text, len, at), len);
}

/* The checksum of the header at `at` made right again. */
static void
sum(int fd, off_t at)
{
	uint8_t h[512];
	char text[8];
	unsigned n = 0;

	assert_int_equal(pread(fd, h, sizeof(h), at), sizeof(h));
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(h); i++)
		n += h[i];
	(void)snprintf(text, sizeof(text), "%06o", n);
	put(fd, at + 148, text, 7);
}

static int
read_all(int fd)
{
	struct tar tar = {.fd = fd};
	struct tar_entry e;
	uint8_t hash[SHA256_LEN];
	bool found = true;
	int rc = 0;

	memset(&why, 0, sizeof(why));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	while (rc == 0 && found) {
		rc = tar_next(&tar, &e, &found, &why);
		if (rc == 0 && found)
			rc = tar_read_close(&tar, hash, &why);
	}
	tar_free(&tar);
	return rc;
}

#define SECOND 1024 /* header of the second member */
#define END (SECOND + 512 + 1024)

static void
test_changed(void **state)
{
	static const struct {
		const char *what;
		off_t at;
		const char *text;
		size_t len;
		bool sum; /* … which is right again */
		int rc;
	} cases[] = {
	    {"nothing", 0, "a", 1, true, 0},
	    {"a name, and no checksum", SECOND, "F", 1, false, -1},
	    {"an absolute name", SECOND, "/etc/passwd\0", 12, true, -1},
	    {"a name that goes up", SECOND, "../x\0\0\0\0\0\0\0\0", 12, true,
		-1},
	    {"a hidden rest of a name", SECOND, "x\0", 2, true, -1},
	    {"a prefix", SECOND + 345, "etc", 3, true, -1},
	    {"a symbolic link", SECOND + 156, "2/etc/passwd", 12, true, -1},
	    {"a hard link", SECOND + 156, "1a", 2, true, -1},
	    {"a folder", SECOND + 156, "5", 1, true, -1},
	    {"a device", SECOND + 156, "3", 1, true, -1},
	    {"a long name of GNU's", SECOND + 156, "L", 1, true, -1},
	    {"an extended header", SECOND + 156, "x", 1, true, -1},
	    {"an old type", SECOND + 156, "\0", 1, true, 0},
	    {"a size that is none", SECOND + 124, "9", 1, true, -1},
	    {"a size too large", SECOND + 124, "7", 1, true, -1},
	    {"a negative size", SECOND + 124, "\xff", 1, true, -1},
	    {"another magic", SECOND + 257, "foo", 3, true, -1},
	    {"filling that is none", 512 + 100, "x", 1, false, -1},
	    {"one block of zeros", END + 512, "x", 1, false, -1},
	    {"something behind its end", END + 1024, "x", 1, false, -1},
	    {"zeros behind its end", END + 1024, "\0", 1, false, 0},
	};
	char text[1000];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int fd = sample(text, sizeof(text));

		put(fd, cases[i].at, cases[i].text, cases[i].len);
		if (cases[i].sum)
			sum(fd, SECOND);
		if (read_all(fd) != cases[i].rc)
			fail_msg("%s: %s", cases[i].what, why.text);
		if (cases[i].rc != 0)
			assert_string_equal(why.reason, "archive");
		(void)close(fd);
	}
}

static void
test_cut_off_anywhere(void **state)
{
	char text[1000];
	int fd = sample(text, sizeof(text));
	off_t len = lseek(fd, 0, SEEK_END);

	(void)state;
	assert_int_equal(len, END + 1024);
	assert_int_equal(read_all(fd), 0);
	for (off_t at = len - 1; at >= 0; at -= at % 7 + 1) {
		assert_int_equal(ftruncate(fd, at), 0);
		if (read_all(fd) == 0)
			fail_msg("cut off at %lld", (long long)at);
	}
	(void)close(fd);
}

static void
test_lengths_are_kept(void **state)
{
	struct tar tar = {.fd = memory()};
	const struct tar_entry e = {.name = "a", .size = 3};
	const struct tar_entry up = {.name = "../a", .size = 3};
	uint8_t hash[SHA256_LEN];

	(void)state;
	assert_int_equal(tar_begin(&tar, &up, &why), -1);
	assert_int_equal(tar_begin(&tar, &e, &why), 0);
	assert_int_equal(tar_write(&tar, span_str("abcd"), &why), -1);
	assert_int_equal(tar_write(&tar, span_str("ab"), &why), 0);
	assert_int_equal(tar_close(&tar, hash, &why), -1);
	tar_free(&tar);
	(void)close(tar.fd);
}

/* More than 11 octal digits hold: read by its header, not by its octets. */
static void
test_huge_member(void **state)
{
	const struct tar_entry huge = {.name = "db", .size = 100LL << 30};
	struct tar tar = {.fd = memory()};
	struct tar_entry e;
	bool found;

	(void)state;
	assert_int_equal(tar_begin(&tar, &huge, &why), 0);
	assert_int_equal(lseek(tar.fd, 0, SEEK_SET), 0);
	assert_int_equal(tar_next(&tar, &e, &found, &why), 0);
	assert_true(e.size == huge.size);
	tar_free(&tar);
	(void)close(tar.fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_read_again),
	    cmocka_unit_test(test_tar_lists_it),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_changed),
	    cmocka_unit_test(test_cut_off_anywhere),
	    cmocka_unit_test(test_lengths_are_kept),
	    cmocka_unit_test(test_huge_member),
	};

	return cmocka_run_group_tests_name("tar", tests, NULL, NULL);
}
