/* microca show - one certificate: its record, its fields, its PEM. */
#include "bin/microca.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/ca/retired_file.h"

struct view {
	bool pem, chain, json;
	const char *retired; /* the file that it is in; NULL: the database */
};

void
view_line(struct bytes *out, const char *label, const char *value)
{
	if (value != NULL && value[0] != '\0')
		bytes_addf(out, "%-12s %s\n", label, value);
}

void
view_time(struct bytes *out, const char *label, int64_t when)
{
	char text[WHEN_LEN];

	when_write(text, when);
	view_line(out, label, text);
}

void
view_hash(struct bytes *out, const char *label, const uint8_t hash[SHA256_LEN])
{
	char text[2 * SHA256_LEN + 1];

	hex_write(text, (struct span){hash, SHA256_LEN}, false);
	view_line(out, label, text);
}

void
view_extension(struct bytes *out, X509_EXTENSION *ext)
{
	BIO *mem = BIO_new(BIO_s_mem());
	struct bytes text = {0};
	char name[80], *data = NULL;
	long i, len = 0;

	OBJ_obj2txt(name, sizeof(name), X509_EXTENSION_get_object(ext), 0);
	if (mem != NULL &&
	    X509V3_EXT_print(mem, ext, X509V3_EXT_DUMP_UNKNOWN, 0) == 1)
		len = BIO_get_mem_data(mem, &data);
	while (len > 0 && data[len - 1] == '\n')
		len--;
	for (i = 0; i < len; i++) {
		if (data[i] == '\n')
			bytes_adds(&text, ", ");
		else if ((unsigned char)data[i] >= ' ')
			bytes_addc(&text, data[i]);
	}
	bytes_addf(out, "  %s%s: %s\n", name,
	    X509_EXTENSION_get_critical(ext) ? " (critical)" : "",
	    text.data != NULL ? (const char *)text.data : "");
	bytes_free(&text);
	BIO_free(mem);
}

static int
cert_lines(
    struct bytes *out, X509 *x509, const struct cert *cert, struct fail *why)
{
	char *issuer = name_text(X509_get_issuer_name(x509));
	struct pubkey key = {0};
	char text[32];
	int i;

	view_line(out, "Issuer", issuer);
	free(issuer);
	if (pubkey_read(&key, cert->spki, why) != 0)
		return -1;
	view_line(out, "Key", pubkey_text(&key, text));
	pubkey_free(&key);
	view_line(out, "Signature", OBJ_nid2ln(X509_get_signature_nid(x509)));
	if (X509_get_ext_count(x509) > 0)
		bytes_adds(out, "Extensions\n");
	for (i = 0; i < X509_get_ext_count(x509); i++)
		view_extension(out, X509_get_ext(x509, i));
	return 0;
}

static void
record_lines(struct bytes *out, const struct view *view, const struct record *r)
{
	view_line(out, "Serial", r->serial);
	view_line(out, "Retired", view->retired);
	view_line(out, "Status", record_status(r, when_now()));
	if (r->status != STORE_GOOD) {
		view_line(out, "Reason", store_reason_word(r->reason));
		view_time(out, "Revoked", r->revoked);
		if (r->invalid != 0)
			view_time(out, "Invalid from", r->invalid);
	}
	view_line(out, "Subject", r->subject);
	view_line(out, "SAN", r->san);
	view_time(out, "Not before", r->not_before);
	view_time(out, "Not after", r->not_after);
	view_time(out, "Issued", r->issued);
	view_line(out, "Profile", r->profile);
	view_line(out, "Endpoint", r->endpoint);
	view_line(out, "Operation", r->operation);
	view_line(out, "Requester", r->requester);
	view_line(out, "Device", r->device);
	view_hash(out, "SHA-256", r->sha256);
}

static int
text_view(struct bytes *out, const struct view *view, const struct record *r,
    struct fail *why)
{
	struct cert *cert = NULL;
	X509 *x509 = NULL;
	int rc = -1;

	record_lines(out, view, r);
	if (cert_read(&cert, span_of(&r->der), why) == 0 &&
	    cert_x509(&x509, span_of(&r->der), why) == 0)
		rc = cert_lines(out, x509, cert, why);
	X509_free(x509);
	cert_free(cert);
	return rc;
}

static void
json_view(struct bytes *out, const struct view *view, const struct record *r)
{
	struct json *j = record_json(r, when_now());
	struct bytes pem = {0};
	char *text;

	cert_pem_write(&pem, span_of(&r->der));
	json_str(j, "pem", (const char *)pem.data);
	if (view->retired != NULL)
		json_str(j, "retired", view->retired);
	text = json_text(j, 2);
	bytes_addf(out, "%s\n", text);
	free(text);
	bytes_free(&pem);
	json_free(j);
}

/* The issuer's own chain, when it is the one that signed this. */
static int
chain_view(struct bytes *out, const struct ca *ca, const struct record *r,
    struct fail *why)
{
	const struct issuer *issuer;

	if (ca->issuers == NULL) {
		*why = ca->issuers_why;
		return -1;
	}
	issuer = issuers_any_by_keyid(ca->issuers, r->issuer, when_now());
	if (issuer == NULL)
		return fail(why, FAIL_ABSENT, "issuer-absent",
		    "issued by another CA certificate (key id %s)", r->issuer);
	cert_pem_write(out, span_of(&r->der));
	cert_pems_write(out, issuer->authority->chain);
	return 0;
}

static int
view_make(struct bytes *out, const struct view *view, const struct ca *ca,
    const struct record *r, struct fail *why)
{
	if (view->chain)
		return chain_view(out, ca, r, why);
	if (view->pem)
		cert_pem_write(out, span_of(&r->der));
	else if (view->json)
		json_view(out, view, r);
	else
		return text_view(out, view, r, why);
	return 0;
}

/* From the file that it left the database for. */
static int
retired_find(struct record *r, char **path, const struct ca *ca,
    const char *serial, struct fail *why)
{
	const char *folder = ca->settings->retention.folder;
	struct retired it;
	bool found;

	if (store_retired_find(ca->store, &it, &found, serial, why) != 0)
		return -1;
	if (!found)
		return fail(why, FAIL_ABSENT, "unknown-serial",
		    "no certificate with serial %s", serial);
	*path = str_fmt("%s/%s", folder, it.path);
	return retired_file_one(r, folder, &it, why);
}

static int
show(struct tool *tool, struct view view, const char *serial,
    struct output *out, struct fail *why)
{
	struct record r = {0};
	struct bytes text = {0};
	struct ca *ca = NULL;
	char *path = NULL;
	bool found = false;
	int rc = -1;

	if (tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	if (store_find_serial(ca->store, &r, &found, serial, why) == 0 &&
	    (found || retired_find(&r, &path, ca, serial, why) == 0)) {
		view.retired = path;
		if (view_make(&text, &view, ca, &r, why) == 0)
			rc = output_write(out, span_of(&text), why);
	}
	free(path);
	record_free(&r);
	bytes_free(&text);
	ca_drop(ca);
	return rc;
}

int
show_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct view view = {0};
	const char *file = NULL;
	const struct option_spec options[] = {
	    {"pem", 0, OPTION_FLAG, &view.pem, 0, 0, NULL},
	    {"chain", 0, OPTION_FLAG, &view.chain, 0, 0, NULL},
	    {"json", 0, OPTION_FLAG, &view.json, 0, 0, NULL},
	    {"out", 'o', OPTION_TEXT, &file, 0, 0, NULL},
	};
	struct bytes serial = {0};
	struct output out;
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0)
		return -1;
	if (view.pem + view.chain + view.json > 1)
		return fail(why, FAIL_CONFIG, "usage",
		    "one of --pem, --chain and --json");
	if (tool_serial(&serial, argv[0], why) == 0 &&
	    output_open(&out, file, why) == 0) {
		rc = show(tool, view, (const char *)serial.data, &out, why);
		output_close(&out);
	}
	bytes_free(&serial);
	return rc;
}
