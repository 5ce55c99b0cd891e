#include "bench/load/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "lib/base/file.h"

static EVP_PKEY *
key_make(const char *alg)
{
	EVP_PKEY *key = NULL;

	if (strcmp(alg, "p256") == 0)
		key = EVP_EC_gen("P-256");
	else if (strcmp(alg, "p384") == 0)
		key = EVP_EC_gen("P-384");
	else if (strcmp(alg, "rsa2048") == 0)
		key = EVP_RSA_gen(2048);
	else if (strcmp(alg, "rsa3072") == 0)
		key = EVP_RSA_gen(3072);
	else if (strcmp(alg, "ed25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (key == NULL)
		die("cannot make a key of type %s", alg);
	return key;
}

static void
san_add(X509_REQ *req, const char *cn)
{
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	char *text = str_fmt("DNS:%s", cn);
	X509_EXTENSION *e =
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);

	if (e == NULL || !sk_X509_EXTENSION_push(list, e) ||
	    !X509_REQ_add_extensions(req, list))
		die("cannot add a subjectAltName");
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	free(text);
}

static void
csr_make(
    struct bytes *out, const struct options *o, EVP_PKEY *key, const char *cn)
{
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name = X509_NAME_new();
	uint8_t *der = NULL;
	const EVP_MD *md = strcmp(o->alg, "ed25519") == 0 ? NULL : EVP_sha256();
	int len;

	if (!X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0) ||
	    !X509_REQ_set_version(req, 0) ||
	    !X509_REQ_set_subject_name(req, name) ||
	    !X509_REQ_set_pubkey(req, key))
		die("cannot make a CSR");
	if (o->san)
		san_add(req, cn);
	if (!X509_REQ_sign(req, key, md) || (len = i2d_X509_REQ(req, &der)) < 0)
		die("cannot sign a CSR");
	base64_write(out, (struct span){der, (size_t)len}, o->oneline ? 0 : 64);
	OPENSSL_free(der);
	X509_NAME_free(name);
	X509_REQ_free(req);
}

static void
shot_make(struct shot *shot, const struct options *o, struct span body)
{
	const char *method = o->method;

	if (method == NULL)
		method = body.len > 0 ? "POST" : "GET";
	bytes_addf(&shot->bytes, "%s %s HTTP/1.1\r\nHost: %s:%s\r\n%s", method,
	    o->path, o->host, o->port,
	    o->headers.len > 0 ? (const char *)o->headers.data : "");
	if (body.len > 0)
		bytes_addf(&shot->bytes,
		    "Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n"
		    "Content-Length: %zu\r\n",
		    o->type, body.len);
	if (!o->keep)
		bytes_adds(&shot->bytes, "Connection: close\r\n");
	bytes_adds(&shot->bytes, "\r\n");
	bytes_add(&shot->bytes, body.data, body.len);
}

void
shot_for(
    struct shot *shot, const struct options *o, EVP_PKEY *key, const char *cn)
{
	struct bytes body = {0};

	*shot = (struct shot){.key = key};
	csr_make(&body, o, key, cn);
	shot_make(shot, o, span_of(&body));
	bytes_free(&body);
}

void
shot_free(struct shot *shot)
{
	bytes_free(&shot->bytes);
}

static void
shot_from_file(struct shot *shot, const struct options *o)
{
	struct bytes body = {0};
	struct fail why = {0};

	if (o->body != NULL && file_read(&body, o->body, 1 << 20, &why) != 0)
		die("%s (%s)", why.text, why.cause);
	shot_make(shot, o, span_of(&body));
	bytes_free(&body);
}

/* The name of device `i`: unique to this run but for --csr-cn. */
static char *
device_name(const struct options *o, uint32_t run, size_t i)
{
	if (o->cn != NULL)
		return str_dup(o->cn);
	if (o->pairs != NULL || o->out != NULL)
		return str_fmt("%s-%zu", o->prefix, i);
	return str_fmt("%s-%08x-%06zu", o->prefix, run, i);
}

void
pool_make(struct pool *pool, const struct options *o)
{
	uint32_t run;

	pool->shots = o->pool > 0 ? (size_t)o->pool : 1;
	pool->shot = mem_new(pool->shots * sizeof(*pool->shot));
	if (o->pool == 0) {
		shot_from_file(&pool->shot[0], o);
		return;
	}
	if (RAND_bytes((uint8_t *)&run, sizeof(run)) != 1)
		die("no random octets");
	pool->keys =
	    (size_t)(o->keys > 0 && o->keys < o->pool ? o->keys : o->pool);
	pool->key = mem_new(pool->keys * sizeof(EVP_PKEY *));
	for (size_t i = 0; i < pool->keys; i++)
		pool->key[i] = key_make(o->alg);
	for (size_t i = 0; i < pool->shots; i++) {
		char *cn = device_name(o, run, i);

		shot_for(&pool->shot[i], o, pool->key[i % pool->keys], cn);
		free(cn);
	}
}

void
pool_free(struct pool *pool)
{
	for (size_t i = 0; i < pool->shots; i++)
		shot_free(&pool->shot[i]);
	for (size_t i = 0; i < pool->keys; i++)
		EVP_PKEY_free(pool->key[i]);
	free(pool->shot);
	free(pool->key);
}

static PKCS7 *
answer_read(struct span body)
{
	struct bytes der = {0};
	struct fail why = {0};
	PKCS7 *p7 = NULL;
	const uint8_t *p;

	if (base64_read(&der, body, &why) == 0) {
		p = der.data;
		p7 = d2i_PKCS7(NULL, &p, (long)der.len);
	}
	bytes_free(&der);
	if (p7 != NULL && !PKCS7_type_is_signed(p7)) {
		PKCS7_free(p7);
		p7 = NULL;
	}
	return p7;
}

bool
answer_ok(struct span body, EVP_PKEY *key)
{
	PKCS7 *p7 = answer_read(body);
	STACK_OF(X509) *certs = p7 != NULL ? p7->d.sign->cert : NULL;
	bool ok = key == NULL && sk_X509_num(certs) > 0;

	for (int i = 0; i < sk_X509_num(certs) && !ok; i++) {
		EVP_PKEY *k = X509_get0_pubkey(sk_X509_value(certs, i));

		ok = k != NULL && EVP_PKEY_eq(k, key) == 1;
	}
	PKCS7_free(p7);
	return ok;
}

X509 *
answer_cert(struct span body)
{
	PKCS7 *p7 = answer_read(body);
	X509 *cert = NULL;

	if (p7 != NULL && sk_X509_num(p7->d.sign->cert) > 0) {
		cert = sk_X509_value(p7->d.sign->cert, 0);
		if (!X509_up_ref(cert))
			die("no reference");
	}
	PKCS7_free(p7);
	return cert;
}

void
pair_write(const char *dir, size_t n, struct span body, EVP_PKEY *key)
{
	char *cert_path = str_fmt("%s/%zu.pem", dir, n);
	char *key_path = str_fmt("%s/%zu.key", dir, n);
	FILE *cert = fopen(cert_path, "w"), *k = fopen(key_path, "w");
	PKCS7 *p7 = answer_read(body);

	if (cert == NULL || k == NULL || p7 == NULL ||
	    !PEM_write_X509(cert, sk_X509_value(p7->d.sign->cert, 0)) ||
	    !PEM_write_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL))
		die("cannot write %s", cert_path);
	(void)fclose(cert);
	(void)fclose(k);
	PKCS7_free(p7);
	free(cert_path);
	free(key_path);
}
