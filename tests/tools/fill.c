/*
 * fill - certificates of devices put into a store, many at once.
 *
 *	fill STORE issue PREFIX FIRST COUNT    one more for each device
 *	fill STORE revoke PREFIX FIRST COUNT   the newest of each
 *	fill STORE bulk PREFIX FIRST COUNT ISSUER
 *	    devices that have none yet, by the issuer with that key identifier;
 *	    the cloud knows them; a database of SQLite that nobody has open
 *
 * STORE is its URL; sqlite:PATH is made when it is not there.  Devices are
 * called PREFIX00001 and so on.  Rows are what an issuance writes, with the
 * outbox's; a thousand in one transaction, which no issuance would do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"
#include "lib/wire/cert.h"
#include "tests/tools/bulk.h"

#define BATCH 1000
#define LIFE (90 * 86400)

static const char *issuer = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";
static bool bulk; /* the device's index is not there to be asked */

static void
die(const char *what, const struct fail *why)
{
	(void)fprintf(
	    stderr, "fill: %s: %s (%s)\n", what, why->text, why->cause);
	exit(1);
}

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "fill: cannot %s\n", what);
	exit(1);
}

/* As long as a device's certificate with all its extensions. */
static void
comment_add(X509 *x509)
{
	char text[251];
	X509_EXTENSION *e;

	memset(text, '-', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, text);
	must(e != NULL && X509_add_ext(x509, e, -1) == 1, "add an extension");
	X509_EXTENSION_free(e);
}

/* One key for the CA and its devices: what matters are names and times. */
static X509 *
template_make(EVP_PKEY *key)
{
	X509 *x509 = X509_new();

	must(
	    X509_set_version(x509, 2) == 1 &&
		X509_NAME_add_entry_by_txt(X509_get_issuer_name(x509), "CN",
		    MBSTRING_ASC, (const uint8_t *)"Fill CA", -1, -1, 0) == 1 &&
		X509_set_pubkey(x509, key) == 1,
	    "make a certificate");
	if (bulk)
		comment_add(x509);
	return x509;
}

static void
digest(uint8_t out[SHA256_LEN], const char *what, const char *of)
{
	char *text = str_fmt("%s %s", what, of);

	sha256(out, span_str(text));
	free(text);
}

static void
cert_make(struct record *r, X509 *x509, EVP_PKEY *key, const char *device,
    int64_t now)
{
	uint8_t serial[16];
	char hex[2 * sizeof(serial) + 1];
	BIGNUM *bn;
	X509_NAME *name = X509_NAME_new();

	must(RAND_bytes(serial, sizeof(serial)) == 1, "have random numbers");
	serial[0] &= 0x7f;
	serial[0] |= 0x40;
	bn = BN_bin2bn(serial, sizeof(serial), NULL);
	must(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x509)) != NULL &&
		 X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		     (const uint8_t *)device, -1, -1, 0) == 1 &&
		 X509_set_subject_name(x509, name) == 1 &&
		 cert_time_set(X509_getm_notBefore(x509), now) &&
		 cert_time_set(X509_getm_notAfter(x509), now + LIFE) &&
		 X509_sign(x509, key, EVP_sha256()) > 0,
	    "sign");
	hex_write(hex, (struct span){serial, sizeof(serial)}, true);
	r->serial = str_dup(hex);
	cert_der_add(&r->der, x509);
	BN_free(bn);
	X509_NAME_free(name);
}

static void
record_make(struct record *r, X509 *x509, EVP_PKEY *key, const char *device)
{
	int64_t now = when_now();

	memset(r, 0, sizeof(*r));
	cert_make(r, x509, key, device, now);
	r->issuer = str_dup(issuer);
	r->subject = str_fmt("CN=%s", device);
	r->profile = str_dup("device");
	r->endpoint = str_dup("device");
	r->operation = str_dup("simpleenroll");
	r->requester = str_dup("fill");
	r->owner = str_dup(device);
	r->device = str_dup(device);
	sha256(r->sha256, span_of(&r->der));
	digest(r->spki_sha256, "key", r->serial);
	digest(r->csr_sha256, "csr", r->serial);
	digest(r->subject_hash, "subject", device);
	digest(r->request_key, "request", r->serial);
	r->issued = r->not_before = now;
	r->not_after = now + LIFE;
}

static int
row_add(struct conn *c, const struct record *r, int64_t id, struct fail *why)
{
	char sha[2 * SHA256_LEN + 1], csr[sizeof(sha)], spki[sizeof(sha)];
	struct audit entry = {.event = "issue",
	    .operation = r->operation,
	    .endpoint = r->endpoint,
	    .profile = r->profile,
	    .requester = r->requester,
	    .csr_sha256 = csr,
	    .spki_sha256 = spki,
	    .subject = r->subject,
	    .serial = r->serial,
	    .cert_sha256 = sha};
	int64_t now_us = when_now_us();
	char *text;
	bool row = false;
	int rc = 0;

	hex_write(sha, (struct span){r->sha256, SHA256_LEN}, false);
	hex_write(csr, (struct span){r->csr_sha256, SHA256_LEN}, false);
	hex_write(spki, (struct span){r->spki_sha256, SHA256_LEN}, false);
	if (bulk) { /* as long as any */
		entry.request = "01JD3ZW9X6Q8RS";
		entry.peer = "192.0.2.17";
		entry.client_sha256 = sha;
		entry.status = 200;
	}
	text = audit_text(&entry, now_us);
	if (!bulk)
		rc = db_query(c, SQL_CERT_DEVICE_LAST, &row,
		    VALUES(value_text(r->device)), why);
	if (rc == 0)
		rc = record_insert(c, r, id, why);
	if (rc == 0)
		rc = audit_add(c, &entry, text, now_us, why);
	if (rc == 0)
		rc = outbox_add(c, row ? OUTBOX_RENEWED : OUTBOX_ENROLLED, r,
		    id, now_us, why);
	free(text);
	return rc;
}

static int64_t
next_id(struct conn *c)
{
	struct fail why = {0};
	bool row;

	if (db_query(c, SQL_CERT_NEXT, &row, NULL, 0, &why) != 0)
		die("next", &why);
	return db_number(c, SQL_CERT_NEXT, 0);
}

static void
batch(struct store *store, X509 *x509, EVP_PKEY *key, const char *prefix,
    long first, long count)
{
	struct fail why = {0};
	struct conn *c;

	if (db_begin(&c, store->db, DB_WRITE, &why) != 0)
		die("begin", &why);
	for (long i = first; i < first + count; i++) {
		char *device = str_fmt("%s%05ld", prefix, i);
		struct record r;

		record_make(&r, x509, key, device);
		if (row_add(c, &r, next_id(c), &why) != 0)
			die(device, &why);
		record_free(&r);
		free(device);
	}
	if (db_commit(c, !bulk, &why) != 0)
		die("commit", &why);
}

static void
issue_all(struct store *store, const char *prefix, long first, long count)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = template_make(key);

	for (long i = 0; i < count; i += BATCH)
		batch(store, x509, key, prefix, first + i,
		    count - i < BATCH ? count - i : BATCH);
	X509_free(x509);
	EVP_PKEY_free(key);
}

static struct store *
opened(const char *url)
{
	struct fail why = {0};
	struct store *store;

	if (store_open(&store, url, true, 2, 0, &why) != 0)
		die(url, &why);
	return store;
}

/* Most of them while the indexes are not there. */
static void
bulk_all(const char *url, const char *prefix, long first, long count)
{
	const char *path = strchr(url, ':') + 1;
	const long late = count / BULK_LATE, early = count - late;
	struct bytes sql = {0};
	struct store *store;
	sqlite3 *db;

	store_free(opened(url)); /* makes it */
	db = bulk_open(path);
	bulk_drop(db, &sql);
	(void)sqlite3_close(db);
	bulk = true;
	store = opened(url);
	issue_all(store, prefix, first, early);
	store_free(store);
	db = bulk_open(path);
	bulk_do(
	    db, "UPDATE outbox SET confirmed = created WHERE confirmed = 0");
	bulk_do(db, (const char *)sql.data);
	(void)sqlite3_close(db);
	store = opened(url);
	issue_all(store, prefix, first + early, late);
	store_free(store);
	db = bulk_open(path);
	bulk_do(
	    db, "UPDATE outbox SET confirmed = created WHERE confirmed = 0");
	(void)sqlite3_close(db);
	bytes_free(&sql);
}

static void
revoke_all(struct store *store, const char *prefix, long first, long count)
{
	struct outbox_page *page = mem_new(sizeof(*page));
	struct fail why = {0};

	for (long i = first; i < first + count; i++) {
		char *device = str_fmt("%s%05ld", prefix, i);
		struct audit entry = {.event = "revoke",
		    .requester = "fill",
		    .reason = store_reason_word(REASON_KEY_COMPROMISE)};
		bool changed;

		if (store_device_find(store, page, device, when_now(), &why) !=
		    0)
			die(device, &why);
		must(page->n == 1, device);
		entry.serial = page->item[0].newest.serial;
		if (store_revoke(store, &changed, entry.serial,
			REASON_KEY_COMPROMISE, when_now(), &entry, &why) != 0)
			die(device, &why);
		outbox_page_free(page);
		free(device);
	}
	free(page);
}

int
main(int argc, char **argv)
{
	const char *what = argc < 3 ? "" : argv[2];
	struct store *store;

	if (argc == 7 && strcmp(what, "bulk") == 0 &&
	    strncmp(argv[1], "sqlite:", 7) == 0) {
		issuer = argv[6];
		bulk_all(argv[1], argv[3], atol(argv[4]), atol(argv[5]));
		return 0;
	}
	if (argc != 6 ||
	    (strcmp(what, "issue") != 0 && strcmp(what, "revoke") != 0)) {
		(void)fprintf(stderr,
		    "usage: fill STORE (issue | revoke) PREFIX FIRST COUNT\n"
		    "       fill sqlite:PATH bulk PREFIX FIRST COUNT ISSUER\n");
		return 2;
	}
	store = opened(argv[1]);
	(strcmp(what, "issue") == 0 ? issue_all : revoke_all)(
	    store, argv[3], atol(argv[4]), atol(argv[5]));
	store_free(store);
	return 0;
}
