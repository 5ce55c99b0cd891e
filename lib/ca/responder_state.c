#include "lib/ca/responder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/wire/cert.h"

#define RETRY_SECONDS 60

bool
responders_wanted(const struct settings *s)
{
	const struct profile *p = s->profiles->list.item;
	char *folder = responders_folder(s);
	bool wanted = access(folder, F_OK) == 0;

	for (size_t i = 0; i < s->profiles->list.n && !wanted; i++)
		wanted = p[i].ocsp_urls.n > 0;
	free(folder);
	return wanted;
}

static int
not_usable(struct fail *why, const char *word, const char *text)
{
	fail(why, FAIL_BUSY, word, "%s", text);
	return fail_retry(why, RETRY_SECONDS);
}

int
responder_valid(const struct responder *r, int64_t now, struct fail *why)
{
	if (r->cert == NULL) {
		not_usable(why, "responder-absent",
		    "the OCSP responder has no certificate: microca ocsp");
		if (r->why.kind != FAIL_NONE)
			fail_cause(why, "%s", r->why.text);
		return -1;
	}
	if (now < r->not_before || now >= r->not_after)
		return not_usable(why, "responder-ended",
		    "the OCSP responder's certificate is not valid now: "
		    "microca ocsp");
	return 0;
}

/* RFC 6960, 4.2.2.2.1: with id-pkix-ocsp-nocheck that is the CA's to do. */
int
responder_standing(const struct responder *r, struct store *store,
    const struct issuer *issuer, struct fail *why)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(r->cert);
	char *text = cert_serial_text((struct span){
	    ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)});
	struct store_standing found;
	bool is = false;
	int rc = store_standing(
	    store, &found, &is, issuer->authority->keyid, text, why);

	free(text);
	if (rc == 0 && is && found.status != STORE_GOOD)
		rc = not_usable(why, "responder-revoked",
		    "the OCSP responder's certificate is revoked: microca "
		    "ocsp");
	return rc;
}

int
responder_fits(
    const struct responder *r, const EVP_PKEY *public, struct fail *why)
{
	if (EVP_PKEY_eq(public, X509_get0_pubkey(r->cert)) == 1)
		return 0;
	return not_usable(why, "responder-key",
	    "the OCSP responder's certificate is for another key: microca "
	    "ocsp");
}

/* Half of what was left for renewing it is over. */
int
responder_renewed(const struct responder *r, int64_t now, struct fail *why)
{
	if (now < r->not_before + (r->not_after - r->not_before) / 4 * 3)
		return 0;
	return not_usable(why, "responder-due",
	    "the OCSP responder's certificate should be another by now: does "
	    "`microca ocsp` run?");
}

/* ---- key and all ------------------------------------------------------------ */

static int
key_fits(const struct responder *r, const struct key_place *place, double wait,
    struct fail *why)
{
	struct key *key = NULL;
	EVP_PKEY *public = NULL;
	int rc = -1;

	if (key_open(&key, place, why) == 0 && key_ready(key, wait, why) == 0 &&
	    key_public(&public, key, why) == 0)
		rc = responder_fits(r, public, why);
	EVP_PKEY_free(public);
	key_free(key);
	return rc;
}

int
responder_check(const struct settings *s, const struct issuer *issuer,
    double wait, int64_t now, struct fail *why)
{
	char *path = responder_path(s, issuer->authority->keyid);
	struct key_place place = responder_place(s, path);
	struct responder r;
	struct fail unread = {0};
	int rc = responder_read(&r, s, issuer, &unread);

	if (rc != 0)
		r.why = unread;
	rc = responder_valid(&r, now, why);
	if (rc == 0)
		rc = key_fits(&r, &place, wait, why);
	if (rc == 0)
		rc = responder_renewed(&r, now, why);
	responder_free(&r);
	free(path);
	return rc;
}
