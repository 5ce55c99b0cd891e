/* microca proof - a certificate whose name is a code that Azure gave: who can
 * issue it has the intermediate's key. */
#include "bin/microca.h"

#include "lib/ca/proof.h"
#include "lib/key/fresh.h"

static int
der_of(struct bytes *der, X509_REQ *req, struct fail *why)
{
	unsigned char *octets = NULL;
	int len = i2d_X509_REQ(req, &octets);

	if (len <= 0) {
		fail(why, FAIL_BROKEN, "build", "cannot encode the request");
		return fail_openssl(why, "i2d_X509_REQ");
	}
	bytes_add(der, octets, (size_t)len);
	OPENSSL_free(octets);
	return 0;
}

/* A request by a key that nobody keeps: who has it could do nothing with it. */
static int
request_make(struct bytes *der, const char *code, struct fail *why)
{
	X509_REQ *req = X509_REQ_new();
	EVP_PKEY *key = NULL;
	int rc = -1;

	if (fresh_key(&key, "p256", why) != 0)
		goto out;
	if (req == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN",
		MBSTRING_ASC, (const unsigned char *)code, -1, -1, 0) != 1 ||
	    X509_REQ_set_pubkey(req, key) != 1 ||
	    X509_REQ_sign(req, key, EVP_sha256()) <= 0) {
		fail(why, FAIL_BROKEN, "build", "cannot make the request");
		fail_openssl(why, "X509_REQ");
		goto out;
	}
	rc = der_of(der, req, why);
out:
	EVP_PKEY_free(key);
	X509_REQ_free(req);
	return rc;
}

static int
prove(struct tool *tool, const struct profile *profile, const char *code,
    struct output *out, struct fail *why)
{
	struct bytes csr = {0}, der = {0}, pem = {0};
	struct ca *ca = NULL;
	int rc = -1;

	if (request_make(&csr, code, why) == 0 &&
	    tool_ca(&ca, tool, CA_STORE | CA_KEY, why) == 0 &&
	    profile_issue(&der, tool, ca, profile, span_of(&csr), why) == 0) {
		cert_pem_write(&pem, span_of(&der));
		rc = output_write(out, span_of(&pem), why);
	}
	ca_drop(ca);
	bytes_free(&csr);
	bytes_free(&der);
	bytes_free(&pem);
	return rc;
}

int
proof_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	int64_t hours = PROOF_HOURS;
	const char *file = NULL;
	const struct option_spec options[] = {
	    {"hours", 0, OPTION_INT, &hours, 1, PROOF_HOURS_MOST, NULL},
	    {"out", 'o', OPTION_TEXT, &file, 0, 0, NULL},
	};
	struct profiles *profiles = NULL;
	struct output out;
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0 ||
	    proof_code_ok(argv[0], why) != 0)
		return -1;
	if (proof_profile(&profiles, hours, why) == 0 &&
	    output_open(&out, file, why) == 0) {
		rc = prove(
		    tool, profiles_find(profiles, "proof"), argv[0], &out, why);
		output_close(&out);
	}
	profiles_free(profiles);
	return rc;
}
