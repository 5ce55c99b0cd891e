#include "lib/ca/profile.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ca/profile_make.h"

static struct profile *
profile_at(const struct profiles *profiles, size_t i)
{
	return (struct profile *)profiles->list.item + i;
}

const struct profile *
profiles_find(const struct profiles *profiles, const char *name)
{
	for (size_t i = 0; i < profiles->list.n; i++)
		if (strcmp(profile_at(profiles, i)->name, name) == 0)
			return profile_at(profiles, i);
	return NULL;
}

static int
profiles_compile(struct profiles *profiles, const char *path, struct fail *why)
{
	if (profiles->list.n == 0)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: has no profile; at least one is needed", path);
	for (size_t i = 0; i < profiles->list.n; i++) {
		struct profile *p = profile_at(profiles, i);

		if (profiles_find(profiles, p->name) != p)
			return profile_refuse(why, p, p->where,
			    "a profile of that name was given before");
		if (profile_check(p, why) != 0 || profile_make(p, why) != 0)
			return -1;
	}
	return 0;
}

int
profiles_read(struct profiles **profiles, const char *path, struct fail *why)
{
	*profiles = mem_new(sizeof(**profiles));
	if (conf_read(*profiles, &profiles_table, path, why) == 0 &&
	    profiles_compile(*profiles, path, why) == 0)
		return 0;
	profiles_free(*profiles);
	*profiles = NULL;
	return -1;
}

/* What profile_check() and profile_make() added; the table frees the rest. */
static void
compiled_free(struct profile *p)
{
	struct rdn_rule *rdn = p->subject.item;
	struct san_rule *san = p->san.item;

	for (size_t i = 0; i < p->subject.n; i++)
		pattern_free(rdn[i].pattern);
	for (size_t i = 0; i < p->san.n; i++)
		pattern_free(san[i].pattern);
	for (size_t i = 0; i < p->ext_key_usages; i++)
		ASN1_OBJECT_free(p->ext_key_usage[i]);
	free(p->ext_key_usage);
	sk_X509_EXTENSION_pop_free(p->fixed, X509_EXTENSION_free);
}

void
profiles_free(struct profiles *profiles)
{
	if (profiles == NULL)
		return;
	for (size_t i = 0; i < profiles->list.n; i++)
		compiled_free(profile_at(profiles, i));
	conf_free(profiles, &profiles_table);
	free(profiles);
}

void
profiles_write(struct bytes *out, const struct profiles *profiles)
{
	conf_write(out, profiles, &profiles_table);
}

const EVP_MD *
profile_hash(const struct profile *profile)
{
	const EVP_MD *const hash[] = {
	    NULL, EVP_sha256(), EVP_sha384(), EVP_sha512()};

	return hash[profile->signature_hash];
}

const char *
profile_keygen(const struct profile *profile)
{
	return profile->serverkeygen != 0
	           ? profile_keygen_words[profile->serverkeygen]
	           : NULL;
}

static int
ec_ok(const struct profile *p, const struct pubkey *key, struct fail *why)
{
	static const struct {
		int nid;
		enum key_word word;
	} curve[] = {
	    {NID_X9_62_prime256v1, KEY_P256},
	    {NID_secp384r1, KEY_P384},
	    {NID_secp521r1, KEY_P521},
	};

	if ((p->keys & (1u << KEY_P256 | 1u << KEY_P384 | 1u << KEY_P521)) == 0)
		return fail(why, FAIL_MALFORMED, "key-alg",
		    "profile %s takes no EC keys", p->name);
	for (size_t i = 0; i < sizeof(curve) / sizeof(curve[0]); i++)
		if (curve[i].nid == key->curve &&
		    (p->keys & 1u << curve[i].word) != 0)
			return 0;
	return fail(why, FAIL_MALFORMED, "curve",
	    "profile %s does not take this curve", p->name);
}

static int
rsa_ok(const struct profile *p, const struct pubkey *key, struct fail *why)
{
	if (p->rsa_max == 0)
		return fail(why, FAIL_MALFORMED, "key-alg",
		    "profile %s takes no RSA keys", p->name);
	if (key->bits < p->rsa_min)
		return fail(why, FAIL_MALFORMED, "weak-key",
		    "profile %s wants RSA keys of %d bits or more", p->name,
		    p->rsa_min);
	if (key->bits > p->rsa_max)
		return fail(why, FAIL_MALFORMED, "key-size",
		    "profile %s wants RSA keys of %d bits or less", p->name,
		    p->rsa_max);
	return 0;
}

int
profile_key_ok(
    const struct profile *profile, const struct pubkey *key, struct fail *why)
{
	enum key_word word;

	if (key->type == PUBKEY_EC)
		return ec_ok(profile, key, why);
	if (key->type == PUBKEY_RSA)
		return rsa_ok(profile, key, why);
	word = key->type == PUBKEY_ED25519 ? KEY_ED25519 : KEY_ED448;
	if ((profile->keys & 1u << word) == 0)
		return fail(why, FAIL_MALFORMED, "key-alg",
		    "profile %s takes no EdDSA keys of this kind",
		    profile->name);
	return 0;
}
