#include "lib/web/listed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/meter.h"
#include "lib/base/when.h"
#include "lib/ca/crls.h"
#include "lib/ca/issuers.h"
#include "lib/wire/cached.h"

#define PART 65536     /* octets that are in memory at once */
#define LIST_AGE 300   /* s that a cache may keep a list unasked, … */
#define CERT_AGE 86400 /* … and a certificate */
#define KEYID_MOST 128

struct work {
	struct edge *e;
	const struct ca *ca;
	const char *method, *path;
	bool head;
	const char *type; /* static */
	int fd;           /* of a list; -1: `der` */
	struct bytes der;
	int64_t size, modified; /* octets; Unix s, 0: not known */
	int age;                /* s */
	char etag[72];          /* with its quotes */
};

/* ---- what is asked for ------------------------------------------------------ */

/* /crl/KEYID.crl or /ca/KEYID.cer: lower hex and nothing else gets into a
 * file's name. */
static bool
keyid_take(char keyid[KEYID_MOST + 1], const char *path, const char *begin,
    const char *end)
{
	size_t len;

	if (strncmp(path, begin, strlen(begin)) != 0)
		return false;
	path += strlen(begin);
	len = strspn(path, "0123456789abcdef");
	if (len == 0 || len > KEYID_MOST || strcmp(path + len, end) != 0)
		return false;
	memcpy(keyid, path, len);
	keyid[len] = '\0';
	return true;
}

static int
absent(struct fail *why)
{
	return fail(
	    why, FAIL_ABSENT, "path", "nothing is served under this path");
}

static int
list_open(struct work *w, const char *keyid, struct fail *why)
{
	char *path = crls_path(w->ca->settings, keyid);
	struct stat st;

	w->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	free(path);
	if (w->fd < 0 && errno == ENOENT)
		return absent(why);
	if (w->fd < 0 || fstat(w->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		fail(why, FAIL_BROKEN, "file", "the list cannot be read");
		return fail_errno(why, "open");
	}
	w->type = "application/pkix-crl"; /* RFC 2585, 4.2 */
	w->size = st.st_size;
	w->modified = st.st_mtim.tv_sec;
	w->age = LIST_AGE;
	(void)snprintf(w->etag, sizeof(w->etag), "\"%llx-%llx-%lx\"",
	    (unsigned long long)st.st_ino,
	    (unsigned long long)st.st_mtim.tv_sec,
	    (unsigned long)st.st_mtim.tv_nsec);
	return 0;
}

static int
cert_open(struct work *w, const char *keyid, struct fail *why)
{
	const struct issuers *all = w->ca->issuers;
	const struct issuer *one =
	    all != NULL ? issuers_any_by_keyid(all, keyid, when_now()) : NULL;
	uint8_t sha[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	if (one == NULL)
		return absent(why);
	cert_der_add(&w->der, one->authority->issuer);
	sha256(sha, span_of(&w->der));
	hex_write(hex, (struct span){sha, SHA256_LEN}, false);
	(void)snprintf(w->etag, sizeof(w->etag), "\"%.32s\"", hex);
	w->type = "application/pkix-cert"; /* RFC 2585, 4.1 */
	w->size = (int64_t)w->der.len;
	w->age = CERT_AGE;
	return 0;
}

static int
find(struct work *w, struct fail *why)
{
	char keyid[KEYID_MOST + 1];

	w->method = env_find(w->e->env, "REQUEST_METHOD", NULL);
	w->e->path.len = 0;
	if (w->method == NULL || !request_path(&w->e->path, w->e->env))
		return fail(why, FAIL_CONFIG, "config",
		    "the web server's configuration does not fit this program");
	bytes_addc(&w->e->path, '\0');
	w->path = (const char *)w->e->path.data;
	w->head = strcmp(w->method, "HEAD") == 0;
	if (!w->head && strcmp(w->method, "GET") != 0)
		return fail(why, FAIL_METHOD, "method",
		    "RFC 9110, 15.5.6: this takes GET, HEAD");
	if (keyid_take(keyid, w->path, "/crl/", ".crl"))
		return list_open(w, keyid, why);
	if (keyid_take(keyid, w->path, "/ca/", ".cer"))
		return cert_open(w, keyid, why);
	return absent(why);
}

/* ---- the answer ------------------------------------------------------------- */

static void
head_write(struct bytes *out, const struct work *w, int status)
{
	char date[CACHED_DATE];

	bytes_addf(out,
	    "Status: %d \r\nETag: %s\r\nCache-Control: max-age=%d\r\n", status,
	    w->etag, w->age);
	if (w->modified != 0) {
		cached_date(date, w->modified);
		bytes_addf(out, "Last-Modified: %s\r\n", date);
	}
	if (status == 200)
		bytes_addf(out, "Content-Type: %s\r\nContent-Length: %lld\r\n",
		    w->type, (long long)w->size);
	bytes_adds(out, "X-Content-Type-Options: nosniff\r\n\r\n");
}

/* A list is replaced by another file and never changed, so its size stays. */
static int
file_send(struct work *w, const struct bytes *head)
{
	int64_t left = w->size;
	uint8_t *part = mem_new(PART);
	int rc = w->e->part(w->e, span_of(head));

	while (rc == 0 && left > 0) {
		ssize_t n = read(w->fd, part, PART);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || n > left) {
			w->e->broken = true;
			rc = -1;
			break;
		}
		left -= n;
		rc = left > 0
		         ? w->e->part(w->e, (struct span){part, (size_t)n})
		         : w->e->write(w->e, (struct span){part, (size_t)n});
	}
	free(part);
	return rc;
}

static int
found_send(struct work *w)
{
	const struct cached_ask ask = {
	    env_find(w->e->env, "HTTP_IF_NONE_MATCH", NULL),
	    env_find(w->e->env, "HTTP_IF_MODIFIED_SINCE", NULL)};
	int status = cached_still(&ask, w->etag, w->modified) ? 304 : 200;
	struct bytes out = {0};
	int rc;

	meter_status(status);
	head_write(&out, w, status);
	if (status == 200 && !w->head && w->fd >= 0 && w->size > 0) {
		rc = file_send(w, &out);
	} else {
		if (status == 200 && !w->head)
			bytes_add(&out, w->der.data, w->der.len);
		rc = w->e->write(w->e, span_of(&out));
	}
	bytes_free(&out);
	return rc;
}

static int
refusal_send(struct work *w, const struct fail *why)
{
	int status = fail_http(why->kind), rc;
	struct bytes out = {0}, text = {0};

	meter_count(METER_REFUSED, why->reason, NULL);
	meter_status(status);
	if (why->kind == FAIL_CONFIG || why->kind == FAIL_BROKEN)
		log_fail("a list is not served", why);
	bytes_addf(&text, "%s: %s\n", why->reason, why->text);
	bytes_addf(&out,
	    "Status: %d \r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Cache-Control: no-store\r\nContent-Length: %zu\r\n",
	    status, text.len);
	if (why->kind == FAIL_METHOD)
		bytes_adds(&out, "Allow: GET, HEAD\r\n");
	bytes_adds(&out, "\r\n");
	if (!w->head)
		bytes_add(&out, text.data, text.len);
	rc = w->e->write(w->e, span_of(&out));
	bytes_free(&out);
	bytes_free(&text);
	return rc;
}

void
listed_answer(
    void *own, struct ca *ca, const struct fail *trouble, struct edge *e)
{
	struct work w = {.e = e, .ca = ca, .fd = -1};
	struct fail why = {0};
	int rc;

	(void)own;
	(void)trouble;
	rc = find(&w, &why) == 0 ? found_send(&w) : refusal_send(&w, &why);
	if (rc != 0)
		log_write(LOG_LEVEL_INFO, "the answer was not delivered");
	if (w.fd >= 0)
		(void)close(w.fd);
	bytes_free(&w.der);
}
