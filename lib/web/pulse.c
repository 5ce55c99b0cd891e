#include "lib/web/pulse.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/store/pending.h"

static char *
word_of(int rc, const struct fail *why)
{
	return str_dup(rc == 0 ? "ok" : why->reason);
}

/* The key that signs, and the issuer it signs for. */
static void
signing_take(struct pulse *p, struct ca *ca, int64_t now)
{
	struct fail key = {0}, issuer = {0};
	struct signer *signer = NULL;
	EVP_PKEY *public = NULL;
	bool former = false;
	int rc;

	rc = ca_signer(&signer, ca, now, &issuer);
	if (rc == 0)
		former = signer->issuer != issuers_active(ca->issuers, now);
	p->issuer = former ? str_dup("issuer-former") : word_of(rc, &issuer);
	if (ca->key == NULL)
		rc = 0;
	else if (signer != NULL)
		rc = ca_key_ok(&public, ca, signer, &key);
	else
		rc = key_state(ca->key, &key);
	p->key = word_of(rc, &key);
	EVP_PKEY_free(public);
}

/* The keys of those to come: the first that is not usable. */
static char *
staged_of(struct ca *ca, int64_t now)
{
	struct fail why = {0};
	int rc = 0;

	for (size_t i = 0; ca->key != NULL && ca->issuers != NULL &&
			   i < ca->issuers->n && rc == 0;
	     i++) {
		EVP_PKEY *public = NULL;

		if (issuers_state(ca->issuers, ca->issuers->item[i], now) !=
		    ISSUER_STAGED)
			continue;
		rc = ca_key_ok(&public, ca, &ca->signer[i], &why);
		EVP_PKEY_free(public);
	}
	return word_of(rc, &why);
}

/* An endpoint without approval may have had some. */
static int64_t
waiting_of(struct ca *ca, int64_t now)
{
	struct fail ignored = {0};
	int64_t open = 0;

	if (ca->store != NULL)
		(void)!store_pending_count(ca->store, &open, now, &ignored);
	return open;
}

/* A store that is not well tells nothing of it. */
static char *
clock_of(struct ca *ca, int64_t now)
{
	struct fail why = {0};

	if (ca == NULL || ca->store == NULL ||
	    store_clock(ca->store, now, ca->settings->clock_slack, &why) == 0 ||
	    strcmp(why.reason, "clock") != 0)
		return str_dup("ok");
	return str_dup(why.reason);
}

void
pulse_take(struct pulse *p, struct ca *ca, int64_t now)
{
	struct fail store = {0};
	int rc;

	memset(p, 0, sizeof(*p));
	p->when = now;
	signing_take(p, ca, now);
	p->staged = staged_of(ca, now);
	rc = ca->store != NULL ? store_state(ca->store, &store) : 0;
	p->store = word_of(rc, &store);
	p->waiting = rc == 0 ? waiting_of(ca, now) : 0;
	p->clock = clock_of(rc == 0 ? ca : NULL, now);
}

bool
pulse_same(const struct pulse *a, const struct pulse *b)
{
	return a->key != NULL && b->key != NULL &&
	       strcmp(a->key, b->key) == 0 && strcmp(a->store, b->store) == 0 &&
	       strcmp(a->issuer, b->issuer) == 0 &&
	       strcmp(a->staged, b->staged) == 0 &&
	       strcmp(a->clock, b->clock) == 0;
}

void
pulse_free(struct pulse *p)
{
	free(p->key);
	free(p->store);
	free(p->issuer);
	free(p->staged);
	free(p->clock);
	memset(p, 0, sizeof(*p));
}

static char *
pulse_path(const struct settings *s, const char *program)
{
	return str_fmt("%s/health-%s", s->run, program);
}

/* Renamed into place but not synced: it is rewritten soon enough. */
static int
replace(const char *path, const char *text, struct fail *why)
{
	char *tmp = str_fmt("%s.%ld", path, (long)getpid());
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = fd >= 0 ? write(fd, text, strlen(text)) : -1;
	int rc = 0;

	if (n != (ssize_t)strlen(text) || rename(tmp, path) != 0) {
		fail(why, FAIL_BROKEN, "file", "cannot write %s", path);
		rc = fail_errno(why, "write");
		if (fd >= 0)
			(void)unlink(tmp);
	}
	if (fd >= 0)
		(void)close(fd);
	free(tmp);
	return rc;
}

int
pulse_write(const struct settings *s, const char *program,
    const struct pulse *p, struct fail *why)
{
	struct json *j = json_new_object();
	char *path = pulse_path(s, program), *text;
	int rc;

	json_str(j, "program", program);
	json_int(j, "pid", getpid());
	json_int(j, "when", p->when);
	json_str(j, "key", p->key);
	json_str(j, "store", p->store);
	json_str(j, "issuer", p->issuer);
	json_str(j, "staged", p->staged);
	json_str(j, "clock", p->clock);
	json_int(j, "waiting", p->waiting);
	text = json_text(j, 0);
	rc = replace(path, text, why);
	free(text);
	json_free(j);
	free(path);
	return rc;
}

static char *
member_or(const struct json *j, const char *key, const char *other)
{
	const char *word = json_str_of(j, key);

	return str_dup(word != NULL ? word : other);
}

static char *
member(const struct json *j, const char *key)
{
	return member_or(j, key, "unknown");
}

int
pulse_read(struct pulse *p, const struct settings *s, const char *program,
    struct fail *why)
{
	char *path = pulse_path(s, program);
	struct bytes text = {0};
	struct json *j = NULL;
	int rc = -1;

	memset(p, 0, sizeof(*p));
	if (file_read(&text, path, 4096, why) != 0) {
		rc = why->kind == FAIL_ABSENT ? 0 : -1;
		goto out;
	}
	if (text.len == 0)
		bytes_addc(&text, ' ');
	if (json_read(&j, (const char *)text.data, why) != 0)
		goto out;
	p->when = json_int_of(j, "when", 0);
	p->key = member(j, "key");
	p->store = member(j, "store");
	p->issuer = member(j, "issuer");
	p->staged = member_or(j, "staged", "ok");
	p->clock = member_or(j, "clock", "ok");
	p->waiting = json_int_of(j, "waiting", 0);
	rc = 0;
out:
	json_free(j);
	bytes_free(&text);
	free(path);
	return rc;
}

void
pulse_remove(const struct settings *s, const char *program)
{
	char *path = pulse_path(s, program);

	(void)unlink(path);
	free(path);
}
