#include "lib/cloud/heads.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/cloud/connector.h"
#include "lib/cloud/detached.h"
#include "lib/cloud/headfile.h"

#define TOKEN_WAIT 20.0 /* s */

void
heads_log(const struct checkpoint *cp)
{
	char *text = checkpoint_write(cp->head, cp->signature);
	char *line = str_fmt("audit head %s", text);

	log_syslog(line);
	free(line);
	free(text);
}

/* ---- one more ------------------------------------------------------------------ */

static int
key_wait(struct signer *signer, struct fail *why)
{
	if (signer->key != NULL)
		return key_ready(signer->key, TOKEN_WAIT, why);
	*why = signer->why;
	return -1;
}

static int
sign(struct checkpoint *cp, struct ca *ca, int64_t now, struct fail *why)
{
	struct signer *signer;
	EVP_PKEY *public = NULL, *lent = NULL;
	int rc = -1;

	if (ca_signer(&signer, ca, now, why) == 0 &&
	    key_wait(signer, why) == 0 &&
	    ca_key_ok(&public, ca, signer, why) == 0 &&
	    counter_look(ca, why) == 0 &&
	    key_lend(&lent, signer->key, why) == 0)
		rc = detached_sign(&cp->signature, span_str(cp->head), lent,
		    signer->issuer->authority->issuer, why);
	if (rc != 0 && lent != NULL) {
		struct fail token = {0};

		if (key_lent_state(lent, &token) != 0)
			*why = token;
	}
	EVP_PKEY_free(lent);
	EVP_PKEY_free(public);
	return rc;
}

static void
fill(struct checkpoint *cp, const struct settings *settings,
    const struct trail_ends *ends, int64_t now)
{
	memset(cp, 0, sizeof(*cp));
	cp->edge = str_dup(heads_edge(settings));
	cp->time = now;
	cp->certificates = ends->exact ? ends->end[0].certificates : 0;
	cp->n = ends->n;
	for (size_t i = 0; i < cp->n; i++) {
		cp->lane[i].lane = ends->lane[i];
		cp->lane[i].seq = ends->end[i].seq;
		hex_write(cp->lane[i].hash,
		    (struct span){ends->end[i].hash, SHA256_LEN}, false);
	}
	cp->head = checkpoint_head(cp);
}

/* Nothing new: for health, that somebody looked. */
static void
looked(const struct settings *settings)
{
	char *path =
	    str_fmt("%s/heads/%s", settings->state, heads_edge(settings));

	(void)utimensat(AT_FDCWD, path, NULL, 0);
	free(path);
}

int
heads_make(struct checkpoint *cp, bool *added, struct ca *ca, int64_t now,
    struct fail *why)
{
	struct trail_ends ends;
	bool found;

	*added = false;
	if (heads_last(cp, &found, ca->settings, why) != 0)
		return -1;
	if (store_trail_ends(ca->store, &ends, why) != 0) {
		if (found)
			checkpoint_free(cp);
		return -1;
	}
	if (found && heads_is_at(cp, &ends)) {
		looked(ca->settings);
		return 0;
	}
	if (found)
		checkpoint_free(cp);
	fill(cp, ca->settings, &ends, now);
	if (sign(cp, ca, now, why) == 0 &&
	    headfile_add(added, ca->settings->state, cp, true, now, why) == 0)
		return 0;
	checkpoint_free(cp);
	return -1;
}

int
heads_count(struct ca *ca, const struct checkpoint *cp, struct fail *why)
{
	struct counter c;
	struct fail no = {0};

	if (heads_counter(&c, cp, &no) == 0 &&
	    counter_advance(ca->settings, ca->store, ca->key, &c, &no) == 0)
		return 0;
	if (strcmp(no.reason, GUARD_BEHIND) == 0) {
		*why = no;
		return -1;
	}
	log_fail("the token keeps no counter of the audit", &no);
	return 0;
}

/* ---- the connector --------------------------------------------------------------- */

#define TOLD "head-told" /* what it was told last */

static bool
was_told(const char *path, const char *text)
{
	struct bytes told = {0};
	struct fail ignored = {0};
	bool same = file_read(&told, path, CHECKPOINT_MAX, &ignored) == 0 &&
	            span_equal(span_of(&told), span_str(text));

	bytes_free(&told);
	return same;
}

static int
tell(const struct settings *settings, const char *path, const char *text,
    struct fail *why)
{
	const struct key_place place = settings_key_place(settings);
	struct connector *connector = NULL;
	int rc = connector_open(&connector, &settings->cloud, &place, why);

	if (rc == 0)
		rc = connector_head(connector, text, why);
	connector_close(connector);
	return rc == 0 ? file_write(path, span_str(text), 0600, why) : rc;
}

int
heads_tell(const struct settings *settings, struct fail *why)
{
	struct checkpoint cp;
	char *path, *text;
	bool found;
	int rc;

	if (settings->cloud.mode != CLOUD_CONNECTOR)
		return 0;
	if ((rc = heads_last(&cp, &found, settings, why)) != 0 || !found)
		return rc;
	path = file_path(settings->state, TOLD);
	text = checkpoint_write(cp.head, cp.signature);
	if (!was_told(path, text))
		rc = tell(settings, path, text, why);
	free(text);
	free(path);
	checkpoint_free(&cp);
	return rc;
}
