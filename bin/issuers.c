/* microca issuers - the generations of the issuing certificate. */
#include "bin/microca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/when.h"

/* ---- what is recorded --------------------------------------------------- */

int
issuer_record(void *arg, X509 *cert, const char *text, struct fail *why)
{
	const struct issuer_book *book = arg;
	struct audit entry = {.event = "install", .text = text};
	struct bytes der = {0};
	struct cert *c = NULL;
	char hash[2 * SHA256_LEN + 1];
	char *subject = name_text(X509_get_subject_name(cert)), *serial = NULL;
	int rc = -1;

	cert_der_add(&der, cert);
	if (cert_read(&c, span_of(&der), why) == 0) {
		serial = cert_serial_text(c->serial);
		hex_write(hash, (struct span){c->sha256, SHA256_LEN}, false);
		entry.subject = subject;
		entry.serial = serial;
		entry.cert_sha256 = hash;
		rc = tool_audit(book->tool, book->store, &entry, why);
	}
	free(serial);
	free(subject);
	cert_free(c);
	bytes_free(&der);
	return rc;
}

/* "installed SERIAL SUBJECT[, active from TIME]" */
static void
say(X509 *cert, const char *what, const char *from)
{
	char *subject = name_text(X509_get_subject_name(cert));
	struct bytes der = {0};
	struct cert *c = NULL;
	struct fail why = {0};
	char *serial;

	cert_der_add(&der, cert);
	if (cert_read(&c, span_of(&der), &why) == 0) {
		serial = cert_serial_text(c->serial);
		printf("%s %s %s%s%s\n", what, serial, subject,
		    from != NULL ? ", active from " : "",
		    from != NULL ? from : "");
		free(serial);
	}
	cert_free(c);
	bytes_free(&der);
	free(subject);
}

int
issuer_stage(struct tool *tool, struct ca *ca, const struct issuer_wish *wish,
    struct fail *why)
{
	struct issuer_book book = {tool, ca->store};
	struct issuer_wish told = *wish;
	int64_t activate, now = when_now();
	char at[WHEN_LEN];

	told.tell = (struct issuers_tell){issuer_record, &book};
	if (issuers_stage(ca->settings, &told, now, &activate, why) != 0)
		return -1;
	when_write(at, activate > INT64_MIN ? activate : now);
	say(sk_X509_value(wish->chain, 0),
	    activate > now ? "staged" : "installed",
	    activate > now ? at : NULL);
	return 0;
}

int
issuer_promote(struct tool *tool, struct store *store, struct fail *why)
{
	struct issuer_book book = {tool, store};
	const struct issuers_tell tell = {issuer_record, &book};
	struct promoted p = {0};
	int rc = issuers_promote(&p, tool->settings, &tell, when_now(), why);

	if (rc == 0 && p.active != NULL)
		say(p.active, "active", NULL);
	if (rc == 0 && p.dropped > 0)
		printf("dropped %zu past their end\n", p.dropped);
	if (p.back > 0)
		printf("%zu came back: not past their end\n", p.back);
	promoted_free(&p);
	return rc;
}

/* ---- the list ----------------------------------------------------------- */

struct row {
	const struct settings *settings;
	const struct issuers *all;
	const struct issuer *issuer;
	bool peer; /* of another node */
	int64_t now;
};

static const char *
key_of(const struct row *r)
{
	return r->issuer->key != NULL ? r->issuer->key : r->settings->ca.key;
}

static const char *
state_of(const struct row *r)
{
	return r->peer ? "peer"
	               : issuer_state_word(
			     issuers_state(r->all, r->issuer, r->now));
}

static void
row_print(const struct row *r)
{
	const struct authority *a = r->issuer->authority;
	char *subject = name_text(X509_get_subject_name(a->issuer));
	char *root = name_text(X509_get_subject_name(
	    sk_X509_value(a->chain, sk_X509_num(a->chain) - 1)));
	char from[WHEN_LEN], to[WHEN_LEN], at[WHEN_LEN];

	when_write(from, a->cert->not_before);
	when_write(to, a->cert->not_after);
	printf("%s %s %s\n", state_of(r), r->issuer->serial, subject);
	printf("  keyid    %s\n", a->keyid);
	printf("  valid    %s to %s\n", from, to);
	if (r->issuer->activate != INT64_MIN) {
		when_write(at, r->issuer->activate);
		printf("  active   from %s\n", at);
	}
	printf("  root     %s\n", root);
	if (!r->peer)
		printf("  key      %s\n", key_of(r));
	if (sk_X509_num(r->issuer->extra) > 0)
		printf("  rollover %d more certificates to publish\n",
		    sk_X509_num(r->issuer->extra));
	free(subject);
	free(root);
}

static struct json *
row_json(const struct row *r)
{
	const struct authority *a = r->issuer->authority;
	struct json *j = json_new_object();
	char *subject = name_text(X509_get_subject_name(a->issuer));
	char *root = name_text(X509_get_subject_name(
	    sk_X509_value(a->chain, sk_X509_num(a->chain) - 1)));
	char hash[2 * SHA256_LEN + 1];

	hex_write(hash, (struct span){a->cert->sha256, SHA256_LEN}, false);
	json_str(j, "state", state_of(r));
	json_str(j, "serial", r->issuer->serial);
	json_str(j, "subject", subject);
	json_str(j, "keyid", a->keyid);
	json_str(j, "sha256", hash);
	json_time(j, "not_before", a->cert->not_before);
	json_time(j, "not_after", a->cert->not_after);
	if (r->issuer->activate != INT64_MIN)
		json_time(j, "activate", r->issuer->activate);
	json_str(j, "root", root);
	if (!r->peer)
		json_str(j, "key", key_of(r));
	json_int(j, "rollover_certificates", sk_X509_num(r->issuer->extra));
	free(subject);
	free(root);
	return j;
}

static void
print_some(const struct settings *settings, const struct issuers *all,
    bool peers, struct json *list)
{
	struct row r = {settings, all, NULL, peers, when_now()};

	for (size_t i = 0; all != NULL && i < all->n; i++) {
		r.issuer = all->item[i];
		if (list != NULL)
			json_push(list, row_json(&r));
		else
			row_print(&r);
	}
}

static void
print_all(const struct settings *settings, const struct issuers *all, bool json)
{
	struct json *list = json ? json_new_array() : NULL;
	char *text;

	print_some(settings, all, false, list);
	print_some(settings, all->peers, true, list);
	if (json) {
		text = json_text(list, 2);
		puts(text);
		free(text);
	}
	json_free(list);
}

static int
list(struct tool *tool, bool json, struct fail *why)
{
	struct issuers *all = NULL;

	if (tool_settings(tool, why) != 0 ||
	    tool_become_owner(tool, why) != 0 ||
	    issuers_read(&all, tool->settings, why) != 0)
		return -1;
	print_all(tool->settings, all, json);
	if (all->trouble.kind != FAIL_NONE)
		fprintf(stderr, "microca issuers: passed over: %s (%s)\n",
		    all->trouble.text, all->trouble.cause);
	issuers_free(all);
	return 0;
}

/* ---- changes ------------------------------------------------------------ */

static int
drop(struct tool *tool, const char *which, struct fail *why)
{
	struct issuer_book book = {.tool = tool};
	const struct issuers_tell tell = {issuer_record, &book};
	const struct issuer *x = NULL;
	struct ca *ca = NULL;
	int rc;

	if (tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	book.store = ca->store;
	if (ca->issuers != NULL)
		x = issuers_find(ca->issuers, which);
	rc = issuers_drop(ca->settings, which, &tell, when_now(), why);
	if (rc == 0 && x != NULL)
		say(x->authority->issuer, "dropped", NULL);
	ca_drop(ca);
	return rc;
}

static int
promote(struct tool *tool, struct fail *why)
{
	struct ca *ca = NULL;
	int rc = tool_ca(&ca, tool, CA_STORE, why);

	if (rc == 0)
		rc = issuer_promote(tool, ca->store, why);
	ca_drop(ca);
	return rc;
}

int
issuers_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	bool json = false;
	const struct option_spec options[] = {
	    {"json", 0, OPTION_FLAG, &json, 0, 0, NULL},
	};

	if (options_read(options, 1, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 0, 2, why) != 0)
		return -1;
	if (argc == 0)
		return list(tool, json, why);
	if (argc == 2 && strcmp(argv[0], "drop") == 0)
		return drop(tool, argv[1], why);
	if (argc == 1 && strcmp(argv[0], "promote") == 0)
		return promote(tool, why);
	return fail(why, FAIL_CONFIG, "usage",
	    "\"%s\" is nothing to do here: drop KEYID or promote", argv[0]);
}
