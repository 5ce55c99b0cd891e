#include "lib/ca/responder.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/ca/profile_make.h"
#include "lib/key/pkcs11uri.h"

#define FILE_MOST (64 * 1024)
#define KEY_WAIT 2.0 /* s */

/* ---- what it is ----------------------------------------------------------- */

static struct conf_strings
one(const char *text)
{
	struct conf_strings strings = {mem_new(sizeof(char *)), 1};

	strings.text[0] = str_dup(text);
	return strings;
}

char *
responder_name(const char *keyid)
{
	return str_fmt("OCSP %s", keyid);
}

static void
name_rule(struct profile *p, const char *keyid)
{
	struct rdn_rule *rule = mem_new(sizeof(*rule));

	rule->type = str_dup("CN");
	rule->from = RDN_FIXED;
	rule->value = responder_name(keyid);
	rule->where = str_dup(p->where);
	p->subject.item = rule;
	p->subject.n = 1;
}

/* RFC 6960, 4.2.2.2.1: NULL, not critical. */
static void
no_check(struct profile *p)
{
	struct extra_ext *extra = mem_new(sizeof(*extra));

	extra->oid = str_dup("1.3.6.1.5.5.7.48.1.5");
	extra->value = str_dup("0500");
	extra->where = str_dup(p->where);
	p->extra.item = extra;
	p->extra.n = 1;
}

static struct conf_strings
key_words(void)
{
	static const char *const words[] = {
	    "p256", "p384", "p521", "rsa2048", "rsa4096"};
	const size_t n = sizeof(words) / sizeof(words[0]);
	struct conf_strings strings = {mem_new(n * sizeof(char *)), n};

	for (size_t i = 0; i < n; i++)
		strings.text[i] = str_dup(words[i]);
	return strings;
}

int
responder_profile(struct profiles **profiles, const struct settings *s,
    const char *keyid, struct fail *why)
{
	struct profiles *made = mem_new(sizeof(*made));
	struct profile *p = mem_new(sizeof(*p));

	made->list.item = p;
	made->list.n = 1;
	p->name = str_dup("ocsp-responder");
	p->where = str_dup("built in");
	p->validity_text = str_fmt("%llds", (long long)s->ocsp.validity);
	p->backdate = 300; /* s */
	p->path_length = -1;
	p->key_usage_text = one("digitalSignature");
	p->key_usage_critical = true;
	p->ext_key_usage_text = one("OCSPSigning");
	p->key_text = key_words();
	p->key_reuse = true;
	p->key_shared = true;
	p->csrattrs = CSRATTRS_NONE;
	name_rule(p, keyid);
	no_check(p);
	if (profile_check(p, why) != 0 || profile_make(p, why) != 0) {
		profiles_free(made);
		return -1;
	}
	*profiles = made;
	return 0;
}

/* ---- its file --------------------------------------------------------------- */

char *
responders_folder(const struct settings *s)
{
	return file_path(s->state, "ocsp");
}

char *
responder_path(const struct settings *s, const char *keyid)
{
	return str_fmt("%s/ocsp/%s.pem", s->state, keyid);
}

struct key_place
responder_place(const struct settings *s, const char *path)
{
	struct key_place place = settings_key_place(s);

	place.uri = s->ocsp.key != NULL ? s->ocsp.key : path;
	return place;
}

static int
no_responder(struct fail *why, const char *path)
{
	fail(why, FAIL_BROKEN, "responder",
	    "%s holds no certificate of a responder of ours", path);
	return fail_cause(why, "microca ocsp --force makes another");
}

/* RFC 6960, 4.2.2.2: issued by the key that it answers for, and for that: to
 * OpenSSL a certificate without extKeyUsage is for everything. */
static bool
is_of(X509 *cert, const struct issuer *issuer)
{
	return X509_check_issued(issuer->authority->issuer, cert) ==
	           X509_V_OK &&
	       X509_verify(cert, issuer->authority->key) == 1 &&
	       (X509_get_extension_flags(cert) & EXFLAG_XKUSAGE) != 0 &&
	       (X509_get_extended_key_usage(cert) & XKU_OCSP_SIGN) != 0;
}

int
responder_read(struct responder *r, const struct settings *s,
    const struct issuer *issuer, struct fail *why)
{
	char *path = responder_path(s, issuer->authority->keyid);
	STACK_OF(X509) *certs = NULL;
	struct bytes pem = {0};
	int rc = file_read_secret(&pem, path, FILE_MOST, why);

	bytes_wipe(&pem);
	memset(r, 0, sizeof(*r));
	if (rc == 0)
		rc = cert_file_read(&certs, path, why);
	if (rc == 0 && is_of(sk_X509_value(certs, 0), issuer)) {
		r->cert = sk_X509_shift(certs);
		r->not_before = cert_time_of(X509_get0_notBefore(r->cert));
		r->not_after = cert_time_of(X509_get0_notAfter(r->cert));
	} else if (rc == 0) {
		rc = no_responder(why, path);
	}
	sk_X509_pop_free(certs, X509_free);
	free(path);
	return rc;
}

void
responder_free(struct responder *r)
{
	EVP_PKEY_free(r->lent);
	key_free(r->key);
	X509_free(r->cert);
	memset(r, 0, sizeof(*r));
}

/* ---- all of them, to answer ------------------------------------------------- */

static struct responder *
responder_open(const struct settings *s, const struct issuer *issuer)
{
	struct responder *r = mem_new(sizeof(*r));
	char *path = responder_path(s, issuer->authority->keyid);
	struct key_place place = responder_place(s, path);
	struct fail why = {0};

	if (responder_read(r, s, issuer, &why) != 0 ||
	    key_open(&r->key, &place, &why) != 0) {
		responder_free(r);
		r->why = why;
	}
	free(path);
	return r;
}

void
responders_open(struct ca *ca, int64_t now)
{
	size_t n = ca->issuers != NULL ? ca->issuers->n : 0;

	ca->responders = mem_new((n + 1) * sizeof(struct responder *));
	for (size_t i = 0; i < n; i++)
		if (ca->issuers->item[i]->authority->not_after > now)
			ca->responders[i] =
			    responder_open(ca->settings, ca->issuers->item[i]);
}

void
responders_free(struct ca *ca)
{
	size_t n = ca->issuers != NULL ? ca->issuers->n : 0;

	for (size_t i = 0; ca->responders != NULL && i < n; i++)
		if (ca->responders[i] != NULL) {
			responder_free(ca->responders[i]);
			free(ca->responders[i]);
		}
	free(ca->responders);
}

/* A key in a token may be another after a restart, so it is compared when it is
 * lent. */
static int
lend(EVP_PKEY **key, struct ca *ca, struct responder *r, struct fail *why)
{
	EVP_PKEY *lent = NULL;
	int rc = 0;

	if (key_ready(r->key, KEY_WAIT, why) != 0)
		return -1;
	(void)pthread_mutex_lock(&ca->lock);
	if (r->lent == NULL && (rc = key_lend(&lent, r->key, why)) == 0) {
		rc = responder_fits(r, lent, why);
		if (rc == 0)
			r->lent = lent;
		else
			EVP_PKEY_free(lent);
	}
	*key = r->lent;
	(void)pthread_mutex_unlock(&ca->lock);
	return rc;
}

int
responder_ready(EVP_PKEY **key, struct ca *ca, struct responder *r, int64_t now,
    struct fail *why)
{
	*key = NULL;
	return responder_valid(r, now, why) == 0 ? lend(key, ca, r, why) : -1;
}
