/* clientconf: est-client.conf, its manual, its sample, and its keys as flags.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What belongs to a program is in no library. */
#include "bin/client/settings.c"
#include "bin/client/settings_table.c"
#include "tests/unit/confdocs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static char *
written(const char *text)
{
	static char path[] = "/tmp/microca-clientconf.XXXXXX";
	struct fail why = {0};

	strcpy(strrchr(path, '.'), ".XXXXXX");
	(void)close(mkstemp(path));
	if (file_write(path, span_str(text), 0600, &why) != 0)
		abort();
	return path;
}

static void
flag(struct flags *flags, const char *name, const char *value)
{
	flags->key[flags->n] = flag_find(name);
	assert_non_null(flags->key[flags->n]);
	flags->value[flags->n++] = value;
}

static int
read_text(struct settings *s, const char *text, const struct flags *flags,
    struct fail *why)
{
	char *path = written(text);
	int rc = settings_read(s, path, flags, why);

	(void)unlink(path);
	return rc;
}

#define SERVER "servers = ( { name = \"a\"; url = \"https://h:1\"; } );"
#define TWO                                                                    \
	"servers = ( { name = \"a\"; url = \"https://h:1\"; },"                \
	" { name = \"b\"; url = \"https://h:2\"; } );"
#define CERTIFICATE "certificates = ( { name = \"one\"; } );"

static void
every_key_is_in_the_manual_and_in_the_sample(void **state)
{
	char *manual = source_text("man/est-client.conf.5");
	char *sample = source_text("etc/est-client.conf");

	(void)state;
	assert_int_equal(
	    undocumented(&settings_table, &settings_table, manual, sample), 0);
	assert_int_equal(count_items(manual), count_keys(&settings_table));
	free(manual);
	free(sample);
}

static void
what_the_sample_comments_out_are_the_defaults(void **state)
{
	char *sample = source_text("etc/est-client.conf");
	char *fixed = str_fmt("state = \"/var/lib/est-client\";\n%s", sample);
	struct flags none = {.n = 0};
	struct settings s;
	struct bytes first = {0}, second = {0};
	struct fail why = {0};

	(void)state;
	/* What is built for another place has another state folder. */
	assert_int_equal(read_text(&s, fixed, &none, &why), 0);
	free(fixed);
	conf_write(&first, &s, &settings_table);
	settings_free(&s);
	uncomment(sample);
	/* Where it is kept follows from the name. */
	for (char *p; (p = strstr(sample, "folder = \"\";")) != NULL;)
		memset(p, ' ', strlen("folder = \"\";"));
	if (read_text(&s, sample, &none, &why) != 0)
		print_error("%s\n", why.text);
	conf_write(&second, &s, &settings_table);
	assert_string_equal(first.data, second.data);
	settings_free(&s);
	bytes_free(&first);
	bytes_free(&second);
	free(sample);
}

static void
folders_and_servers_follow_from_names(void **state)
{
	struct flags none = {.n = 0};
	struct settings s;
	struct fail why = {0};
	const struct certificate *c;

	(void)state;
	assert_int_equal(
	    read_text(&s, "state = \"/s\";" SERVER CERTIFICATE, &none, &why),
	    0);
	c = settings_find(&s, "one");
	assert_string_equal(c->folder, "/s/one");
	assert_string_equal(c->server->name, "a");
	assert_string_equal(c->server->learnt, "/s/anchors-a.pem");
	assert_int_equal(c->renew_percent, 66);
	assert_int_equal(c->server->timeout, 30);
	assert_null(settings_find(&s, "two"));
	settings_free(&s);
}

static void
a_configuration_that_means_nothing_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
	    {CERTIFICATE, "servers"},
	    {"servers = ();", "no server"},
	    {TWO CERTIFICATE, "there is no server"},
	    {SERVER "certificates = ( { name = \"x\"; server = \"b\"; } );",
		"there is no server \"b\""},
	    {SERVER "certificates = ( { name = \"x\"; }, { name = \"x\"; } );",
		"another certificate"},
	    {"servers = ( { name = \"a\"; url = \"https://h\"; },"
	     " { name = \"a\"; url = \"https://i\"; } );",
		"another server"},
	    {"servers = ( { name = \"a\"; url = \"http://h\"; } );", "https"},
	    {SERVER "certificates = ( { name = \"../x\"; } );", "name"},
	    {SERVER "certificates = ( { name = \"x\"; key_type = \"rsa1024\"; "
		    "} );",
		"key_type"},
	    {SERVER "certificates = ( { name = \"x\"; key_uri = \"file:k\"; "
		    "} );",
		"pkcs11"},
	    {SERVER "colour = 1;", "colour"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct flags none = {.n = 0};
		struct settings s;
		struct fail why = {0};

		assert_int_equal(read_text(&s, bad[i].text, &none, &why), -1);
		assert_int_equal(why.kind, FAIL_CONFIG);
		if (strstr(why.text, bad[i].says) == NULL)
			print_error("%zu: %s\n", i, why.text);
		assert_non_null(strstr(why.text, bad[i].says));
		settings_free(&s);
	}
}

static void
flags_replace_what_the_file_says(void **state)
{
	struct flags flags = {.n = 0};
	struct settings s;
	struct fail why = {0};
	const struct certificate *c;

	(void)state;
	flag(&flags, "renew-before", "12h");
	flag(&flags, "san", "DNS:x");
	flag(&flags, "san", "DNS:y");
	flag(&flags, "key-reuse", "true");
	flag(&flags, "probe", "false");
	flag(&flags, "timeout", "5s");
	flag(&flags, "hash", "sha384");
	assert_int_equal(
	    read_text(&s,
		"state = \"/s\";" SERVER
		"certificates = ( { name = \"one\"; san = (\"DNS:z\"); } );",
		&flags, &why),
	    0);
	c = settings_find(&s, "one");
	assert_int_equal(c->renew_before, 12 * 3600);
	assert_int_equal(c->san.n, 2);
	assert_string_equal(c->san.text[1], "DNS:y");
	assert_true(c->key_reuse);
	assert_false(c->probe);
	assert_int_equal(c->server->timeout, 5);
	assert_int_equal(c->hash, 2);
	settings_free(&s);
}

static void
flags_alone_make_one_certificate(void **state)
{
	struct flags flags = {.n = 0};
	struct settings s;
	struct fail why = {0};
	const struct certificate *c;
	char *cwd = getcwd(NULL, 0), *folder = file_path(cwd, "dev");

	(void)state;
	flag(&flags, "url", "https://h");
	flag(&flags, "folder", "dev");
	assert_int_equal(settings_read(&s, NULL, &flags, &why), 0);
	assert_int_equal(s.certificates.n, 1);
	c = s.certificates.item;
	assert_string_equal(c->folder, folder);
	assert_string_equal(c->key_type, "p256");
	assert_int_equal(c->server->pop_link, 1);
	assert_non_null(strstr(c->server->learnt, "/dev/anchors.pem"));
	settings_free(&s);
	free(folder);
	free(cwd);
}

static void
flags_are_judged_as_the_file_is(void **state)
{
	static const struct {
		const char *name, *value, *says;
	} bad[] = {
	    {"url", "http://h", "https://"},
	    {"url", "https://h/.well-known/est", "without /.well-known/est"},
	    {"timeout", "0", "range"},
	    {"timeout", "soon", "a duration"},
	    {"renew-percent", "100", "range"},
	    {"renew-percent", "6x", "a number"},
	    {"key-type", "rsa1024", "one of p256 p384"},
	    {"pop-link", "perhaps", "one of never asked always"},
	    {"key-uri", "key.pem", "pkcs11:"},
	};

	(void)state;
	assert_null(flag_find("server"));
	assert_null(flag_find("servers"));
	assert_null(flag_find("renew_before"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct flags flags = {.n = 0};
		struct settings s;
		struct fail why = {0};

		flag(&flags, "url", "https://h");
		flag(&flags, bad[i].name, bad[i].value);
		assert_int_equal(settings_read(&s, NULL, &flags, &why), -1);
		assert_int_equal(why.kind, FAIL_CONFIG);
		assert_string_equal(why.reason, "usage");
		assert_non_null(strstr(why.text, bad[i].says));
		settings_free(&s);
	}
}

static void
neither_file_nor_url_says_what_to_give(void **state)
{
	struct flags flags = {.n = 0};
	struct settings s;
	struct fail why = {0};

	(void)state;
	if (access(DEFAULT_PATH, F_OK) == 0)
		skip();
	assert_int_equal(settings_read(&s, NULL, &flags, &why), -1);
	assert_int_equal(why.kind, FAIL_CONFIG);
	assert_non_null(strstr(why.text, "--url"));
	assert_non_null(strstr(why.text, DEFAULT_PATH));
	settings_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_key_is_in_the_manual_and_in_the_sample),
	    cmocka_unit_test(what_the_sample_comments_out_are_the_defaults),
	    cmocka_unit_test(folders_and_servers_follow_from_names),
	    cmocka_unit_test(a_configuration_that_means_nothing_is_refused),
	    cmocka_unit_test(flags_replace_what_the_file_says),
	    cmocka_unit_test(flags_alone_make_one_certificate),
	    cmocka_unit_test(flags_are_judged_as_the_file_is),
	    cmocka_unit_test(neither_file_nor_url_says_what_to_give),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
