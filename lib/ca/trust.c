#include "lib/ca/trust.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/base/file.h"
#include "lib/base/when.h"

#define AUTH_LEVEL 2 /* 112 bits: RSA 2048, SHA-256 */
#define DEPTH_MOST 8
#define CRL_SIZE_MOST (64 << 20)

struct trust {
	STACK_OF(X509) * anchors, *intermediates;
	const char *crl_path; /* borrowed from the rule; NULL: none */
	pthread_mutex_t lock; /* of all below */
	X509_STORE *store;
	struct timespec changed; /* of the CRL file that is in `store` */
	off_t size;
	ino_t inode;
	unsigned generation;
	int64_t next_update; /* the earliest of the CRLs */
};

static int
broken(struct fail *why, const char *what)
{
	fail(why, FAIL_BROKEN, "build", "cannot set up client validation");
	return fail_openssl(why, "%s", what);
}

static int
store_make(X509_STORE **store, const struct trust *t, struct fail *why)
{
	X509_STORE *s = X509_STORE_new();

	if (s == NULL)
		return broken(why, "X509_STORE_new");
	for (int i = 0; i < sk_X509_num(t->anchors); i++)
		if (!X509_STORE_add_cert(s, sk_X509_value(t->anchors, i))) {
			X509_STORE_free(s);
			return broken(why, "X509_STORE_add_cert");
		}
	*store = s;
	return 0;
}

/* Takes `crl` over. */
static bool
crl_add(X509_STORE *store, X509_CRL *crl, int64_t *next)
{
	const ASN1_TIME *t = X509_CRL_get0_nextUpdate(crl);
	int64_t end = t != NULL ? cert_time_of(t) : INT64_MIN;
	bool ok = X509_STORE_add_crl(store, crl) == 1;

	/* RFC 5280, 5.1.2.5: conforming CRLs have a nextUpdate. */
	if (end < *next)
		*next = end;
	X509_CRL_free(crl);
	return ok;
}

/* One DER CRL, or any number of PEM ones. */
static bool
crls_add(X509_STORE *store, const struct bytes *file, int64_t *next)
{
	const uint8_t *p = file->data;
	X509_CRL *crl;
	BIO *bio;
	int n = 0;

	if (file->len > 0 && file->data[0] == 0x30) {
		crl = d2i_X509_CRL(NULL, &p, (long)file->len);
		return crl != NULL && crl_add(store, crl, next);
	}
	bio = BIO_new_mem_buf(file->data, (int)file->len);
	while ((crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL &&
	       crl_add(store, crl, next))
		n++;
	BIO_free(bio);
	return n > 0 &&
	       ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

/* A new store with what the file holds now; without CRLs when it cannot be
 * read, so that validation lets nobody in.  The lock is held. */
static void
crl_load(struct trust *t)
{
	struct bytes file = {0};
	struct fail why = {0};
	X509_STORE *store = NULL;
	int64_t next = WHEN_FOREVER;

	if (store_make(&store, t, &why) != 0)
		return;
	if (file_read(&file, t->crl_path, CRL_SIZE_MOST, &why) != 0 ||
	    !crls_add(store, &file, &next)) {
		X509_STORE_free(store);
		store = NULL;
		if (store_make(&store, t, &why) != 0)
			goto out;
	}
	X509_STORE_free(t->store);
	t->store = store;
	t->next_update = next;
	t->generation++;
out:
	ERR_clear_error();
	bytes_free(&file);
}

/* The lock is held. */
static void
crl_refresh(struct trust *t)
{
	struct stat st;

	if (t->crl_path == NULL)
		return;
	if (stat(t->crl_path, &st) != 0)
		memset(&st, 0, sizeof(st));
	if (t->store != NULL && st.st_mtim.tv_sec == t->changed.tv_sec &&
	    st.st_mtim.tv_nsec == t->changed.tv_nsec && st.st_size == t->size &&
	    st.st_ino == t->inode)
		return;
	t->changed = st.st_mtim;
	t->size = st.st_size;
	t->inode = st.st_ino;
	crl_load(t);
}

static int
anchors_add(
    STACK_OF(X509) * anchors, const struct issuers *issuers, struct fail *why)
{
	for (size_t i = 0; issuers != NULL && i < issuers->n; i++)
		if (anchors == NULL ||
		    !X509_add_cert(anchors, issuers->item[i]->authority->issuer,
			X509_ADD_FLAG_UP_REF))
			return broken(why, "X509_add_cert");
	return 0;
}

static int
anchors_read(struct trust *t, const struct allow *rule,
    const struct issuers *issuers, struct fail *why)
{
	if (rule->issuer == NULL) {
		t->anchors = sk_X509_new_null();
		if (anchors_add(t->anchors, issuers, why) != 0)
			return -1;
		return issuers == NULL
		           ? 0
		           : anchors_add(t->anchors, issuers->peers, why);
	}
	if (cert_file_read(&t->anchors, rule->issuer, why) != 0)
		return -1;
	if (rule->intermediates == NULL)
		return 0;
	return cert_file_read(&t->intermediates, rule->intermediates, why);
}

int
trust_new(struct trust **trust, const struct allow *rule,
    const struct issuers *issuers, struct fail *why)
{
	struct trust *t = mem_new(sizeof(*t));

	(void)pthread_mutex_init(&t->lock, NULL);
	t->crl_path = rule->crl;
	t->next_update = WHEN_FOREVER;
	if (anchors_read(t, rule, issuers, why) != 0 ||
	    (t->crl_path == NULL && store_make(&t->store, t, why) != 0)) {
		trust_free(t);
		return -1;
	}
	(void)trust_generation(t);
	*trust = t;
	return 0;
}

void
trust_free(struct trust *trust)
{
	if (trust == NULL)
		return;
	sk_X509_pop_free(trust->anchors, X509_free);
	sk_X509_pop_free(trust->intermediates, X509_free);
	X509_STORE_free(trust->store);
	(void)pthread_mutex_destroy(&trust->lock);
	free(trust);
}

unsigned
trust_generation(struct trust *trust)
{
	unsigned generation;

	if (trust->crl_path == NULL)
		return 0;
	(void)pthread_mutex_lock(&trust->lock);
	crl_refresh(trust);
	generation = trust->generation;
	(void)pthread_mutex_unlock(&trust->lock);
	return generation;
}

/* What OpenSSL's verdict is called here, for the leaf and for those above. */
static const struct {
	int code;
	enum fail_kind kind;
	const char *leaf, *above;
} words[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, FAIL_DENIED, "client-untrusted",
	"client-untrusted"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, FAIL_DENIED,
	"client-untrusted", "client-untrusted"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, FAIL_DENIED,
	"client-untrusted", "client-untrusted"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, FAIL_DENIED, "client-untrusted",
	"client-untrusted"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, FAIL_DENIED, "client-untrusted",
	"client-untrusted"},
    {X509_V_ERR_CERT_UNTRUSTED, FAIL_DENIED, "client-untrusted",
	"client-untrusted"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, FAIL_DENIED, "client-untrusted",
	"client-path"},
    {X509_V_ERR_CERT_HAS_EXPIRED, FAIL_DENIED, "client-expired", "client-path"},
    {X509_V_ERR_CERT_NOT_YET_VALID, FAIL_DENIED, "client-notyet",
	"client-path"},
    {X509_V_ERR_CERT_REVOKED, FAIL_DENIED, "client-revoked", "client-path"},
    {X509_V_ERR_INVALID_PURPOSE, FAIL_DENIED, "client-usage", "client-path"},
    {X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, FAIL_DENIED, "client-cert",
	"client-path"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, FAIL_DENIED, "client-cert", "client-path"},
    {X509_V_ERR_CA_MD_TOO_WEAK, FAIL_DENIED, "client-cert", "client-path"},
    {X509_V_ERR_UNABLE_TO_GET_CRL, FAIL_BUSY, "client-crl", "client-crl"},
    {X509_V_ERR_CRL_HAS_EXPIRED, FAIL_BUSY, "client-crl", "client-crl"},
    {X509_V_ERR_CRL_NOT_YET_VALID, FAIL_BUSY, "client-crl", "client-crl"},
    {X509_V_ERR_CRL_SIGNATURE_FAILURE, FAIL_BUSY, "client-crl", "client-crl"},
    {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, FAIL_BUSY, "client-crl",
	"client-crl"},
    {X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, FAIL_BUSY, "client-crl", "client-crl"},
    {X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, FAIL_BUSY, "client-crl",
	"client-crl"},
    {X509_V_ERR_DIFFERENT_CRL_SCOPE, FAIL_BUSY, "client-crl", "client-crl"},
};

static int
refuse(X509_STORE_CTX *ctx, struct fail *why)
{
	int code = X509_STORE_CTX_get_error(ctx);
	int depth = X509_STORE_CTX_get_error_depth(ctx);
	enum fail_kind kind = FAIL_DENIED;
	const char *word = "client-path";

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (words[i].code == code) {
			kind = words[i].kind;
			word = depth == 0 ? words[i].leaf : words[i].above;
		}
	fail(why, kind, word, "RFC 5280, 6.1: client certificate: %s",
	    X509_verify_cert_error_string(code));
	fail_cause(why, "depth %d", depth);
	ERR_clear_error();
	return kind == FAIL_BUSY ? fail_retry(why, 300) : -1;
}

/* The path that was found: an anchor is not the leaf itself. */
static int
path_end(const STACK_OF(X509) * chain, int64_t *until, struct fail *why)
{
	if (sk_X509_num(chain) < 2)
		return fail(why, FAIL_DENIED, "client-untrusted",
		    "RFC 5280, 6.1: the client certificate is a trust anchor "
		    "itself");
	for (int i = 0; i < sk_X509_num(chain); i++) {
		int64_t end =
		    cert_time_of(X509_get0_notAfter(sk_X509_value(chain, i)));

		if (end < *until)
			*until = end;
	}
	return 0;
}

static X509 *
issuer_of(const STACK_OF(X509) * chain)
{
	X509 *issuer = sk_X509_value(chain, 1);

	(void)X509_up_ref(issuer);
	return issuer;
}

/* RFC 9608, 4: noRevAvail: there is nothing to look for. */
static bool
is_revocable(const X509 *leaf)
{
	return X509_get_ext_by_NID(leaf, NID_no_rev_avail, -1) < 0;
}

static int
check_with(X509_STORE_CTX *ctx, const struct trust *t, X509_STORE *store,
    X509 *leaf, struct fail *why)
{
	unsigned long flags =
	    X509_V_FLAG_PARTIAL_CHAIN |
	    (t->crl_path != NULL && is_revocable(leaf) ? X509_V_FLAG_CRL_CHECK
						       : 0);
	X509_VERIFY_PARAM *param;

	if (ctx == NULL ||
	    !X509_STORE_CTX_init(ctx, store, leaf, t->intermediates) ||
	    !X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT))
		return broken(why, "X509_STORE_CTX");
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	X509_VERIFY_PARAM_set_depth(param, DEPTH_MOST);
	X509_STORE_CTX_set_flags(ctx, flags);
	return X509_verify_cert(ctx) == 1 ? 0 : refuse(ctx, why);
}

int
trust_check(struct trust *trust, int64_t *until, X509 **issuer, X509 *leaf,
    struct fail *why)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_STORE *store;
	int rc;

	(void)pthread_mutex_lock(&trust->lock);
	crl_refresh(trust);
	store = trust->store;
	*until = trust->next_update;
	if (store != NULL)
		(void)X509_STORE_up_ref(store);
	(void)pthread_mutex_unlock(&trust->lock);
	rc = store == NULL ? broken(why, "no trust anchors")
	                   : check_with(ctx, trust, store, leaf, why);
	if (rc == 0)
		rc = path_end(X509_STORE_CTX_get0_chain(ctx), until, why);
	if (rc == 0 && issuer != NULL)
		*issuer = issuer_of(X509_STORE_CTX_get0_chain(ctx));
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return rc;
}
