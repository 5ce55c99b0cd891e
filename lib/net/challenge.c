#include "lib/net/challenge.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define PARAMETERS_MAX 32
#define HEX_LEN (2 * SHA256_LEN + 1)

/* One challenge while it is read. */
struct offer {
	char *scheme;
	char *realm, *nonce, *opaque, *algorithm, *qop, *stale;
};

/* ---- WWW-Authenticate (RFC 9110, 11.3, 11.6.1) --------------------------- */

static void
offer_free(struct offer *offer)
{
	free(offer->scheme);
	free(offer->realm);
	free(offer->nonce);
	free(offer->opaque);
	free(offer->algorithm);
	free(offer->qop);
	free(offer->stale);
	*offer = (struct offer){0};
}

static bool
is_token(char c)
{
	return isalnum((unsigned char)c) ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~/", c) != NULL);
}

/* A token off the front, or NULL. */
static char *
token_take(const char **in)
{
	const char *p = *in;
	char *token;

	while (is_token(*p))
		p++;
	if (p == *in)
		return NULL;
	token = mem_dup(*in, (size_t)(p - *in));
	*in = p;
	return token;
}

/* A quoted-string or a token off the front, or NULL. */
static char *
value_take(const char **in)
{
	struct bytes value = {0};
	const char *p = *in;

	if (*p != '"')
		return token_take(in);
	for (p++; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (*p == '\0') {
			bytes_free(&value);
			return NULL;
		}
		bytes_addc(&value, *p);
	}
	*in = p + 1;
	bytes_adds(&value, "");
	return value.data != NULL ? (char *)value.data : str_dup("");
}

static void
blanks_skip(const char **in, const char *which)
{
	*in += strspn(*in, which);
}

/* Each at most once: the first counts. */
static void
parameter_keep(struct offer *offer, const char *name, char *value)
{
	const struct {
		const char *name;
		char **at;
	} known[] = {{"realm", &offer->realm}, {"nonce", &offer->nonce},
	    {"opaque", &offer->opaque}, {"algorithm", &offer->algorithm},
	    {"qop", &offer->qop}, {"stale", &offer->stale}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(known[i].name, name) == 0 &&
		    *known[i].at == NULL) {
			*known[i].at = value;
			return;
		}
	free(value);
}

/*
 * One challenge off the front: a scheme, then NAME=VALUE with commas between,
 * until a token comes without "=".
 */
static bool
offer_take(struct offer *offer, const char **in)
{
	blanks_skip(in, " \t,="); /* "=": a token68 ends in it */
	offer->scheme = token_take(in);
	for (int i = 0; offer->scheme != NULL && i < PARAMETERS_MAX; i++) {
		const char *p = *in;
		char *name, *value = NULL;

		blanks_skip(&p, " \t,");
		name = token_take(&p);
		blanks_skip(&p, " \t");
		if (name != NULL && *p == '=') {
			p++;
			blanks_skip(&p, " \t");
			value = value_take(&p);
		}
		if (value != NULL) {
			parameter_keep(offer, name, value);
			*in = p;
		}
		free(name);
		if (value == NULL)
			break;
	}
	return offer->scheme != NULL;
}

/* ---- which one ----------------------------------------------------------- */

/* Is `word` one of a list with commas? */
static bool
lists(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list != NULL && *list != '\0') {
		blanks_skip(&list, " \t,");
		if (strncasecmp(list, word, len) == 0 && !is_token(list[len]))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

static enum challenge_scheme
scheme_of(const struct offer *o)
{
	if (strcasecmp(o->scheme, "Basic") == 0)
		return CHALLENGE_BASIC;
	/* RFC 7616, 3.3: without algorithm it is MD5. */
	if (strcasecmp(o->scheme, "Digest") != 0 || o->nonce == NULL ||
	    o->realm == NULL || o->algorithm == NULL ||
	    (strcasecmp(o->algorithm, "SHA-256") != 0 &&
		strcasecmp(o->algorithm, "SHA-256-sess") != 0) ||
	    (o->qop != NULL && !lists(o->qop, "auth")))
		return CHALLENGE_NONE;
	return CHALLENGE_DIGEST;
}

static void
take_over(struct challenge *c, struct offer *o, enum challenge_scheme scheme)
{
	challenge_free(c);
	c->scheme = scheme;
	c->stale = o->stale != NULL && strcasecmp(o->stale, "true") == 0;
	c->session = o->algorithm != NULL &&
	             strcasecmp(o->algorithm, "SHA-256-sess") == 0;
	c->has_qop = o->qop != NULL;
	c->realm = o->realm;
	c->nonce = o->nonce;
	c->opaque = o->opaque;
	o->realm = o->nonce = o->opaque = NULL;
}

int
challenge_read(
    struct challenge *challenge, const char *header, struct fail *why)
{
	struct offer offer = {0};

	challenge_free(challenge);
	while (header != NULL && offer_take(&offer, &header)) {
		enum challenge_scheme scheme = scheme_of(&offer);

		if (scheme > challenge->scheme)
			take_over(challenge, &offer, scheme);
		offer_free(&offer);
	}
	offer_free(&offer);
	if (challenge->scheme != CHALLENGE_NONE)
		return 0;
	return fail(why, FAIL_DENIED, "up-auth",
	    header == NULL
		? "RFC 9110, 15.5.2: 401 without WWW-Authenticate"
		: "the server offers neither Basic nor Digest with SHA-256");
}

void
challenge_free(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->nonce);
	free(challenge->opaque);
	*challenge = (struct challenge){0};
}

/* ---- the answer ---------------------------------------------------------- */

/* RFC 7617, 2 */
static int
basic_answer(
    struct bytes *out, const char *user, const char *password, struct fail *why)
{
	struct bytes pair = {0}, text = {0};

	if (strchr(user, ':') != NULL)
		return fail(why, FAIL_CONFIG, "up-auth",
		    "RFC 7617, 2: a user name must not have a colon");
	bytes_addf(&pair, "%s:%s", user, password);
	base64_write(&text, span_of(&pair), 0);
	bytes_adds(out, "Basic ");
	bytes_add(out, text.data, text.len - 1); /* its LF */
	bytes_wipe(&pair);
	bytes_wipe(&text);
	return 0;
}

/* Hex of SHA-256 over `parts`, colons between. */
static void
hash_of(char out[HEX_LEN], const char *const *parts)
{
	struct bytes text = {0};
	uint8_t hash[SHA256_LEN];

	for (size_t i = 0; parts[i] != NULL; i++)
		bytes_addf(&text, i > 0 ? ":%s" : "%s", parts[i]);
	sha256(hash, span_of(&text));
	hex_write(out, (struct span){hash, sizeof(hash)}, false);
	bytes_wipe(&text);
	OPENSSL_cleanse(hash, sizeof(hash));
}

/* RFC 7616, 3.4.1 to 3.4.3 */
static void
response_of(char out[HEX_LEN], const struct challenge *c, const char *user,
    const char *password, const char *const request[2], const char *cnonce)
{
	char a1[HEX_LEN], a2[HEX_LEN], count[9];

	hash_of(a1, (const char *const[]){user, c->realm, password, NULL});
	if (c->session)
		hash_of(a1, (const char *const[]){a1, c->nonce, cnonce, NULL});
	hash_of(a2, (const char *const[]){request[0], request[1], NULL});
	(void)snprintf(count, sizeof(count), "%08x", c->count);
	if (c->has_qop)
		hash_of(out, (const char *const[]){a1, c->nonce, count, cnonce,
				 "auth", a2, NULL});
	else
		hash_of(out, (const char *const[]){a1, c->nonce, a2, NULL});
	OPENSSL_cleanse(a1, sizeof(a1));
}

/* A quoted-string. */
static void
quote(struct bytes *out, const char *name, const char *value)
{
	bytes_addf(out, ", %s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			bytes_addc(out, '\\');
		bytes_addc(out, *value);
	}
	bytes_addc(out, '"');
}

static void
digest_answer(struct bytes *out, struct challenge *c, const char *user,
    const char *password, const char *const request[2])
{
	uint8_t octets[16];
	char cnonce[2 * sizeof(octets) + 1], response[HEX_LEN];

	if (RAND_bytes(octets, sizeof(octets)) != 1)
		abort();
	hex_write(cnonce, (struct span){octets, sizeof(octets)}, false);
	c->count++;
	response_of(response, c, user, password, request, cnonce);
	bytes_addf(out, "Digest response=\"%s\", algorithm=%s", response,
	    c->session ? "SHA-256-sess" : "SHA-256");
	quote(out, "username", user);
	quote(out, "realm", c->realm);
	quote(out, "nonce", c->nonce);
	quote(out, "uri", request[1]);
	if (c->opaque != NULL)
		quote(out, "opaque", c->opaque);
	if (c->has_qop || c->session)
		quote(out, "cnonce", cnonce);
	if (c->has_qop)
		bytes_addf(out, ", qop=auth, nc=%08x", c->count);
}

/* Nothing that would end the header line. */
static bool
is_text(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

int
challenge_answer(struct bytes *out, struct challenge *challenge,
    const char *user, const char *password, const char *method,
    const char *path, struct fail *why)
{
	const char *const request[2] = {method, path};

	if (!is_text(user) || !is_text(password))
		return fail(why, FAIL_CONFIG, "up-auth",
		    "RFC 7617, 2: no control characters in user name or "
		    "password");
	if (challenge->scheme == CHALLENGE_BASIC)
		return basic_answer(out, user, password, why);
	digest_answer(out, challenge, user, password, request);
	return 0;
}
