/*
 * sql - the schema and every statement, written once.  Internal to lib/store.
 *
 * Parameters are $1, $2, … numbered in the order of their first appearance, so
 * that SQLite (which counts appearances) and PostgreSQL (which reads the
 * numbers) bind alike.
 */
#ifndef MICROCA_SQL_H
#define MICROCA_SQL_H

/* What meta's "schema" must say; raised with every change of the schema. */
#define SQL_VERSION 3

enum sql {
	SQL_VERSION_OF,
	SQL_CERT_LAST,
	SQL_CERT_SHA256,
	SQL_CERT_SERIAL,
	SQL_CERT_CLASH,
	SQL_CERT_REPEAT,
	SQL_CERT_KEY,
	SQL_CERT_ANSWER,
	SQL_CERT_NAME,
	SQL_CERT_NAMED,
	SQL_CERT_DEVICE,
	SQL_CERT_INSERT,
	SQL_CERT_REVOKE,
	SQL_CERT_LIST,
	SQL_CERT_DEVICE_GOOD,
	SQL_CERT_DEVICE_LAST,
	SQL_CERT_DEVICES,
	SQL_CERT_COUNT,
	SQL_CERT_LIVE,
	SQL_CERT_REVOKED,
	SQL_CERT_REVOKED_LIST,
	SQL_AUDIT_LAST,
	SQL_AUDIT_INSERT,
	SQL_AUDIT_LIST,
	SQL_OUTBOX_LAST,
	SQL_OUTBOX_INSERT,
	SQL_OUTBOX_COUNT,
	SQL_OUTBOX_OPEN,
	SQL_OUTBOX_NEWEST,
	SQL_OUTBOX_CONFIRM,
	SQL_DELIVERY_FIND,
	SQL_DELIVERY_DONE,
	SQL_DELIVERY_FAIL,
	SQL_DELIVERY_RETRY,
	SQL_DELIVERY_RETRY_ALL,
	SQL_DELIVERY_WAITING,
	SQL_DELIVERY_DEAD,
	SQL_DELIVERY_LIST,
	SQL_PENDING_LAST,
	SQL_PENDING_FIND,
	SQL_PENDING_ID,
	SQL_PENDING_LIST,
	SQL_PENDING_CSR,
	SQL_PENDING_INSERT,
	SQL_PENDING_CHANGE,
	SQL_PENDING_USE,
	SQL_PENDING_GIVE_BACK,
	SQL_PENDING_HOLDER,
	SQL_PENDING_OPEN,
	SQL_PENDING_DUE,
	SQL_PENDING_DELETE,
	SQL_SECRET_LAST,
	SQL_SECRET_HASH,
	SQL_SECRET_ID,
	SQL_SECRET_LIST,
	SQL_SECRET_OPEN,
	SQL_SECRET_DEVICE,
	SQL_SECRET_INSERT,
	SQL_SECRET_REVOKE,
	SQL_SECRET_USE,
	SQL_SECRET_GIVE_BACK,
	SQL_SECRET_TIDY,
	SQL_COUNT /* how many */
};

extern const char *const sql_text[SQL_COUNT];

/*
 * SQLite's schema: [n] are the statements, NULL-terminated, that make version
 * n + 1 out of version n, the last of them the one that says so in meta.  A new
 * database runs through all of them, so that it is the same as one that grew.
 */
extern const char *const *const sql_schema[SQL_VERSION];

#endif
