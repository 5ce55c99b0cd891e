/* microca audit export - a bundle that can be checked without us
 * (docs/audit.md, docs/audit-verify.c). */
#include "bin/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/cloud/heads.h"
#include "lib/store/trail.h"
#include "lib/ca/retired_file.h"

#define BUNDLE_SCHEMA "microca.audit/1"

struct bundle {
	struct ca *ca;
	struct heads *heads;
	FILE *to;
	struct trail_ends ends; /* the records that it ends with */
	int64_t last;           /* that of the lane that is written */
	bool certificates;
	struct audit_mark mark; /* the next head … */
	struct checkpoint cp;
	bool more; /* … there is one */
	int64_t records, told;
	struct fail *why;
	bool failed;
};

/* ---- lines ---------------------------------------------------------------------- */

static void
line(struct bundle *b, struct json *j)
{
	char *text = json_text(j, 0);

	(void)fprintf(b->to, "%s\n", text);
	free(text);
	json_free(j);
}

static void
line_der(struct bundle *b, const char *key, struct span der)
{
	struct json *j = json_new_object();
	struct bytes base64 = {0};

	base64_write(&base64, der, 0);
	base64.data[base64.len - 1] = '\0'; /* its LF */
	json_str(j, key, (const char *)base64.data);
	line(b, j);
	bytes_free(&base64);
}

static void
line_first(struct bundle *b)
{
	struct json *j = json_new_object();

	json_str(j, "schema", BUNDLE_SCHEMA);
	json_str(j, "edge", heads_edge(b->ca->settings));
	json_time(j, "time", when_now());
	line(b, j);
}

static void
line_end(struct bundle *b)
{
	struct json *j = json_new_object(), *end = json_new_object();

	json_int(end, "records", b->records);
	json_int(end, "heads", b->told);
	json_add(j, "end", end);
	line(b, j);
}

/* ---- who signed -------------------------------------------------------------------- */

static void
certificates_add(STACK_OF(X509) * all, const STACK_OF(X509) * some)
{
	for (int i = 0; i < sk_X509_num(some); i++) {
		X509 *x509 = sk_X509_value(some, i);

		if (sk_X509_find(all, x509) < 0 &&
		    (!X509_up_ref(x509) || !sk_X509_push(all, x509)))
			abort(); /* out of memory */
	}
}

static int
by_content(const X509 *const *a, const X509 *const *b)
{
	return X509_cmp(*a, *b);
}

static void
certificates_write(struct bundle *b, const STACK_OF(X509) * signers)
{
	const struct issuers *issuers = b->ca->issuers;
	STACK_OF(X509) *all = sk_X509_new(by_content);

	if (all == NULL)
		abort(); /* out of memory */
	certificates_add(all, signers);
	for (size_t i = 0; issuers != NULL && i < issuers->n; i++)
		certificates_add(all, issuers->item[i]->authority->chain);
	for (int i = 0; i < sk_X509_num(all); i++) {
		struct bytes der = {0};

		cert_der_add(&der, sk_X509_value(all, i));
		line_der(b, "certificate", span_of(&der));
		bytes_free(&der);
	}
	sk_X509_pop_free(all, X509_free);
}

/* ---- heads ---------------------------------------------------------------------------- */

static int
head_next(struct bundle *b)
{
	checkpoint_free(&b->cp);
	memset(&b->cp, 0, sizeof(b->cp));
	return heads_next(b->heads, &b->mark, &b->cp, &b->more, b->why);
}

/* Each once, in its first lane.  What the file says beside the head stays here:
 * "at", "result". */
static int
heads_write(struct bundle *b, int64_t seq)
{
	while (b->more && b->mark.seq <= seq) {
		char *text;

		if (b->cp.head != NULL && !b->mark.back && !b->mark.again) {
			text = checkpoint_write(b->cp.head, b->cp.signature);
			(void)fprintf(b->to, "%s\n", text);
			free(text);
			b->told++;
		}
		if (head_next(b) != 0)
			return -1;
	}
	return 0;
}

/* ---- records --------------------------------------------------------------------------- */

static int
retired_find(
    struct bundle *b, struct record *r, bool *found, const char *serial)
{
	const char *folder = b->ca->settings->retention.folder;
	struct retired it;

	if (serial == NULL)
		return 0;
	if (store_retired_find(b->ca->store, &it, found, serial, b->why) != 0)
		return -1;
	return *found ? retired_file_one(r, folder, &it, b->why) : 0;
}

static int
issued_write(struct bundle *b, const struct trail_row *row)
{
	struct bytes hash = {0};
	struct record r = {0};
	struct json *j = NULL;
	const char *hex;
	bool found = false;
	int rc = json_read(&j, row->record, b->why);

	if (rc == 0 && (hex = json_str_of(j, "cert_sha256")) != NULL &&
	    hex_read(&hash, hex) && hash.len == SHA256_LEN)
		rc = store_find(b->ca->store, &r, &found, hash.data, b->why);
	if (rc == 0 && !found)
		rc = retired_find(b, &r, &found, json_str_of(j, "serial"));
	if (rc == 0 && found)
		line_der(b, "issued", span_of(&r.der));
	json_free(j);
	record_free(&r);
	bytes_free(&hash);
	return rc;
}

static int
each(const struct trail_row *row, void *arg)
{
	struct bundle *b = arg;
	struct json *j;
	char hash[2 * SHA256_LEN + 1];

	if (row->seq > b->last)
		return 1;
	j = json_new_object();
	hex_write(hash, (struct span){row->hash, SHA256_LEN}, false);
	json_int(j, "lane", row->lane);
	json_int(j, "seq", row->seq);
	json_str(j, "hash", hash);
	json_str(j, "record", row->record);
	line(b, j);
	b->records++;
	b->failed = (b->certificates && strcmp(row->event, "issue") == 0 &&
			issued_write(b, row) != 0) ||
	            heads_write(b, row->seq) != 0;
	return b->failed || ferror(b->to);
}

/* ---- the whole -------------------------------------------------------------------------- */

/* With the heads, behind the records that they tell of. */
static int
lane_write(struct bundle *b, size_t i, struct fail *why)
{
	int64_t lane = b->ends.lane[i];

	b->last = b->ends.end[i].seq;
	if (heads_lane(b->heads, lane, why) != 0 || head_next(b) != 0 ||
	    store_trail(b->ca->store, lane, 0, each, b, why) != 0 ||
	    b->failed || heads_write(b, INT64_MAX) != 0)
		return -1;
	return 0;
}

static int
body_write(struct bundle *b, struct fail *why)
{
	for (size_t i = 0; i < b->ends.n; i++)
		if (lane_write(b, i, why) != 0)
			return -1;
	line_end(b);
	return 0;
}

static int
bundle_write(struct bundle *b, struct fail *why)
{
	STACK_OF(X509) *signers = NULL;
	int rc = -1;

	if (heads_signers(&signers, b->ca->settings, why) == 0 &&
	    heads_open(&b->heads, b->ca->settings, NULL, 0, signers, why) ==
		0) {
		line_first(b);
		certificates_write(b, signers);
		rc = body_write(b, why);
	}
	checkpoint_free(&b->cp);
	heads_close(b->heads);
	sk_X509_pop_free(signers, X509_free);
	return rc;
}

/* What was written is on the disk before it is called done. */
static int
stream_end(struct output *out, FILE *to, struct fail *why)
{
	struct stat st;
	bool bad = fflush(to) != 0 || ferror(to) != 0;

	if (!bad && fstat(fileno(to), &st) == 0 && S_ISREG(st.st_mode))
		bad = fsync(fileno(to)) != 0;
	if (bad) {
		fail(why, FAIL_BROKEN, "file", "cannot write %s",
		    out->path != NULL ? out->path : "standard output");
		return fail_errno(why, "write");
	}
	out->made = false;
	return 0;
}

static int
stream(struct bundle *b, struct output *out, struct fail *why)
{
	struct stat st;
	int fd = dup(out->fd), rc;

	if (fd < 0 || (b->to = fdopen(fd, "w")) == NULL ||
	    (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && out->path != NULL &&
		ftruncate(fd, 0) != 0)) {
		fail(why, FAIL_BROKEN, "file", "cannot write the bundle");
		return fail_errno(why, "open");
	}
	rc = bundle_write(b, why);
	if (rc == 0)
		rc = stream_end(out, b->to, why);
	(void)fclose(b->to);
	return rc;
}

/* Its end is signed, unless nobody can. */
static int
end_sign(struct bundle *b, bool no_head, struct fail *why)
{
	struct checkpoint cp;
	bool added;

	if (no_head)
		return store_trail_ends(b->ca->store, &b->ends, why);
	if (heads_make(&cp, &added, b->ca, when_now(), why) != 0)
		return -1;
	b->ends.n = cp.n;
	for (size_t i = 0; i < cp.n; i++) {
		b->ends.lane[i] = cp.lane[i].lane;
		b->ends.end[i].seq = cp.lane[i].seq;
	}
	if (added)
		heads_log(&cp);
	checkpoint_free(&cp);
	return 0;
}

int
audit_export(struct tool *tool, int argc, char **argv, struct fail *why)
{
	bool no_head = false;
	struct bundle b = {.why = why};
	const struct option_spec options[] = {
	    {"certificates", 0, OPTION_FLAG, &b.certificates, 0, 0, NULL},
	    {"no-head", 0, OPTION_FLAG, &no_head, 0, 0, NULL},
	};
	struct output out = {0};
	int rc = -1;

	if (options_read(options, 2, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0 ||
	    output_open(&out, argv[0], why) != 0)
		return -1;
	if (tool_ca(&b.ca, tool, no_head ? CA_STORE : CA_STORE | CA_KEY, why) ==
		0 &&
	    end_sign(&b, no_head, why) == 0)
		rc = stream(&b, &out, why);
	if (rc == 0)
		fprintf(stderr, "%lld records, %lld heads\n",
		    (long long)b.records, (long long)b.told);
	ca_drop(b.ca);
	output_close(&out);
	return rc;
}
