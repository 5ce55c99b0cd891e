/* edges: whom a connector speaks for, by connector.conf and certificates. */
#include <stdio.h>

#include "lib/cloud/edges.h"
#include "tests/unit/confdocs.h"
#include "tests/unit/pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define HUB                                                                    \
	"{ name = \"h\"; azure = { hub = \"Contoso.azure-devices.net\"; "      \
	"auth = \"managed\"; }; }"
#define HUBS "hubs = (" HUB ");"
#define EDGE                                                                   \
	"id = \"plant-7-a\"; issuer = \"edge-ca.pem\"; devices = "             \
	"(\"plant-7-.*\", \"plant-7\");"

static EVP_PKEY *ca_key, *other_key, *key;
static X509 *ca, *other;

static int
make(void **state)
{
	(void)state;
	if (mkdtemp(pki_folder) == NULL)
		return -1;
	ca_key = pki_key();
	other_key = pki_key();
	key = pki_key();
	ca = pki_ca("CN=Edge CA", ca_key, NULL, NULL);
	other = pki_ca("CN=Other CA", other_key, NULL, NULL);
	pki_pem_one("edge-ca.pem", ca);
	pki_pem_one("other-ca.pem", other);
	pki_file("junk.pem", span_str("junk"), 0644);
	return 0;
}

static int
end(void **state)
{
	char *command = str_fmt("rm -rf %s", pki_folder);
	int rc = system(command);

	(void)state;
	free(command);
	X509_free(ca);
	X509_free(other);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(key);
	return rc;
}

static int
read_text(struct edges **edges, const char *text, struct fail *why)
{
	char *path = pki_path("connector.conf");
	int rc;

	pki_file("connector.conf", span_str(text), 0644);
	rc = edges_read(edges, path, why);
	free(path);
	return rc;
}

static struct edges *
good(const char *text)
{
	struct fail why = {0};
	struct edges *edges;

	if (read_text(&edges, text, &why) != 0)
		must(false, why.text);
	return edges;
}

/* ---- the file ------------------------------------------------------------ */

static void
paths_begin_at_the_file_s_folder(void **state)
{
	struct edges *e = good("state = \"s\"; " HUBS "edges = ({" EDGE "});");
	const struct edge_rule *rule = e->edges.item;
	char *want = pki_path("s"), *issuer = pki_path("edge-ca.pem");

	(void)state;
	assert_string_equal(e->state, want);
	assert_string_equal(rule->issuer, issuer);
	assert_string_equal(rule->hub->azure.hub, "contoso.azure-devices.net");
	assert_null(rule->site);
	free(want);
	free(issuer);
	edges_free(e);
}

static void
what_does_not_fit_is_refused(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
	    {"edges = ({" EDGE "});", "hubs"},
	    {HUBS, "edges"},
	    {"hubs = (); edges = ({" EDGE "});", "one at least"},
	    {"hubs = (" HUB "," HUB "); edges = ({" EDGE "});",
		"was given before"},
	    {"hubs = ({ name = \"h\"; azure = { auth = \"managed\"; }; });"
	     "edges = ({" EDGE "});",
		"hub is needed"},
	    {"hubs = ({ name = \"h\"; azure = { hub = \"x.example\"; "
	     "auth = \"sas\"; }; }); edges = ({" EDGE "});",
		"sas_policy"},
	    {HUBS "edges = ({" EDGE "},{" EDGE "});", "was given before"},
	    {HUBS "edges = ({" EDGE "hub = \"k\"; });", "none of that name"},
	    {"hubs = (" HUB ", { name = \"k\"; azure = { hub = \"x.example\"; "
	     "auth = \"managed\"; }; }); edges = ({" EDGE "});",
		"there are several"},
	    {HUBS "edges = ({ id = \"e\"; issuer = \"edge-ca.pem\"; "
		  "devices = (); });",
		"one at least"},
	    {HUBS "edges = ({ id = \"e\"; issuer = \"edge-ca.pem\"; "
		  "devices = (\"a)|(b\"); });",
		"devices \"a)|(b\""},
	    {HUBS "edges = ({ id = \"e/f\"; issuer = \"edge-ca.pem\"; "
		  "devices = (\"a\"); });",
		"id"},
	    {HUBS "edges = ({ id = \"e\"; issuer = \"no.pem\"; "
		  "devices = (\"a\"); });",
		"no.pem"},
	    {HUBS "edges = ({ id = \"e\"; issuer = \"junk.pem\"; "
		  "devices = (\"a\"); });",
		"junk.pem"},
	    {HUBS "edges = ({" EDGE "head_signers = \"junk.pem\"; });",
		"junk.pem"},
	    {HUBS "edges = ({" EDGE "colour = 1; });", "colour"},
	};
	struct fail why = {0};
	struct edges *edges;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(read_text(&edges, rows[i].text, &why), -1);
		assert_null(edges);
		assert_int_equal(why.kind, FAIL_CONFIG);
		if (strstr(why.text, rows[i].said) == NULL) {
			(void)fprintf(
			    stderr, "%s\n%s\n", rows[i].text, why.text);
			assert_true(false);
		}
	}
}

static void
the_sample_is_read_and_shows_the_defaults(void **state)
{
	char *sample = source_text("etc/connector.conf");
	struct edges *e = good(sample);
	struct bytes first = {0}, second = {0};

	(void)state;
	conf_write(&first, e, &edges_table);
	edges_free(e);
	uncomment(sample);
	e = good(sample);
	conf_write(&second, e, &edges_table);
	edges_free(e);
	assert_string_equal(first.data, second.data);
	edges_free(good((const char *)second.data));
	bytes_free(&first);
	bytes_free(&second);
	free(sample);
}

static void
every_key_is_in_the_manual_and_in_the_sample(void **state)
{
	char *manual = source_text("man/connector.conf.5");
	char *sample = source_text("etc/connector.conf");

	(void)state;
	assert_int_equal(
	    undocumented(&edges_table, &edges_table, manual, sample), 0);
	assert_int_equal(count_items(manual), count_keys(&edges_table));
	free(manual);
	free(sample);
}

/* ---- who may tell of what ------------------------------------------------ */

static void
a_pattern_is_over_the_whole_id(void **state)
{
	static const struct {
		const char *id;
		bool admitted;
	} rows[] = {
	    {"plant-7", true},
	    {"plant-7-1", true},
	    {"plant-7-", true},
	    {"plant-70", false},
	    {"plant-70-1", false},
	    {"xplant-7-1", false},
	    {"plant-7-1\n", true}, /* contract_device_ok() has refused it */
	    {"plant-8\nplant-7-1", false},
	    {"Plant-7-1", false},
	    {"", false},
	};
	struct edges *e = good(HUBS "edges = ({" EDGE "});");

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(
		    edge_admits(e->edges.item, rows[i].id), rows[i].admitted);
	edges_free(e);
}

/* ---- who is there -------------------------------------------------------- */

struct shown {
	const char *san, *usage;
	bool by_other;      /* another edge's CA signed it */
	int64_t from, to;   /* s from now */
	const char *reason; /* NULL: it is an edge's … */
	const char *id;     /* … this one's */
};

static X509 *
show(const struct shown *s)
{
	struct spec spec = {.subject = "CN=plant-7-a",
	    .key = key,
	    .issuer = s->by_other ? other : ca,
	    .signer = s->by_other ? other_key : ca_key,
	    .from = s->from,
	    .to = s->to,
	    .extension = {{NID_key_usage, "critical,digitalSignature"},
		{NID_ext_key_usage, s->usage != NULL ? s->usage : "clientAuth"},
		{NID_subject_alt_name, s->san}}};

	return pki_cert(&spec);
}

#define URN "URI:urn:microca:edge:"

static void
an_edge_is_whose_certificate_it_is(void **state)
{
	static const struct shown rows[] = {
	    {URN "plant-7-a", NULL, false, 0, 0, NULL, "plant-7-a"},
	    {"DNS:x.example," URN "plant-7-a,URI:urn:other", NULL, false, 0, 0,
		NULL, "plant-7-a"},
	    {URN "plant-8-a", NULL, true, 0, 0, NULL, "plant-8-a"},
	    /* the CA of one edge makes nobody another one */
	    {URN "plant-8-a", NULL, false, 0, 0, "client-untrusted", NULL},
	    {URN "plant-7-a", NULL, true, 0, 0, "client-untrusted", NULL},
	    {URN "plant-9-a", NULL, false, 0, 0, "client-unknown", NULL},
	    {NULL, NULL, false, 0, 0, "client-name", NULL},
	    {"DNS:plant-7-a", NULL, false, 0, 0, "client-name", NULL},
	    {URN "plant-7-a," URN "plant-8-a", NULL, false, 0, 0, "client-name",
		NULL},
	    {URN "plant-7-a," URN "plant-7-a", NULL, false, 0, 0, "client-name",
		NULL},
	    {URN "plant-7-a/x", NULL, false, 0, 0, "client-name", NULL},
	    {URN, NULL, false, 0, 0, "client-name", NULL},
	    {"URI:urn:microca:Edge:plant-7-a", NULL, false, 0, 0, "client-name",
		NULL},
	    {"DNS:urn:microca:edge:plant-7-a", NULL, false, 0, 0, "client-name",
		NULL},
	    {URN "plant-7-a", "serverAuth", false, 0, 0, "client-usage", NULL},
	    {URN "plant-7-a", NULL, false, -2 * DAY, -DAY, "client-expired",
		NULL},
	    {URN "plant-7-a", NULL, false, DAY, 2 * DAY, "client-notyet", NULL},
	};
	struct edges *e =
	    good(HUBS "edges = ({" EDGE "}, { id = \"plant-8-a\"; "
		      "issuer = \"other-ca.pem\"; devices = "
		      "(\"x\"); });");

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		X509 *cert = show(&rows[i]);
		const struct edge_rule *rule;
		struct bytes der = {0};
		struct fail why = {0};
		int rc;

		cert_der_add(&der, cert);
		rc = edges_find(&rule, e, span_of(&der), &why);
		if (rc != 0 && rows[i].reason == NULL)
			must(false, why.text);
		assert_int_equal(rc, rows[i].reason == NULL ? 0 : -1);
		if (rc == 0) {
			assert_string_equal(rule->id, rows[i].id);
		} else {
			assert_null(rule);
			assert_int_equal(why.kind, FAIL_DENIED);
			assert_string_equal(why.reason, rows[i].reason);
		}
		bytes_free(&der);
		X509_free(cert);
	}
	edges_free(e);
}

static void
who_shows_nothing_is_nobody(void **state)
{
	struct edges *e = good(HUBS "edges = ({" EDGE "});");
	const struct edge_rule *rule;
	struct fail why = {0};

	(void)state;
	assert_int_equal(
	    edges_find(&rule, e, (struct span){NULL, 0}, &why), -1);
	assert_int_equal(why.kind, FAIL_DENIED);
	assert_string_equal(why.reason, "auth-none");
	assert_int_equal(edges_find(&rule, e, span_str("0junk"), &why), -1);
	assert_string_equal(why.reason, "client-cert");
	edges_free(e);
}

static void
a_revoked_edge_is_let_in_no_more(void **state)
{
	static const struct shown shown = {
	    URN "plant-7-a", NULL, false, 0, 0, NULL, NULL};
	X509 *cert = show(&shown);
	const struct edge_rule *rule;
	struct bytes der = {0};
	struct fail why = {0};
	struct edges *e;

	(void)state;
	pki_crl_file("edge.crl", pki_crl(ca, ca_key, cert, DAY));
	e = good(HUBS "edges = ({" EDGE "crl = \"edge.crl\"; });");
	cert_der_add(&der, cert);
	assert_int_equal(edges_find(&rule, e, span_of(&der), &why), -1);
	assert_string_equal(why.reason, "client-revoked");
	edges_free(e);
	e = good(HUBS "edges = ({" EDGE "crl = \"none.crl\"; });");
	assert_int_equal(edges_find(&rule, e, span_of(&der), &why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_string_equal(why.reason, "client-crl");
	edges_free(e);
	X509_free(cert);
	bytes_free(&der);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths_begin_at_the_file_s_folder),
	    cmocka_unit_test(what_does_not_fit_is_refused),
	    cmocka_unit_test(the_sample_is_read_and_shows_the_defaults),
	    cmocka_unit_test(every_key_is_in_the_manual_and_in_the_sample),
	    cmocka_unit_test(a_pattern_is_over_the_whole_id),
	    cmocka_unit_test(an_edge_is_whose_certificate_it_is),
	    cmocka_unit_test(who_shows_nothing_is_nobody),
	    cmocka_unit_test(a_revoked_edge_is_let_in_no_more),
	};

	return cmocka_run_group_tests(tests, make, end);
}
