/*
 * profile - profiles.conf: what each kind of certificate holds.
 *
 * Read once into a form that issuing only copies from: extensions are built
 * once per profile, OIDs and patterns are compiled.
 */
#ifndef MICROCA_PROFILE_H
#define MICROCA_PROFILE_H

#include <openssl/x509v3.h>

#include "lib/base/conf.h"
#include "lib/wire/csr.h"
#include "lib/wire/name.h"

enum outlive { OUTLIVE_CLAMP, OUTLIVE_REFUSE, OUTLIVE_ALLOW };
enum unknown_ext { UNKNOWN_REFUSE, UNKNOWN_DROP };
enum csrattrs_form {
	CSRATTRS_CLASSIC,
	CSRATTRS_TEMPLATE,
	CSRATTRS_BOTH,
	CSRATTRS_NONE
};
enum rdn_from {
	RDN_OPTIONAL, /* the request may hold it */
	RDN_REQUIRED, /* the request must */
	RDN_FIXED,    /* `value`, whatever the request says (equal or absent) */
	RDN_IDENTITY  /* the identity's value; the request's must equal it */
};
enum device_from { DEVICE_NONE, DEVICE_CN, DEVICE_SERIAL, DEVICE_SHA256 };

/* After a renewal, what becomes of the old certificate (replaced.h). */
enum replaced_rule { REPLACED_NEVER, REPLACED_IN_USE, REPLACED_AFTER };

/* The words of `keys`.  RSA moduli may have any size from the smallest to the
 * largest rsa word given. */
enum key_word {
	KEY_P256,
	KEY_P384,
	KEY_P521,
	KEY_RSA2048,
	KEY_RSA3072,
	KEY_RSA4096,
	KEY_RSA8192,
	KEY_ED25519,
	KEY_ED448
};

/* One RDN of the subject.  A type has one rule; only OU and DC may have more,
 * and then all of them are fixed. */
struct rdn_rule {
	char *type; /* "CN" */
	int nid;
	int from;                /* enum rdn_from */
	char *value;             /* RDN_FIXED */
	char *pattern_text;      /* or NULL */
	struct pattern *pattern; /* compiled, or NULL */
	char *where;
};

/* One type of subjectAltName; a type has one rule. */
struct san_rule {
	int type; /* GEN_DNS, GEN_IPADD, GEN_EMAIL, GEN_URI, GEN_RID,
	             GEN_DIRNAME, GEN_OTHERNAME */
	char *pattern_text;
	struct pattern *pattern;
	int min, max;  /* how many of this type */
	bool wildcard; /* "*.x" allowed for DNS */
	char *where;
};

struct extra_ext { /* a fixed extension of the operator's */
	char *oid;
	bool critical;
	char *value; /* hex of the DER in extnValue */
	char *where;
};

struct profile {
	char *name;
	char *where; /* "file:line" */

	char *validity_text; /* "90d", "until 99991231" */
	int64_t valid_for;   /* s, or 0 when … */
	int64_t valid_until; /* … this absolute end is given */
	int outlive;         /* enum outlive */
	int64_t backdate;    /* s */

	bool ca;
	int path_length; /* -1: none; only with ca */
	struct conf_strings key_usage_text, ext_key_usage_text, key_text;
	unsigned key_usage; /* KU_* */
	bool key_usage_critical, ext_key_usage_critical;
	ASN1_OBJECT **ext_key_usage; /* of ext_key_usages */
	size_t ext_key_usages;
	unsigned keys;        /* 1 << enum key_word, of key_text */
	int rsa_min, rsa_max; /* bits, from the rsa words; 0: no RSA */
	int signature_hash;   /* index of "auto" "sha256" "sha384" "sha512" */

	struct conf_list subject; /* struct rdn_rule, in the order issued */
	bool subject_empty;       /* an empty subject is allowed (with a SAN) */
	struct conf_list san;     /* struct san_rule; none: no SAN allowed */

	struct conf_strings policies;                         /* OIDs */
	struct conf_strings crl_urls, ocsp_urls, issuer_urls; /* %k: KEYID */
	bool no_rev_avail;
	struct conf_list extra; /* struct extra_ext */
	int unknown_extensions; /* enum unknown_ext */

	int64_t renewal_window; /* s before the end; 0: any time */
	bool key_reuse;         /* a renewal may keep its key */
	bool key_shared; /* other subjects of the owner may have it too */
	int max_live;
	int revoke_replaced;  /* enum replaced_rule */
	int64_t revoke_delay; /* s, from being seen or issued on */
	int serverkeygen;     /* 0: off; profile_keygen() */
	int csrattrs;         /* enum csrattrs_form */
	bool azure;
	int device_id; /* enum device_from */

	/* Made once from the above by profile_make(): all but SKI, AKI, SAN,
	 * URLs. */
	STACK_OF(X509_EXTENSION) * fixed;
};

struct profiles {
	struct conf_list list; /* struct profile */
};

/*
 * Read and check a file.  Fails: FAIL_CONFIG "config" with file and line for
 * what cannot be (unknown words, cA without keyCertSign, noRevAvail with CRL
 * or OCSP URLs, RFC 9608, 3; keyEncipherment with EC keys only, RFC 8813;
 * path_length without ca; until that is not 99991231 with "allow"; azure
 * without device_id; a pattern that does not compile; …).
 */
MUST_CHECK int profiles_read(
    struct profiles **profiles, const char *path, struct fail *why);
void profiles_free(struct profiles *profiles);
const struct profile *profiles_find(
    const struct profiles *profiles, const char *name);
/* The effective file, for `microca check`. */
void profiles_write(struct bytes *out, const struct profiles *profiles);

/* The hash for certificates of the profile: NULL for "auto". */
const EVP_MD *profile_hash(const struct profile *profile);

/* Append the CsrAttrs DER (RFC 7030, 4.5.2), so that what clients are told is
 * what is enforced; nothing when there is nothing to say (204).  `link`:
 * requests are to name their TLS session (RFC 7030, 3.5). */
void profile_csrattrs(
    struct bytes *der, const struct profile *profile, bool link);

/* The type of key that serverkeygen makes (RFC 7030, 4.4); NULL: off. */
const char *profile_keygen(const struct profile *profile);

/* Does the profile take this key?  FAIL_MALFORMED "key-alg", "curve",
 * "weak-key", "key-size". */
MUST_CHECK int profile_key_ok(
    const struct profile *profile, const struct pubkey *key, struct fail *why);

/* Every key of the file: for the tests of manual and sample. */
extern const struct conf_table profiles_table;

#endif
