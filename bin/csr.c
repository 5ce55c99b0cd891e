/* microca csr - a PKCS#10 request (RFC 2986) for the CA's own certificate. */
#include "bin/microca.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

static int
subject_set(X509_REQ *req, const struct settings *s, struct fail *why)
{
	X509_NAME *name = NULL;
	int rc;

	if (s->ca.subject == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: ca.subject is needed for this", s->path);
	if (name_from_text(&name, s->ca.subject, why) != 0)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: ca.subject is no name", s->path);
	rc = X509_REQ_set_subject_name(req, name) == 1 ? 0 : -1;
	X509_NAME_free(name);
	return rc == 0 ? 0
	               : fail(why, FAIL_BROKEN, "build", "cannot set subject");
}

static int
extensions_set(X509_REQ *req, int64_t path_length, struct fail *why)
{
	STACK_OF(X509_EXTENSION) *exts = NULL;
	char *basic = path_length < 0 ? str_dup("critical,CA:TRUE")
	                              : str_fmt("critical,CA:TRUE,pathlen:%d",
					    (int)path_length);
	int rc = -1;

	if (extension_push(&exts, NID_basic_constraints, basic, why) == 0 &&
	    extension_push(
		&exts, NID_key_usage, "critical,keyCertSign,cRLSign", why) == 0)
		rc = X509_REQ_add_extensions(req, exts) == 1
		         ? 0
		         : fail(why, FAIL_BROKEN, "build",
			       "cannot add extensions");
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	free(basic);
	return rc;
}

static int
pem_of(struct bytes *out, X509_REQ *req, struct fail *why)
{
	BIO *mem = BIO_new(BIO_s_mem());
	char *text;
	long len;

	if (mem == NULL || PEM_write_bio_X509_REQ(mem, req) != 1) {
		BIO_free(mem);
		return fail(why, FAIL_BROKEN, "build", "cannot write PEM");
	}
	len = BIO_get_mem_data(mem, &text);
	bytes_add(out, text, (size_t)len);
	BIO_free(mem);
	return 0;
}

static int
request_make(struct bytes *pem, const struct ca *ca, int64_t path_length,
    struct fail *why)
{
	X509_REQ *req = X509_REQ_new();
	EVP_PKEY *public = NULL;
	int rc = -1;

	if (key_public(&public, ca->key, why) != 0)
		goto out;
	if (req == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_pubkey(req, public) != 1) {
		fail(why, FAIL_BROKEN, "build", "cannot make a request");
		goto out;
	}
	if (subject_set(req, ca->settings, why) == 0 &&
	    extensions_set(req, path_length, why) == 0 &&
	    key_sign_req(ca->key, req, NULL, why) == 0)
		rc = pem_of(pem, req, why);
out:
	EVP_PKEY_free(public);
	X509_REQ_free(req);
	return rc;
}

static int
csr(struct tool *tool, int64_t path_length, struct output *out,
    struct fail *why)
{
	struct audit entry = {.event = "csr", .text = "intermediate"};
	struct bytes pem = {0};
	struct ca *ca = NULL;
	int rc = -1;

	if (tool_ca(&ca, tool, CA_STORE | CA_KEY, why) == 0 &&
	    request_make(&pem, ca, path_length, why) == 0 &&
	    tool_audit(tool, ca->store, &entry, why) == 0)
		rc = output_write(out, span_of(&pem), why);
	bytes_free(&pem);
	ca_drop(ca);
	return rc;
}

int
csr_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	const char *file = NULL;
	int64_t path_length = -1;
	const struct option_spec options[] = {
	    {"out", 'o', OPTION_TEXT, &file, 0, 0, NULL},
	    {"path-length", 0, OPTION_INT, &path_length, 0, 100, NULL},
	};
	struct output out;
	int rc;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 1, why) != 0)
		return -1;
	if (output_open(&out, file, why) != 0)
		return -1;
	rc = argc == 0 || strcmp(argv[0], "intermediate") == 0
	         ? csr(tool, path_length, &out, why)
	         : own_csr(tool, argv[0], &out, why);
	output_close(&out);
	return rc;
}
