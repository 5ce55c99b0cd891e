#include "lib/ca/restore.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "lib/ca/crls.h"
#include "lib/store/backup.h"
#include "lib/store/retire.h"

/* One list, and what becomes of its entries. */
struct taking {
	const char *whence; /* for the audit */
	struct restore_report *report;
	const struct restore_wish *wish;
	struct store *store;
	const char *keyid;
	struct store_revoked *lost;
	size_t n;
	struct fail *why;
	bool failed;
};

/* OpenSSL keeps the magnitude alone. */
static char *
serial_text(const ASN1_INTEGER *serial)
{
	size_t len = (size_t)ASN1_STRING_length(serial);
	char *text = mem_new(2 * len + 1);

	hex_write(
	    text, (struct span){ASN1_STRING_get0_data(serial), len}, true);
	return text;
}

/* RFC 5280, 5.3: what an entry says of one certificate. */
static bool
entry_read(struct store_revoked *r, const X509_REVOKED *entry)
{
	ASN1_ENUMERATED *reason;
	ASN1_GENERALIZEDTIME *invalid;
	int critical;

	*r = (struct store_revoked){0};
	r->revoked = cert_time_of(X509_REVOKED_get0_revocationDate(entry));
	reason =
	    X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, &critical, NULL);
	if (reason != NULL)
		r->reason = (int)ASN1_ENUMERATED_get(reason);
	ASN1_ENUMERATED_free(reason);
	invalid = X509_REVOKED_get_ext_d2i(
	    entry, NID_invalidity_date, &critical, NULL);
	if (invalid != NULL)
		r->invalid = cert_time_of(invalid);
	ASN1_GENERALIZEDTIME_free(invalid);
	if (r->invalid == INT64_MIN)
		r->invalid = 0;
	r->serial = serial_text(X509_REVOKED_get0_serialNumber(entry));
	return r->revoked != INT64_MIN && store_reason_word(r->reason) != NULL;
}

static int
revoke(struct taking *t, const struct record *row,
    const struct store_revoked *r, struct fail *why)
{
	const struct store_revocation v = {
	    (enum store_reason)r->reason, r->revoked, r->invalid};
	char sha[2 * SHA256_LEN + 1];
	struct audit entry = {.event = "revoke",
	    .operation = "restore",
	    .requester = t->wish->requester,
	    .subject = row->subject,
	    .serial = row->serial,
	    .cert_sha256 = sha,
	    .reason = store_reason_word(r->reason),
	    .text = t->whence};
	bool changed;

	hex_write(sha, (struct span){row->sha256, SHA256_LEN}, false);
	if (store_revoke_one(
		t->store, &changed, row->sha256, &v, &entry, why) != 0)
		return -1;
	if (changed)
		t->report->revocations++;
	return 0;
}

static void
lost_add(struct taking *t, const struct store_revoked *r)
{
	t->lost = mem_grow(t->lost, t->n + 1, sizeof(*t->lost));
	t->lost[t->n] = *r;
	t->lost[t->n++].serial = str_dup(r->serial);
}

/* Whatever told of it first: the former database, an earlier list. */
static int
lost_look(struct taking *t, const struct store_revoked *r, struct fail *why)
{
	struct store_standing standing;
	bool known;

	if (store_standing(
		t->store, &standing, &known, t->keyid, r->serial, why) != 0)
		return -1;
	if (!known || standing.status == STORE_GOOD)
		lost_add(t, r);
	return 0;
}

static int
entry_take(struct taking *t, const struct store_revoked *r, struct fail *why)
{
	struct record row = {0};
	bool found;
	int rc = store_find_serial(t->store, &row, &found, r->serial, why);

	if (rc == 0 && (!found || strcmp(row.issuer, t->keyid) != 0))
		rc = lost_look(t, r, why);
	/* A hold may have become something else; nothing becomes a hold. */
	else if (rc == 0 &&
		 (row.status == STORE_GOOD ||
		     (row.status == STORE_HELD && r->reason != REASON_HOLD)))
		rc = revoke(t, &row, r, why);
	record_free(&row);
	return rc;
}

static int
lost_keep(struct taking *t, struct fail *why)
{
	char *text = str_fmt("%zu revoked certificates of key %s, of which the "
			     "backup knows nothing: %s",
	    t->n, t->keyid, t->whence);
	const struct audit entry = {
	    .event = "restore", .requester = t->wish->requester, .text = text};
	int rc = t->n == 0 ? 0
	                   : store_forgotten_add(t->store, t->keyid, t->lost,
				 t->n, &entry, why);

	if (rc == 0)
		t->report->forgotten += t->n;
	free(text);
	for (size_t i = 0; i < t->n; i++)
		free((char *)t->lost[i].serial);
	free(t->lost);
	t->lost = NULL;
	t->n = 0;
	return rc;
}

/* ---- the former database ----------------------------------------------------------- */

static int
former_take(const struct store_revoked *r, void *arg)
{
	struct taking *t = arg;

	return entry_take(t, r, t->why);
}

/* Of those that the former one had retired, what a key's compromise depends
 * on. */
static int
former_retired(const struct store_revoked *r, const char *issuer, void *arg)
{
	struct taking *t = arg;

	if (strcmp(issuer, t->keyid) == 0 && entry_take(t, r, t->why) != 0)
		t->failed = true;
	return t->failed;
}

int
restore_former(struct restore_report *report, struct store *store,
    struct store *former, const struct restore_wish *wish, struct fail *why)
{
	const struct manifest *m = &report->archive.manifest;
	int rc = 0;

	for (size_t i = 0; rc == 0 && former != NULL && i < m->issuers; i++) {
		struct taking t = {.report = report,
		    .wish = wish,
		    .store = store,
		    .keyid = m->issuer[i].keyid,
		    .whence = "the former database tells so",
		    .why = why};

		rc = store_revoked_each(
		    former, t.keyid, INT64_MIN, former_take, &t, why);
		if (rc == 0)
			rc = store_retired_off(former, former_retired, &t, why);
		if (t.failed)
			rc = -1;
		if (lost_keep(&t, why) != 0)
			rc = -1;
	}
	return rc;
}

/* ---- published lists ------------------------------------------------------------------ */

static int
entries_take(struct taking *t, X509_CRL *crl, struct fail *why)
{
	STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(crl);
	int rc = 0;

	for (int i = 0; rc == 0 && i < sk_X509_REVOKED_num(all); i++) {
		struct store_revoked r;

		if (entry_read(&r, sk_X509_REVOKED_value(all, i)))
			rc = entry_take(t, &r, why);
		free((char *)r.serial);
	}
	if (lost_keep(t, why) != 0)
		rc = -1;
	return rc;
}

/* The number that the backup knows of; 0: none. */
static int64_t
number_known(const struct manifest *m, const char *keyid)
{
	for (size_t i = 0; i < m->crls; i++)
		if (strcmp(m->crl[i].keyid, keyid) == 0)
			return m->crl[i].number;
	return 0;
}

int
restore_list(struct restore_report *report, struct store *store,
    const struct issuer *issuer, const struct settings *settings,
    const struct restore_wish *wish, struct fail *why)
{
	struct taking t = {.report = report,
	    .wish = wish,
	    .store = store,
	    .keyid = issuer->authority->keyid,
	    .whence = "the published revocation list tells so",
	    .why = why};
	X509_CRL *crl = crls_signed(settings, issuer);
	int rc = crl != NULL ? entries_take(&t, crl, why) : 0;

	X509_CRL_free(crl);
	return rc;
}

/* The number goes on from what was published, here or with the backup: else
 * the guard would call the database old. */
static int
one_take(struct restore_report *report, struct store *store,
    const struct issuer *issuer, const struct settings *settings,
    const struct restore_wish *wish, struct fail *why)
{
	const char *keyid = issuer->authority->keyid;
	int64_t known = number_known(&report->archive.manifest, keyid);
	struct crls_state list;
	struct fail no = {0};
	int rc = 0;

	if (crls_read(&list, settings, keyid, &no) == 0 && list.number > known)
		rc = restore_list(report, store, issuer, settings, wish, why);
	if (list.number < known)
		list.number = known;
	return rc == 0 ? crls_go_on(store, &list, wish->requester, why) : rc;
}

int
restore_lists(struct restore_report *report, struct store *store,
    const struct issuers *issuers, const struct settings *settings,
    const struct restore_wish *wish, struct fail *why)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && issuers != NULL && i < issuers->n; i++) {
		const struct issuer *one = issuers->item[i];
		size_t j = 0;

		/* One list for a key, in however many generations. */
		while (strcmp(issuers->item[j]->authority->keyid,
			   one->authority->keyid) != 0)
			j++;
		if (j == i)
			rc = one_take(report, store, one, settings, wish, why);
	}
	return rc;
}
