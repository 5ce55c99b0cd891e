#include "lib/ca/audit_cert.h"

#include <stdlib.h>
#include <string.h>

#include "lib/wire/cert.h"
#include "lib/wire/der.h"

bool
audit_says(const struct json *record, const char *key, const char *value)
{
	const char *said = json_str_of(record, key);

	return said == NULL || value == NULL ? said == value
	                                     : strcmp(said, value) == 0;
}

static bool
says_hash(
    const struct json *record, const char *key, const uint8_t hash[SHA256_LEN])
{
	char hex[2 * SHA256_LEN + 1];

	hex_write(hex, (struct span){hash, SHA256_LEN}, false);
	return audit_says(record, key, hex);
}

/* RFC 5280, 4.2.1.1: the issuing key's identifier, where it is told. */
static bool
is_issued_by(const struct cert *cert, const char *keyid)
{
	const struct cert_extension *e =
	    cert_extension_find(cert, NID_authority_key_identifier);
	struct span in, aki, id;
	char *hex;
	bool same;

	if (e == NULL)
		return true;
	in = e->value;
	if (!der_take(&in, DER_SEQUENCE, &aki, NULL) ||
	    !der_take(&aki, DER_CONTEXT(0), &id, NULL))
		return false;
	hex = mem_new(2 * id.len + 1);
	hex_write(hex, id, false);
	same = strcmp(hex, keyid) == 0;
	free(hex);
	return same;
}

static bool
row_is_of(const struct record *r, const struct cert *cert)
{
	char *serial = cert_serial_text(cert->serial);
	bool same = strcmp(serial, r->serial) == 0 &&
	            cert->not_before == r->not_before &&
	            cert->not_after == r->not_after &&
	            is_issued_by(cert, r->issuer);

	free(serial);
	return same;
}

static bool
row_is_recorded(const struct record *r, const struct json *record)
{
	return audit_says(record, "serial", r->serial) &&
	       audit_says(record, "subject", r->subject) &&
	       audit_says(record, "profile", r->profile) &&
	       audit_says(record, "endpoint", r->endpoint) &&
	       audit_says(record, "operation", r->operation) &&
	       audit_says(record, "requester", r->requester) &&
	       says_hash(record, "csr_sha256", r->csr_sha256) &&
	       says_hash(record, "spki_sha256", r->spki_sha256);
}

const char *
audit_cert_wrong(const struct record *r, const struct json *record,
    const uint8_t sha256[SHA256_LEN])
{
	struct fail why = {0};
	struct cert *cert = NULL;
	const char *wrong = NULL;

	if (cert_read(&cert, span_of(&r->der), &why) != 0 ||
	    memcmp(cert->sha256, sha256, SHA256_LEN) != 0)
		wrong = "its certificate is another one";
	else if (!row_is_of(r, cert) || !row_is_recorded(r, record))
		wrong = "its certificate's row does not say the same";
	cert_free(cert);
	return wrong;
}
