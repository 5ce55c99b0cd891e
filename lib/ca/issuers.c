#include "lib/ca/issuers_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/ca/upstream_crls.h"

#define FILE_MAX ((size_t)1024 * 1024)
#define RETRY_SECONDS 300

/* ---- one file ----------------------------------------------------------- */

static void
issuer_free(struct issuer *issuer)
{
	if (issuer == NULL)
		return;
	authority_free(issuer->authority);
	sk_X509_pop_free(issuer->extra, X509_free);
	free(issuer->key);
	free(issuer->path);
	free(issuer->serial);
	free(issuer);
}

static bool
self_signed(X509 *cert)
{
	return (X509_get_extension_flags(cert) & EXFLAG_SI) != 0 &&
	       X509_verify(cert, X509_get0_pubkey(cert)) == 1;
}

/* What follows the first self-signed certificate is no part of the chain. */
static STACK_OF(X509) * cut_extra(STACK_OF(X509) * certs)
{
	STACK_OF(X509) *extra = sk_X509_new_null();
	int i = 0;

	while (i < sk_X509_num(certs) && !self_signed(sk_X509_value(certs, i)))
		i++;
	i++;
	while (i < sk_X509_num(certs))
		if (!sk_X509_push(extra, sk_X509_delete(certs, i)))
			abort(); /* out of memory */
	return extra;
}

static int
head_line(struct issuer *issuer, const char *line, struct fail *why)
{
	if (strncmp(line, "Key: ", 5) == 0) {
		free(issuer->key);
		issuer->key = str_dup(line + 5);
	} else if (strncmp(line, "Activate: ", 10) == 0) {
		return when_read(&issuer->activate, line + 10, why);
	}
	return 0;
}

/* The lines before the first certificate. */
static int
head_read(struct issuer *issuer, struct bytes *text, struct fail *why)
{
	char *line, *rest;
	int rc = 0;

	bytes_addc(text, '\0');
	rest = (char *)text->data;
	while (rc == 0 && (line = strsep(&rest, "\n")) != NULL &&
	       strncmp(line, "-----BEGIN", 10) != 0)
		rc = head_line(issuer, line, why);
	return rc;
}

static int
certs_take(struct issuer *issuer, const char *path, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;
	int rc = cert_file_read(&certs, path, why);

	if (rc == 0) {
		issuer->extra = cut_extra(certs);
		rc = authority_make(&issuer->authority, certs, why);
	}
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

static int
issuer_read(struct issuer **out, const char *path, struct fail *why)
{
	struct issuer *issuer = mem_new(sizeof(*issuer));
	struct bytes text = {0};
	int rc = -1;

	issuer->activate = INT64_MIN;
	issuer->path = str_dup(path);
	if (file_read(&text, path, FILE_MAX, why) == 0 &&
	    head_read(issuer, &text, why) == 0 &&
	    certs_take(issuer, path, why) == 0) {
		issuer->serial =
		    cert_serial_text(issuer->authority->cert->serial);
		*out = issuer;
		rc = 0;
	} else {
		issuer_free(issuer);
		why->kind = FAIL_CONFIG;
		why->reason = "issuer-cert";
		fail_cause(why, "%s", path);
	}
	bytes_free(&text);
	return rc;
}

/* ---- all of them -------------------------------------------------------- */

static bool
known(const struct issuers *all, const struct issuer *issuer)
{
	for (size_t i = 0; i < all->n; i++)
		if (X509_cmp(all->item[i]->authority->issuer,
			issuer->authority->issuer) == 0)
			return true;
	return false;
}

/* No file is none to pass over: it may have been dropped meanwhile. */
static void
add_file(struct issuers *all, const char *path)
{
	struct issuer *issuer = NULL;
	struct fail why = {0};

	if (access(path, F_OK) != 0 && errno == ENOENT)
		return;
	if (issuer_read(&issuer, path, &why) != 0) {
		if (all->trouble.kind == FAIL_NONE)
			all->trouble = why;
		return;
	}
	if (known(all, issuer)) {
		issuer_free(issuer);
		return;
	}
	all->item = mem_grow(all->item, all->n + 1, sizeof(struct issuer *));
	all->item[all->n++] = issuer;
}

void
issuers_add_folder(struct issuers *all, const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);
		char *path;

		if (entry->d_name[0] == '.' || len < 5 ||
		    strcmp(entry->d_name + len - 4, ".pem") != 0)
			continue;
		path = file_path(folder, entry->d_name);
		add_file(all, path);
		free(path);
	}
	if (dir != NULL)
		(void)closedir(dir);
}

/* By activation; the rest only makes the order the same everywhere. */
static int
compare(const void *a, const void *b)
{
	const struct issuer *x = *(struct issuer *const *)a;
	const struct issuer *y = *(struct issuer *const *)b;

	if (x->activate != y->activate)
		return x->activate < y->activate ? -1 : 1;
	if (x->authority->not_before != y->authority->not_before)
		return x->authority->not_before < y->authority->not_before ? -1
		                                                           : 1;
	return memcmp(
	    x->authority->cert->sha256, y->authority->cert->sha256, SHA256_LEN);
}

static void
sort(struct issuers *all)
{
	if (all->n > 0)
		qsort(all->item, all->n, sizeof(struct issuer *), compare);
}

/* What is ours, too, is no peer's: nodes may share a key. */
static void
ours_drop(struct issuers *peers, const struct issuers *ours)
{
	size_t n = 0;

	for (size_t i = 0; i < peers->n; i++)
		if (known(ours, peers->item[i]))
			issuer_free(peers->item[i]);
		else
			peers->item[n++] = peers->item[i];
	peers->n = n;
}

static void
peers_read(struct issuers *all, const char *folder)
{
	struct issuers *peers;

	if (folder == NULL)
		return;
	peers = all->peers = mem_new(sizeof(*peers));
	if (access(folder, R_OK | X_OK) != 0) {
		fail(&peers->trouble, FAIL_CONFIG, "issuer-peers",
		    "ca.peers: the folder cannot be read");
		fail_cause(&peers->trouble, "%s: %s", folder, strerror(errno));
	}
	issuers_add_folder(peers, folder);
	ours_drop(peers, all);
	sort(peers);
	if (all->trouble.kind == FAIL_NONE)
		all->trouble = peers->trouble;
}

static void
look_above(struct issuers *all, const struct settings *settings)
{
	struct above *above =
	    upstream_crls_read(settings, when_now(), &all->above);

	for (size_t i = 0; i < all->n; i++)
		authority_look_above(all->item[i]->authority, above);
	above_free(above);
}

int
issuers_read(
    struct issuers **issuers, const struct settings *settings, struct fail *why)
{
	struct issuers *all = mem_new(sizeof(*all));
	char *first = settings_issuer_path(settings);
	char *folder = settings_issuers_path(settings);
	int rc = 0;

	add_file(all, first);
	issuers_add_folder(all, folder);
	if (all->n > 0) {
		sort(all);
		peers_read(all, settings->ca.peers);
		look_above(all, settings);
		*issuers = all;
	} else {
		if (all->trouble.kind != FAIL_NONE) {
			*why = all->trouble;
		} else {
			fail(why, FAIL_BUSY, "issuer-absent",
			    "this CA has no issuing certificate yet");
			fail_cause(why, "%s does not exist", first);
			fail_retry(why, RETRY_SECONDS);
		}
		issuers_free(all);
		rc = -1;
	}
	free(first);
	free(folder);
	return rc;
}

void
issuers_free(struct issuers *issuers)
{
	if (issuers == NULL)
		return;
	for (size_t i = 0; i < issuers->n; i++)
		issuer_free(issuers->item[i]);
	issuers_free(issuers->peers);
	free(issuers->item);
	free(issuers);
}

/* ---- asking ------------------------------------------------------------- */

static bool
valid(const struct issuer *issuer, int64_t now)
{
	return now >= issuer->authority->not_before &&
	       now < issuer->authority->not_after &&
	       issuer->authority->revoked.kind == FAIL_NONE;
}

const struct issuer *
issuers_active(const struct issuers *issuers, int64_t now)
{
	const struct issuer *last = issuers->item[0];

	for (size_t i = issuers->n; i > 0; i--)
		if (issuers->item[i - 1]->activate <= now &&
		    valid(issuers->item[i - 1], now))
			return issuers->item[i - 1];
	for (size_t i = 1; i < issuers->n; i++)
		if (issuers->item[i]->activate <= now)
			last = issuers->item[i];
	return last;
}

enum issuer_state
issuers_state(
    const struct issuers *issuers, const struct issuer *issuer, int64_t now)
{
	if (issuer == issuers_active(issuers, now))
		return ISSUER_ACTIVE;
	return issuer->activate > now ? ISSUER_STAGED : ISSUER_PAST;
}

const char *
issuer_state_word(enum issuer_state state)
{
	static const char *const words[] = {"past", "active", "staged"};

	return words[state];
}

const struct issuer *
issuers_by_keyid(const struct issuers *issuers, const char *keyid, int64_t now)
{
	const struct issuer *found = NULL;

	for (size_t i = 0; i < issuers->n; i++)
		if (strcmp(issuers->item[i]->authority->keyid, keyid) == 0 &&
		    (found == NULL || issuers->item[i]->activate <= now))
			found = issuers->item[i];
	return found;
}

const struct issuer *
issuers_any_by_keyid(
    const struct issuers *issuers, const char *keyid, int64_t now)
{
	const struct issuer *own = issuers_by_keyid(issuers, keyid, now);

	return own != NULL || issuers->peers == NULL
	           ? own
	           : issuers_by_keyid(issuers->peers, keyid, now);
}

const struct issuer *
issuers_find(const struct issuers *issuers, const char *keyid_or_serial)
{
	const struct issuer *found = NULL;
	size_t keyids = 0;

	for (size_t i = 0; i < issuers->n; i++) {
		const struct issuer *x = issuers->item[i];

		if (strcasecmp(x->serial, keyid_or_serial) == 0)
			return x;
		if (strcasecmp(x->authority->keyid, keyid_or_serial) == 0) {
			found = x;
			keyids++;
		}
	}
	return keyids == 1 ? found : NULL;
}

bool
issuers_have_name(const struct issuers *issuers, const X509_NAME *name)
{
	for (size_t i = 0; i < issuers->n; i++)
		if (authority_has_name(issuers->item[i]->authority, name))
			return true;
	return issuers->peers != NULL &&
	       issuers_have_name(issuers->peers, name);
}

bool
issuers_have_key(
    const struct issuers *issuers, const uint8_t spki_sha256[SHA256_LEN])
{
	for (size_t i = 0; i < issuers->n; i++)
		if (authority_has_key(issuers->item[i]->authority, spki_sha256))
			return true;
	return issuers->peers != NULL &&
	       issuers_have_key(issuers->peers, spki_sha256);
}

struct key_place
issuer_key_place(const struct issuer *issuer, const struct settings *settings)
{
	struct key_place place = settings_key_place(settings);

	if (issuer->key != NULL)
		place.uri = issuer->key;
	return place;
}
