#include "lib/wire/above.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/wire/cert.h"
#include "lib/wire/name.h"

#define SKEW 300 /* s that clocks may differ */

struct above {
	STACK_OF(X509_CRL) * lists;
};

struct above *
above_new(void)
{
	struct above *above = mem_new(sizeof(*above));

	above->lists = sk_X509_CRL_new_null();
	if (above->lists == NULL)
		abort(); /* out of memory */
	return above;
}

void
above_free(struct above *above)
{
	if (above == NULL)
		return;
	sk_X509_CRL_pop_free(above->lists, X509_CRL_free);
	free(above);
}

size_t
above_count(const struct above *above)
{
	return (size_t)sk_X509_CRL_num(above->lists);
}

/* ---- reading ------------------------------------------------------------ */

/* RFC 5280, 5.2: a list with a critical extension that is not understood says
 * nothing; 5.2.4, 5.2.5: neither does one that needs others beside it. */
static bool
is_understood(const X509_CRL *crl)
{
	ISSUING_DIST_POINT *idp;
	bool indirect;

	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
		return false;
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
		X509_EXTENSION *e = X509_CRL_get_ext(crl, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));

		if (X509_EXTENSION_get_critical(e) == 1 &&
		    nid != NID_issuing_distribution_point &&
		    nid != NID_authority_key_identifier &&
		    nid != NID_crl_number)
			return false;
	}
	idp = X509_CRL_get_ext_d2i(
	    crl, NID_issuing_distribution_point, NULL, NULL);
	indirect = idp != NULL && idp->indirectCRL > 0;
	ISSUING_DIST_POINT_free(idp);
	return !indirect;
}

static void
push(struct above *above, X509_CRL *crl)
{
	if (!is_understood(crl))
		X509_CRL_free(crl);
	else if (sk_X509_CRL_push(above->lists, crl) <= 0)
		abort(); /* out of memory */
}

/* How many lists there were; -1: something else, too. */
static int
take_pem(struct above *above, struct span text)
{
	BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
	X509_CRL *crl;
	int n = 0;

	if (bio == NULL)
		abort(); /* out of memory */
	ERR_clear_error();
	while ((crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		push(above, crl);
		n++;
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		n = -1;
	BIO_free(bio);
	return n;
}

int
above_add(struct above *above, struct span text, struct fail *why)
{
	const uint8_t *p = text.data;
	X509_CRL *crl;
	int n;

	if (text.len > 0 && text.data[0] == 0x30) {
		crl = d2i_X509_CRL(NULL, &p, (long)text.len);
		n = crl != NULL && p == text.data + text.len ? 1 : 0;
		if (n > 0)
			push(above, crl);
		else
			X509_CRL_free(crl);
	} else {
		n = text.len > 0 ? take_pem(above, text) : 0;
	}
	ERR_clear_error();
	if (n > 0)
		return 0;
	return fail(why, FAIL_MALFORMED, "crl",
	    "no revocation list, in PEM or DER, or something else with it");
}

int
above_add_file(struct above *above, const char *path, struct fail *why)
{
	struct bytes text = {0};
	int rc = file_read(&text, path, ABOVE_FILE_MAX, why);

	if (rc == 0 && (rc = above_add(above, span_of(&text), why)) != 0)
		(void)fail(why, FAIL_MALFORMED, "crl",
		    "%s holds no revocation list, in PEM or DER, or something "
		    "else with it",
		    path);
	bytes_free(&text);
	return rc;
}

/* ---- asking ------------------------------------------------------------- */

static bool
is_signed_by(X509_CRL *crl, X509 *ca)
{
	bool ok = X509_NAME_cmp(X509_CRL_get_issuer(crl),
		      X509_get_subject_name(ca)) == 0 &&
	          /* RFC 5280, 6.3.3 (f): cRLSign, if there is a keyUsage. */
	          (X509_get_key_usage(ca) & KU_CRL_SIGN) != 0 &&
	          X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1;

	ERR_clear_error();
	return ok;
}

/* When; INT64_MIN: no list of its issuer's names it. */
static int64_t
revoked_at(const struct above *above, X509 *cert, X509 *issuer)
{
	for (int i = 0; i < sk_X509_CRL_num(above->lists); i++) {
		X509_CRL *crl = sk_X509_CRL_value(above->lists, i);
		X509_REVOKED *entry = NULL;

		/* 2: removeFromCRL.  The cheap question comes first. */
		if (X509_CRL_get0_by_serial(
			crl, &entry, X509_get_serialNumber(cert)) == 1 &&
		    is_signed_by(crl, issuer))
			return cert_time_of(
			    X509_REVOKED_get0_revocationDate(entry));
	}
	return INT64_MIN;
}

int
above_check(
    const struct above *above, const STACK_OF(X509) * chain, struct fail *why)
{
	for (int i = 0; above != NULL && i + 1 < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		int64_t when =
		    revoked_at(above, cert, sk_X509_value(chain, i + 1));
		char at[WHEN_LEN], *name;

		if (when == INT64_MIN)
			continue;
		when_write(at, when);
		name = name_text(X509_get_subject_name(cert));
		/* RFC 5280, 6.1.3 (a) (3): not revoked at the current time. */
		(void)fail(why, FAIL_DENIED, "revoked",
		    "RFC 5280, 6.1.3 (a) (3): \"%s\" is on its issuer's "
		    "revocation list since %s",
		    name, at);
		free(name);
		return -1;
	}
	return 0;
}

static int
complain(struct fail *why, enum fail_kind kind, const X509_CRL *crl,
    const char *what)
{
	char *name = name_text(X509_CRL_get_issuer(crl));

	(void)fail(
	    why, kind, "crl", "the revocation list of \"%s\" %s", name, what);
	free(name);
	return -1;
}

int
above_fresh(const struct above *above, int64_t now, struct fail *why)
{
	for (int i = 0; i < sk_X509_CRL_num(above->lists); i++) {
		const X509_CRL *crl = sk_X509_CRL_value(above->lists, i);
		const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);

		if (next != NULL && cert_time_of(next) <= now)
			return complain(
			    why, FAIL_BUSY, crl, "is past its nextUpdate");
	}
	return 0;
}

static bool
has_signed(const STACK_OF(X509) * cas, X509_CRL *crl)
{
	for (int i = 0; i < sk_X509_num(cas); i++)
		if (is_signed_by(crl, sk_X509_value(cas, i)))
			return true;
	return false;
}

static bool
is_older(const struct above *old, const X509_CRL *crl)
{
	int64_t begins = cert_time_of(X509_CRL_get0_lastUpdate(crl));

	for (int i = 0; old != NULL && i < sk_X509_CRL_num(old->lists); i++) {
		const X509_CRL *o = sk_X509_CRL_value(old->lists, i);

		if (X509_NAME_cmp(X509_CRL_get_issuer(o),
			X509_CRL_get_issuer(crl)) == 0 &&
		    cert_time_of(X509_CRL_get0_lastUpdate(o)) > begins)
			return true;
	}
	return false;
}

int
above_better(const struct above *above, const struct above *old,
    const STACK_OF(X509) * cas, int64_t now, struct fail *why)
{
	if (above_count(above) == 0)
		return fail(why, FAIL_DENIED, "crl",
		    "no revocation list of a kind that is understood");
	for (int i = 0; i < sk_X509_CRL_num(above->lists); i++) {
		X509_CRL *crl = sk_X509_CRL_value(above->lists, i);

		if (!has_signed(cas, crl))
			return complain(why, FAIL_DENIED, crl,
			    "is signed by no CA that is known");
		if (cert_time_of(X509_CRL_get0_lastUpdate(crl)) > now + SKEW)
			return complain(
			    why, FAIL_DENIED, crl, "is of the future");
		if (is_older(old, crl))
			return complain(why, FAIL_DENIED, crl,
			    "is older than the one that is there");
	}
	return 0;
}
