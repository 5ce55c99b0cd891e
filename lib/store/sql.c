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
static const char *const version_1[] = {
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

    /* record is the truth; time, event, reason, serial repeat parts of it.
     * seq: of the lane, and the lane itself (rows.h). */
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
    " confirmed INTEGER NOT NULL)"   /* Unix s, 0: still to be sent,
                                       negative: dropped */
    " STRICT",

    "INSERT INTO meta (name, value) VALUES ('schema', '1')",
    NULL,
};

static const char *const version_2[] = {
    /* Requests that wait for somebody's approval, and what became of them;
     * the newest row of a request key is the one that counts. */
    "CREATE TABLE pending ("
    " id INTEGER PRIMARY KEY,"
    " state INTEGER NOT NULL,"   /* enum pending_state */
    " created INTEGER NOT NULL," /* Unix s, like the two below */
    " changed INTEGER NOT NULL," /* since when it is in this state */
    " expires INTEGER NOT NULL," /* until when it means anything */
    " request_head INTEGER NOT NULL,"
    " request_key BLOB NOT NULL," /* as in certificate */
    " csr_sha256 BLOB NOT NULL,"
    " client_sha256 BLOB," /* of the certificate shown */
    " certificate BLOB,"   /* SHA-256 of what was issued */
    " request TEXT,"       /* id of the first one */
    " endpoint TEXT NOT NULL,"
    " operation TEXT NOT NULL,"
    " profile TEXT NOT NULL,"
    " requester TEXT NOT NULL,"
    " holder TEXT NOT NULL," /* whose open ones are counted */
    " subject TEXT NOT NULL,"
    " san TEXT,"
    " peer TEXT,"
    " decider TEXT," /* who approved or denied */
    " note TEXT,"    /* … and what was said with it */
    " csr BLOB NOT NULL) STRICT",

    "CREATE INDEX pending_request ON pending (request_head)",
    "CREATE INDEX pending_csr ON pending (csr_sha256)",
    "CREATE INDEX pending_state ON pending (state, expires)",
    "CREATE INDEX pending_holder ON pending (holder, state, expires)",

    /* One-time enrolment secrets: what is kept of them is a hash. */
    "CREATE TABLE secret ("
    " id INTEGER PRIMARY KEY,"
    " hash BLOB NOT NULL UNIQUE," /* SHA-256 of the secret's octets */
    " endpoint TEXT NOT NULL,"
    " device TEXT NOT NULL,"
    " created INTEGER NOT NULL," /* Unix s, like those below */
    " expires INTEGER NOT NULL,"
    " used INTEGER NOT NULL,"    /* 0: not */
    " revoked INTEGER NOT NULL," /* 0: not */
    " request_key BLOB,"         /* of the request it was used for */
    " certificate BLOB,"         /* SHA-256 of what was issued for it */
    " made_by TEXT NOT NULL) STRICT",

    "CREATE INDEX secret_device ON secret (device, revoked)",

    "UPDATE meta SET value = '2' WHERE name = 'schema'",
    NULL,
};

static const char *const version_3[] = {
    /* What is still to be told, whatever was told before. */
    "CREATE INDEX outbox_open ON outbox (seq) WHERE confirmed = 0",
    "CREATE INDEX outbox_device ON outbox (device, seq) WHERE confirmed = 0",

    /* One row for each device that the cloud was told of, or tried to. */
    "CREATE TABLE delivery ("
    " device TEXT PRIMARY KEY,"
    " confirmed INTEGER NOT NULL," /* outbox.seq of the newest, 0: none */
    " told INTEGER NOT NULL,"      /* Unix s, like those below */
    " tries INTEGER NOT NULL,"     /* that failed since then */
    " next INTEGER NOT NULL,"      /* not before, 0: at once */
    " dead INTEGER NOT NULL,"      /* given up since, 0: not */
    " failed INTEGER NOT NULL,"    /* outbox.seq of what failed last */
    " reason TEXT,"
    " said TEXT) STRICT",

    "CREATE INDEX delivery_failed ON delivery (device) WHERE tries <> 0",

    /* All that a revocation list says, so that no certificate is read. */
    "CREATE INDEX certificate_revoked ON certificate"
    " (issuer, id, serial, revoked, reason, status, not_after)"
    " WHERE status <> 0",

    "UPDATE meta SET value = '3' WHERE name = 'schema'",
    NULL,
};

static const char *const version_4[] = {
    /* Certificates by their end.  New ones have late ends: what an issuance
     * writes is one page, and mostly the same. */
    "CREATE INDEX certificate_end ON certificate (not_after, id, status)",

    /* What became of a certificate later; an issuance is found by its time. */
    "CREATE INDEX audit_serial ON audit (serial)"
    " WHERE serial IS NOT NULL AND event <> 'issue'",

    /* Since when a revoked one was perhaps misused (RFC 5280, 5.3.2); then
     * again all that a revocation list says. */
    "ALTER TABLE certificate ADD COLUMN invalid INTEGER NOT NULL DEFAULT 0",
    "DROP INDEX certificate_revoked",
    "CREATE INDEX certificate_revoked ON certificate"
    " (issuer, id, serial, revoked, reason, status, not_after, invalid)"
    " WHERE status <> 0",

    /* Renewals whose old certificate is to be revoked: when to look. */
    "CREATE TABLE replaced ("
    " successor INTEGER PRIMARY KEY," /* certificate.id, as the next */
    " certificate INTEGER NOT NULL,"
    " due INTEGER NOT NULL) STRICT", /* Unix s */

    "CREATE INDEX replaced_due ON replaced (due)",

    /* Revoked certificates of which a restored backup knows nothing else. */
    "CREATE TABLE forgotten ("
    " issuer TEXT NOT NULL," /* as in certificate, like the others */
    " serial TEXT NOT NULL,"
    " revoked INTEGER NOT NULL,"
    " reason INTEGER NOT NULL,"
    " invalid INTEGER NOT NULL,"
    " PRIMARY KEY (issuer, serial)) STRICT, WITHOUT ROWID",

    "UPDATE meta SET value = '4' WHERE name = 'schema'",
    NULL,
};

static const char *const version_5[] = {
    /* Lane and number in one (rows.h): what many nodes wrote into PostgreSQL
     * fits into one SQLite database as well. */
    "ALTER TABLE audit DROP COLUMN lane",

    /* Which of two nodes was first. */
    SQL_PGSQL "DROP INDEX certificate_serial",
    SQL_PGSQL "CREATE UNIQUE INDEX certificate_serial"
	      " ON certificate (serial, issuer)",
    SQL_PGSQL "CREATE SEQUENCE certificate_id",

    "UPDATE meta SET value = '5' WHERE name = 'schema'",
    NULL,
};

static const char *const version_6[] = {
    /* Files of certificates that ended long ago (retire.h). */
    "CREATE TABLE shelf ("
    " id INTEGER PRIMARY KEY,"
    " path TEXT NOT NULL," /* in the folder of such files */
    " sha256 BLOB NOT NULL,"
    " certificates INTEGER NOT NULL," /* in it */
    " ended INTEGER NOT NULL,"        /* the last of them, Unix s */
    " made INTEGER NOT NULL,"         /* Unix s */
    " done INTEGER NOT NULL) STRICT", /* 1: all were moved */

    /* What stays here of a certificate that is in one of them. */
    "CREATE TABLE retired ("
    " id INTEGER PRIMARY KEY," /* as in certificate, like the others */
    " shelf INTEGER NOT NULL," /* shelf.id */
    " place INTEGER NOT NULL," /* where its line begins, octets */
    " status INTEGER NOT NULL,"
    " reason INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL,"
    " compromised INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL,"
    " spki_head INTEGER NOT NULL,"
    " sha256 BLOB NOT NULL,"
    " spki_sha256 BLOB NOT NULL,"
    " subject_hash BLOB NOT NULL,"
    " owner TEXT NOT NULL,"
    " serial TEXT NOT NULL,"
    " issuer TEXT NOT NULL) STRICT",

    "CREATE INDEX retired_serial ON retired (serial)",
    "CREATE INDEX retired_key ON retired (spki_head, compromised)",
    "CREATE INDEX retired_off ON retired (id) WHERE status <> 0",
    "CREATE INDEX retired_shelf ON retired (shelf)",

    "UPDATE meta SET value = '6' WHERE name = 'schema'",
    NULL,
};

static const char *const version_7[] = {
    /* The revocation list of each key that was made last (crl.h). */
    "CREATE TABLE crl ("
    " issuer TEXT PRIMARY KEY," /* KEYID, lower hex */
    " number INTEGER NOT NULL,"
    " der BLOB) STRICT, WITHOUT ROWID",

    "UPDATE meta SET value = '7' WHERE name = 'schema'",
    NULL,
};

static const char *const version_8[] = {
    /* A request that comes again has the key of its answer, and is found by
     * it: no index of its own, which an issuance would write to at random.
     * Those whose key the server makes have no key of theirs. */
    "DROP INDEX certificate_request",
    "DROP INDEX certificate_key",
    "CREATE INDEX certificate_key"
    " ON certificate (spki_head, compromised, request_head)",
    "CREATE INDEX certificate_made ON certificate (request_head)"
    " WHERE operation = 'serverkeygen'",

    "UPDATE meta SET value = '8' WHERE name = 'schema'",
    NULL,
};

const char *const *const sql_schema[SQL_VERSION] = {version_1, version_2,
    version_3, version_4, version_5, version_6, version_7, version_8};

/* In the order that record.c reads and writes them. */
#define COLUMNS                                                                \
	"id, serial, issuer, subject, san, der, sha256, profile, endpoint,"    \
	" operation, requester, owner, device, csr_sha256, spki_sha256,"       \
	" subject_hash, request_key, not_before, not_after, issued, status,"   \
	" reason, revoked, invalid"

/* The same without the DER. */
#define LOOKED                                                                 \
	"id, serial, issuer, subject, san, NULL, sha256, profile, endpoint,"   \
	" operation, requester, owner, device, csr_sha256, spki_sha256,"       \
	" subject_hash, request_key, not_before, not_after, issued, status,"   \
	" reason, revoked, invalid"

/* $1 to $13, as browse.c binds them; + keeps them from choosing an index. */
#define FITS                                                                   \
	" FROM certificate WHERE +not_after >= $1 AND +not_after < $2"         \
	" AND +issued >= $3 AND +issued < $4 AND ($5 < 0 OR status = $5)"      \
	" AND (CAST($6 AS TEXT) IS NULL OR profile = $6)"                      \
	" AND (CAST($7 AS TEXT) IS NULL OR endpoint = $7)"                     \
	" AND (CAST($8 AS TEXT) IS NULL OR device = $8)"                       \
	" AND (CAST($9 AS TEXT) IS NULL OR serial = $9)"                       \
	" AND sha256 >= $10 AND sha256 <= $11"                                 \
	" AND (CAST($12 AS TEXT) IS NULL"                                      \
	" OR lower(subject) LIKE lower($12) ESCAPE '\\')"                      \
	" AND (CAST($13 AS TEXT) IS NULL"                                      \
	" OR lower(san) LIKE lower($13) ESCAPE '\\')"

/* In the order that pending.c reads and writes them. */
#define PENDING                                                                \
	"id, state, created, changed, expires, request_key, csr_sha256,"       \
	" client_sha256, certificate, request, endpoint, operation, profile,"  \
	" requester, holder, subject, san, peer, decider, note, csr"

#define RETIRED                                                                \
	"id, shelf, place, status, reason, revoked, compromised, not_after,"   \
	" spki_head, sha256, spki_sha256, subject_hash, owner, serial, issuer"

/* In the order that secret.c reads them. */
#define SECRET                                                                 \
	"id, hash, endpoint, device, created, expires, used, revoked,"         \
	" certificate, made_by"

const char *const sql_text[SQL_COUNT] = {
    [SQL_VERSION_OF] = "SELECT value FROM meta WHERE name = 'schema'",
    [SQL_FORGOTTEN_PUT] = "INSERT INTO forgotten"
			  " (issuer, serial, revoked, reason, invalid)"
			  " VALUES ($1, $2, $3, $4, $5)"
			  " ON CONFLICT (issuer, serial) DO NOTHING",
    [SQL_FORGOTTEN_FIND] = "SELECT revoked, reason FROM forgotten"
			   " WHERE issuer = $1 AND serial = $2",
    [SQL_FORGOTTEN_LIST] = "SELECT serial, revoked, reason, invalid"
			   " FROM forgotten WHERE issuer = $1 AND serial > $2"
			   " ORDER BY serial LIMIT $3",
    [SQL_META_FIND] = "SELECT value FROM meta WHERE name = $1",
    [SQL_META_PUT] = "INSERT INTO meta (name, value) VALUES ($1, $2)"
		     " ON CONFLICT (name) DO UPDATE SET value = $2",
    [SQL_META_DROP] = "DELETE FROM meta WHERE name = $1",

    [SQL_CERT_LAST] =
	"SELECT id, issued FROM certificate ORDER BY id DESC LIMIT 1",
    [SQL_CERT_NEXT] = "SELECT coalesce(max(id), 0) + 1 FROM certificate",
    [SQL_CERT_SHA256] = "SELECT " COLUMNS " FROM certificate"
			" WHERE sha256_head = $1 AND sha256 = $2"
			" ORDER BY id DESC LIMIT 1",
    [SQL_CERT_SERIAL] = "SELECT " COLUMNS " FROM certificate"
			" WHERE serial = $1 ORDER BY id DESC LIMIT 1",
    [SQL_CERT_ID] = "SELECT " COLUMNS " FROM certificate WHERE id = $1",
    [SQL_CERT_STANDING] =
	"SELECT status, reason, revoked, not_after FROM certificate"
	" WHERE serial = $1 AND issuer = $2 LIMIT 1",
    [SQL_CERT_CLASH] = "SELECT 1 FROM certificate"
		       " WHERE serial = $1 AND issuer = $2 LIMIT 1",
    /* The newest answer to this very request; older ones do not count. */
    [SQL_CERT_REPEAT] = "SELECT der, csr_sha256, status, not_after, issued"
			" FROM certificate WHERE spki_head = $1"
			" AND compromised IN (0, 1) AND request_head = $2"
			" AND request_key = $3 ORDER BY id DESC LIMIT 1",
    [SQL_CERT_KEY] = "SELECT owner, subject_hash, compromised"
		     " FROM certificate"
		     " WHERE spki_head = $1 AND spki_sha256 = $2"
		     " ORDER BY compromised DESC LIMIT 1",
    [SQL_CERT_ANSWER] = "SELECT " COLUMNS " FROM certificate"
			" WHERE operation = 'serverkeygen'"
			" AND request_head = $1 AND request_key = $2"
			" ORDER BY id DESC LIMIT 1",
    [SQL_CERT_NAME] = "SELECT owner, sha256 FROM certificate"
		      " WHERE subject_head = $1 AND status IN (0, 2)"
		      " AND not_after >= $2 AND subject_hash = $3 LIMIT $4",
    [SQL_CERT_NAMED] = "SELECT der FROM certificate"
		       " WHERE subject_head = $1 AND status = 0"
		       " AND not_after >= $2 AND subject_hash = $3"
		       " AND owner = $4 LIMIT $5",
    [SQL_CERT_DEVICE] = "SELECT owner FROM certificate"
			" WHERE device = $1 AND status IN (0, 2)"
			" AND not_after >= $2 LIMIT $3",
    [SQL_CERT_INSERT] = "INSERT INTO certificate (" COLUMNS
			", sha256_head, spki_head, subject_head,"
			" request_head, compromised)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
			" $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,"
			" $21, $22, $23, $24, $25, $26, $27, $28, $29)",
    [SQL_CERT_REVOKE] = "UPDATE certificate SET status = $1, reason = $2,"
			" revoked = $3, invalid = $4, compromised = $5"
			" WHERE id = $6",
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
    [SQL_CERT_DEVICE_GOOD] = "SELECT " COLUMNS " FROM certificate"
			     " WHERE device = $1 AND status = 0"
			     " AND not_after >= $2 ORDER BY id DESC LIMIT $3",
    [SQL_CERT_DEVICE_LAST] = "SELECT " COLUMNS " FROM certificate"
			     " WHERE device = $1 ORDER BY id DESC LIMIT 1",
    [SQL_CERT_DEVICES] = "SELECT DISTINCT device FROM certificate"
			 " WHERE device > $1 ORDER BY device LIMIT $2",
    /* Of the newest only: there is no index of issuers. */
    [SQL_CERT_ISSUERS] =
	"SELECT DISTINCT issuer FROM (SELECT issuer FROM certificate"
	" WHERE id > (SELECT max(id) FROM certificate) - $1"
	" AND status <> 1 AND not_after >= $2) AS newest LIMIT $3",
    [SQL_CERT_COUNT] = "SELECT count(*) FROM certificate",
    [SQL_CERT_LIVE] = "SELECT count(*) FROM certificate"
		      " WHERE status <> 1 AND not_after >= $1",
    [SQL_CERT_REVOKED] = "SELECT count(*) FROM certificate WHERE status = 1",

    [SQL_CERT_REVOKED_LIST] =
	"SELECT id, serial, revoked, reason, status, not_after, invalid"
	" FROM certificate"
	" WHERE issuer = $1 AND id > $2 AND status <> 0 AND not_after >= $3"
	" ORDER BY id LIMIT $4",

    [SQL_CERT_STATUS] = "SELECT status, reason FROM certificate"
			" WHERE serial = $1 ORDER BY id DESC LIMIT 1",
    [SQL_CERT_OFF] = "SELECT issuer, id, serial FROM certificate"
		     " WHERE status <> 0 AND (issuer, id) > ($1, $2)"
		     " ORDER BY issuer, id LIMIT $3",

    /* Not the newest of all, which the clock and the numbers go by, nor the
     * newest of a device, by which the cloud's entry is, nor one that waits to
     * be revoked. */
    [SQL_RETIRE_PICK] =
	"SELECT " COLUMNS " FROM certificate AS c"
	" WHERE (not_after, id) > ($1, $2) AND not_after < $3"
	" AND id < (SELECT max(id) FROM certificate)"
	" AND (device IS NULL OR EXISTS (SELECT 1 FROM certificate AS n"
	" WHERE n.device = c.device AND n.id > c.id))"
	" AND NOT EXISTS (SELECT 1 FROM replaced WHERE successor = c.id)"
	" ORDER BY not_after, id LIMIT $4",
    [SQL_RETIRE_IS] = "SELECT 1 FROM certificate"
		      " WHERE id = $1 AND sha256 = $2",
    [SQL_RETIRE_KEEP] =
	"INSERT INTO retired (id, shelf, place, status, reason, revoked,"
	" compromised, not_after, spki_head, sha256, spki_sha256,"
	" subject_hash, owner, serial, issuer)"
	" SELECT id, $1, $2, status, reason, revoked, compromised, not_after,"
	" spki_head, sha256, spki_sha256, subject_hash, owner, serial, issuer"
	" FROM certificate WHERE id = $3",
    [SQL_RETIRE_DROP] = "DELETE FROM certificate WHERE id = $1",
    /* The last one stays, so that no number comes twice. */
    [SQL_RETIRE_TOLD] =
	"DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox"
	" WHERE seq < $1 AND confirmed <> 0"
	" AND seq < (SELECT max(seq) FROM outbox) ORDER BY seq LIMIT $2)",
    [SQL_OUTBOX_FIRST_TOLD] =
	"SELECT seq FROM outbox WHERE seq < $1 AND confirmed <> 0"
	" AND seq < (SELECT max(seq) FROM outbox) ORDER BY seq LIMIT 1",
    [SQL_RETIRED_FIND] =
	"SELECT r.id, r.status, r.reason, r.revoked, r.not_after, r.sha256,"
	" r.issuer, r.place, s.id, s.path, s.sha256"
	" FROM retired AS r JOIN shelf AS s ON s.id = r.shelf"
	" WHERE r.serial = $1 ORDER BY r.id DESC LIMIT 1",
    [SQL_RETIRED_KEY] = "SELECT owner, subject_hash, compromised"
			" FROM retired"
			" WHERE spki_head = $1 AND spki_sha256 = $2"
			" ORDER BY compromised DESC LIMIT 1",
    [SQL_RETIRED_STANDING] =
	"SELECT status, reason, revoked, not_after FROM retired"
	" WHERE serial = $1 AND issuer = $2 LIMIT 1",
    [SQL_RETIRED_STATUS] = "SELECT status, reason FROM retired"
			   " WHERE serial = $1 ORDER BY id DESC LIMIT 1",
    [SQL_RETIRED_OFF] = "SELECT id, serial, issuer, revoked, reason, status,"
			" not_after FROM retired"
			" WHERE status <> 0 AND id > $1 ORDER BY id LIMIT $2",
    [SQL_RETIRED_COUNT] = "SELECT count(*) FROM retired WHERE shelf = $1",
    [SQL_RETIRED_SUM] = "SELECT CAST(coalesce(sum(certificates), 0) AS"
			" INTEGER) FROM shelf WHERE done = 1",
    [SQL_SHELF_LAST] = "SELECT id FROM shelf ORDER BY id DESC LIMIT 1",
    [SQL_SHELF_PUT] = "INSERT INTO shelf (id, path, sha256, certificates,"
		      " ended, made, done) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    [SQL_SHELF_DONE] = "UPDATE shelf SET done = 1 WHERE id = $1",
    [SQL_SHELF_LIST] = "SELECT id, path, sha256, certificates, ended, made,"
		       " done FROM shelf WHERE id > $1 ORDER BY id LIMIT $2",

    [SQL_BROWSE_ONE] = "SELECT " LOOKED FITS " AND id = $14",
    [SQL_BROWSE_UP] = "SELECT " LOOKED FITS
		      " AND id >= $14 AND id <= $15 ORDER BY id LIMIT $16",
    [SQL_BROWSE_DOWN] = "SELECT " LOOKED FITS " AND id >= $14 AND id <= $15"
			" ORDER BY id DESC LIMIT $16",
    [SQL_BROWSE_END_UP] =
	"SELECT " LOOKED FITS " AND (not_after, id) > ($14, $15)"
	" AND (not_after, id) <= ($16, $17) ORDER BY not_after, id LIMIT $18",
    [SQL_BROWSE_END_DOWN] =
	"SELECT " LOOKED FITS " AND (not_after, id) < ($14, $15)"
	" AND (not_after, id) >= ($16, $17)"
	" ORDER BY not_after DESC, id DESC LIMIT $18",
    /* Where a slice of so many ends; along the index alone. */
    [SQL_BROWSE_FAR_UP] =
	"SELECT not_after, id FROM certificate WHERE (not_after, id) > ($1, $2)"
	" AND not_after < $3 ORDER BY not_after, id LIMIT 1 OFFSET $4",
    [SQL_BROWSE_FAR_DOWN] = "SELECT not_after, id FROM certificate"
			    " WHERE (not_after, id) < ($1, $2)"
			    " AND not_after >= $3"
			    " ORDER BY not_after DESC, id DESC"
			    " LIMIT 1 OFFSET $4",
    [SQL_BROWSE_ISSUED] = "SELECT id, issued FROM certificate WHERE id >= $1"
			  " ORDER BY id LIMIT 1",
    /* notAfter where it is asked for: else no row is read. */
    [SQL_BROWSE_SERIAL] = "SELECT CASE WHEN $1 <> 0 THEN not_after ELSE 0 END,"
			  " id FROM certificate WHERE serial = $2 LIMIT $3",
    [SQL_BROWSE_SHA256] = "SELECT CASE WHEN $1 <> 0 THEN not_after ELSE 0 END,"
			  " id FROM certificate"
			  " WHERE sha256_head >= $2 AND sha256_head <= $3"
			  " LIMIT $4",
    [SQL_BROWSE_DEVICE] = "SELECT CASE WHEN $1 <> 0 THEN not_after ELSE 0 END,"
			  " id FROM certificate WHERE device = $2 LIMIT $3",
    [SQL_BROWSE_ENDS] = "SELECT not_after, id FROM certificate"
			" WHERE not_after >= $1 AND not_after < $2"
			" AND ($3 < 0 OR status = $3) LIMIT $4",
    [SQL_BROWSE_ISSUER] = "SELECT issuer FROM certificate"
			  " WHERE status <> 0 AND issuer > $1"
			  " ORDER BY issuer LIMIT 1",
    [SQL_BROWSE_REVOKED_UP] =
	"SELECT id, status FROM certificate WHERE status <> 0 AND issuer = $1"
	" AND id >= $2 AND id <= $3 ORDER BY id LIMIT $4",
    [SQL_BROWSE_REVOKED_DOWN] =
	"SELECT id, status FROM certificate WHERE status <> 0 AND issuer = $1"
	" AND id >= $2 AND id <= $3 ORDER BY id DESC LIMIT $4",
    [SQL_CENSUS_ENDS] = "SELECT count(*) FROM certificate WHERE status = 0"
			" AND not_after >= $1 AND not_after < $2",
    [SQL_CENSUS_STATUS] = "SELECT count(*) FILTER (WHERE status = 1),"
			  " count(*) FILTER (WHERE status = 2),"
			  " count(*) FILTER (WHERE not_after < $1"
			  " AND status = 2)"
			  " FROM certificate WHERE status <> 0",

    [SQL_AUDIT_LAST] = "SELECT seq, hash FROM audit"
		       " WHERE seq >= $1 AND seq <= $2"
		       " ORDER BY seq DESC LIMIT 1",
    [SQL_AUDIT_INSERT] = "INSERT INTO audit (seq, time, event, reason,"
			 " serial, hash, record)"
			 " VALUES ($1, $2, $3, $4, $5, $6, $7)",
    [SQL_AUDIT_LIST] = "SELECT seq, record, hash, time, event, reason, serial"
		       " FROM audit WHERE seq >= $1 AND seq <= $2"
		       " ORDER BY seq LIMIT $3",
    [SQL_AUDIT_FIRST] = "SELECT seq FROM audit WHERE seq >= $1 AND seq <= $2"
			" ORDER BY seq LIMIT 1",
    [SQL_AUDIT_LANE] = "SELECT seq FROM audit WHERE seq >= $1"
		       " ORDER BY seq LIMIT 1",
    [SQL_AUDIT_STANDING] = "SELECT seq, event, reason FROM audit"
			   " WHERE serial = $1 AND event <> 'issue'"
			   " AND event IN ('revoke', 'release')"
			   " ORDER BY seq DESC LIMIT 1",

    [SQL_AUDIT_TIME] = "SELECT time FROM audit WHERE seq = $1",
    [SQL_AUDIT_ISSUE] = "SELECT seq, record, serial FROM audit"
			" WHERE seq >= $1 AND seq <= $2 AND event = 'issue'"
			" ORDER BY seq LIMIT $3",
    [SQL_AUDIT_SERIAL] = "SELECT seq, record FROM audit WHERE serial = $1"
			 " AND event <> 'issue' ORDER BY seq LIMIT $2",

    [SQL_CRL_LAST] = "SELECT number, der FROM crl WHERE issuer = $1",
    [SQL_CRL_NUMBER] = "SELECT number FROM crl WHERE issuer = $1",
    [SQL_CRL_PUT] = "INSERT INTO crl (issuer, number, der) VALUES ($1, $2, $3)"
		    " ON CONFLICT (issuer) DO UPDATE SET number = $2, der = $3",

    /* One writes at a time: the last one of all will do. */
    [SQL_OUTBOX_LAST] = "SELECT seq FROM outbox WHERE $1 <> ''"
			" ORDER BY seq DESC LIMIT 1",
    [SQL_OUTBOX_INSERT] = "INSERT INTO outbox (seq, device, kind, certificate,"
			  " sha256, created, confirmed)"
			  " VALUES ($1, $2, $3, $4, $5, $6, 0)",
    [SQL_OUTBOX_COUNT] = "SELECT count(*) FROM outbox WHERE confirmed = 0",
    /* All but those of devices that wait, or are given up and have nothing
     * newer.  Who waits until after $3 was told so by a clock that was wrong. */
    [SQL_OUTBOX_OPEN] =
	"SELECT o.seq, o.device, o.created FROM outbox AS o"
	" LEFT JOIN delivery AS d ON d.device = o.device"
	" WHERE o.confirmed = 0 AND o.seq > $1 AND (d.device IS NULL"
	" OR ((d.dead = 0 OR o.seq > d.failed)"
	" AND (d.next <= $2 OR d.next > $3)))"
	" ORDER BY o.seq LIMIT $4",
    [SQL_OUTBOX_NEWEST] = "SELECT seq, kind FROM outbox"
			  " WHERE confirmed = 0 AND device = $1"
			  " ORDER BY seq DESC LIMIT 1",
    [SQL_OUTBOX_CONFIRM] = "UPDATE outbox SET confirmed = $1"
			   " WHERE confirmed = 0 AND device = $2"
			   " AND seq <= $3",

    [SQL_DELIVERY_FIND] = "SELECT confirmed, tries FROM delivery"
			  " WHERE device = $1",
    [SQL_DELIVERY_DONE] =
	"INSERT INTO delivery (device, confirmed, told, tries, next, dead,"
	" failed) VALUES ($1, $2, $3, 0, 0, 0, 0)"
	" ON CONFLICT (device) DO UPDATE SET confirmed = excluded.confirmed,"
	" told = excluded.told, tries = 0, next = 0, dead = 0, failed = 0,"
	" reason = NULL, said = NULL",
    [SQL_DELIVERY_FAIL] =
	"INSERT INTO delivery (device, confirmed, told, tries, next, dead,"
	" failed, reason, said) VALUES ($1, 0, 0, 1, $2, $3, $4, $5, $6)"
	" ON CONFLICT (device) DO UPDATE SET tries = delivery.tries + 1,"
	" next = excluded.next, dead = excluded.dead,"
	" failed = excluded.failed, reason = excluded.reason,"
	" said = excluded.said",
    [SQL_DELIVERY_RETRY] = "UPDATE delivery SET tries = 0, next = 0,"
			   " dead = 0, failed = 0, reason = NULL, said = NULL"
			   " WHERE device = $1",
    [SQL_DELIVERY_RETRY_ALL] = "UPDATE delivery SET tries = 0, next = 0,"
			       " dead = 0, failed = 0, reason = NULL,"
			       " said = NULL WHERE tries <> 0",
    [SQL_DELIVERY_WAITING] = "SELECT count(*) FROM delivery"
			     " WHERE tries <> 0",
    [SQL_DELIVERY_DEAD] = "SELECT count(*) FROM delivery"
			  " WHERE tries <> 0 AND dead <> 0",
    [SQL_DELIVERY_LIST] =
	"SELECT device, tries, next, dead, reason, said FROM delivery"
	" WHERE tries <> 0 AND device > $1 ORDER BY device LIMIT $2",

    [SQL_PENDING_LAST] = "SELECT id FROM pending ORDER BY id DESC LIMIT 1",
    [SQL_PENDING_FIND] = "SELECT " PENDING " FROM pending"
			 " WHERE request_head = $1 AND request_key = $2"
			 " ORDER BY id DESC LIMIT 1",
    [SQL_PENDING_ID] = "SELECT " PENDING " FROM pending WHERE id = $1",
    [SQL_PENDING_LIST] = "SELECT " PENDING " FROM pending"
			 " WHERE id > $1 ORDER BY id LIMIT $2",
    [SQL_PENDING_CSR] = "SELECT " PENDING " FROM pending"
			" WHERE csr_sha256 >= $1 AND csr_sha256 <= $2"
			" AND id > $3 ORDER BY id LIMIT $4",
    [SQL_PENDING_INSERT] =
	"INSERT INTO pending (" PENDING ", request_head)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
	" $14, $15, $16, $17, $18, $19, $20, $21, $22)",
    [SQL_PENDING_CHANGE] =
	"UPDATE pending SET state = $1, changed = $2, expires = $3,"
	" certificate = $4, decider = $5, note = $6 WHERE id = $7",
    /* An answer made anew does not make the approval last longer. */
    [SQL_PENDING_USE] =
	"UPDATE pending SET"
	" changed = CASE WHEN state = $1 THEN changed ELSE $2 END,"
	" expires = CASE WHEN state = $1 THEN expires ELSE $3 END,"
	" state = $1, certificate = $4 WHERE id = $5",
    [SQL_PENDING_GIVE_BACK] =
	"UPDATE pending SET state = $1, certificate = NULL"
	" WHERE request_head = $2 AND request_key = $3 AND certificate = $4",
    /* No more than the limit is looked at. */
    [SQL_PENDING_HOLDER] =
	"SELECT count(*) FROM (SELECT 1 FROM pending WHERE holder = $1"
	" AND state = 0 AND expires > $2 LIMIT $3) AS few",
    [SQL_PENDING_OPEN] = "SELECT count(*) FROM (SELECT 1 FROM pending"
			 " WHERE state = 0 AND expires > $1 LIMIT $2) AS few",
    [SQL_PENDING_DUE] = "SELECT " PENDING " FROM pending WHERE state = $1"
			" AND expires <= $2 ORDER BY expires LIMIT $3",
    [SQL_PENDING_DELETE] = "DELETE FROM pending WHERE id = $1",

    /* At the old one's end there is nothing left to revoke. */
    [SQL_REPLACED_INSERT] =
	"INSERT INTO replaced (successor, certificate, due)"
	" SELECT $1, id,"
	" CASE WHEN not_after < $2 THEN not_after + 1 ELSE $2 END"
	" FROM certificate"
	" WHERE sha256_head = $3 AND sha256 = $4 ORDER BY id DESC LIMIT 1",
    [SQL_REPLACED_DUE] = "SELECT due, successor, certificate FROM replaced"
			 " WHERE (due, successor) > ($1, $2) AND due <= $3"
			 " ORDER BY due, successor LIMIT $4",
    [SQL_REPLACED_FIND] = "SELECT due FROM replaced WHERE successor = $1",
    [SQL_REPLACED_SOONER] = "UPDATE replaced SET due = $1"
			    " WHERE successor = $2",
    [SQL_REPLACED_DROP] = "DELETE FROM replaced WHERE successor = $1",

    [SQL_SECRET_LAST] = "SELECT id FROM secret ORDER BY id DESC LIMIT 1",
    [SQL_SECRET_HASH] = "SELECT " SECRET " FROM secret WHERE hash = $1",
    [SQL_SECRET_ID] = "SELECT " SECRET " FROM secret WHERE id = $1",
    [SQL_SECRET_LIST] = "SELECT " SECRET " FROM secret"
			" WHERE id > $1 ORDER BY id LIMIT $2",
    [SQL_SECRET_OPEN] = "SELECT id FROM secret WHERE device = $1"
			" AND revoked = 0 AND endpoint = $2 AND used = 0"
			" LIMIT 1",
    [SQL_SECRET_DEVICE] = "SELECT id, revoked FROM secret WHERE device = $1"
			  " ORDER BY revoked LIMIT 1",
    [SQL_SECRET_INSERT] = "INSERT INTO secret (id, hash, endpoint, device,"
			  " created, expires, used, revoked, made_by)"
			  " VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7)",
    [SQL_SECRET_REVOKE] = "UPDATE secret SET revoked = $1 WHERE id = $2",
    [SQL_SECRET_REVOKE_OPEN] = "UPDATE secret SET revoked = $1"
			       " WHERE used = 0 AND revoked = 0",
    [SQL_SECRET_USE] = "UPDATE secret SET used = $1, request_key = $2,"
		       " certificate = $3 WHERE id = $4",
    [SQL_SECRET_GIVE_BACK] =
	"UPDATE secret SET used = 0, request_key = NULL, certificate = NULL"
	" WHERE id = $1 AND certificate = $2",
    /* The last one stays, so that no number comes twice. */
    [SQL_SECRET_TIDY] =
	"DELETE FROM secret WHERE id IN (SELECT id FROM secret"
	" WHERE expires < $1 AND id < (SELECT max(id) FROM secret)"
	" ORDER BY id LIMIT $2)",

    /* Whole tables, page by page behind a key, and as they were written:
     * transfer.c. */
    [SQL_COPY_META] = "SELECT name, value FROM meta WHERE name > $1"
		      " AND name <> 'schema' ORDER BY name LIMIT $2",
    [SQL_COPY_CERT] = "SELECT " COLUMNS ", sha256_head, spki_head,"
		      " subject_head, request_head, compromised"
		      " FROM certificate WHERE id > $1 ORDER BY id LIMIT $2",
    [SQL_COPY_AUDIT] = "SELECT seq, time, event, reason, serial, hash, record"
		       " FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
    [SQL_COPY_OUTBOX] = "SELECT seq, device, kind, certificate, sha256,"
			" created, confirmed FROM outbox WHERE seq > $1"
			" ORDER BY seq LIMIT $2",
    [SQL_COPY_DELIVERY] = "SELECT device, confirmed, told, tries, next, dead,"
			  " failed, reason, said FROM delivery"
			  " WHERE device > $1 ORDER BY device LIMIT $2",
    [SQL_COPY_PENDING] = "SELECT " PENDING ", request_head FROM pending"
			 " WHERE id > $1 ORDER BY id LIMIT $2",
    [SQL_COPY_REPLACED] = "SELECT successor, certificate, due FROM replaced"
			  " WHERE successor > $1 ORDER BY successor LIMIT $2",
    [SQL_COPY_FORGOTTEN] = "SELECT issuer, serial, revoked, reason, invalid"
			   " FROM forgotten WHERE (issuer, serial) > ($1, $2)"
			   " ORDER BY issuer, serial LIMIT $3",
    [SQL_COPY_SHELF] = "SELECT id, path, sha256, certificates, ended, made,"
		       " done FROM shelf WHERE id > $1 ORDER BY id LIMIT $2",
    [SQL_COPY_RETIRED] = "SELECT " RETIRED " FROM retired WHERE id > $1"
			 " ORDER BY id LIMIT $2",
    [SQL_COPY_SECRET] = "SELECT id, hash, endpoint, device, created, expires,"
			" used, revoked, request_key, certificate, made_by"
			" FROM secret WHERE id > $1 ORDER BY id LIMIT $2",
    [SQL_COPY_CRL] = "SELECT issuer, number, der FROM crl WHERE issuer > $1"
		     " ORDER BY issuer LIMIT $2",
    [SQL_PUT_OUTBOX] = "INSERT INTO outbox (seq, device, kind, certificate,"
		       " sha256, created, confirmed)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7)",
    [SQL_PUT_DELIVERY] = "INSERT INTO delivery (device, confirmed, told,"
			 " tries, next, dead, failed, reason, said)"
			 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    [SQL_PUT_REPLACED] = "INSERT INTO replaced (successor, certificate, due)"
			 " VALUES ($1, $2, $3)",
    [SQL_PUT_RETIRED] = "INSERT INTO retired (" RETIRED ")"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
			" $11, $12, $13, $14, $15)",
    [SQL_PUT_SECRET] = "INSERT INTO secret (id, hash, endpoint, device,"
		       " created, expires, used, revoked, request_key,"
		       " certificate, made_by)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    [SQL_ROWS_META] = "SELECT count(*) FROM meta",
    [SQL_ROWS_AUDIT] = "SELECT count(*) FROM audit",
    [SQL_ROWS_OUTBOX] = "SELECT count(*) FROM outbox",
    [SQL_ROWS_DELIVERY] = "SELECT count(*) FROM delivery",
    [SQL_ROWS_PENDING] = "SELECT count(*) FROM pending",
    [SQL_ROWS_REPLACED] = "SELECT count(*) FROM replaced",
    [SQL_ROWS_FORGOTTEN] = "SELECT count(*) FROM forgotten",
    [SQL_ROWS_SHELF] = "SELECT count(*) FROM shelf",
    [SQL_ROWS_RETIRED] = "SELECT count(*) FROM retired",
    [SQL_ROWS_SECRET] = "SELECT count(*) FROM secret",
    [SQL_ROWS_CRL] = "SELECT count(*) FROM crl",
    [SQL_NUMBERS_GO_ON] = "SELECT 1",
    [SQL_ANALYZE] = "SELECT 1",
};

const char *const sql_pgsql[SQL_COUNT] = {
    [SQL_CERT_NEXT] = "SELECT nextval('certificate_id')",
    [SQL_NUMBERS_GO_ON] = "SELECT setval('certificate_id',"
			  " (SELECT coalesce(max(id), 0) + 1"
			  " FROM certificate), false)",
    /* What a pair is compared with says nothing to its planner, which took
     * another index and sorted: a page of 50 read all ends. */
    [SQL_BROWSE_END_UP] =
	"SELECT " LOOKED FITS " AND not_after >= $14 AND not_after <= $16"
	" AND (not_after, id) > ($14, $15) AND (not_after, id) <= ($16, $17)"
	" ORDER BY not_after, id LIMIT $18",
    [SQL_BROWSE_END_DOWN] =
	"SELECT " LOOKED FITS " AND not_after <= $14 AND not_after >= $16"
	" AND (not_after, id) < ($14, $15) AND (not_after, id) >= ($16, $17)"
	" ORDER BY not_after DESC, id DESC LIMIT $18",
    /* Plans know how many rows there are, from the first one on. */
    [SQL_ANALYZE] = "ANALYZE",
    [SQL_OUTBOX_LAST] =
	"SELECT seq FROM (SELECT seq FROM outbox"
	" WHERE confirmed = 0 AND device = $1 UNION ALL"
	" SELECT confirmed FROM delivery WHERE device = $1) AS told"
	" ORDER BY seq DESC LIMIT 1",
};
