/* file: what is there is replaced whole, or written to, or left alone. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char folder[64];

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/microca-file.XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	char *command = str_fmt("rm -rf '%s'", folder);
	int rc = system(command);

	(void)state;
	free(command);
	return rc;
}

static char *
path_of(const char *name)
{
	return file_path(folder, name);
}

static mode_t
type_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

static void
holds(const char *path, const char *text)
{
	struct bytes in = {0};
	struct fail why = {0};

	assert_int_equal(file_read(&in, path, 1000, &why), 0);
	assert_int_equal(in.len, strlen(text));
	assert_memory_equal(in.data, text, in.len);
	bytes_free(&in);
}

static int
entries(void)
{
	char *command = str_fmt("ls -A '%s' | wc -l", folder);
	FILE *f = popen(command, "r");
	int n = -1;

	free(command);
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &n), 1);
	(void)pclose(f);
	return n;
}

typedef int write_function(
    const char *path, struct span in, mode_t mode, struct fail *why);

static write_function *const both[] = {file_write, file_put};

static void
a_file_is_replaced_whole_with_the_mode_asked_for(void **state)
{
	char *path = path_of("out");
	struct fail why = {0};
	struct stat st;
	int before;

	(void)state;
	for (size_t i = 0; i < COUNT(both); i++) {
		(void)unlink(path);
		assert_int_equal(
		    both[i](path, span_str("long"), 0644, &why), 0);
		before = open(path, O_RDONLY | O_CLOEXEC);
		assert_int_equal(both[i](path, span_str("new"), 0600, &why), 0);
		holds(path, "new");
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		/* Who reads the one before reads it to its end. */
		assert_int_equal(lseek(before, 0, SEEK_END), 4);
		(void)close(before);
		assert_int_equal(entries(), 1);
	}
	free(path);
}

/* What a reader of the FIFO gets while `write` runs; its result in *rc. */
static void
through_fifo(char got[64], int *rc, write_function *write_it, const char *fifo,
    const char *name, struct fail *why)
{
	int fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	*rc = write_it(name, span_str("hello"), 0600, why);
	n = read(fd, got, 63);
	got[n > 0 ? n : 0] = '\0';
	(void)close(fd);
}

static void
a_fifo_that_was_named_is_written_to(void **state)
{
	char *fifo = path_of("fifo"), *link = path_of("link"), got[64];
	const char *const names[] = {fifo, link};
	struct fail why = {0};
	struct stat st;
	int rc;

	(void)state;
	assert_int_equal(mkfifo(fifo, 0640), 0);
	assert_int_equal(symlink("fifo", link), 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		through_fifo(got, &rc, file_put, fifo, names[i], &why);
		assert_int_equal(rc, 0);
		assert_string_equal(got, "hello");
	}
	assert_int_equal(type_of(fifo), S_IFIFO);
	assert_int_equal(type_of(link), S_IFLNK);
	assert_int_equal(stat(fifo, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(entries(), 2);
	free(fifo);
	free(link);
}

static void
a_file_of_ours_never_takes_the_place_of_a_fifo(void **state)
{
	char *fifo = path_of("fifo"), got[64];
	struct fail why = {0};
	int rc;

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	through_fifo(got, &rc, file_write, fifo, fifo, &why);
	assert_int_equal(rc, -1);
	assert_string_equal(why.reason, "file");
	assert_string_equal(got, "");
	assert_int_equal(type_of(fifo), S_IFIFO);
	assert_int_equal(entries(), 1);
	free(fifo);
}

static void
a_socket_or_a_folder_is_left_and_told(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *path = path_of("socket"), *sub = path_of("sub");

	(void)state;
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(mkdir(sub, 0700), 0);
	for (size_t i = 0; i < COUNT(both); i++) {
		struct fail why = {0};

		assert_int_equal(both[i](path, span_str("x"), 0600, &why), -1);
		assert_int_equal(type_of(path), S_IFSOCK);
		assert_int_equal(both[i](sub, span_str("x"), 0600, &why), -1);
		assert_int_equal(type_of(sub), S_IFDIR);
		assert_int_equal(entries(), 2);
	}
	(void)close(fd);
	free(path);
	free(sub);
}

static void
a_link_that_was_named_stays_one(void **state)
{
	char *sub = path_of("sub"), *real = path_of("sub/real");
	char *link = path_of("link");
	struct fail why = {0};

	(void)state;
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(file_write(real, span_str("old"), 0600, &why), 0);
	assert_int_equal(symlink("sub/real", link), 0);
	assert_int_equal(file_put(link, span_str("new"), 0600, &why), 0);
	assert_int_equal(type_of(link), S_IFLNK);
	assert_int_equal(type_of(real), S_IFREG);
	holds(real, "new");
	/* A folder of ours holds what we put there, not what links lead to. */
	assert_int_equal(file_write(link, span_str("own"), 0600, &why), 0);
	assert_int_equal(type_of(link), S_IFREG);
	holds(real, "new");
	free(link);
	free(real);
	free(sub);
}

static void
a_link_to_nowhere_is_left_and_told(void **state)
{
	char *link = path_of("link");
	struct fail why = {0};

	(void)state;
	assert_int_equal(symlink("nothing", link), 0);
	assert_int_equal(file_put(link, span_str("x"), 0600, &why), -1);
	assert_string_equal(why.reason, "file");
	assert_int_equal(type_of(link), S_IFLNK);
	assert_int_equal(entries(), 1);
	free(link);
}

/* /dev/stdout while it is a file that has lost its name. */
static void
an_open_file_without_a_name_is_written_to(void **state)
{
	char *path = path_of("gone"), *link, text[8] = "";
	struct fail why = {0};
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(unlink(path), 0);
	link = str_fmt("/proc/self/fd/%d", fd);
	assert_int_equal(file_put(link, span_str("hello"), 0600, &why), 0);
	assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), 5);
	assert_string_equal(text, "hello");
	(void)close(fd);
	free(link);
	free(path);
}

static void
without_room_the_one_before_stays(void **state)
{
	static uint8_t much[8192];
	struct rlimit before, small;
	char *path = path_of("out");

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = sizeof(much) / 2;
	(void)signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < COUNT(both); i++) {
		struct fail why = {0};
		int rc;

		assert_int_equal(both[i](path, span_str("old"), 0600, &why), 0);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		rc = both[i](
		    path, (struct span){much, sizeof(much)}, 0600, &why);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_int_equal(rc, -1);
		assert_string_equal(why.reason, "file");
		assert_non_null(strstr(why.cause, strerror(EFBIG)));
		holds(path, "old");
		assert_int_equal(entries(), 1);
	}
	(void)signal(SIGXFSZ, SIG_DFL);
	free(path);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_file_is_replaced_whole_with_the_mode_asked_for),
	    T(a_fifo_that_was_named_is_written_to),
	    T(a_file_of_ours_never_takes_the_place_of_a_fifo),
	    T(a_socket_or_a_folder_is_left_and_told),
	    T(a_link_that_was_named_stays_one),
	    T(a_link_to_nowhere_is_left_and_told),
	    T(an_open_file_without_a_name_is_written_to),
	    T(without_room_the_one_before_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
