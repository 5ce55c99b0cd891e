#include "lib/store/rows.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fault.h"

void
record_free(struct record *r)
{
	free(r->serial);
	free(r->issuer);
	free(r->subject);
	free(r->san);
	bytes_free(&r->der);
	free(r->profile);
	free(r->endpoint);
	free(r->operation);
	free(r->requester);
	free(r->owner);
	free(r->device);
	memset(r, 0, sizeof(*r));
}

int64_t
hash_head(const uint8_t hash[SHA256_LEN])
{
	uint64_t head = 0;

	for (size_t i = 0; i < 8; i++)
		head = head << 8 | hash[i];
	return (int64_t)head;
}

void
hash_read(uint8_t out[SHA256_LEN], struct conn *c, enum sql id, int column)
{
	struct span s = db_octets(c, id, column);

	memset(out, 0, SHA256_LEN);
	if (s.len == SHA256_LEN)
		memcpy(out, s.data, SHA256_LEN);
}

/* The order of the columns is COLUMNS in sql.c. */
void
record_read(struct record *r, struct conn *c, enum sql id)
{
	struct span der = db_octets(c, id, 5);

	memset(r, 0, sizeof(*r));
	r->id = db_number(c, id, 0);
	r->serial = str_dup(db_text(c, id, 1));
	r->issuer = str_dup(db_text(c, id, 2));
	r->subject = str_dup(db_text(c, id, 3));
	r->san = str_dup(db_text(c, id, 4));
	bytes_add(&r->der, der.data, der.len);
	hash_read(r->sha256, c, id, 6);
	r->profile = str_dup(db_text(c, id, 7));
	r->endpoint = str_dup(db_text(c, id, 8));
	r->operation = str_dup(db_text(c, id, 9));
	r->requester = str_dup(db_text(c, id, 10));
	r->owner = str_dup(db_text(c, id, 11));
	r->device = str_dup(db_text(c, id, 12));
	hash_read(r->csr_sha256, c, id, 13);
	hash_read(r->spki_sha256, c, id, 14);
	hash_read(r->subject_hash, c, id, 15);
	hash_read(r->request_key, c, id, 16);
	r->not_before = db_number(c, id, 17);
	r->not_after = db_number(c, id, 18);
	r->issued = db_number(c, id, 19);
	r->status = (enum store_status)db_number(c, id, 20);
	r->reason = (int)db_number(c, id, 21);
	r->revoked = db_number(c, id, 22);
	r->invalid = db_number(c, id, 23);
}

static struct value
hash_value(const uint8_t hash[SHA256_LEN])
{
	return value_octets(hash, SHA256_LEN);
}

int
record_insert(
    struct conn *c, const struct record *r, int64_t id, struct fail *why)
{
	bool row;

	fault_point("store-certificate");
	return db_query(c, SQL_CERT_INSERT, &row,
	    VALUES(value_number(id), value_text(r->serial),
		value_text(r->issuer), value_text(r->subject),
		value_text(r->san), value_octets(r->der.data, r->der.len),
		hash_value(r->sha256), value_text(r->profile),
		value_text(r->endpoint), value_text(r->operation),
		value_text(r->requester),
		value_text(r->owner != NULL ? r->owner : ""),
		value_text(r->device), hash_value(r->csr_sha256),
		hash_value(r->spki_sha256), hash_value(r->subject_hash),
		hash_value(r->request_key), value_number(r->not_before),
		value_number(r->not_after), value_number(r->issued),
		value_number(r->status), value_number(r->reason),
		value_number(r->revoked), value_number(r->invalid),
		value_number(hash_head(r->sha256)),
		value_number(hash_head(r->spki_sha256)),
		value_number(hash_head(r->subject_hash)),
		value_number(hash_head(r->request_key)),
		value_number(r->status == STORE_REVOKED &&
			     r->reason == REASON_KEY_COMPROMISE)),
	    why);
}
