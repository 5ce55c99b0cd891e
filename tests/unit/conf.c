/* conf: what a file may say, what it is told otherwise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/conf.h"
#include "lib/base/conf_text.h"
#include "lib/base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h> /* last: its fail() is a macro */

struct door {
	char *where, *name;
	int port;
	struct conf_strings labels;
};

struct house {
	char *street;
	int64_t wait, size;
	bool open;
	int colour;
	char *mode;
	struct conf_strings kinds;
	struct conf_list doors;
	struct {
		char *key;
		int depth;
	} cellar;
};

static bool
is_lower(const char *text)
{
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

static const struct conf_key door_keys[] = {
    {.name = "name",
	.type = CONF_STRING,
	.offset = offsetof(struct door, name),
	.required = true,
	.text = "its name"},
    {.name = "port",
	.type = CONF_INT,
	.offset = offsetof(struct door, port),
	.min = 1,
	.max = 65535,
	.fallback = "80"},
    {.name = "labels",
	.type = CONF_STRINGS,
	.offset = offsetof(struct door, labels),
	.fallback = "(\"x\", \"y\")"},
};
static const struct conf_table door_table = {
    "door", sizeof(struct door), door_keys, 3, offsetof(struct door, where)};

#define CELLAR(field)                                                          \
	(offsetof(struct house, cellar.field) - offsetof(struct house, cellar))
static const struct conf_key cellar_keys[] = {
    {.name = "key",
	.type = CONF_STRING,
	.offset = CELLAR(key),
	.fallback = "\"under the mat\""},
    {.name = "depth", .type = CONF_INT, .offset = CELLAR(depth)},
};
static const struct conf_table cellar_table = {
    "cellar", sizeof(((struct house *)NULL)->cellar), cellar_keys, 2, SIZE_MAX};

static const char *const colours[] = {"red", "", "blue", NULL};
static const char *const modes[] = {"day", "night", NULL};

static const struct conf_key house_keys[] = {
    {.name = "street",
	.type = CONF_STRING,
	.offset = offsetof(struct house, street),
	.ok = is_lower,
	.form = "lower case"},
    {.name = "wait",
	.type = CONF_DURATION,
	.offset = offsetof(struct house, wait),
	.min = 1,
	.max = 86400,
	.fallback = "\"90m\""},
    {.name = "size",
	.type = CONF_SIZE,
	.offset = offsetof(struct house, size),
	.fallback = "\"3M\""},
    {.name = "open", .type = CONF_BOOL, .offset = offsetof(struct house, open)},
    {.name = "colour",
	.type = CONF_WORD,
	.offset = offsetof(struct house, colour),
	.words = colours},
    {.name = "mode",
	.type = CONF_STRING,
	.offset = offsetof(struct house, mode),
	.words = modes},
    {.name = "kinds",
	.type = CONF_STRINGS,
	.offset = offsetof(struct house, kinds),
	.words = modes},
    {.name = "doors",
	.type = CONF_LIST,
	.offset = offsetof(struct house, doors),
	.table = &door_table},
    {.name = "cellar",
	.type = CONF_GROUP,
	.offset = offsetof(struct house, cellar),
	.table = &cellar_table},
};
static const struct conf_table house_table = {
    "house", sizeof(struct house), house_keys, 9, SIZE_MAX};

static char folder[] = "/tmp/conf-test-XXXXXX";
static char *path;

static int
folder_make(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	path = file_path(folder, "house.conf");
	return 0;
}

static int
folder_remove(void **state)
{
	char *command = str_fmt("rm -rf %s", folder);
	int rc = system(command);

	(void)state;
	free(command);
	free(path);
	return rc;
}

static void
put(const char *name, const char *text)
{
	char *full = file_path(folder, name);
	struct fail why = {0};

	assert_int_equal(file_write(full, span_str(text), 0640, &why), 0);
	free(full);
}

static int
read_house(struct house *h, const char *text, struct fail *why)
{
	*h = (struct house){0};
	*why = (struct fail){0};
	put("house.conf", text);
	return conf_read(h, &house_table, path, why);
}

static const struct door *
door(const struct house *h, size_t i)
{
	return (const struct door *)h->doors.item + i;
}

static void
values_go_where_the_table_says(void **state)
{
	struct house h;
	struct fail why;

	(void)state;
	assert_int_equal(read_house(&h,
			     "street = \"elm\"; wait = \"2h\"; size = \"1k\";\n"
			     "open = true; colour = \"blue\"; mode = \"day\";\n"
			     "kinds = [\"day\", \"night\"];\n"
			     "doors = ( { name = \"a\\\"\\\\\"; port = 7; },\n"
			     "  { name = \"b\"; labels = \"one\"; } );\n"
			     "cellar = { key = \"k\"; depth = -3; };\n",
			     &why),
	    0);
	assert_string_equal(h.street, "elm");
	assert_int_equal(h.wait, 7200);
	assert_int_equal(h.size, 1024);
	assert_true(h.open);
	assert_int_equal(h.colour, 2);
	assert_string_equal(h.mode, "day");
	assert_int_equal(h.kinds.n, 2);
	assert_string_equal(h.kinds.text[1], "night");
	assert_int_equal(h.doors.n, 2);
	assert_string_equal(door(&h, 0)->name, "a\"\\");
	assert_int_equal(door(&h, 0)->port, 7);
	assert_int_equal(door(&h, 1)->labels.n, 1);
	assert_string_equal(door(&h, 1)->labels.text[0], "one");
	assert_string_equal(strrchr(door(&h, 1)->where, ':'), ":5");
	assert_string_equal(h.cellar.key, "k");
	assert_int_equal(h.cellar.depth, -3);
	conf_free(&h, &house_table);
}

static void
what_is_not_said_has_its_default(void **state)
{
	struct house h;
	struct fail why;

	(void)state;
	assert_int_equal(
	    read_house(&h, "doors = ( { name = \"a\"; } );", &why), 0);
	assert_null(h.street);
	assert_int_equal(h.wait, 5400);
	assert_int_equal(h.size, 3 * 1024 * 1024);
	assert_false(h.open);
	assert_int_equal(h.colour, 0);
	assert_int_equal(h.kinds.n, 0);
	assert_int_equal(door(&h, 0)->port, 80);
	assert_int_equal(door(&h, 0)->labels.n, 2);
	assert_string_equal(h.cellar.key, "under the mat");
	conf_free(&h, &house_table);
}

static void
an_empty_text_is_none(void **state)
{
	struct house h;
	struct fail why;

	(void)state;
	assert_int_equal(read_house(&h, "cellar = { key = \"\"; };", &why), 0);
	assert_null(h.cellar.key);
	conf_free(&h, &house_table);
}

static void
a_mistake_is_named_with_line_key_and_what_is_allowed(void **state)
{
	static const struct {
		const char *file, *text;
	} mistake[] = {
	    {"open = true;\nopne = true;",
		":2: key 'opne': unknown; did you mean 'open'; allowed: street "
		"wait size open colour mode kinds doors cellar"},
	    {"doors = (\n{ name = \"a\";\nprot = 1; } );",
		":3: key 'doors[0].prot': unknown; did you mean 'port'"},
	    {"zzzzzz = 1;", ":1: key 'zzzzzz': unknown; allowed: street"},
	    {"wait = 5;", ":1: key 'wait': wrong type; allowed: a duration"},
	    {"wait = \"5\";", ":1: key 'wait': bad unit or number"},
	    {"\nwait = \"2d\";",
		":2: key 'wait': out of range; allowed: a duration in quotes "
		"(s m h d w y), \"1s\" to \"1d\""},
	    {"wait = \"0\";", ":1: key 'wait': out of range"},
	    {"wait = \"\";", ":1: key 'wait': bad unit"},
	    {"size = \"5d\";", ":1: key 'size': bad unit or number"},
	    {"open = 1;", ":1: key 'open': wrong type; allowed: true or false"},
	    {"open = \"true\";", ":1: key 'open': wrong type"},
	    {"colour = \"green\";",
		":1: key 'colour': unknown word; allowed: \"red\", \"blue\""},
	    {"colour = \"\";", ":1: key 'colour': unknown word"},
	    {"colour = 1;", ":1: key 'colour': wrong type"},
	    {"mode = \"dusk\";", ":1: key 'mode': unknown word; allowed: "
				 "\"day\", \"night\""},
	    {"street = \"Elm\";",
		":1: key 'street': not of this form; allowed: lower case"},
	    {"street = \"a\\nb\";", ":1: key 'street': has a control"},
	    {"kinds = (\"day\",\n\"noon\");",
		":2: key 'kinds[1]': unknown word"},
	    {"kinds = (\"day\", 5);", ":1: key 'kinds[1]': wrong type"},
	    {"kinds = (\"day\", \"day\");", ":1: key 'kinds[1]': given twice"},
	    {"kinds = { a = 1; };", ":1: key 'kinds': wrong type"},
	    {"doors = { name = \"a\"; };",
		":1: key 'doors': wrong type; allowed: a list of groups"},
	    {"doors = ( \"a\" );", ":1: key 'doors[0]': wrong type"},
	    {"doors = ( { port = 1; } );",
		":1: key 'doors[0].name' is missing: its name"},
	    {"doors = ( { name = \"\"; } );", ":1: key 'doors[0].name': empty"},
	    {"doors = ( { name = \"a\"; port = 65536; } );",
		":1: key 'doors[0].port': out of range; allowed: a whole "
		"number, 1 to 65535"},
	    {"doors = ( { name = \"a\"; port = 8080.5; } );",
		":1: key 'doors[0].port': wrong type"},
	    {"cellar = (1);", ":1: key 'cellar': wrong type; allowed: a group"},
	    {"open = true;\nopen = false;", ":2: duplicate setting name"},
	    {"open = ;", ":1: syntax error"},
	    {"@include \"nosuch.conf\"", ":1: cannot open include file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(mistake) / sizeof(mistake[0]); i++) {
		struct house h;
		struct fail why;
		char *want = str_fmt("%s%s", path, mistake[i].text);

		assert_int_equal(read_house(&h, mistake[i].file, &why), -1);
		assert_int_equal(why.kind, FAIL_CONFIG);
		assert_string_equal(why.reason, "config");
		why.text[strnlen(want, sizeof(why.text) - 1)] = '\0';
		assert_string_equal(why.text, want);
		conf_free(&h, &house_table);
		free(want);
	}
}

static void
numbers_that_libconfig_would_wrap_are_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned line; /* 0: good */
	} number[] = {
	    {"a = 2147483647;", 0},
	    {"a = -2147483647;", 0},
	    {"a = 0;", 0},
	    {"a = 2147483648;", 1},
	    {"\na = 4294967386;", 2},
	    {"a = 99999999999999999999999999;", 1},
	    {"a = ( 1,\n 3000000000 );", 2},
	    {"a = 010;", 1},
	    {"a = 0x1F;", 1},
	    {"# 4294967386\na = 1;", 0},
	    {"// 4294967386\na = 1;", 0},
	    {"/* 4294967386\n 010 */ a = 1;", 0},
	    {"/* */ a = 4294967386;", 1},
	    {"/* *//* */ a = 010;", 1},
	    {"a = \"4294967386 \\\" 010\"; b = 1;", 0},
	    {"a = \"\\\\\"; b = 4294967386;", 1},
	    {"a = \"x\ny\"; b = 010;", 2},
	    {"a = \"\\x00\";", 1},
	    {"a = \"\\\\x00\";", 0},
	    {"a010 = 1; b-4294967386 = 2;", 0},
	    {"\xef\xbb\xbf"
	     "a = 1;",
		1},
	    {"a = \"open", 0},
	    {"/* open", 0},
	    {"/*", 0},
	    {"", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
		struct fail why = {0};
		char want[16];
		int rc = conf_text_check("f", span_str(number[i].text), &why);

		assert_int_equal(rc, number[i].line != 0 ? -1 : 0);
		if (rc == 0)
			continue;
		(void)snprintf(want, sizeof(want), "f:%u: ", number[i].line);
		why.text[strlen(want)] = '\0';
		assert_string_equal(why.text, want);
	}
}

static void
an_include_is_found_beside_the_file_and_names_itself(void **state)
{
	struct house h;
	struct fail why;
	char *inner = file_path(folder, "inner.conf"), *want;

	(void)state;
	put("inner.conf", "\nwait = \"9m\";\n");
	assert_int_equal(
	    read_house(&h, "@include \"inner.conf\"\nopen = true;", &why), 0);
	assert_int_equal(h.wait, 540);
	conf_free(&h, &house_table);

	put("inner.conf", "\nwiat = \"9m\";\n");
	assert_int_equal(read_house(&h, "@include \"inner.conf\"\n", &why), -1);
	want = str_fmt("%s:2: key 'wiat': unknown", inner);
	why.text[strlen(want)] = '\0';
	assert_string_equal(why.text, want);
	conf_free(&h, &house_table);
	free(want);

	put("inner.conf", "cellar = { depth = 4294967386; };\n");
	assert_int_equal(read_house(&h, "@include \"inner.conf\"\n", &why), -1);
	assert_non_null(strstr(why.text, "inner.conf:1: a number is larger"));
	conf_free(&h, &house_table);

	put("inner.conf", "open = true;\n");
	assert_int_equal(chmod(inner, 0666), 0);
	assert_int_equal(read_house(&h, "@include \"inner.conf\"\n", &why), -1);
	assert_string_equal(why.reason, "file-mode");
	conf_free(&h, &house_table);
	free(inner);
}

static void
a_file_that_anybody_may_write_is_refused(void **state)
{
	struct house h;
	struct fail why;

	(void)state;
	put("house.conf", "open = true;");
	assert_int_equal(chmod(path, 0646), 0);
	h = (struct house){0};
	assert_int_equal(conf_read(&h, &house_table, path, &why), -1);
	assert_int_equal(why.kind, FAIL_CONFIG);
	assert_string_equal(why.reason, "file-mode");

	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(conf_read(&h, &house_table, path, &why), -1);
	assert_string_equal(why.reason, "file-mode");

	assert_int_equal(chmod(folder, 0700), 0);
	assert_int_equal(conf_read(&h, &house_table, path, &why), 0);
	conf_free(&h, &house_table);
}

static void
no_file_is_a_mistake_of_configuration(void **state)
{
	struct house h = {0};
	struct fail why = {0};

	(void)state;
	assert_int_equal(
	    conf_read(&h, &house_table, "/nosuch/house.conf", &why), -1);
	assert_int_equal(why.kind, FAIL_CONFIG);
	assert_int_equal(conf_read(&h, &house_table, folder, &why), -1);
	assert_non_null(strstr(why.text, "not a regular file"));
	conf_free(&h, &house_table);
}

static void
what_is_written_reads_back_the_same(void **state)
{
	static const char *const files[] = {
	    "",
	    "street = \"elm\"; wait = \"61s\"; size = \"1025\"; mode = \"day\";"
	    "colour = \"blue\"; kinds = (\"night\"); cellar = { key = \"\"; };"
	    "doors = ( { name = \"a\\\"\\\\b\"; }, { name = \"b\"; port = 9; "
	    "labels = (); } );",
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct house h;
		struct fail why;
		struct bytes first = {0}, second = {0};

		assert_int_equal(read_house(&h, files[i], &why), 0);
		conf_write(&first, &h, &house_table);
		conf_free(&h, &house_table);
		assert_int_equal(
		    read_house(&h, (const char *)first.data, &why), 0);
		conf_write(&second, &h, &house_table);
		conf_free(&h, &house_table);
		assert_string_equal(first.data, second.data);
		bytes_free(&first);
		bytes_free(&second);
	}
}

static void
names_are_parts_of_paths(void **state)
{
	char name[66];

	(void)state;
	memset(name, 'a', 65);
	name[65] = '\0';
	assert_false(conf_is_name(name));
	assert_true(conf_is_name(name + 1));
	assert_true(conf_is_name("a.B_c-9"));
	assert_false(conf_is_name(""));
	assert_false(conf_is_name("."));
	assert_false(conf_is_name(".."));
	assert_false(conf_is_name("a/b"));
	assert_false(conf_is_name("a b"));
	assert_false(conf_is_name("\xc3\xa9"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_go_where_the_table_says),
	    cmocka_unit_test(what_is_not_said_has_its_default),
	    cmocka_unit_test(an_empty_text_is_none),
	    cmocka_unit_test(
		a_mistake_is_named_with_line_key_and_what_is_allowed),
	    cmocka_unit_test(numbers_that_libconfig_would_wrap_are_refused),
	    cmocka_unit_test(
		an_include_is_found_beside_the_file_and_names_itself),
	    cmocka_unit_test(a_file_that_anybody_may_write_is_refused),
	    cmocka_unit_test(no_file_is_a_mistake_of_configuration),
	    cmocka_unit_test(what_is_written_reads_back_the_same),
	    cmocka_unit_test(names_are_parts_of_paths),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
