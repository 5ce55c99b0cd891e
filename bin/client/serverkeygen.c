/*
 * est-client serverkeygen - a key that the server makes (RFC 7030, 4.4).
 *
 * The request is signed with a key that nobody keeps; the server ignores it.
 * With --decrypt-key the answer comes encrypted to a certificate that the
 * server knows (RFC 7030, 4.4.1.2).
 */
#include "bin/client/client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/key/fresh.h"
#include "lib/net/anchors.h"
#include "lib/net/keep_shape.h"
#include "lib/wire/cert.h"
#include "lib/wire/der.h"

#define KEY_FILE_MAX (64 * 1024)

/* RFC 4108, 2.2.5, RFC 7030, 4.4.1.2; RFC 8551, 2.5.2 */
#define OID_ASYMMETRIC_KEY "1.2.840.113549.1.9.16.2.54"
#define OID_CAPABILITIES "1.2.840.113549.1.9.15"
#define OID_OAEP "1.2.840.113549.1.1.7"
#define OID_MGF1 "1.2.840.113549.1.1.8"
#define OID_SHA256 "2.16.840.1.101.3.4.2.1"
#define OID_ECDH_SHA256 "1.3.132.1.11.1"
#define OID_AES256_WRAP "2.16.840.1.101.3.4.1.45"
#define OID_AES256_CBC "2.16.840.1.101.3.4.1.42"

struct order {
	struct talk talk;
	struct source source;
	EVP_PKEY *decrypt; /* NULL: the key comes in clear, inside TLS */
	X509 *known;       /* its certificate */
};

static int
broken(struct fail *why, const char *what)
{
	fail(why, FAIL_BROKEN, "build", "cannot make a request");
	return fail_openssl(why, "%s", what);
}

/* ---- what encryption is understood --------------------------------------- */

static void
oid_put(struct bytes *out, const char *oid)
{
	if (!der_put_oid(out, oid))
		abort();
}

/* `content` as one element; emptied. */
static void
wrap(struct bytes *out, unsigned tag, struct bytes *content)
{
	der_put(out, tag, span_of(content));
	bytes_free(content);
}

static void
oaep_put(struct bytes *out)
{
	static const struct span nothing = {0};
	struct bytes hash = {0}, mask = {0}, fields = {0}, whole = {0};

	oid_put(&hash, OID_SHA256);
	der_put(&hash, DER_NULL, nothing);
	wrap(&whole, DER_SEQUENCE, &hash);
	oid_put(&mask, OID_MGF1);
	bytes_add(&mask, whole.data, whole.len);
	wrap(&fields, DER_CONTEXT_CONS(0), &whole);
	wrap(&whole, DER_SEQUENCE, &mask);
	wrap(&fields, DER_CONTEXT_CONS(1), &whole);
	oid_put(&whole, OID_OAEP);
	wrap(&whole, DER_SEQUENCE, &fields);
	wrap(out, DER_SEQUENCE, &whole);
}

static void
ecdh_put(struct bytes *out)
{
	struct bytes aes = {0}, whole = {0};

	oid_put(&aes, OID_AES256_WRAP);
	oid_put(&whole, OID_ECDH_SHA256);
	wrap(&whole, DER_SEQUENCE, &aes);
	wrap(out, DER_SEQUENCE, &whole);
}

static void
capabilities_put(struct bytes *out, bool ec)
{
	struct bytes list = {0}, cipher = {0};

	if (ec)
		ecdh_put(&list);
	else
		oaep_put(&list);
	oid_put(&cipher, OID_AES256_CBC);
	wrap(&list, DER_SEQUENCE, &cipher);
	wrap(out, DER_SEQUENCE, &list);
}

static int
attribute_add(X509_REQ *req, const char *oid, int type, struct span value,
    struct fail *why)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	int ok = object != NULL && X509_REQ_add1_attr_by_OBJ(req, object, type,
				       value.data, (int)value.len) == 1;

	ASN1_OBJECT_free(object);
	return ok ? 0 : broken(why, oid);
}

static int
encryption_ask(X509_REQ *req, const struct order *order, struct fail *why)
{
	const ASN1_OCTET_STRING *id;
	struct bytes capabilities = {0};
	int rc;

	if (order->decrypt == NULL)
		return 0;
	id = X509_get0_subject_key_id(order->known);
	if (id == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "decrypt-cert has no subjectKeyIdentifier to name it by "
		    "(RFC 7030, 4.4.1.2)");
	capabilities_put(
	    &capabilities, EVP_PKEY_get_base_id(order->decrypt) == EVP_PKEY_EC);
	rc = attribute_add(req, OID_ASYMMETRIC_KEY, V_ASN1_OCTET_STRING,
	    (struct span){
		ASN1_STRING_get0_data(id), (size_t)ASN1_STRING_length(id)},
	    why);
	if (rc == 0)
		rc = attribute_add(req, OID_CAPABILITIES, V_ASN1_SEQUENCE,
		    span_of(&capabilities), why);
	bytes_free(&capabilities);
	return rc;
}

/* ---- the request ---------------------------------------------------------- */

static int
req_fill(X509_REQ *req, const struct keep_shape *shape, EVP_PKEY *key,
    const struct order *order, struct fail *why)
{
	if (X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_subject_name(req, shape->subject) != 1 ||
	    X509_REQ_set_pubkey(req, key) != 1 ||
	    (shape->extensions != NULL &&
		X509_REQ_add_extensions(req, shape->extensions) != 1))
		return broken(why, "request");
	if (encryption_ask(req, order, why) != 0)
		return -1;
	return X509_REQ_sign(req, key, EVP_sha256()) > 0 ? 0
	                                                 : broken(why, "sign");
}

static int
req_make(struct bytes *der, const struct keep_shape *shape,
    const struct order *order, struct fail *why)
{
	X509_REQ *req = X509_REQ_new();
	EVP_PKEY *key = NULL;
	unsigned char *octets = NULL;
	int len, rc = -1;

	if (fresh_key(&key, shape->key_type, why) == 0 &&
	    req_fill(req, shape, key, order, why) == 0) {
		len = i2d_X509_REQ(req, &octets);
		if (len > 0) {
			bytes_add(der, octets, (size_t)len);
			rc = 0;
		} else {
			rc = broken(why, "i2d");
		}
	}
	OPENSSL_free(octets);
	EVP_PKEY_free(key);
	X509_REQ_free(req);
	return rc;
}

static int
request(struct bytes *der, struct order *order, struct fail *why)
{
	struct csrattrs_wishes wishes;
	struct keep_shape shape = {0};
	struct bytes wished = {0};
	int rc = -1;

	if (est_csrattrs(&wished, order->talk.est, why) == 0 &&
	    csrattrs_read(&wishes, span_of(&wished), why) == 0 &&
	    keep_shape_make(&shape, &order->source.plan, NULL, &wishes, why) ==
		0)
		rc = req_make(der, &shape, order, why);
	keep_shape_free(&shape);
	bytes_free(&wished);
	return rc;
}

/* ---- the answer ----------------------------------------------------------- */

static int
key_write(const char *path, struct span pkcs8, struct fail *why)
{
	const unsigned char *p = pkcs8.data;
	PKCS8_PRIV_KEY_INFO *info =
	    d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.len);
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	long len;
	int rc = -1;

	if (info == NULL || bio == NULL ||
	    PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info) != 1) {
		fail(why, FAIL_BROKEN, "openssl", "cannot write the key");
		fail_openssl(why, "pem");
	} else {
		len = BIO_get_mem_data(bio, &text);
		rc = file_put(path,
		    (struct span){(const uint8_t *)text, (size_t)len}, 0600,
		    why);
	}
	BIO_free(bio);
	PKCS8_PRIV_KEY_INFO_free(info);
	return rc;
}

static int
chain_of(struct bytes *pem, X509 *leaf, const STACK_OF(X509) * cacerts,
    const struct order *order, struct fail *why)
{
	STACK_OF(X509) *chain = NULL;
	int i;

	if (cert_time_of(X509_get0_notAfter(leaf)) <= when_now())
		return fail(
		    why, FAIL_DENIED, "up-cert", "the certificate has expired");
	if (anchors_chain(&chain, leaf, cacerts, order->source.anchors, why) !=
	    0)
		return -1;
	for (i = 0; i < sk_X509_num(chain); i++)
		pem_add(pem, sk_X509_value(chain, i));
	sk_X509_pop_free(chain, X509_free);
	return 0;
}

static int
generated(X509 **leaf, struct bytes *key, const struct order *order,
    struct span csr, const STACK_OF(X509) * cacerts, struct fail *why)
{
	const struct est_decrypt with = {.key = order->decrypt,
	    .anchors = order->source.anchors,
	    .above = cacerts,
	    .lenient = order->source.cert->server->lenient};

	return est_serverkeygen(leaf, key, order->talk.est, csr, &with, why);
}

static int
generate(const struct client *client, struct order *order, struct fail *why)
{
	const struct server *server = order->source.cert->server;
	STACK_OF(X509) *cacerts = NULL;
	struct bytes csr = {0}, key = {0}, pem = {0};
	X509 *leaf = NULL;
	int rc = -1;

	if (est_cacerts(&cacerts, order->talk.est, why) == 0 &&
	    trust_follow(order->source.anchors, server, cacerts, why) == 0 &&
	    request(&csr, order, why) == 0 &&
	    generated(&leaf, &key, order, span_of(&csr), cacerts, why) == 0 &&
	    chain_of(&pem, leaf, cacerts, order, why) == 0 &&
	    key_write(client->options.key_out, span_of(&key), why) == 0)
		rc = put_out(client->options.out, span_of(&pem), 0644, why);
	X509_free(leaf);
	bytes_wipe(&key);
	bytes_free(&pem);
	bytes_free(&csr);
	sk_X509_pop_free(cacerts, X509_free);
	return rc;
}

/* ---- what was ordered ------------------------------------------------------ */

static int
decrypt_key_read(EVP_PKEY **key, const char *path, struct fail *why)
{
	struct bytes pem = {0};
	BIO *bio;
	int rc = file_read_secret(&pem, path, KEY_FILE_MAX, why);

	if (rc == 0) {
		bio = BIO_new_mem_buf(pem.data, (int)pem.len);
		*key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
		BIO_free(bio);
		if (*key == NULL) {
			fail(why, FAIL_CONFIG, "config",
			    "%s has no private key in PEM", path);
			rc = fail_openssl(why, "pem");
		}
	}
	bytes_wipe(&pem);
	return rc;
}

static int
decrypt_read(struct order *order, const struct options *o, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;

	if (o->decrypt_key == NULL && o->decrypt_cert == NULL)
		return 0;
	if (o->decrypt_key == NULL || o->decrypt_cert == NULL)
		return fail(why, FAIL_CONFIG, "usage",
		    "--decrypt-key and --decrypt-cert go together");
	if (decrypt_key_read(&order->decrypt, o->decrypt_key, why) != 0 ||
	    cert_file_read(&certs, o->decrypt_cert, why) != 0)
		return -1;
	order->known = sk_X509_shift(certs);
	sk_X509_pop_free(certs, X509_free);
	if (EVP_PKEY_eq(X509_get0_pubkey(order->known), order->decrypt) == 1)
		return 0;
	return fail(why, FAIL_CONFIG, "config",
	    "--decrypt-key is not the key of --decrypt-cert");
}

static int
usage_ok(const struct client *client, struct fail *why)
{
	const struct options *o = &client->options;

	if (o->key_out == NULL || o->out == NULL)
		return fail(why, FAIL_CONFIG, "usage",
		    "--key-out and --out say where key and certificate go");
	if (access(o->key_out, F_OK) == 0 && !o->force)
		return fail(why, FAIL_CONFIG, "usage",
		    "%s is there already: --force replaces it", o->key_out);
	return 0;
}

int
serverkeygen_run(struct client *client, struct fail *why)
{
	struct order order = {0};
	int rc = -1;

	if (usage_ok(client, why) == 0 &&
	    decrypt_read(&order, &client->options, why) == 0 &&
	    talk_find(&order.talk, &order.source, client, why) == 0) {
		/* RFC 7030, 6: who made the key should be known better. */
		if (order.source.cert->server->implicit)
			warn_user("the server that makes the key is trusted "
				  "by the system's CAs (RFC 7030, 6)");
		rc = generate(client, &order, why);
		talk_close(&order.talk);
		source_close(&order.source);
	}
	EVP_PKEY_free(order.decrypt);
	X509_free(order.known);
	return rc;
}
