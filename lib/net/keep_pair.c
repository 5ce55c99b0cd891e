#include "lib/net/keep_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/wire/cert.h"

#define URI_MAX 4096

/* One line, without its end. */
static int
line_read(char **line, const char *path, struct fail *why)
{
	struct bytes text = {0};
	int rc = file_read(&text, path, URI_MAX, why);

	*line = NULL;
	if (rc == 0) {
		while (text.len > 0 && (text.data[text.len - 1] == '\n' ||
					   text.data[text.len - 1] == '\r'))
			text.len--;
		*line =
		    mem_dup(text.data != NULL ? text.data : (const uint8_t *)"",
			text.len);
	}
	bytes_free(&text);
	return rc;
}

static int
place_find(
    struct keep_pair *pair, const char *folder, unsigned n, struct fail *why)
{
	char *path;
	int rc = 0;

	if (keep_has(folder, n, KEEP_URI)) {
		path = keep_file(folder, n, KEEP_URI);
		rc = line_read(&pair->key_place, path, why);
		free(path);
	} else {
		pair->key_place = keep_file(folder, n, KEEP_KEY);
		if (!keep_has(folder, n, KEEP_KEY))
			rc = fail(why, FAIL_BROKEN, "pair", "there is no %s",
			    pair->key_place);
	}
	return rc;
}

static int
chain_read(
    struct keep_pair *pair, const char *folder, unsigned n, struct fail *why)
{
	char *path = keep_file(folder, n, KEEP_CHAIN);
	int rc = cert_file_read(&pair->chain, path, why);

	free(path);
	if (rc != 0)
		return -1;
	pair->leaf = sk_X509_value(pair->chain, 0);
	pair->not_before = cert_time_of(X509_get0_notBefore(pair->leaf));
	pair->not_after = cert_time_of(X509_get0_notAfter(pair->leaf));
	return 0;
}

int
keep_pair_at(
    struct keep_pair **pair, const char *folder, unsigned n, struct fail *why)
{
	struct keep_pair *p = mem_new(sizeof(*p));

	*pair = NULL;
	p->folder = keep_generation(folder, n);
	if (place_find(p, folder, n, why) != 0 ||
	    chain_read(p, folder, n, why) != 0) {
		fail_cause(why, "%s", why->text);
		fail(why, FAIL_BROKEN, "pair",
		    "%s is not a whole pair: FOLDER/previous may be",
		    p->folder);
		keep_pair_free(p);
		return -1;
	}
	*pair = p;
	return 0;
}

int
keep_pair_read(struct keep_pair **pair, const char *folder, struct fail *why)
{
	unsigned n;

	*pair = NULL;
	if (keep_link_read(&n, folder, "current", why) != 0)
		return -1;
	return n == 0 ? 0 : keep_pair_at(pair, folder, n, why);
}

void
keep_pair_free(struct keep_pair *pair)
{
	if (pair == NULL)
		return;
	free(pair->folder);
	free(pair->key_place);
	sk_X509_pop_free(pair->chain, X509_free);
	free(pair);
}

/* ---- what was refused --------------------------------------------------- */

static void
pem_add(struct bytes *out, const X509 *cert)
{
	struct bytes der = {0};

	cert_der_add(&der, cert);
	cert_pem_write(out, span_of(&der));
	bytes_free(&der);
}

void
keep_reject(const char *folder, X509 *leaf, const STACK_OF(X509) * others,
    const struct fail *why)
{
	char *dir = file_path(folder, "rejected");
	char *cert = file_path(dir, KEEP_CERT), *text = file_path(dir, "why");
	struct bytes pem = {0}, line = {0};
	struct fail ignored = {0};
	char now[WHEN_LEN];
	int i;

	pem_add(&pem, leaf);
	for (i = 0; i < sk_X509_num(others); i++)
		pem_add(&pem, sk_X509_value(others, i));
	when_write(now, when_now());
	bytes_addf(&line, "%s %s: ", now, why->reason);
	text_escape(&line, span_str(why->text));
	bytes_addc(&line, '\n');
	if (mkdir(dir, 0755) == 0 || errno == EEXIST) {
		(void)!file_write(cert, span_of(&pem), 0644, &ignored);
		(void)!file_write(text, span_of(&line), 0644, &ignored);
	}
	bytes_free(&line);
	bytes_free(&pem);
	free(text);
	free(cert);
	free(dir);
}
