/*
 * pki - a throw-away public key infrastructure in a temporary folder: keys,
 * certificates, CRLs, requests, and a CA's files around them.  Include it
 * before cmocka.h.
 */
#ifndef MICROCA_TEST_PKI_H
#define MICROCA_TEST_PKI_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/ca/identity.h"
#include "lib/ca/authority.h"
#include "lib/ca/issue.h"
#include "lib/wire/cert.h"
#include "lib/wire/csr.h"
#include "lib/wire/name.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PKI __attribute__((unused)) static
#define DAY 86400

PKI void
must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "# cannot %s\n", what);
	abort();
}

/* ---- certificates ------------------------------------------------------- */

struct extension {
	int nid;
	const char *value; /* as in openssl.cnf */
};

/* What a test certificate says; zero is sensible. */
struct spec {
	const char *subject; /* name_from_text(), or NULL: empty */
	EVP_PKEY *key;       /* certified */
	X509 *issuer;        /* NULL: self-signed */
	EVP_PKEY *signer;    /* NULL: `key` */
	int64_t from, to;    /* s from now; 0, 0: a year around now */
	struct extension extension[8];
	const char *unknown; /* a critical extension of this OID */
	const EVP_MD *md;    /* NULL: SHA-256 */
	int version;         /* 0: version 3 */
};

PKI EVP_PKEY *
pki_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	must(key != NULL, "make a key");
	return key;
}

PKI X509_NAME *
pki_name(const char *text)
{
	struct fail why = {0};
	X509_NAME *name = NULL;

	if (text == NULL)
		return X509_NAME_new();
	must(name_from_text(&name, text, &why) == 0, text);
	return name;
}

PKI void
pki_extend(X509 *x509, X509 *issuer, const struct extension *e)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, e->nid, e->value);
	must(ext != NULL && X509_add_ext(x509, ext, -1) == 1, e->value);
	X509_EXTENSION_free(ext);
}

PKI void
pki_unknown(X509 *x509, const char *oid, bool critical)
{
	ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *v = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	must(ASN1_OCTET_STRING_set(v, (const uint8_t *)"\x05", 2) == 1, oid);
	ext = X509_EXTENSION_create_by_OBJ(NULL, o, critical, v);
	must(ext != NULL && X509_add_ext(x509, ext, -1) == 1, oid);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(v);
	ASN1_OBJECT_free(o);
}

PKI X509 *
pki_cert(const struct spec *s)
{
	static long serial = 1000;
	X509 *x = X509_new(), *issuer = s->issuer != NULL ? s->issuer : x;
	X509_NAME *name = pki_name(s->subject);
	bool dated = s->from != 0 || s->to != 0;
	int64_t now = when_now();

	must(X509_set_version(x, s->version == 1 ? 0 : 2) == 1 &&
		 ASN1_INTEGER_set(X509_get_serialNumber(x), serial++) == 1 &&
		 X509_set_subject_name(x, name) == 1 &&
		 X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1 &&
		 X509_set_pubkey(x, s->key) == 1 &&
		 cert_time_set(
		     X509_getm_notBefore(x), now + (dated ? s->from : -DAY)) &&
		 cert_time_set(
		     X509_getm_notAfter(x), now + (dated ? s->to : 365 * DAY)),
	    "fill in a certificate");
	for (size_t i = 0; i < COUNT(s->extension); i++)
		if (s->extension[i].value != NULL)
			pki_extend(x, issuer, &s->extension[i]);
	if (s->unknown != NULL)
		pki_unknown(x, s->unknown, true);
	must(X509_sign(x, s->signer != NULL ? s->signer : s->key,
		 s->md != NULL ? s->md : EVP_sha256()) > 0,
	    "sign a certificate");
	X509_NAME_free(name);
	return x;
}

#define CA_EXTENSIONS                                                          \
	{NID_basic_constraints, "critical,CA:TRUE"},                           \
	    {NID_key_usage, "critical,keyCertSign,cRLSign"},                   \
	{                                                                      \
		NID_subject_key_identifier, "hash"                             \
	}
#define LEAF_EXTENSIONS                                                        \
	{NID_key_usage, "critical,digitalSignature"},                          \
	{                                                                      \
		NID_ext_key_usage, "clientAuth"                                \
	}

PKI X509 *
pki_ca(const char *subject, EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer)
{
	struct spec s = {.subject = subject,
	    .key = key,
	    .issuer = issuer,
	    .signer = signer,
	    .extension = {CA_EXTENSIONS}};

	return pki_cert(&s);
}

PKI X509 *
pki_leaf(const char *subject, EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer)
{
	struct spec s = {.subject = subject,
	    .key = key,
	    .issuer = issuer,
	    .signer = signer,
	    .extension = {LEAF_EXTENSIONS}};

	return pki_cert(&s);
}

PKI
    STACK_OF(X509) *
    pki_chain(X509 *a, X509 *b, X509 *c)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *all[] = {a, b, c};

	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i] != NULL)
			must(X509_add_cert(
				 chain, all[i], X509_ADD_FLAG_UP_REF) == 1,
			    "make a chain");
	return chain;
}

PKI X509_CRL *
pki_crl(X509 *issuer, EVP_PKEY *key, const X509 *revoked, int64_t next)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *t = ASN1_TIME_new();
	X509_REVOKED *r;

	must(X509_CRL_set_version(crl, 1) == 1 &&
		 X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer)) ==
		     1 &&
		 cert_time_set(t, when_now() - 2 * DAY) &&
		 X509_CRL_set1_lastUpdate(crl, t) == 1 &&
		 cert_time_set(t, when_now() + next) &&
		 X509_CRL_set1_nextUpdate(crl, t) == 1,
	    "fill in a CRL");
	if (revoked != NULL) {
		r = X509_REVOKED_new();
		must(X509_REVOKED_set_serialNumber(
			 r, (ASN1_INTEGER *)X509_get0_serialNumber(revoked)) &&
			 cert_time_set(t, when_now() - DAY) &&
			 X509_REVOKED_set_revocationDate(r, t) &&
			 X509_CRL_add0_revoked(crl, r),
		    "revoke");
	}
	must(X509_CRL_sign(crl, key, EVP_sha256()) > 0, "sign a CRL");
	ASN1_TIME_free(t);
	return crl;
}

/* ---- requests ----------------------------------------------------------- */

/* `san` as in openssl.cnf, or NULL; further extensions likewise. */
struct wish {
	const char *subject, *san;
	struct extension extension[4];
	const char *unknown; /* a further extension, not critical */
	const char *challenge;
};

PKI void
pki_wish(STACK_OF(X509_EXTENSION) * all, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, NULL, NULL, NULL, NULL, X509V3_CTX_TEST);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext != NULL && sk_X509_EXTENSION_push(all, ext) > 0, value);
}

PKI void
pki_csr_der(struct bytes *out, const struct wish *w, EVP_PKEY *key)
{
	STACK_OF(X509_EXTENSION) *all = sk_X509_EXTENSION_new_null();
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name = pki_name(w->subject);
	uint8_t *der = NULL;
	X509 *bag = X509_new();
	int len;

	if (w->san != NULL)
		pki_wish(all, NID_subject_alt_name, w->san);
	for (size_t i = 0; i < COUNT(w->extension); i++)
		if (w->extension[i].value != NULL)
			pki_wish(
			    all, w->extension[i].nid, w->extension[i].value);
	if (w->unknown != NULL) {
		pki_unknown(bag, w->unknown, false);
		must(sk_X509_EXTENSION_push(
			 all, X509_EXTENSION_dup(X509_get_ext(bag, 0))) > 0,
		    w->unknown);
	}
	must(X509_REQ_set_subject_name(req, name) == 1 &&
		 X509_REQ_set_pubkey(req, key) == 1 &&
		 (sk_X509_EXTENSION_num(all) == 0 ||
		     X509_REQ_add_extensions(req, all) == 1) &&
		 (w->challenge == NULL ||
		     X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword,
			 MBSTRING_UTF8, (const uint8_t *)w->challenge,
			 -1) == 1) &&
		 X509_REQ_sign(req, key,
		     EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519
			 ? NULL
			 : EVP_sha256()) > 0,
	    "make a request");
	len = i2d_X509_REQ(req, &der);
	must(len > 0, "encode a request");
	bytes_add(out, der, (size_t)len);
	OPENSSL_free(der);
	X509_free(bag);
	X509_NAME_free(name);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
	X509_REQ_free(req);
}

PKI struct csr *
pki_csr(const struct wish *w, EVP_PKEY *key)
{
	struct bytes der = {0};
	struct fail why = {0};
	struct csr *csr = NULL;

	pki_csr_der(&der, w, key);
	if (csr_read(&csr, span_of(&der), &why) != 0)
		must(false, why.text);
	bytes_free(&der);
	return csr;
}

/* ---- files -------------------------------------------------------------- */

static char pki_folder[] = "/tmp/microca-unit-XXXXXX";

PKI char *
pki_path(const char *name)
{
	return file_path(pki_folder, name);
}

PKI void
pki_file(const char *name, struct span in, mode_t mode)
{
	char *path = pki_path(name);
	struct fail why = {0};

	must(file_write(path, in, mode, &why) == 0, path);
	free(path);
}

PKI void
pki_pem(const char *name, const STACK_OF(X509) * certs)
{
	struct bytes pem = {0};

	for (int i = 0; i < sk_X509_num(certs); i++) {
		struct bytes der = {0};

		cert_der_add(&der, sk_X509_value(certs, i));
		cert_pem_write(&pem, span_of(&der));
		bytes_free(&der);
	}
	pki_file(name, span_of(&pem), 0644);
	bytes_free(&pem);
}

PKI void
pki_pem_one(const char *name, X509 *cert)
{
	STACK_OF(X509) *one = pki_chain(cert, NULL, NULL);

	pki_pem(name, one);
	sk_X509_pop_free(one, X509_free);
}

PKI void
pki_bio_file(const char *name, BIO *bio, mode_t mode)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	pki_file(name, (struct span){(const uint8_t *)data, (size_t)len}, mode);
	BIO_free(bio);
}

PKI void
pki_key_file(const char *name, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(PEM_write_bio_PKCS8PrivateKey(
		 bio, key, NULL, NULL, 0, NULL, NULL) == 1,
	    "write a key");
	pki_bio_file(name, bio, 0600);
}

PKI void
pki_crl_file(const char *name, X509_CRL *crl)
{
	BIO *bio = BIO_new(BIO_s_mem());

	must(PEM_write_bio_X509_CRL(bio, crl) == 1, "write a CRL");
	pki_bio_file(name, bio, 0644);
	X509_CRL_free(crl);
}

/* ---- a CA --------------------------------------------------------------- */

static struct pki {
	EVP_PKEY *root_key, *ca_key, *maker_key, *device_key;
	X509 *root, *ca, *maker;
} pki;

static const char pki_profiles[] =
    "profiles = (\n"
    "{ name = \"device\"; validity = \"90d\"; key_reuse = true;\n"
    "  ext_key_usage = (\"clientAuth\"); keys = (\"p256\", \"rsa2048\",\n"
    "  \"rsa4096\");\n"
    "  subject = ( { type = \"CN\"; from = \"required\";\n"
    "      pattern = \"[A-Za-z0-9._-]+\"; },\n"
    "    { type = \"serialNumber\"; from = \"optional\"; },\n"
    "    { type = \"OU\"; from = \"optional\"; },\n"
    "    { type = \"O\"; from = \"fixed\"; value = \"Example\"; } );\n"
    "  san = ( { type = \"dns\"; max = 2; }, { type = \"ip\"; },\n"
    "    { type = \"uri\"; pattern = \"urn:.*\"; } );\n"
    "  crl_urls = (\"http://ca.example/crl/%k.crl\");\n"
    "  ocsp_urls = (\"http://ca.example/ocsp\");\n"
    "  issuer_urls = (\"http://ca.example/ca/%k.cer\"); },\n"
    "{ name = \"window\"; validity = \"90d\"; renewal_window = \"30d\";\n"
    "  subject = ( { type = \"CN\"; from = \"required\"; } ); },\n"
    "{ name = \"idevid\"; validity = \"until 99991231\";\n"
    "  outlives_issuer = \"allow\"; key_reuse = true; no_rev_avail = true;\n"
    "  subject = ( { type = \"CN\"; from = \"optional\"; },\n"
    "    { type = \"serialNumber\"; from = \"required\"; } ); },\n"
    "{ name = \"copy\"; validity = \"100d\"; unknown_extensions = \"drop\";\n"
    "  outlives_issuer = \"refuse\";\n"
    "  subject = ( { type = \"CN\"; from = \"identity\"; } );\n"
    "  san = ( { type = \"ip\"; } ); },\n"
    "{ name = \"bare\"; validity = \"30d\"; subject_empty = true;\n"
    "  azure = true; device_id = \"sha256\";\n"
    "  subject = ( { type = \"CN\"; from = \"optional\"; } );\n"
    "  san = ( { type = \"dns\"; min = 1; wildcard = true; },\n"
    "    { type = \"dirname\"; } ); },\n"
    "{ name = \"subca\"; validity = \"1y\"; ca = true; path_length = 1;\n"
    "  key_usage = (\"keyCertSign\", \"cRLSign\");\n"
    "  subject = ( { type = \"CN\"; from = \"required\"; } ); } );\n";

/* Endpoint "device" and others; `own` and `maker` rules as in production. */
static const char pki_endpoints[] =
    "endpoints = (\n"
    "{ name = \"device\"; port = 8443; profile = \"device\"; allow = (\n"
    "    { own = (\"device\", \"idevid\"); },\n"
    "    { issuer = \"maker.pem\"; subject = \"CN=RA.*\";\n"
    "      names = \"pattern [a-z0-9-]+\"; },\n"
    "    { issuer = \"maker.pem\"; subject = \"CN=dev.*\"; } ); },\n"
    "{ name = \"window\"; port = 8444; profile = \"window\"; allow = (\n"
    "    { own = (\"window\"); } ); },\n"
    "{ name = \"idevid\"; port = 8445; profile = \"idevid\"; allow = (\n"
    "    { issuer = \"maker.pem\"; crl = \"maker.crl\"; names = \"any\"; } );"
    " },\n"
    "{ name = \"copy\"; port = 8446; profile = \"copy\";\n"
    "    pop_link = \"required\"; allow = (\n"
    "    { issuer = \"maker.pem\"; } ); },\n"
    "{ name = \"bare\"; port = 8447; profile = \"bare\";\n"
    "    pop_link = \"off\"; allow = (\n"
    "    { issuer = \"maker.pem\"; names = \"any\"; } ); },\n"
    "{ name = \"subca\"; port = 8448; profile = \"subca\"; allow = (\n"
    "    { issuer = \"other.pem\"; names = \"any\"; } ); },\n"
    "{ name = \"open\"; port = 8449; profile = \"device\";\n"
    "    auth = \"none\"; operations = (\"cacerts\"); } );\n";

PKI void
pki_conf(const char *head, const char *endpoints)
{
	char *text =
	    str_fmt("state = \"state\"; public = \"public\"; "
		    "run = \"run\"; disk_reserve = \"0\";\n"
		    "ca = { key = \"ca.key\"; subject = \"CN=Issuing\";"
		    " };\n%s\n%s",
		head, endpoints);

	pki_file("microca.conf", span_str(text), 0640);
	free(text);
}

PKI void
pki_mkdir(const char *name)
{
	char *path = pki_path(name);

	must(mkdir(path, 0700) == 0, path);
	free(path);
}

PKI void
pki_issuer(X509 *a, X509 *b)
{
	STACK_OF(X509) *chain = pki_chain(a, b, NULL);

	pki_pem("state/issuer.pem", chain);
	sk_X509_pop_free(chain, X509_free);
}

/* Group set-up: folders, a root, our issuing CA below it, a maker's CA. */
PKI int
pki_begin(void **state)
{
	struct spec root = {.subject = "CN=Root",
	    .from = -400 * DAY,
	    .to = 4000LL * DAY,
	    .extension = {CA_EXTENSIONS}};
	struct store *store = NULL;
	struct fail why = {0};
	char *url;

	(void)state;
	must(mkdtemp(pki_folder) != NULL, "make a folder");
	pki_mkdir("state");
	pki_mkdir("public");
	pki_mkdir("run");
	pki.root_key = pki_key();
	pki.ca_key = pki_key();
	pki.maker_key = pki_key();
	pki.device_key = pki_key();
	root.key = pki.root_key;
	pki.root = pki_cert(&root);
	pki.ca = pki_ca("CN=Issuing", pki.ca_key, pki.root, pki.root_key);
	pki.maker = pki_ca("CN=Maker", pki.maker_key, NULL, NULL);
	pki_key_file("ca.key", pki.ca_key);
	pki_issuer(pki.ca, pki.root);
	pki_pem_one("maker.pem", pki.maker);
	pki_pem_one("other.pem", pki.root);
	pki_crl_file(
	    "maker.crl", pki_crl(pki.maker, pki.maker_key, NULL, 30 * DAY));
	pki_file("profiles.conf", span_str(pki_profiles), 0640);
	pki_conf("", pki_endpoints);
	url = str_fmt("sqlite:%s/state/microca.db", pki_folder);
	if (store_open(&store, url, true, 1, 0, &why) != 0)
		must(false, why.text);
	store_free(store);
	free(url);
	return 0;
}

PKI int
pki_end(void **state)
{
	char *command = str_fmt("rm -rf %s", pki_folder);
	int rc = system(command);

	(void)state;
	free(command);
	X509_free(pki.root);
	X509_free(pki.ca);
	X509_free(pki.maker);
	EVP_PKEY_free(pki.root_key);
	EVP_PKEY_free(pki.ca_key);
	EVP_PKEY_free(pki.maker_key);
	EVP_PKEY_free(pki.device_key);
	return rc;
}

PKI int
pki_try_open(struct ca **ca, struct ca *old, struct fail *why)
{
	char *path = pki_path("microca.conf");
	int rc = ca_open(ca, path, CA_KEY | CA_STORE, old, why);

	free(path);
	return rc;
}

PKI struct ca *
pki_open(void)
{
	struct fail why = {0};
	struct ca *ca = NULL;

	if (pki_try_open(&ca, NULL, &why) != 0 ||
	    key_ready(ca->key, 10, &why) != 0) {
		(void)fprintf(stderr, "# %s (%s)\n", why.text, why.cause);
		abort();
	}
	return ca;
}

/* A request at an endpoint; `cert` NULL: no client certificate. */
PKI struct request
pki_request(const struct ca *ca, const char *endpoint, const X509 *cert)
{
	struct request rq = {.id = "0123456789abcdef",
	    .method = "POST",
	    .path = "/",
	    .peer = "192.0.2.1",
	    .endpoint = settings_endpoint(ca->settings, endpoint)};

	must(rq.endpoint != NULL, endpoint);
	if (cert != NULL)
		cert_der_add(&rq.client_cert, cert);
	return rq;
}

/* The straight line of an enrolment; `operation` "simpleenroll" or
 * "simplereenroll". */
PKI int
pki_try_enroll(struct bytes *der, struct ca *ca, const struct request *rq,
    const char *operation, const struct wish *w, EVP_PKEY *key,
    struct fail *why)
{
	struct identity *who = NULL;
	struct csr *csr = pki_csr(w, key);
	struct grant *grant = NULL;
	int rc = -1;

	*why = (struct fail){0};
	if (identity_of(&who, ca, rq, why) == 0 &&
	    policy_grant(&grant, who, rq, operation, csr, why) == 0 &&
	    ((strcmp(operation, "simplereenroll") != 0 &&
		 !policy_is_renewal(grant, who, csr)) ||
		policy_renewal(grant, who, csr, when_now(), why) == 0))
		rc = ca_issue(der, ca, grant, why);
	grant_free(grant);
	csr_free(csr);
	identity_free(who);
	return rc;
}

/* The same, and it must work. */
PKI X509 *
pki_enroll(struct ca *ca, const char *endpoint, const X509 *client,
    const struct wish *w, EVP_PKEY *key)
{
	struct request rq = pki_request(ca, endpoint, client);
	struct bytes der = {0};
	struct fail why;
	X509 *x509 = NULL;

	if (pki_try_enroll(&der, ca, &rq, "simpleenroll", w, key, &why) != 0 ||
	    cert_x509(&x509, span_of(&der), &why) != 0) {
		(void)fprintf(
		    stderr, "# %s: %s (%s)\n", why.reason, why.text, why.cause);
		abort();
	}
	bytes_free(&der);
	request_free(&rq);
	return x509;
}

/* ---- one grant, without token and store ----------------------------------- */

struct granted {
	struct settings *settings;
	struct authority *authority;
	struct csr *csr;
	struct grant *grant;
};

/* `issuer` above pki.root; `operator` asks at the endpoint of that name. */
PKI struct granted
pki_granted(
    X509 *issuer, const char *endpoint, const struct wish *w, EVP_PKEY *key)
{
	STACK_OF(X509) *chain = pki_chain(issuer, pki.root, NULL);
	char *path = pki_path("microca.conf");
	struct request rq = {.id = "0123456789abcdef", .peer = ""};
	struct identity *who = NULL;
	struct granted g = {0};
	struct fail why = {0};

	if (settings_read(&g.settings, path, &why) != 0 ||
	    authority_make(&g.authority, chain, &why) != 0 ||
	    identity_operator(&who, &why) != 0)
		must(false, why.text);
	rq.endpoint = settings_endpoint(g.settings, endpoint);
	g.csr = pki_csr(w, key);
	if (policy_grant(&g.grant, who, &rq, "issue", g.csr, &why) != 0)
		must(false, why.text);
	identity_free(who);
	sk_X509_pop_free(chain, X509_free);
	free(path);
	return g;
}

PKI void
pki_granted_free(struct granted *g)
{
	grant_free(g->grant);
	csr_free(g->csr);
	authority_free(g->authority);
	settings_free(g->settings);
}

/* Sign with our issuer's key and take apart. */
PKI struct cert *
pki_signed(X509 *x509)
{
	struct bytes der = {0};
	struct cert *cert = NULL;
	struct fail why = {0};

	must(X509_sign(x509, pki.ca_key, EVP_sha256()) > 0, "sign");
	cert_der_add(&der, x509);
	if (cert_read(&cert, span_of(&der), &why) != 0)
		must(false, why.text);
	bytes_free(&der);
	return cert;
}

#endif
