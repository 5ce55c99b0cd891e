#include "lib/store/sql.h"

#include <stddef.h>

/*
 * Hashes are found by their first 8 octets as a number (…_head): an index
 * entry of 16 octets instead of 45, then compared whole.
 *
 * The indexes are shaped so that no lookup of the issuing path walks rows that
 * do not matter: a subject's and a device's dead certificates sort apart from
 * the live ones (status, not_after), and a key's compromised certificate, if
 * any, is the last of its group.
 */
const char *const sql_schema[] = {
    "CREATE TABLE meta ("
    " name TEXT PRIMARY KEY,"
    " value TEXT NOT NULL) STRICT",

    "CREATE TABLE certificate ("
    " id INTEGER PRIMARY KEY,"       /* in order of issuance, no gaps */
    " status INTEGER NOT NULL,"      /* enum store_status */
    " reason INTEGER NOT NULL,"      /* enum store_reason */
    " revoked INTEGER NOT NULL,"     /* Unix s, 0: not */
    " compromised INTEGER NOT NULL," /* 1: revoked for keyCompromise */
    " issued INTEGER NOT NULL,"      /* Unix s, like the two below */
    " not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " sha256_head INTEGER NOT NULL,"
    " spki_head INTEGER NOT NULL,"
    " subject_head INTEGER NOT NULL,"
    " request_head INTEGER NOT NULL,"
    " sha256 BLOB NOT NULL,"       /* of the DER */
    " spki_sha256 BLOB NOT NULL,"  /* of its SubjectPublicKeyInfo */
    " subject_hash BLOB NOT NULL," /* of the subject's comparison form */
    " request_key BLOB NOT NULL,"  /* endpoint, operation, client, CSR */
    " csr_sha256 BLOB NOT NULL,"
    " owner TEXT NOT NULL,"  /* the identity that holds the name */
    " device TEXT,"          /* Azure device id */
    " serial TEXT NOT NULL," /* upper hex */
    " issuer TEXT NOT NULL," /* KEYID, lower hex */
    " subject TEXT NOT NULL,"
    " san TEXT,"
    " profile TEXT NOT NULL,"
    " endpoint TEXT,"
    " operation TEXT,"
    " requester TEXT,"
    " der BLOB NOT NULL) STRICT",

    "CREATE INDEX certificate_serial ON certificate (serial)",
    "CREATE INDEX certificate_sha256 ON certificate (sha256_head)",
    "CREATE INDEX certificate_request ON certificate (request_head)",
    "CREATE INDEX certificate_key ON certificate (spki_head, compromised)",
    "CREATE INDEX certificate_subject"
    " ON certificate (subject_head, status, not_after)",
    "CREATE INDEX certificate_device"
    " ON certificate (device, status, not_after) WHERE device IS NOT NULL",

    /* record is the truth; time, event, reason, serial repeat parts of it. */
    "CREATE TABLE audit ("
    " seq INTEGER PRIMARY KEY,"
    " lane INTEGER NOT NULL CHECK (lane = 0),"
    " time INTEGER NOT NULL," /* Unix us */
    " event TEXT NOT NULL,"
    " reason TEXT,"
    " serial TEXT,"
    " hash BLOB NOT NULL,"
    " record TEXT NOT NULL) STRICT",

    "CREATE TABLE outbox ("
    " seq INTEGER PRIMARY KEY," /* max(last + 1, Unix us) */
    " device TEXT NOT NULL,"
    " kind TEXT NOT NULL,"           /* enrolled, renewed, revoked */
    " certificate INTEGER NOT NULL," /* certificate.id */
    " sha256 BLOB NOT NULL,"         /* the certificate's */
    " created INTEGER NOT NULL,"     /* Unix s */
    " confirmed INTEGER NOT NULL)"   /* Unix s, 0: still to be sent */
    " STRICT",

    "INSERT INTO meta (name, value) VALUES ('schema', '" SQL_VERSION "')",
    NULL,
};

/* In the order that record.c reads and writes them. */
#define COLUMNS                                                                \
	"id, serial, issuer, subject, san, der, sha256, profile, endpoint,"    \
	" operation, requester, owner, device, csr_sha256, spki_sha256,"       \
	" subject_hash, request_key, not_before, not_after, issued, status,"   \
	" reason, revoked"

const char *const sql_text[SQL_COUNT] = {
    [SQL_VERSION_OF] = "SELECT value FROM meta WHERE name = 'schema'",

    [SQL_CERT_LAST] =
	"SELECT id, issued FROM certificate ORDER BY id DESC LIMIT 1",
    [SQL_CERT_SHA256] = "SELECT " COLUMNS " FROM certificate"
			" WHERE sha256_head = $1 AND sha256 = $2"
			" ORDER BY id DESC LIMIT 1",
    [SQL_CERT_SERIAL] = "SELECT " COLUMNS " FROM certificate"
			" WHERE serial = $1 ORDER BY id DESC LIMIT 1",
    [SQL_CERT_CLASH] = "SELECT 1 FROM certificate"
		       " WHERE serial = $1 AND issuer = $2 LIMIT 1",
    /* The newest answer to this very request; older ones do not count. */
    [SQL_CERT_REPEAT] = "SELECT der, csr_sha256, status, not_after, issued"
			" FROM certificate"
			" WHERE request_head = $1 AND request_key = $2"
			" ORDER BY id DESC LIMIT 1",
    [SQL_CERT_KEY] = "SELECT owner, subject_hash, compromised"
		     " FROM certificate"
		     " WHERE spki_head = $1 AND spki_sha256 = $2"
		     " ORDER BY compromised DESC LIMIT 1",
    [SQL_CERT_NAME] = "SELECT owner, sha256 FROM certificate"
		      " WHERE subject_head = $1 AND status IN (0, 2)"
		      " AND not_after >= $2 AND subject_hash = $3 LIMIT $4",
    [SQL_CERT_DEVICE] = "SELECT owner FROM certificate"
			" WHERE device = $1 AND status IN (0, 2)"
			" AND not_after >= $2 LIMIT $3",
    [SQL_CERT_INSERT] = "INSERT INTO certificate (" COLUMNS
			", sha256_head, spki_head, subject_head,"
			" request_head, compromised)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
			" $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,"
			" $21, $22, $23, $24, $25, $26, $27, $28)",
    [SQL_CERT_REVOKE] = "UPDATE certificate SET status = $1, reason = $2,"
			" revoked = $3, compromised = $4 WHERE id = $5",
    [SQL_CERT_LIST] =
	"SELECT " COLUMNS " FROM certificate WHERE id > $1 AND id <= $2"
	" AND (CAST($3 AS TEXT) IS NULL OR profile = $3)"
	" AND (CAST($4 AS TEXT) IS NULL OR endpoint = $4)"
	" AND (CAST($5 AS TEXT) IS NULL OR serial = $5)"
	" AND (CAST($6 AS TEXT) IS NULL"
	" OR lower(subject) LIKE lower($6) ESCAPE '\\')"
	" AND ($7 = 0 OR not_after < $7)"
	" AND ($8 < 0 OR status = $8)"
	" AND ($9 < 0 OR (status <> 1 AND not_after >= $9))"
	" ORDER BY id",
    [SQL_CERT_COUNT] = "SELECT count(*) FROM certificate",
    [SQL_CERT_LIVE] = "SELECT count(*) FROM certificate"
		      " WHERE status <> 1 AND not_after >= $1",
    [SQL_CERT_REVOKED] = "SELECT count(*) FROM certificate WHERE status = 1",

    [SQL_AUDIT_LAST] = "SELECT seq, hash FROM audit WHERE lane = $1"
		       " ORDER BY seq DESC LIMIT 1",
    [SQL_AUDIT_INSERT] = "INSERT INTO audit (lane, seq, time, event, reason,"
			 " serial, hash, record)"
			 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    [SQL_AUDIT_LIST] = "SELECT lane, seq, record, hash FROM audit"
		       " WHERE lane = $1 AND seq > $2 ORDER BY seq LIMIT $3",

    [SQL_OUTBOX_LAST] = "SELECT seq FROM outbox ORDER BY seq DESC LIMIT 1",
    [SQL_OUTBOX_INSERT] = "INSERT INTO outbox (seq, device, kind, certificate,"
			  " sha256, created, confirmed)"
			  " VALUES ($1, $2, $3, $4, $5, $6, 0)",
    [SQL_OUTBOX_COUNT] = "SELECT count(*) FROM outbox WHERE confirmed = 0",
};
