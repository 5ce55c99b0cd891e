/*
 * keep_shape - what a request holds: our plan, the certificate that is
 * renewed, and the server's wishes, in the order of their say.  Pure.
 *
 * RFC 7030, 4.2.2: a renewal keeps subject and subjectAltName.  A wish for
 * names of others is not ours to fulfil: subjectAltName comes from the plan
 * alone, and cA is asked for only where the plan says so.
 */
#ifndef MICROCA_KEEP_SHAPE_H
#define MICROCA_KEEP_SHAPE_H

#include "lib/net/keep.h"
#include "lib/wire/csrattrs.h"

struct keep_shape {
	X509_NAME *subject;
	STACK_OF(X509_EXTENSION) * extensions; /* NULL: none */
	const char *key_type;                  /* as key_generate() */
	const EVP_MD *hash;                    /* NULL: the key's own */
};

/*
 * `renews` is NULL the first time.  Fails: FAIL_DENIED "up-csrattrs" when a
 * key is wished that we do not make; FAIL_CONFIG "subject" when there is
 * nothing to call it by; FAIL_BROKEN "build".  The caller frees, after
 * failures too.
 */
MUST_CHECK int keep_shape_make(struct keep_shape *shape,
    const struct keep_plan *plan, X509 *renews,
    const struct csrattrs_wishes *wishes, struct fail *why);
void keep_shape_free(struct keep_shape *shape);

/* "p256", "rsa3072" …; "" for a key that we do not make.  Static, or in
 * `out`. */
const char *keep_key_type(EVP_PKEY *key, char out[16]);

#endif
