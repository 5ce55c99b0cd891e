/*
 * build_ext - the extensions of a certificate about to be signed (RFC 5280,
 * 4.2): the profile's fixed ones copied, the others written here as DER.
 *
 * Inner part of build.  Pure.
 */
#ifndef MICROCA_BUILD_EXT_H
#define MICROCA_BUILD_EXT_H

#include "lib/ca/build.h"

/* FAIL_BROKEN "build". */
MUST_CHECK int build_extensions(X509 *cert, const struct authority *authority,
    const struct grant *grant, struct fail *why);

#endif
