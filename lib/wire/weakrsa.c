#include "lib/wire/weakrsa.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"

#define LIMBS (WEAKRSA_MAX_BITS / 64)
#define SMALL_END 65536 /* every prime below is tried */
#define SMALL_PRIMES 6541
#define LANES 4 /* divisions side by side: they wait for their own products */
#define FERMAT_STEPS 1000
#define ROCA_LAST 167
#define ROCA_GENERATOR 65537

/* A product of odd primes that fits a word. */
struct group {
	uint64_t product, inverse; /* inverse modulo 2^64 */
	size_t first, end;         /* in small.prime */
};

/* What a square may leave: 0.1 % of other numbers pass all of these. */
static const unsigned sieve_modulus[] = {256, 63, 65, 11, 17, 19, 23};
#define SIEVES (sizeof(sieve_modulus) / sizeof(sieve_modulus[0]))
#define SIEVE_PRODUCT (63UL * 65 * 11 * 17 * 19 * 23)

static struct {
	pthread_once_t once;
	uint16_t prime[SMALL_PRIMES];
	struct group group[SMALL_PRIMES / 4 + LANES];
	size_t groups;
	bool square[SIEVES][256];
} small = {.once = PTHREAD_ONCE_INIT};

static uint64_t
product_high(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	__extension__ typedef unsigned __int128 wide;

	return (uint64_t)((wide)a * b >> 64);
#else
	uint64_t al = (uint32_t)a, ah = a >> 32;
	uint64_t bl = (uint32_t)b, bh = b >> 32;
	uint64_t low = al * bl, m1 = ah * bl + (low >> 32);
	uint64_t m2 = al * bh + (uint32_t)m1;

	return ah * bh + (m1 >> 32) + (m2 >> 32);
#endif
}

/* Newton: each step doubles the bits that are right; 5 to begin with. */
static uint64_t
inverse_of(uint64_t odd)
{
	uint64_t x = 3 * odd ^ 2;

	for (int bits = 5; bits < 64; bits *= 2)
		x *= 2 - odd * x;
	return x;
}

static void
primes_make(void)
{
	uint8_t *composite = mem_new(SMALL_END);
	size_t n = 0;

	for (unsigned p = 3; p < SMALL_END; p += 2) {
		if (composite[p])
			continue;
		small.prime[n++] = (uint16_t)p;
		for (uint64_t q = (uint64_t)p * p; q < SMALL_END; q += 2 * p)
			composite[q] = 1;
	}
	free(composite);
}

static void
groups_make(void)
{
	size_t i = 0;

	while (i < SMALL_PRIMES) {
		struct group *g = &small.group[small.groups++];

		g->first = i;
		g->product = 1;
		while (i < SMALL_PRIMES &&
		       product_high(g->product, small.prime[i]) == 0)
			g->product *= small.prime[i++];
		g->end = i;
		g->inverse = inverse_of(g->product);
	}
	/* Fill the last row of lanes with ones that divide nothing. */
	for (; small.groups % LANES != 0; small.groups++)
		small.group[small.groups] = (struct group){1, 1, 0, 0};
}

static void
tables_make(void)
{
	primes_make();
	groups_make();
	for (size_t i = 0; i < SIEVES; i++)
		for (unsigned x = 0; x < sieve_modulus[i]; x++)
			small.square[i][x * x % sieve_modulus[i]] = true;
}

/*
 * Exact division from the low end: residue[] is 0 or divisible by just those
 * primes of the group that divide n.
 */
static void
residues_of(uint64_t residue[LANES], const struct group *g, const uint64_t *n,
    size_t limbs)
{
	memset(residue, 0, LANES * sizeof(residue[0]));
	for (size_t i = 0; i < limbs; i++)
		for (size_t k = 0; k < LANES; k++) {
			uint64_t c = residue[k];
			uint64_t q = (n[i] - c) * g[k].inverse;

			residue[k] = product_high(q, g[k].product) + (n[i] < c);
		}
}

/* The smallest odd prime below 2^16 that divides n, or 0. */
static unsigned
small_factor(const BIGNUM *n)
{
	uint8_t octets[LIMBS * 8];
	uint64_t limb[LIMBS] = {0}, residue[LANES];
	size_t limbs = ((size_t)BN_num_bits(n) + 63) / 64;

	if (BN_bn2lebinpad(n, octets, (int)(limbs * 8)) < 0)
		return 0;
	for (size_t i = 0; i < limbs * 8; i++)
		limb[i / 8] |= (uint64_t)octets[i] << i % 8 * 8;
	for (size_t i = 0; i < small.groups; i += LANES) {
		residues_of(residue, &small.group[i], limb, limbs);
		for (size_t k = 0; k < LANES; k++) {
			const struct group *g = &small.group[i + k];

			for (size_t p = g->first; p < g->end; p++)
				if (residue[k] % small.prime[p] == 0)
					return small.prime[p];
		}
	}
	return 0;
}

/*
 * ROCA: Infineon's primes are k*M + (65537^a mod M), so that the modulus lies
 * in the subgroup that 65537 generates modulo each small prime.  A sound
 * modulus passes once in 2^27.
 */
static bool
roca(const BIGNUM *n)
{
	for (size_t i = 0; small.prime[i] <= ROCA_LAST; i++) {
		unsigned p = small.prime[i], x = 1;
		BN_ULONG r = BN_mod_word(n, p);

		do
			x = x * (ROCA_GENERATOR % p) % p;
		while (x != r && x != 1);
		if (x != r)
			return false;
	}
	return true;
}

/* Largest a with a*a <= n, by Newton from above.  False: out of memory. */
static bool
square_root(BIGNUM *a, const BIGNUM *n, BN_CTX *bn)
{
	BIGNUM *next;
	bool good = false;

	BN_CTX_start(bn);
	next = BN_CTX_get(bn);
	if (next == NULL || !BN_one(next) ||
	    !BN_lshift(next, next, (BN_num_bits(n) + 1) / 2))
		goto out;
	do {
		if (BN_copy(a, next) == NULL || !BN_div(next, NULL, n, a, bn) ||
		    !BN_add(next, next, a) || !BN_rshift1(next, next))
			goto out;
	} while (BN_cmp(next, a) < 0);
	good = true;
out:
	BN_CTX_end(bn);
	return good;
}

/* Is (a + step)^2 - n a square?  -1: out of memory. */
static int
step_is_square(const BIGNUM *a, unsigned step, const BIGNUM *n, BN_CTX *bn)
{
	BIGNUM *d, *root;
	int is = -1;

	BN_CTX_start(bn);
	d = BN_CTX_get(bn);
	root = BN_CTX_get(bn);
	if (root != NULL && BN_copy(d, a) != NULL && BN_add_word(d, step) &&
	    BN_sqr(d, d, bn) && BN_sub(d, d, n)) {
		if (BN_is_zero(d))
			is = 1;
		else if (BN_is_negative(d))
			is = 0;
		else if (square_root(root, d, bn) && BN_sqr(root, root, bn))
			is = BN_cmp(root, d) == 0;
	}
	BN_CTX_end(bn);
	return is;
}

/* Is x^2 - n possibly a square, x and n being known modulo `modulus` only? */
static bool
sieve_passes(uint64_t x, uint64_t n, uint64_t modulus, size_t first, size_t end)
{
	uint64_t d = (x % modulus * (x % modulus) + modulus - n) % modulus;

	for (size_t i = first; i < end; i++)
		if (!small.square[i][d % sieve_modulus[i]])
			return false;
	return true;
}

/* Fermat: n = a*a - b*b with a little above the root.  -1: out of memory. */
static int
primes_close(const BIGNUM *n, BN_CTX *bn)
{
	BIGNUM *a;
	uint64_t a256, n256, am, nm;
	int is = -1;

	BN_CTX_start(bn);
	if ((a = BN_CTX_get(bn)) == NULL || !square_root(a, n, bn))
		goto out;
	if ((is = step_is_square(a, 0, n, bn)) != 0 || !BN_add_word(a, 1))
		goto out;
	a256 = BN_mod_word(a, 256);
	n256 = BN_mod_word(n, 256);
	am = BN_mod_word(a, SIEVE_PRODUCT);
	nm = BN_mod_word(n, SIEVE_PRODUCT);
	for (unsigned step = 0; step < FERMAT_STEPS && is == 0; step++)
		if (sieve_passes(a256 + step, n256, 256, 0, 1) &&
		    sieve_passes(am + step, nm, SIEVE_PRODUCT, 1, SIEVES))
			is = step_is_square(a, step, n, bn);
out:
	BN_CTX_end(bn);
	return is;
}

/* Fermat's little theorem, base 2: no product of two honest primes passes.
 * -1: out of memory. */
static int
prime(const BIGNUM *n, BN_CTX *bn)
{
	BIGNUM *e, *r;
	int is = -1;

	BN_CTX_start(bn);
	e = BN_CTX_get(bn);
	r = BN_CTX_get(bn);
	if (r != NULL && BN_copy(e, n) != NULL && BN_sub_word(e, 1) &&
	    BN_mod_exp_mont_word(r, 2, e, n, bn, NULL))
		is = BN_is_one(r);
	BN_CTX_end(bn);
	return is;
}

int
weakrsa_check(const BIGNUM *n, struct fail *why)
{
	BN_CTX *bn = BN_CTX_new();
	unsigned factor;
	int rc = 0, close = 0, is_prime = 0;

	(void)pthread_once(&small.once, tables_make);
	if ((factor = small_factor(n)) != 0)
		rc = fail(why, FAIL_MALFORMED, "weak-key",
		    "the RSA modulus has the factor %u", factor);
	else if (roca(n))
		rc = fail(why, FAIL_MALFORMED, "weak-key",
		    "CVE-2017-15361: the RSA modulus has the ROCA fingerprint");
	else if (bn == NULL || (close = primes_close(n, bn)) < 0 ||
		 (close == 0 && (is_prime = prime(n, bn)) < 0)) {
		rc = fail(why, FAIL_BROKEN, "openssl", "internal error");
		(void)fail_openssl(why, "arithmetic on an RSA modulus");
	} else if (close)
		rc = fail(why, FAIL_MALFORMED, "weak-key",
		    "CVE-2022-26320: the primes of the RSA modulus are close");
	else if (is_prime)
		rc = fail(why, FAIL_MALFORMED, "weak-key",
		    "the RSA modulus is a prime");
	BN_CTX_free(bn);
	return rc;
}
