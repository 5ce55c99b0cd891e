#include "lib/cloud/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/conf.h"
#include "lib/base/json.h"
#include "lib/base/when.h"

char *
checkpoint_head(const struct checkpoint *cp)
{
	struct json *j = json_new_object(), *lanes = json_new_array();
	char *text;

	json_str(j, "edge", cp->edge);
	json_time(j, "time", cp->time);
	if (cp->certificates > 0)
		json_int(j, "certificates", cp->certificates);
	for (size_t i = 0; i < cp->n; i++) {
		struct json *lane = json_new_object();

		json_int(lane, "lane", cp->lane[i].lane);
		json_int(lane, "seq", cp->lane[i].seq);
		json_str(lane, "hash", cp->lane[i].hash);
		json_push(lanes, lane);
	}
	json_add(j, "lanes", lanes);
	text = json_text(j, 0);
	json_free(j);
	return text;
}

char *
checkpoint_write(const char *head, const char *signature)
{
	struct json *j = json_new_object();
	char *text;

	json_str(j, "schema", CHECKPOINT_SCHEMA);
	json_str(j, "head", head);
	json_str(j, "signature", signature);
	text = json_text(j, 0);
	json_free(j);
	return text;
}

/* ---- reading ------------------------------------------------------------- */

static int
not_ours(struct fail *why, const char *what)
{
	return fail(why, FAIL_MALFORMED, "schema",
	    CHECKPOINT_SCHEMA ": %s is missing or not as it should be", what);
}

static int
lane_each(const char *key, const struct json *value, void *arg)
{
	struct checkpoint *cp = arg;
	struct checkpoint_lane *lane = &cp->lane[cp->n];
	const char *hash = json_str_of(value, "hash");

	(void)key;
	if (cp->n == CHECKPOINT_LANES || hash == NULL ||
	    strlen(hash) != 2 * SHA256_LEN ||
	    strspn(hash, "0123456789abcdef") != 2 * SHA256_LEN)
		return 1;
	lane->lane = json_int_of(value, "lane", -1);
	lane->seq = json_int_of(value, "seq", -1);
	memcpy(lane->hash, hash, sizeof(lane->hash));
	/* Each lane once, by its number. */
	if (lane->lane < 0 || lane->seq < 0 ||
	    (cp->n > 0 && lane->lane <= lane[-1].lane))
		return 1;
	cp->n++;
	return 0;
}

static int
head_take(struct checkpoint *cp, struct fail *why)
{
	const struct json *lanes;
	const char *edge, *time;
	struct fail ignored = {0};
	struct json *j;
	int rc = 0;

	if (json_read(&j, cp->head, why) != 0)
		return -1;
	edge = json_str_of(j, "edge");
	time = json_str_of(j, "time");
	lanes = json_of(j, "lanes");
	cp->certificates = json_int_of(j, "certificates", 0);
	if (edge == NULL || !conf_is_name(edge))
		rc = not_ours(why, "edge");
	else if (time == NULL || strlen(time) != WHEN_LEN - 1 ||
		 when_read(&cp->time, time, &ignored) != 0)
		rc = not_ours(why, "time");
	else if (lanes == NULL || json_type_of(lanes) != JSON_IS_ARRAY ||
		 json_each(lanes, lane_each, cp) != 0 || cp->n == 0)
		rc = not_ours(why, "lanes");
	else
		cp->edge = str_dup(edge);
	json_free(j);
	return rc;
}

int
checkpoint_read(struct checkpoint *cp, const char *text, struct fail *why)
{
	const char *schema, *head;
	struct json *j;
	int rc;

	memset(cp, 0, sizeof(*cp));
	if (json_read(&j, text, why) != 0)
		return -1;
	schema = json_str_of(j, "schema");
	head = json_str_of(j, "head");
	cp->head = str_dup(head);
	cp->signature = str_dup(json_str_of(j, "signature"));
	if (schema == NULL || strcmp(schema, CHECKPOINT_SCHEMA) != 0)
		rc = not_ours(why, "schema");
	else if (head == NULL)
		rc = not_ours(why, "head");
	else
		rc = head_take(cp, why);
	json_free(j);
	if (rc != 0)
		checkpoint_free(cp);
	return rc;
}

void
checkpoint_free(struct checkpoint *cp)
{
	free(cp->edge);
	free(cp->head);
	free(cp->signature);
	memset(cp, 0, sizeof(*cp));
}

/* ---- one after the other ------------------------------------------------- */

static const struct checkpoint_lane *
lane_find(const struct checkpoint *cp, int64_t lane)
{
	for (size_t i = 0; i < cp->n; i++)
		if (cp->lane[i].lane == lane)
			return &cp->lane[i];
	return NULL;
}

static enum checkpoint_step
lane_step(char text[128], const struct checkpoint_lane *before,
    const struct checkpoint_lane *after)
{
	if (after == NULL) {
		(void)snprintf(text, 128,
		    "lane %" PRId64 ": no more, after %" PRId64, before->lane,
		    before->seq);
		return CHECKPOINT_BACK;
	}
	if (after->seq < before->seq) {
		(void)snprintf(text, 128,
		    "lane %" PRId64 ": %" PRId64 " after %" PRId64,
		    before->lane, after->seq, before->seq);
		return CHECKPOINT_BACK;
	}
	if (after->seq > before->seq)
		return CHECKPOINT_ON;
	if (strcmp(after->hash, before->hash) == 0)
		return CHECKPOINT_SAME;
	(void)snprintf(text, 128, "lane %" PRId64 ": another hash at %" PRId64,
	    before->lane, before->seq);
	return CHECKPOINT_FORK;
}

enum checkpoint_step
checkpoint_step(char text[128], const struct checkpoint *before,
    const struct checkpoint *after)
{
	enum checkpoint_step all = CHECKPOINT_SAME;

	text[0] = '\0';
	for (size_t i = 0; i < before->n; i++) {
		enum checkpoint_step step = lane_step(text, &before->lane[i],
		    lane_find(after, before->lane[i].lane));

		if (step >= CHECKPOINT_BACK)
			return step;
		if (step == CHECKPOINT_ON)
			all = step;
	}
	return after->n > before->n ? CHECKPOINT_ON : all;
}
