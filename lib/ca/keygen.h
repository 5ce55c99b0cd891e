/*
 * keygen - a key made here for a client (RFC 7030, 4.4).
 *
 * The key is made in memory after policy said yes, and it is wiped with the
 * struct; the store, log and audit never see more than the hash of its public
 * half.  In clear it goes out as PKCS#8, and with one of the attributes of RFC
 * 7030, 4.4.1 encrypted:
 *
 * AsymmetricDecryptKeyIdentifier is a subject key identifier (RFC 5280,
 * 4.2.1.2): of the certificate that the client shows, or of a good certificate
 * in our store that its owner has under its own subject or under the one that
 * is asked for.  DecryptKeyIdentifier is refused: no key is shared here.
 *
 * Who signs is microca.conf's `keygen`, a certificate for nothing else.  The
 * CA's key does not: its keyUsage is keyCertSign and cRLSign, so that nobody
 * could verify it (RFC 5280, 4.2.1.3).
 */
#ifndef MICROCA_KEYGEN_H
#define MICROCA_KEYGEN_H

#include "lib/ca/policy.h"
#include "lib/wire/keypackage.h"

/* Who signs, from the files of `keygen`. */
struct keygen_signer {
	X509 *cert;
	STACK_OF(X509) * above; /* what else was in the file */
	EVP_PKEY *key;
};
/*
 * Read, and check: a pair, for digitalSignature, no CA, valid at `now`.
 * FAIL_CONFIG "keygen", "file-mode"; FAIL_DENIED "keygen" without such a
 * group.
 */
MUST_CHECK int keygen_signer_read(struct keygen_signer *signer,
    const struct settings *settings, int64_t now, struct fail *why);
void keygen_signer_free(struct keygen_signer *signer); /* not the struct */

struct keygen {
	struct bytes part;     /* what the answer holds: a secret */
	const char *part_type; /* its media type, static */
};
/*
 * See how the key is to be sent, make it, give its public half to `csr`, which
 * is the grant's.  Fails: FAIL_MALFORMED "csr-attrs" (attributes that do not
 * go together), "key-id", "key-id-usage", "key-wrap", and as profile_key_ok();
 * FAIL_BROKEN "openssl"; as keygen_signer_read().
 */
MUST_CHECK int keygen_make(struct keygen *keygen, struct ca *ca,
    const struct request *rq, const struct identity *who,
    const struct grant *grant, struct csr *csr, struct fail *why);
void keygen_free(struct keygen *keygen); /* wiped; not the struct */

#endif
