#include "bin/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "lib/base/file.h"
#include "lib/base/when.h"

static bool
in(const STACK_OF(X509) * all, const X509 *cert)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		if (X509_cmp(sk_X509_value(all, i), cert) == 0)
			return true;
	return false;
}

/* The same certificates: their order follows the active issuer at the time
 * they were written. */
static bool
same_certs(const char *is, const char *should)
{
	STACK_OF(X509) *a = NULL, *b = NULL;
	struct fail why = {0};
	bool same = cert_file_read(&a, is, &why) == 0 &&
	            cert_file_read(&b, should, &why) == 0 &&
	            sk_X509_num(a) == sk_X509_num(b);

	for (int i = 0; same && i < sk_X509_num(a); i++)
		same = in(b, sk_X509_value(a, i));
	sk_X509_pop_free(a, X509_free);
	sk_X509_pop_free(b, X509_free);
	return same;
}

static int
same(const char *is, const char *should, struct fail *why)
{
	struct bytes a = {0}, b = {0};
	int rc = -1;

	if (file_read(&a, is, TOOL_FILE_MAX, why) == 0 &&
	    file_read(&b, should, TOOL_FILE_MAX, why) == 0)
		rc = span_equal(span_of(&a), span_of(&b)) ||
		             (a.len == b.len && same_certs(is, should))
		         ? 0
		         : fail(why, FAIL_CONFIG, "published",
			       "%s is out of date: run microca install "
			       "published",
			       is);
	bytes_free(&a);
	bytes_free(&b);
	return rc;
}

/* Compare one file and remove the copy. */
static int
compare(char *is, char *should, int rc, struct fail *why)
{
	if (rc == 0)
		rc = same(is, should, why);
	(void)unlink(should);
	free(is);
	free(should);
	return rc;
}

static int
all_same(const struct settings *settings, const struct settings *copy, int rc,
    struct fail *why)
{
	const struct endpoint *e = settings->endpoints.item;
	size_t i;

	rc = compare(
	    settings_chain_path(settings), settings_chain_path(copy), rc, why);
	for (i = 0; i < settings->endpoints.n; i++)
		rc = compare(settings_bundle_path(settings, &e[i]),
		    settings_bundle_path(copy, &e[i]), rc, why);
	return rc;
}

int
check_published(const struct settings *settings, const struct issuers *issuers,
    struct fail *why)
{
	struct settings copy = *settings;
	int rc;

	copy.public_folder = str_fmt("%s/check.XXXXXX", settings->state);
	if (mkdtemp(copy.public_folder) == NULL) {
		fail(why, FAIL_BROKEN, "folder", "cannot make a folder in %s",
		    settings->state);
		rc = fail_errno(why, "mkdtemp");
	} else {
		rc = issuers_publish(&copy, issuers, when_now(), why);
		rc = all_same(settings, &copy, rc, why);
		(void)rmdir(copy.public_folder);
	}
	free(copy.public_folder);
	return rc;
}

static int
key_read(EVP_PKEY **key, const char *path, struct fail *why)
{
	struct bytes pem = {0};
	struct stat st;
	BIO *bio = NULL;
	char none[] = ""; /* no passphrase is asked for */

	*key = NULL;
	if (stat(path, &st) == 0 && (st.st_mode & 037) != 0)
		return fail(why, FAIL_CONFIG, "file-mode",
		    "%s has mode %04o: 0640 is the most", path,
		    (unsigned)st.st_mode & 07777);
	if (file_read(&pem, path, TOOL_FILE_MAX, why) == 0 &&
	    (bio = BIO_new_mem_buf(pem.data, (int)pem.len)) != NULL)
		*key = PEM_read_bio_PrivateKey(bio, NULL, NULL, none);
	BIO_free(bio);
	bytes_wipe(&pem);
	if (*key != NULL)
		return 0;
	if (why->kind == FAIL_NONE) {
		fail(why, FAIL_CONFIG, "server-key", "%s holds no key", path);
		fail_openssl(why, "PEM");
	}
	return -1;
}

static int
pair_ok(X509 *cert, const EVP_PKEY *key, int64_t now, struct fail *why)
{
	if (EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1)
		return fail(why, FAIL_CONFIG, "server-key",
		    "server.pem and server.key are no pair");
	if (cert_time_of(X509_get0_notBefore(cert)) > now ||
	    cert_time_of(X509_get0_notAfter(cert)) < now)
		return fail(why, FAIL_CONFIG, "server-time",
		    "server.pem is not valid now");
	return 0;
}

int
check_server(const struct settings *settings, int64_t now, struct fail *why)
{
	char *cert_path = file_path(settings->public_folder, "server.pem");
	char *key_path = file_path(settings->public_folder, "server.key");
	STACK_OF(X509) *certs = NULL;
	EVP_PKEY *key = NULL;
	int rc = -1;

	if (cert_file_read(&certs, cert_path, why) == 0 &&
	    key_read(&key, key_path, why) == 0)
		rc = pair_ok(sk_X509_value(certs, 0), key, now, why);
	EVP_PKEY_free(key);
	sk_X509_pop_free(certs, X509_free);
	free(cert_path);
	free(key_path);
	return rc;
}

static int
certs_ok(const char *path, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;
	int rc;

	if (path == NULL)
		return 0;
	rc = cert_file_read(&certs, path, why);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

static int
rule_ok(const struct allow *a, struct fail *why)
{
	struct bytes crl = {0};
	int rc = 0;

	if (certs_ok(a->issuer, why) != 0 ||
	    certs_ok(a->intermediates, why) != 0)
		return -1;
	if (a->crl != NULL)
		rc = file_read(&crl, a->crl, SIZE_MAX, why);
	bytes_free(&crl);
	return rc;
}

int
check_endpoint(const struct endpoint *e, struct fail *why)
{
	const struct allow *a = e->allow.item;
	size_t i;

	for (i = 0; i < e->allow.n; i++)
		if (rule_ok(&a[i], why) != 0)
			return fail_cause(why, "rule at %s", a[i].where);
	return 0;
}
