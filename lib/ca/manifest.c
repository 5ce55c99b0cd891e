#include "lib/ca/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/tar.h"
#include "lib/base/when.h"

#define FORMAT "microca-backup"
#define VERSION 1
#define MOST 10000 /* members, texts, … */

static void
texts_free(struct manifest_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		free(texts->item[i]);
	free(texts->item);
}

void
manifest_free(struct manifest *m)
{
	for (size_t i = 0; i < m->issuers; i++) {
		free(m->issuer[i].keyid);
		free(m->issuer[i].subject);
	}
	for (size_t i = 0; i < m->crls; i++)
		free(m->crl[i].keyid);
	for (size_t i = 0; i < m->members; i++)
		free(m->member[i].name);
	free(m->issuer);
	free(m->crl);
	free(m->member);
	free(m->program);
	texts_free(&m->left_out);
	texts_free(&m->never);
	memset(m, 0, sizeof(*m));
}

/* Room for one more, zero. */
#define MORE(list, n)                                                          \
	((list) = mem_grow((list), (n) + 1, sizeof(*(list))),                  \
	    memset(&(list)[n], 0, sizeof(*(list))), &(list)[(n)++])

void
manifest_add_member(struct manifest *m, const char *name, int64_t size,
    const uint8_t hash[SHA256_LEN])
{
	struct manifest_member *one = MORE(m->member, m->members);

	one->name = str_dup(name);
	one->size = size;
	memcpy(one->sha256, hash, SHA256_LEN);
}

void
manifest_add_crl(
    struct manifest *m, const char *keyid, int64_t number, int64_t next_update)
{
	struct manifest_crl *one = MORE(m->crl, m->crls);

	one->keyid = str_dup(keyid);
	one->number = number;
	one->next_update = next_update;
}

void
manifest_add_issuer(struct manifest *m, const char *keyid, const char *subject,
    int64_t not_after)
{
	struct manifest_issuer *one = MORE(m->issuer, m->issuers);

	one->keyid = str_dup(keyid);
	one->subject = str_dup(subject);
	one->not_after = not_after;
}

void
manifest_add_text(struct manifest_texts *texts, const char *text)
{
	char **one = MORE(texts->item, texts->n);

	*one = str_dup(text);
}

const struct manifest_member *
manifest_member(const struct manifest *m, const char *name)
{
	for (size_t i = 0; i < m->members; i++)
		if (strcmp(m->member[i].name, name) == 0)
			return &m->member[i];
	return NULL;
}

/* ---- written -------------------------------------------------------------------- */

static void
hash_put(struct json *j, const char *key, const uint8_t hash[SHA256_LEN])
{
	char text[2 * SHA256_LEN + 1];

	hex_write(text, (struct span){hash, SHA256_LEN}, false);
	json_str(j, key, text);
}

static struct json *
texts_json(const struct manifest_texts *texts)
{
	struct json *all = json_new_array();

	for (size_t i = 0; i < texts->n; i++)
		json_push_str(all, texts->item[i]);
	return all;
}

static struct json *
members_json(const struct manifest *m)
{
	struct json *all = json_new_array();

	for (size_t i = 0; i < m->members; i++) {
		struct json *one = json_new_object();

		json_str(one, "name", m->member[i].name);
		json_int(one, "size", m->member[i].size);
		hash_put(one, "sha256", m->member[i].sha256);
		json_push(all, one);
	}
	return all;
}

static struct json *
crls_json(const struct manifest *m)
{
	struct json *all = json_new_array();

	for (size_t i = 0; i < m->crls; i++) {
		struct json *one = json_new_object();

		json_str(one, "key_id", m->crl[i].keyid);
		json_int(one, "number", m->crl[i].number);
		json_time(one, "next_update", m->crl[i].next_update);
		json_push(all, one);
	}
	return all;
}

static struct json *
issuers_json(const struct manifest *m)
{
	struct json *all = json_new_array();

	for (size_t i = 0; i < m->issuers; i++) {
		struct json *one = json_new_object();

		json_str(one, "key_id", m->issuer[i].keyid);
		json_str(one, "subject", m->issuer[i].subject);
		json_time(one, "not_after", m->issuer[i].not_after);
		json_push(all, one);
	}
	return all;
}

void
manifest_write(struct bytes *out, const struct manifest *m)
{
	struct json *j = json_new_object(), *audit = json_new_object();
	struct json *rows = json_new_object();
	char *text;

	json_str(j, "format", FORMAT);
	json_int(j, "version", VERSION);
	json_str(j, "program", m->program);
	json_time(j, "made", m->made);
	json_int(j, "schema", m->schema);
	json_add(j, "issuers", issuers_json(m));
	json_int(audit, "records", m->records);
	hash_put(audit, "hash", m->hash);
	json_add(j, "audit", audit);
	json_int(rows, "certificates", m->certificates);
	json_int(rows, "live", m->live);
	json_int(rows, "revoked", m->revoked);
	json_int(rows, "outbox", m->outbox);
	json_add(j, "rows", rows);
	json_add(j, "crls", crls_json(m));
	json_add(j, "members", members_json(m));
	json_add(j, "left_out", texts_json(&m->left_out));
	json_add(j, "not_in_it", texts_json(&m->never));
	text = json_text(j, 2);
	bytes_adds(out, text);
	bytes_addc(out, '\n');
	free(text);
	json_free(j);
}

/* ---- read --------------------------------------------------------------------------- */

static int
bad(struct fail *why, const char *text)
{
	return fail(why, FAIL_MALFORMED, "manifest",
	    "the backup's manifest is not one of ours: %s", text);
}

struct reading {
	struct manifest *m;
	struct manifest_texts *texts;
	struct fail *why;
	size_t n;
};

static int
hash_take(uint8_t out[SHA256_LEN], const struct json *j, const char *key,
    struct fail *why)
{
	const char *text = json_str_of(j, key);
	struct bytes hash = {0};
	bool ok =
	    text != NULL && hex_read(&hash, text) && hash.len == SHA256_LEN;

	if (ok)
		memcpy(out, hash.data, SHA256_LEN);
	bytes_free(&hash);
	return ok ? 0 : bad(why, "a hash is none");
}

static int
time_take(int64_t *out, const struct json *j, const char *key, struct fail *why)
{
	const char *text = json_str_of(j, key);

	if (text == NULL || when_read(out, text, why) != 0)
		return bad(why, "a time is none");
	return 0;
}

static int
member_take(const char *key, const struct json *j, void *arg)
{
	struct reading *r = arg;
	const char *name = json_str_of(j, "name");
	int64_t size = json_int_of(j, "size", -1);
	uint8_t hash[SHA256_LEN];

	(void)key;
	if (++r->n > MOST)
		return bad(r->why, "there is too much of it");
	if (name == NULL || !tar_name_ok(name) ||
	    strcmp(name, MANIFEST_NAME) == 0)
		return bad(r->why, "a member's name is not allowed");
	if (manifest_member(r->m, name) != NULL)
		return bad(r->why, "a member is there twice");
	if (size < 0)
		return bad(r->why, "a size is none");
	if (hash_take(hash, j, "sha256", r->why) != 0)
		return -1;
	manifest_add_member(r->m, name, size, hash);
	return 0;
}

/* What is written into file names and lists. */
static bool
keyid_ok(const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text);

	return len > 0 && len <= 128 && strspn(text, "0123456789abcdef") == len;
}

static int
crl_take(const char *key, const struct json *j, void *arg)
{
	struct reading *r = arg;
	const char *keyid = json_str_of(j, "key_id");
	int64_t number = json_int_of(j, "number", -1), next;

	(void)key;
	if (++r->n > MOST || !keyid_ok(keyid) || number < 0)
		return bad(r->why, "a revocation list is none");
	if (time_take(&next, j, "next_update", r->why) != 0)
		return -1;
	manifest_add_crl(r->m, keyid, number, next);
	return 0;
}

static int
issuer_take(const char *key, const struct json *j, void *arg)
{
	struct reading *r = arg;
	const char *keyid = json_str_of(j, "key_id");
	const char *subject = json_str_of(j, "subject");
	int64_t not_after;

	(void)key;
	if (++r->n > MOST || !keyid_ok(keyid) || subject == NULL)
		return bad(r->why, "an issuer is none");
	if (time_take(&not_after, j, "not_after", r->why) != 0)
		return -1;
	manifest_add_issuer(r->m, keyid, subject, not_after);
	return 0;
}

static int
text_take(const char *key, const struct json *j, void *arg)
{
	struct reading *r = arg;
	char *text = json_type_of(j) == JSON_IS_TEXT ? json_scalar(j) : NULL;

	(void)key;
	if (++r->n > MOST || text == NULL) {
		free(text);
		return bad(r->why, "a text is none");
	}
	manifest_add_text(r->texts, text);
	free(text);
	return 0;
}

static int
list_take(struct manifest *m, struct manifest_texts *texts,
    const struct json *j, const char *key,
    int (*each)(const char *key, const struct json *value, void *arg),
    struct fail *why)
{
	struct reading r = {m, texts, why, 0};
	const struct json *list = json_of(j, key);

	if (list == NULL || json_type_of(list) != JSON_IS_ARRAY)
		return bad(why, "a list is missing");
	return json_each(list, each, &r);
}

static int
lists_take(struct manifest *m, const struct json *j, struct fail *why)
{
	if (list_take(m, NULL, j, "issuers", issuer_take, why) != 0 ||
	    list_take(m, NULL, j, "crls", crl_take, why) != 0 ||
	    list_take(m, NULL, j, "members", member_take, why) != 0 ||
	    list_take(m, &m->left_out, j, "left_out", text_take, why) != 0)
		return -1;
	return list_take(m, &m->never, j, "not_in_it", text_take, why);
}

static int
numbers_take(struct manifest *m, const struct json *j, struct fail *why)
{
	const struct json *audit = json_of(j, "audit"), *rows;

	rows = json_of(j, "rows");
	if (audit == NULL || json_type_of(audit) != JSON_IS_OBJECT ||
	    rows == NULL || json_type_of(rows) != JSON_IS_OBJECT)
		return bad(why, "its numbers are missing");
	m->schema = json_int_of(j, "schema", -1);
	m->records = json_int_of(audit, "records", -1);
	m->certificates = json_int_of(rows, "certificates", -1);
	m->live = json_int_of(rows, "live", -1);
	m->revoked = json_int_of(rows, "revoked", -1);
	m->outbox = json_int_of(rows, "outbox", -1);
	if (m->schema < 1 || m->records < 0 || m->certificates < 0 ||
	    m->live < 0 || m->revoked < 0 || m->outbox < 0)
		return bad(why, "a number is none");
	return hash_take(m->hash, audit, "hash", why);
}

static int
all_take(struct manifest *m, const struct json *j, struct fail *why)
{
	const char *format = json_str_of(j, "format");
	const char *program = json_str_of(j, "program");

	if (format == NULL || strcmp(format, FORMAT) != 0 || program == NULL)
		return bad(why, "it has another format");
	if (json_int_of(j, "version", 0) != VERSION)
		return bad(why, "a newer microca made it");
	m->program = str_dup(program);
	if (time_take(&m->made, j, "made", why) != 0 ||
	    numbers_take(m, j, why) != 0 || lists_take(m, j, why) != 0)
		return -1;
	if (manifest_member(m, MANIFEST_DATABASE) == NULL)
		return bad(why, "it names no database");
	return 0;
}

int
manifest_read(struct manifest *m, struct span text, struct fail *why)
{
	struct json *j = NULL;
	int rc;

	memset(m, 0, sizeof(*m));
	if (text.len > MANIFEST_MAX ||
	    memchr(text.data, '\0', text.len) != NULL)
		return bad(why, "it is no text");
	rc = json_read(&j, (const char *)text.data, why);
	if (rc == 0 && json_type_of(j) != JSON_IS_OBJECT)
		rc = bad(why, "it is no object");
	if (rc == 0)
		rc = all_take(m, j, why);
	json_free(j);
	if (rc != 0)
		manifest_free(m);
	return rc;
}
