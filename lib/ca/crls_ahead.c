#include "lib/ca/crls.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/issuers_folder.h"
#include "lib/store/crl.h"

static int
number_known(
    int64_t *number, struct store *store, const char *keyid, struct fail *why)
{
	struct store_crl last;

	if (store_crl_last(store, &last, keyid, why) != 0)
		return -1;
	*number = last.number;
	store_crl_free(&last);
	return 0;
}

/* Whose it is, and whether that one signed it, is asked where it matters. */
static int
is_ours(bool *ours, const struct settings *settings, const char *keyid,
    struct fail *why)
{
	struct issuers *all = NULL;
	const struct issuer *issuer;
	X509_CRL *crl = NULL;

	if (issuers_present(&all, settings, why) != 0)
		return -1;
	issuer = all == NULL ? NULL : issuers_by_keyid(all, keyid, when_now());
	if (issuer != NULL)
		crl = crls_signed(settings, issuer);
	*ours = crl != NULL;
	X509_CRL_free(crl);
	issuers_free(all);
	return 0;
}

static int
one_look(struct crls_ahead *ahead, const struct settings *settings,
    struct store *store, const char *keyid, struct fail *why)
{
	struct crls_state list;
	struct fail no = {0};
	bool ours = false;

	if (number_known(&ahead->known, store, keyid, why) != 0)
		return -1;
	/* What is no list is health's affair. */
	if (ahead->known == 0 || crls_read(&list, settings, keyid, &no) != 0 ||
	    list.number <= ahead->known)
		return 0;
	if (is_ours(&ours, settings, keyid, why) != 0)
		return -1;
	ahead->number = list.number;
	if (ours)
		(void)snprintf(ahead->keyid, sizeof(ahead->keyid), "%s", keyid);
	return 0;
}

/* "KEYID.crl" */
static bool
keyid_of(char *keyid, size_t size, const char *name)
{
	size_t len = strspn(name, "0123456789abcdef");

	if (len == 0 || len >= size || strcmp(name + len, ".crl") != 0)
		return false;
	memcpy(keyid, name, len);
	keyid[len] = '\0';
	return true;
}

int
crls_ahead(struct crls_ahead *ahead, const struct settings *settings,
    struct store *store, struct fail *why)
{
	char keyid[sizeof(ahead->keyid)];
	char *folder = str_fmt("%s/crl", settings->public_folder);
	DIR *dir = opendir(folder);
	const struct dirent *e;
	int rc = 0;

	memset(ahead, 0, sizeof(*ahead));
	if (dir == NULL && errno != ENOENT) {
		(void)fail(why, FAIL_BROKEN, "file", "cannot read %s", folder);
		rc = fail_errno(why, "opendir");
	}
	while (rc == 0 && dir != NULL && ahead->keyid[0] == '\0' &&
	       (e = readdir(dir)) != NULL)
		if (keyid_of(keyid, sizeof(keyid), e->d_name))
			rc = one_look(ahead, settings, store, keyid, why);
	if (dir != NULL)
		(void)closedir(dir);
	free(folder);
	return rc;
}

int
crls_go_on(struct store *store, const struct crls_state *list,
    const char *requester, struct fail *why)
{
	struct audit entry = {.event = "crl", .requester = requester};
	int64_t known;
	bool taken = true;
	int rc = number_known(&known, store, list->keyid, why);

	if (rc != 0 || list->number <= known)
		return rc;
	entry.text = str_fmt("number %lld of key %s was published, of which "
			     "the database did not know: numbers go on from it",
	    (long long)list->number, list->keyid);
	rc = store_crl_add(store, &taken, list->keyid, known, list->number,
	    span_str(""), &entry, why);
	free((char *)entry.text);
	return rc;
}
