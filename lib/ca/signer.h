/*
 * signer - the generations' keys, and which of them signs.
 *
 * Inner part of ca: ca_signer(), ca_key_ok() and ca_authority() of ca.h are
 * here.  A key that is ca.key's is the ca's own handle; another is opened once
 * for all generations and readings of the configuration that name it.
 */
#ifndef MICROCA_SIGNER_H
#define MICROCA_SIGNER_H

#include "lib/ca/ca.h"

/* ca->key and ca->issuers are there.  `old` lends keys; or NULL.  A key that
 * cannot be opened is its generation's trouble: signer->why. */
void signers_open(struct ca *ca, const struct ca *old);
void signers_drop(struct ca *ca);

/* The signer of what is issued once for each key: lists, responders.  Of
 * generation `i`; NULL when an earlier one is of the same key, or when it is
 * past its end, under which nothing validates. */
struct signer *signer_of_key(struct ca *ca, size_t i, int64_t now);

/* Where a key is and how it is reached, as one text: to be compared.  The
 * caller frees. */
char *signer_place(const struct settings *s, const char *uri);

#endif
