#include "lib/wire/cert.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "lib/base/file.h"
#include "lib/wire/der.h"

#define TEXT_MAX 16384
#define FILE_CERTS_MAX 100
#define FILE_OCTETS_MAX (1024 * 1024)

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END "-----END CERTIFICATE-----"

static int
refuse(struct fail *why, const char *what)
{
	return fail(why, FAIL_DENIED, "auth-config",
	    "the web server's variable for the client certificate %s", what);
}

static void
blanks_skip(struct span *in)
{
	while (in->len > 0 && strchr(" \t\r\n", in->data[0]) != NULL &&
	       in->data[0] != '\0')
		in->data++, in->len--;
}

static bool
word_skip(struct span *in, const char *word)
{
	size_t len = strlen(word);

	if (in->len < len || memcmp(in->data, word, len) != 0)
		return false;
	in->data += len;
	in->len -= len;
	return true;
}

/* RFC 7468, 5.1, its line ends in any of the forms that variables have. */
static int
pem_read(struct bytes *der, struct span in, struct fail *why)
{
	struct span body;
	const uint8_t *dash;

	blanks_skip(&in);
	if (!word_skip(&in, PEM_BEGIN))
		return refuse(why, "is not PEM");
	dash = in.len > 0 ? memchr(in.data, '-', in.len) : NULL;
	if (dash == NULL)
		return refuse(why, "is cut short");
	body = (struct span){in.data, (size_t)(dash - in.data)};
	in.len -= body.len;
	in.data = dash;
	if (!word_skip(&in, PEM_END))
		return refuse(why, "is not PEM");
	blanks_skip(&in);
	if (in.len != 0)
		return refuse(why, "holds more than one certificate");
	return base64_read(der, body, why) == 0 ? 0 : refuse(why, "is not PEM");
}

/* RFC 3986, 2.1: what is not escaped must be visible ASCII and stands for
 * itself, "+" too. */
static bool
unescape(struct bytes *out, struct span in)
{
	char hex[3] = "";

	while (in.len > 0) {
		size_t run = 0;

		while (run < in.len && in.data[run] != '%' &&
		       in.data[run] > ' ' && in.data[run] < 0x7f)
			run++;
		bytes_add(out, in.data, run);
		in.data += run;
		in.len -= run;
		if (in.len == 0)
			break;
		if (in.data[0] != '%' || in.len < 3)
			return false;
		memcpy(hex, in.data + 1, 2);
		if (!hex_read(out, hex))
			return false;
		in.data += 3;
		in.len -= 3;
	}
	return true;
}

static int
escaped_read(struct bytes *der, struct span in, struct fail *why)
{
	struct bytes pem = {0};
	int rc;

	if (unescape(&pem, in))
		rc = pem_read(der, span_of(&pem), why);
	else
		rc = refuse(why, "is not URL-encoded");
	bytes_free(&pem);
	return rc;
}

static int
base64_line_read(struct bytes *der, struct span in, struct fail *why)
{
	for (size_t i = 0; i < in.len; i++)
		if (in.data[i] <= ' ')
			return refuse(why, "is not base64 on one line");
	return base64_read(der, in, why) == 0
	           ? 0
	           : refuse(why, "is not base64 of DER");
}

static int
form_read(
    struct bytes *der, struct span in, enum cert_form form, struct fail *why)
{
	switch (form) {
	case CERT_PEM:
		return pem_read(der, in, why);
	case CERT_PEM_ESCAPED:
		return escaped_read(der, in, why);
	default:
		return base64_line_read(der, in, why);
	}
}

int
cert_text_read(
    struct bytes *der, const char *text, enum cert_form form, struct fail *why)
{
	struct span in = {(const uint8_t *)text, strnlen(text, TEXT_MAX + 1)};
	struct span rest, content;
	size_t start = der->len;
	int rc;

	if (in.len > TEXT_MAX)
		return refuse(why, "is over 16 KiB");
	rc = form_read(der, in, form, why);
	rest = span_of(der);
	if (rc == 0 && start > 0)
		rest = (struct span){der->data + start, der->len - start};
	if (rc == 0 &&
	    (!der_take(&rest, DER_SEQUENCE, &content, NULL) || rest.len != 0))
		rc = refuse(why, "is not one certificate");
	if (rc != 0)
		der->len = start;
	return rc;
}

static int
file_refuse(struct fail *why, const char *path, const char *what)
{
	(void)fail_openssl(why, "%s", path);
	return fail(why, FAIL_CONFIG, "cert-file", "%s: %s", path, what);
}

/* Every certificate of `bio`; other PEM objects are passed over. */
static int
certs_read(STACK_OF(X509) * certs, BIO *bio, const char *path, struct fail *why)
{
	X509 *x509;

	while ((x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (sk_X509_num(certs) == FILE_CERTS_MAX ||
		    sk_X509_push(certs, x509) == 0) {
			X509_free(x509);
			return file_refuse(
			    why, path, "more than 100 certificates");
		}
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return file_refuse(
		    why, path, "a certificate in it cannot be read");
	ERR_clear_error();
	if (sk_X509_num(certs) == 0)
		return file_refuse(why, path, "no PEM certificate in it");
	return 0;
}

int
cert_file_read(STACK_OF(X509) * *certs, const char *path, struct fail *why)
{
	struct bytes text = {0};
	BIO *bio;
	int rc;

	*certs = NULL;
	if (file_read(&text, path, FILE_OCTETS_MAX, why) != 0) {
		struct fail first = *why;

		return fail(why, FAIL_CONFIG, "cert-file", "%s", first.text);
	}
	ERR_clear_error();
	bio = BIO_new_mem_buf(text.data, (int)text.len);
	*certs = sk_X509_new_null();
	rc = certs_read(*certs, bio, path, why);
	if (rc != 0) {
		sk_X509_pop_free(*certs, X509_free);
		*certs = NULL;
	}
	BIO_free(bio);
	bytes_free(&text);
	return rc;
}

void
cert_pem_write(struct bytes *out, struct span der)
{
	bytes_adds(out, PEM_BEGIN "\n");
	base64_write(out, der, 64);
	bytes_adds(out, PEM_END "\n");
}

void
cert_pems_write(struct bytes *out, const STACK_OF(X509) * certs)
{
	for (int i = 0; i < sk_X509_num(certs); i++) {
		struct bytes der = {0};

		cert_der_add(&der, sk_X509_value(certs, i));
		cert_pem_write(out, span_of(&der));
		bytes_free(&der);
	}
}
