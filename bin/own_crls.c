/*
 * state/own/crls: the revocation lists of the CAs above, as upstream.crls has
 * their URLs.  Plain HTTP: a list is signed, so what comes is compared with the
 * CAs that we know.  What cannot be had leaves what there was.
 */
#include "bin/own.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/ca/issuers.h"
#include "lib/ca/upstream_crls.h"
#include "lib/net/http.h"

#define EVERY 3600 /* s: not asked for more often */

static void
add_all(STACK_OF(X509) * all, STACK_OF(X509) * some)
{
	if (X509_add_certs(
		all, some, X509_ADD_FLAG_UP_REF | X509_ADD_FLAG_NO_DUP) != 1)
		abort(); /* out of memory */
}

/* Whose lists are taken: those of our chains, and of the anchors. */
static STACK_OF(X509) * cas_of(const struct settings *settings)
{
	STACK_OF(X509) *cas = sk_X509_new_null(), *anchors = NULL;
	struct issuers *issuers = NULL;
	struct fail ignored = {0};

	if (cas == NULL)
		abort(); /* out of memory */
	if (issuers_read(&issuers, settings, &ignored) == 0)
		for (size_t i = 0; i < issuers->n; i++)
			add_all(cas, issuers->item[i]->authority->chain);
	if (own_anchors_read(&anchors, settings, &ignored) == 0)
		add_all(cas, anchors);
	issuers_free(issuers);
	sk_X509_pop_free(anchors, X509_free);
	return cas;
}

static int
get(struct bytes *text, const char *url, int64_t timeout, struct fail *why)
{
	const struct http_tls nobody = {.anyone = true};
	const struct http_request request = {
	    .url = url, .body_max = ABOVE_FILE_MAX, .plain = true};
	struct http_answer answer = {0};
	struct http *http;
	int rc = -1;

	if (http_open(&http, &nobody, (double)timeout, why) != 0)
		return -1;
	if (http_ask(&answer, http, &request, why) == 0) {
		if (answer.status == 200) {
			bytes_add(text, answer.body.data, answer.body.len);
			rc = 0;
		} else {
			(void)fail(why, FAIL_DENIED, "up-refused",
			    "the server says %d", answer.status);
		}
		http_answer_free(&answer);
	}
	http_close(http);
	return rc;
}

static bool
is_new(const char *path, int64_t now)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_mtime <= now &&
	       now - st.st_mtime < EVERY;
}

static int
fetch(const struct settings *settings, const char *url, const char *path,
    const STACK_OF(X509) * cas, struct fail *why)
{
	struct above *new = above_new(), *old = above_new();
	struct fail ignored = {0};
	struct bytes text = {0};
	int rc = -1;

	/* None is there yet, or it is of no use. */
	if (above_add_file(old, path, &ignored) != 0) {
		above_free(old);
		old = NULL;
	}
	if (get(&text, url, settings->upstream.timeout, why) == 0 &&
	    above_add(new, span_of(&text), why) == 0 &&
	    above_better(new, old, cas, when_now(), why) == 0)
		rc = file_write(path, span_of(&text), 0600, why);
	above_free(new);
	above_free(old);
	bytes_free(&text);
	return rc;
}

int
own_crls(const struct settings *settings, struct fail *why)
{
	const struct conf_strings *crls = &settings->upstream.crls;
	STACK_OF(X509) *cas = NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < crls->n; i++) {
		char *path = upstream_crls_path(settings, i);
		struct fail one = {0};

		if (upstream_crls_is_url(crls->text[i]) &&
		    !is_new(path, when_now())) {
			if (cas == NULL)
				cas = cas_of(settings);
			if (own_folder(settings, "own", why) != 0 ||
			    own_folder(settings, "own/crls", why) != 0)
				rc = -1;
			else if (fetch(settings, crls->text[i], path, cas,
				     &one) != 0)
				log_write(LOG_LEVEL_WARN, "%s: %s: %s",
				    crls->text[i], one.reason, one.text);
		}
		free(path);
	}
	sk_X509_pop_free(cas, X509_free);
	return rc;
}
