#include "lib/ca/crls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>

#include "lib/base/file.h"
#include "lib/wire/crl.h"

/* A list says of itself what it is before and behind its entries: of a mapped
 * one only those pages are read.  A list is never changed in place. */
static int
ends_read(struct crls_state *state, int fd, struct fail *why)
{
	struct crl_info info;
	struct stat st;
	void *map;
	int rc;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    (uint64_t)st.st_size > CRLS_LIST_MAX)
		return fail(why, FAIL_BROKEN, "crl",
		    "%s is no revocation list: remove it", state->path);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED) {
		fail(why, FAIL_BROKEN, "file", "cannot read %s", state->path);
		return fail_errno(why, "mmap");
	}
	rc = crl_read(&info, (struct span){map, (size_t)st.st_size}, why);
	if (rc == 0) {
		state->number = info.number;
		state->this_update = info.this_update;
		state->next_update = info.next_update;
	} else {
		rc = fail(why, FAIL_BROKEN, "crl",
		    "%s is no revocation list: remove it", state->path);
	}
	(void)munmap(map, (size_t)st.st_size);
	return rc;
}

int
crls_read(struct crls_state *state, const struct settings *settings,
    const char *keyid, struct fail *why)
{
	char *path = crls_path(settings, keyid);
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	*state = (struct crls_state){.keyid = keyid, .path = path};
	if (fd >= 0) {
		rc = ends_read(state, fd, why);
		(void)close(fd);
	} else if (errno != ENOENT) {
		fail(why, FAIL_BROKEN, "file", "cannot read %s", path);
		rc = fail_errno(why, "open");
	}
	state->path = NULL;
	free(path);
	return rc;
}

X509_CRL *
crls_of_key(struct span der, EVP_PKEY *key)
{
	const uint8_t *p = der.data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.len);

	if (crl != NULL &&
	    (p != der.data + der.len || X509_CRL_verify(crl, key) != 1)) {
		X509_CRL_free(crl);
		crl = NULL;
	}
	ERR_clear_error();
	return crl;
}

X509_CRL *
crls_signed(const struct settings *settings, const struct issuer *issuer)
{
	char *path = crls_path(settings, issuer->authority->keyid);
	struct bytes der = {0};
	struct fail no = {0};
	X509_CRL *crl = NULL;

	if (file_read(&der, path, CRLS_LIST_MAX, &no) == 0)
		crl = crls_of_key(span_of(&der), issuer->authority->key);
	bytes_free(&der);
	free(path);
	return crl;
}

/* All lists that should be there: of every key that has issued and goes on. */
int
crls_health(const struct settings *settings, const struct issuers *all,
    int64_t now, struct fail *why)
{
	for (size_t i = 0; all != NULL && i < all->n; i++) {
		const struct issuer *one = all->item[i];
		struct crls_state state;

		if (one->authority->not_after <= now ||
		    issuers_state(all, one, now) == ISSUER_STAGED)
			continue;
		if (crls_read(&state, settings, one->authority->keyid, why) !=
		    0)
			return -1;
		if (state.number == 0)
			return fail(why, FAIL_BUSY, "crl-absent",
			    "key %s has no revocation list: microca crl",
			    one->authority->keyid);
		if (now >= state.next_update)
			return fail(why, FAIL_BUSY, "crl-ended",
			    "the revocation list of key %s has ended: microca "
			    "crl",
			    one->authority->keyid);
		if (now >= state.this_update +
			       (state.next_update - state.this_update) / 4 * 3)
			return fail(why, FAIL_BUSY, "crl-due",
			    "the revocation list of key %s should be another "
			    "by now: does `microca crl` run?",
			    one->authority->keyid);
	}
	return 0;
}

/* As the responder's: a profile names a place of it, or one was made. */
bool
crls_wanted(const struct settings *settings)
{
	const struct profile *p = settings->profiles->list.item;
	char *folder = str_fmt("%s/crl", settings->public_folder);
	bool wanted = access(folder, F_OK) == 0;

	for (size_t i = 0; i < settings->profiles->list.n && !wanted; i++)
		wanted = p[i].crl_urls.n > 0;
	free(folder);
	return wanted;
}
