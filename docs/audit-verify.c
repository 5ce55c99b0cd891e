/*
 * audit-verify - check a bundle of "microca audit export" without microca.
 *
 *	cc -O2 -o audit-verify audit-verify.c -lcrypto
 *	audit-verify [-a CA.pem] [-k HEADS] [BUNDLE]
 *
 * -a: the CA's certificate, or its root, that you have from somewhere else: who
 * signed the heads has to lead there.  Without it their fingerprints are told.
 * -k: heads that were kept elsewhere, one a line, as syslog or a connector has
 * them: records that they tell of have to be in the bundle.
 *
 * A bundle has the lanes of the chain one after the other.  A head comes in the
 * first lane that it tells of, and is kept for the others, as those of -k are.
 *
 * The format is in docs/audit.md.  Status: 0 good, 1 broken (the first broken
 * record is named), 2 usage or a file that cannot be read.  One file, nothing
 * but libcrypto (OpenSSL 1.1.1 or later); read it before you believe it.
 */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HASH SHA256_DIGEST_LENGTH

struct head {
	long long lane, seq;
	long long certificates; /* 0: it does not tell */
	int again;              /* it told of another lane before */
	unsigned char hash[HASH];
	char time[32]; /* RFC 3339: sorts as text */
	char where[64];
};
struct gap {
	long long lane, from, to;
	char time[32];
};
struct lane {
	long long number, records, covered;
	unsigned char hash[HASH]; /* the last record's */
	int here;                 /* in the bundle; else heads tell of it */
};

static STACK_OF(X509) * certs;   /* of the bundle */
static STACK_OF(X509) * signers; /* those of them that signed */
static X509_STORE *anchors;      /* -a, or NULL */
static struct head *kept, *doubt;
static struct gap *gaps;
static struct lane *lanes;
static size_t kept_n, kept_at, doubt_n, gap_n, lane_n;
static size_t at_lane; /* the lane that is read: lanes[at_lane], if begun */
static int begun;
static long long bundled, heads, issued, shown, line;
static long long records, before; /* of this lane; of those before it */
static unsigned char chain[HASH]; /* the last record's hash */
static char last_time[32];        /* of the last head that is good */
static const char *wants_issued;  /* the last record's certificate, by hash */
static char issued_sha[2 * HASH + 1];
static long long without; /* the first record without its certificate, or 0 */

__attribute__((noreturn, format(printf, 2, 3))) static void
broken(long long seq, const char *fmt, ...)
{
	va_list ap;

	if (seq > 0 && begun && lanes[at_lane].number != 0)
		printf("broken: lane %lld, record %lld: ",
		    lanes[at_lane].number, seq);
	else if (seq > 0)
		printf("broken: record %lld: ", seq);
	else
		printf("broken: line %lld: ", line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n%lld records before it are good\n", before + records);
	exit(1);
}

__attribute__((noreturn)) static void
usage(const char *what, const char *which)
{
	fprintf(stderr, "audit-verify: %s%s\n", what, which);
	exit(2);
}

static void *
more(void *p, size_t n, size_t size)
{
	if ((p = realloc(p, n * size)) == NULL)
		usage("out of memory", "");
	return p;
}

/* ---- JSON: what is needed of it --------------------------------------------- */

static const char *
blank(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

/* Behind the value at `s`; NULL: it is none. */
static const char *
skip(const char *s)
{
	int depth = 0;

	do {
		s = blank(s);
		if (*s == '"') {
			for (s++; *s != '"'; s++) {
				if (*s == '\\' && s[1] != '\0')
					s++;
				if ((unsigned char)*s < ' ')
					return NULL;
			}
			s++;
		} else if (*s == '{' || *s == '[') {
			depth++;
			s++;
		} else if (*s == '}' || *s == ']') {
			depth--;
			s++;
		} else if (*s == ',' || *s == ':') {
			if (depth == 0)
				return NULL;
			s++;
		} else {
			size_t n = strcspn(s, " \t\r\n,:{}[]\"");

			if (n == 0)
				return NULL;
			s += n;
		}
	} while (depth > 0);
	return depth == 0 ? s : NULL;
}

/* The value of the object's member; NULL: there is none, or no object. */
static const char *
member(const char *object, const char *key)
{
	size_t len = strlen(key);
	const char *s = blank(object);

	if (*s != '{')
		return NULL;
	for (s = blank(s + 1); *s == '"'; s = blank(s + 1)) {
		const char *name = s + 1, *value;

		if ((s = skip(s)) == NULL || *(s = blank(s)) != ':')
			return NULL;
		value = blank(s + 1);
		if (strncmp(name, key, len) == 0 && name[len] == '"')
			return value;
		if ((s = skip(value)) == NULL || *(s = blank(s)) != ',')
			return NULL;
	}
	return NULL;
}

static long
hex4(const char *s)
{
	char digits[5] = {0}, *end;
	long n;

	memcpy(digits, s, strnlen(s, 4));
	n = strtol(digits, &end, 16);
	return end == digits + 4 ? n : -1;
}

static char *
utf8(char *out, unsigned long c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* A string's octets, the caller frees; NULL: it is no string. */
static char *
text(const char *s)
{
	static const char names[] = "\"\\/bfnrt", octets[] = "\"\\/\b\f\n\r\t";
	char *out, *to;

	if (s == NULL || *s != '"' || skip(s) == NULL)
		return NULL;
	out = to = more(NULL, strlen(s) + 1, 1);
	for (s++; *s != '"'; s++) {
		const char *name = *s == '\\' ? strchr(names, s[1]) : NULL;

		if (*s != '\\') {
			*to++ = *s;
		} else if (name != NULL) {
			*to++ = octets[name - names];
			s++;
		} else {
			long c = s[1] == 'u' ? hex4(s + 2) : -1, low = -1;

			if (c >= 0xd800 && c < 0xdc00 && s[6] == '\\' &&
			    s[7] == 'u' && (low = hex4(s + 8)) >= 0xdc00 &&
			    low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) +
				    (low - 0xdc00);
				s += 6;
			}
			if (c <= 0)
				broken(0, "a string is not JSON's");
			to = utf8(to, (unsigned long)c);
			s += 5;
		}
	}
	*to = '\0';
	return out;
}

static char *
text_of(const char *object, const char *key)
{
	return text(member(object, key));
}

static long long
number_of(const char *object, const char *key, long long absent)
{
	const char *s = member(object, key);

	return s != NULL && strchr("-0123456789", *s) != NULL
	           ? strtoll(s, NULL, 10)
	           : absent;
}

/* ---- octets ------------------------------------------------------------------- */

static int
unhex(unsigned char out[HASH], const char *hex)
{
	unsigned int octet;

	if (hex == NULL || strlen(hex) != 2 * HASH ||
	    strspn(hex, "0123456789abcdef") != 2 * HASH)
		return 0;
	for (size_t i = 0; i < HASH; i++) {
		if (sscanf(hex + 2 * i, "%2x", &octet) != 1)
			return 0;
		out[i] = (unsigned char)octet;
	}
	return 1;
}

static void
hex(char out[2 * HASH + 1], const unsigned char hash[HASH])
{
	for (size_t i = 0; i < HASH; i++)
		sprintf(out + 2 * i, "%02x", hash[i]);
}

/* Base64 of either alphabet, with padding or without; -1: it is none. */
static long
unbase64(unsigned char *out, const char *s, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned long bits = 0;
	long n = 0;
	int have = 0;

	while (len > 0 && s[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		char c = s[i] == '-' ? '+' : s[i] == '_' ? '/' : s[i];
		const char *digit = c != '\0' ? strchr(digits, c) : NULL;

		if (digit == NULL)
			return -1;
		bits = (bits << 6 | (unsigned long)(digit - digits)) & 0xffff;
		if ((have += 6) >= 8)
			out[n++] = (unsigned char)(bits >> (have -= 8));
	}
	return n;
}

static void
sha256(unsigned char out[HASH], const void *p, size_t len)
{
	if (EVP_Digest(p, len, out, NULL, EVP_sha256(), NULL) != 1)
		usage("no SHA-256", "");
}

/* ---- signatures: JWS with the payload left out (RFC 7515, appendix F) ----------- */

static X509 *
signer_find(const char *x5t)
{
	unsigned char want[64], have[HASH];
	size_t len = strlen(x5t);

	if (len > 80 || unbase64(want, x5t, len) != HASH)
		return NULL;
	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *x = sk_X509_value(certs, i);

		if (X509_digest(x, EVP_sha256(), have, NULL) == 1 &&
		    memcmp(have, want, HASH) == 0)
			return x;
	}
	return NULL;
}

/* RFC 7518, 3.4: r and s, made DER. */
static unsigned char *
der_of(size_t *len, const unsigned char *raw, size_t raw_len)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	unsigned char *der = NULL;
	int half = (int)raw_len / 2, n;
	BIGNUM *r = BN_bin2bn(raw, half, NULL);
	BIGNUM *s = BN_bin2bn(raw + half, half, NULL);

	if (sig == NULL || !ECDSA_SIG_set0(sig, r, s))
		usage("out of memory", "");
	n = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	*len = n > 0 ? (size_t)n : 0;
	return der;
}

/* RFC 7515, 5.2; RFC 7518, 3.1: the key says which algorithm it is. */
static int
signed_by(X509 *signer, const char *alg, const char *input,
    const unsigned char *raw, size_t raw_len)
{
	EVP_PKEY *key = X509_get0_pubkey(signer);
	int ec = key != NULL && EVP_PKEY_base_id(key) == EVP_PKEY_EC;
	int bits = key != NULL ? EVP_PKEY_bits(key) : 0;
	const char *want = !ec           ? "RS256"
	                   : bits == 256 ? "ES256"
	                   : bits == 384 ? "ES384"
	                                 : "ES512";
	const EVP_MD *md = !ec || bits == 256 ? EVP_sha256()
	                   : bits == 384      ? EVP_sha384()
	                                      : EVP_sha512();
	unsigned char *der = NULL;
	size_t len = raw_len;
	EVP_MD_CTX *ctx;
	int ok;

	if (key == NULL || strcmp(alg, want) != 0 ||
	    (!ec && EVP_PKEY_base_id(key) != EVP_PKEY_RSA) ||
	    (ec && raw_len != 2 * (((size_t)bits + 7) / 8)))
		return 0;
	if (ec)
		der = der_of(&len, raw, raw_len);
	ctx = EVP_MD_CTX_new();
	ok = ctx != NULL &&
	     EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
	     EVP_DigestVerify(ctx, ec ? der : raw, len,
		 (const unsigned char *)input, strlen(input)) == 1;
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(der);
	return ok;
}

/* Header "." base64url(payload). */
static char *
input_of(const char *header, size_t header_len, const char *payload)
{
	size_t len = strlen(payload), n;
	char *out = more(NULL, header_len + 4 * (len / 3 + 1) + 2, 1);
	char *at = out + header_len + 1;

	memcpy(out, header, header_len);
	out[header_len] = '.';
	n = (size_t)EVP_EncodeBlock(
	    (unsigned char *)at, (const unsigned char *)payload, (int)len);
	while (n > 0 && at[n - 1] == '=')
		n--;
	at[n] = '\0';
	for (size_t i = 0; i < n; i++)
		at[i] = at[i] == '+' ? '-' : at[i] == '/' ? '_' : at[i];
	return out;
}

static time_t
unix_time(const char *rfc3339)
{
	struct tm tm = {0};

	if (sscanf(rfc3339, "%4d-%2d-%2dT%2d:%2d:%2dZ", &tm.tm_year, &tm.tm_mon,
		&tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return timegm(&tm);
}

/* Does the signer lead to -a, at the head's own time? */
static int
leads_to_anchor(X509 *signer, const char *time)
{
	X509_STORE_CTX *ctx;
	int ok;

	if (anchors == NULL)
		return 1;
	ctx = X509_STORE_CTX_new();
	if (ctx == NULL || !X509_STORE_CTX_init(ctx, anchors, signer, certs))
		usage("out of memory", "");
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
	X509_STORE_CTX_set_time(ctx, 0, unix_time(time));
	ok = X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	return ok;
}

/* ---- heads ---------------------------------------------------------------------- */

/* NULL: the signature is good; else what is wrong. */
static const char *
signature_wrong(const char *payload, const char *jws, const char *time)
{
	const char *dots = jws != NULL ? strstr(jws, "..") : NULL, *wrong;
	unsigned char *octets;
	char *input, *alg, *x5t, *header;
	X509 *signer;
	long n;

	if (dots == NULL)
		return "the head is not signed";
	octets = more(NULL, strlen(jws) + 1, 1);
	n = unbase64(octets, jws, (size_t)(dots - jws));
	header = more(NULL, (size_t)(n < 0 ? 0 : n) + 1, 1);
	memcpy(header, octets, n < 0 ? 0 : (size_t)n);
	header[n < 0 ? 0 : n] = '\0';
	alg = text_of(header, "alg");
	x5t = text_of(header, "x5t#S256");
	n = unbase64(octets, dots + 2, strlen(dots + 2));
	input = input_of(jws, (size_t)(dots - jws), payload);
	if (alg == NULL || x5t == NULL || n < 0 ||
	    member(header, "crit") != NULL || member(header, "b64") != NULL)
		wrong = "the head's signature is none";
	else if ((signer = signer_find(x5t)) == NULL)
		wrong = "the head's signer has no certificate in the bundle";
	else if (!signed_by(signer, alg, input, octets, (size_t)n))
		wrong = "the head's signature is not over this text";
	else if (!leads_to_anchor(signer, time))
		wrong = "the head's signer does not lead to the certificate of "
			"-a";
	else
		wrong = NULL;
	if (wrong == NULL && sk_X509_find(signers, signer) < 0 &&
	    (!X509_up_ref(signer) || !sk_X509_push(signers, signer)))
		usage("out of memory", "");
	free(octets);
	free(header);
	free(input);
	free(alg);
	free(x5t);
	return wrong;
}

/* The lane of that number, made when there is none yet. */
static size_t
lane_of(long long number)
{
	size_t i = 0;

	while (i < lane_n && lanes[i].number != number)
		i++;
	if (i == lane_n) {
		lanes = more(lanes, lane_n + 1, sizeof(*lanes));
		memset(&lanes[lane_n], 0, sizeof(*lanes));
		lanes[lane_n++].number = number;
	}
	return i;
}

/* What the head says of the lane at `s`; behind it. */
static const char *
lane_read(struct head *h, const char *s, const char *payload)
{
	char *hash = text_of(s, "hash"), *time = text_of(payload, "time");

	h->lane = number_of(s, "lane", -1);
	h->seq = number_of(s, "seq", 0);
	h->certificates = number_of(payload, "certificates", 0);
	if (!unhex(h->hash, hash) || time == NULL || h->lane < 0 || h->seq < 1)
		broken(0, "%s: this is no head", h->where);
	snprintf(h->time, sizeof(h->time), "%s", time);
	(void)lane_of(h->lane);
	free(hash);
	free(time);
	return blank(skip(s));
}

/* What it says of each lane, to `take`. */
static void
head_read(
    const char *json, const char *where, void (*take)(const struct head *h))
{
	char *payload = text_of(json, "head"),
	     *jws = text_of(json, "signature");
	const char *s = payload != NULL ? member(payload, "lanes") : NULL;
	const char *wrong;
	struct head h = {0};

	snprintf(h.where, sizeof(h.where), "%s line %lld", where, line);
	if (s == NULL || *s != '[')
		broken(0, "%s: this is no head", h.where);
	do {
		s = lane_read(&h, blank(s + 1), payload);
		/* Of several lanes it tells the sum. */
		if (h.again || *s == ',')
			h.certificates = 0;
		if (!h.again &&
		    (wrong = signature_wrong(payload, jws, h.time)) != NULL)
			broken(h.seq, "%s: %s", h.where, wrong);
		take(&h);
		h.again = 1;
	} while (*s == ',');
	free(payload);
	free(jws);
}

static void
doubt_add(const struct head *h)
{
	doubt = more(doubt, doubt_n + 1, sizeof(*doubt));
	doubt[doubt_n++] = *h;
}

/* Of the record that was read last, or of none that is here. */
static void
head_look(const struct head *h)
{
	if (h->seq != records || memcmp(h->hash, chain, HASH) != 0) {
		doubt_add(h);
		return;
	}
	if (h->certificates > 0 && h->certificates != issued)
		broken(h->seq, "%s: it tells of %lld certificates, not %lld",
		    h->where, h->certificates, issued);
	heads += !h->again;
	lanes[at_lane].covered = h->seq;
	if (strcmp(last_time, h->time) < 0)
		strcpy(last_time, h->time);
}

/* What a restored backup lacks is forgiven where a later record says so. */
static void
doubts_settle(void)
{
	for (size_t i = 0; i < doubt_n; i++) {
		const struct head *h = &doubt[i];
		size_t k = 0;

		while (k < gap_n &&
		       !(h->lane == gaps[k].lane && h->seq >= gaps[k].from &&
			   h->seq <= gaps[k].to &&
			   strncmp(h->time, gaps[k].time, 19) <= 0))
			k++;
		if (k < gap_n)
			continue;
		begun = 1;
		at_lane = lane_of(h->lane);
		if (h->seq > lanes[at_lane].records)
			broken(lanes[at_lane].records + 1,
			    "it is not there: %s, a head of %s, tells of %lld",
			    h->where, h->time, h->seq);
		broken(h->seq,
		    "it is not what was signed: %s, a head of %s, tells of "
		    "another one",
		    h->where, h->time);
	}
}

static int
by_seq(const void *a, const void *b)
{
	const struct head *x = a, *y = b;

	if (x->lane != y->lane)
		return x->lane < y->lane ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void
kept_add(const struct head *h)
{
	kept = more(kept, kept_n + 1, sizeof(*kept));
	kept[kept_n++] = *h;
}

static void
kept_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *buffer = NULL, *json;
	size_t size = 0;

	if (f == NULL)
		usage("cannot read ", path);
	for (line = 1; getline(&buffer, &size, f) > 0; line++) {
		if ((json = strchr(buffer, '{')) == NULL)
			continue;
		head_read(json, path, kept_add);
	}
	free(buffer);
	fclose(f);
}

/* ---- lines of the bundle ----------------------------------------------------------- */

static void
certificate_look(const char *base64)
{
	size_t len = strlen(base64);
	unsigned char *der = more(NULL, len + 1, 1);
	const unsigned char *p = der;
	long n = unbase64(der, base64, len);
	X509 *x = n > 0 ? d2i_X509(NULL, &p, n) : NULL;

	if (x == NULL || p != der + n || !sk_X509_push(certs, x))
		broken(0, "this is no certificate");
	free(der);
}

/* The certificate that the last record tells of. */
static void
issued_look(const char *base64)
{
	size_t len = strlen(base64);
	unsigned char *der = more(NULL, len + 1, 1), hash[HASH];
	long n = unbase64(der, base64, len);
	char digits[2 * HASH + 1];

	sha256(hash, der, n < 0 ? 0 : (size_t)n);
	hex(digits, hash);
	if (wants_issued == NULL || strcmp(wants_issued, digits) != 0)
		broken(records, "its certificate is another one");
	/* All of them or none: a bundle need not have them. */
	if (without != 0)
		broken(without, "its certificate is not there");
	wants_issued = NULL;
	shown++;
	free(der);
}

static void
gap_add(const char *record)
{
	char *said = text_of(record, "text"), *time = text_of(record, "time");
	struct gap g;

	g.lane = 0;
	if (said == NULL || time == NULL ||
	    (sscanf(said, "records %lld to %lld of lane %lld are lost", &g.from,
		 &g.to, &g.lane) != 3 &&
		sscanf(said, "records %lld to %lld are lost", &g.from, &g.to) !=
		    2))
		broken(records, "it tells of no gap");
	snprintf(g.time, sizeof(g.time), "%s", time);
	gaps = more(gaps, gap_n + 1, sizeof(*gaps));
	gaps[gap_n++] = g;
	free(said);
	free(time);
}

static void
event_look(const char *record)
{
	char *event = text_of(record, "event"), *sha;

	if (event == NULL)
		broken(records, "it is no record");
	if (strcmp(event, "issue") == 0) {
		sha = text_of(record, "cert_sha256");
		if (sha == NULL || strlen(sha) != 2 * HASH)
			broken(records, "it names no certificate");
		issued++;
		strcpy(issued_sha, sha);
		wants_issued = issued_sha;
		free(sha);
	} else if (strcmp(event, "gap") == 0) {
		gap_add(record);
	}
	free(event);
}

/* What has to come before a record, or the end, of this lane or another. */
static void
issued_due(void)
{
	if (wants_issued != NULL && shown > 0)
		broken(records, "its certificate is not there");
	if (wants_issued != NULL && without == 0)
		without = records;
	wants_issued = NULL;
}

/* Heads that were kept and tell of more are looked at in the end. */
static void
lane_end(void)
{
	if (!begun)
		return;
	lanes[at_lane].records = records;
	memcpy(lanes[at_lane].hash, chain, HASH);
	before += records;
	records = 0;
	while (kept_at < kept_n && kept[kept_at].lane <= lanes[at_lane].number)
		doubt_add(&kept[kept_at++]);
}

static void
lane_begin(long long number)
{
	size_t i = lane_of(number);

	if (number < 0 || (begun && number <= lanes[at_lane].number))
		broken(0, "this lane has been told of");
	lane_end();
	begun = lanes[i].here = 1;
	at_lane = i;
	memset(chain, 0, HASH);
	if (kept_n > kept_at)
		qsort(kept + kept_at, kept_n - kept_at, sizeof(*kept), by_seq);
	while (kept_at < kept_n && kept[kept_at].lane < number)
		doubt_add(&kept[kept_at++]);
}

static void
record_look(const char *json, char *record)
{
	long long seq = number_of(json, "seq", 0);
	long long lane = number_of(json, "lane", -1);
	size_t len = strlen(record);
	unsigned char *both, said[HASH];
	char *hash = text_of(json, "hash");

	issued_due();
	if (!begun || lane != lanes[at_lane].number)
		lane_begin(lane);
	if (seq != records + 1)
		broken(records + 1, "it is not there");
	if (!unhex(said, hash))
		broken(seq, "it has no hash");
	both = more(NULL, HASH + len, 1);
	memcpy(both, chain, HASH);
	memcpy(both + HASH, record, len);
	sha256(chain, both, HASH + len);
	if (memcmp(chain, said, HASH) != 0)
		broken(seq, "it is not what was written");
	records++;
	event_look(record);
	while (kept_at < kept_n && kept[kept_at].lane == lane &&
	       kept[kept_at].seq <= records)
		head_look(&kept[kept_at++]);
	free(both);
	free(hash);
}

/* One of the bundle's. */
static void
head_take(const struct head *h)
{
	if (begun && h->lane == lanes[at_lane].number)
		head_look(h);
	else if (!begun || h->lane > lanes[at_lane].number)
		kept_add(h);
	else
		broken(0, "this head comes behind a lane that it tells of");
}

static void
end_look(const char *end)
{
	if (number_of(end, "records", -1) != before + records)
		broken(records + 1,
		    "it is not there: the last line tells of "
		    "%lld records",
		    number_of(end, "records", -1));
	if (number_of(end, "heads", -1) != bundled)
		broken(0, "heads are missing: this line tells of %lld",
		    number_of(end, "heads", -1));
	if (wants_issued != NULL && shown > 0)
		broken(records, "its certificate is not there");
}

/* True: it was the last one. */
static int
line_look(const char *json)
{
	char *value;
	const char *end = member(json, "end");

	if (end != NULL) {
		end_look(end);
		return 1;
	}
	if ((value = text_of(json, "record")) != NULL) {
		record_look(json, value);
	} else if ((value = text_of(json, "head")) != NULL) {
		head_read(json, "the bundle's", head_take);
		bundled++;
	} else if ((value = text_of(json, "issued")) != NULL) {
		issued_look(value);
	} else if ((value = text_of(json, "certificate")) != NULL) {
		certificate_look(value);
	} else if ((value = text_of(json, "schema")) == NULL || line != 1 ||
		   strcmp(value, "microca.audit/1") != 0) {
		broken(0, "this is no line of a bundle");
	}
	free(value);
	return 0;
}

static void
bundle_look(FILE *f, int heads_only)
{
	char *buffer = NULL;
	size_t size = 0;
	ssize_t n = 0;
	int ended = 0;

	for (line = 1; !ended && (n = getline(&buffer, &size, f)) > 0; line++) {
		if (buffer[n - 1] != '\n' || strlen(buffer) != (size_t)n)
			broken(0, "the line is cut off");
		/* -k is read between: its signers are in the first lines. */
		if (heads_only && member(buffer, "record") != NULL)
			break;
		ended = line_look(buffer);
	}
	if (!heads_only && !ended)
		broken(records + 1, "it is not there: the bundle is cut off");
	if (!heads_only && getline(&buffer, &size, f) > 0)
		broken(0, "something comes after the end");
	free(buffer);
}

static int
by_number(const void *a, const void *b)
{
	const struct lane *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void
report(void)
{
	char digits[2 * HASH + 1];
	unsigned char hash[HASH];
	long long covered = 0;

	if (lane_n > 1)
		qsort(lanes, lane_n, sizeof(*lanes), by_number);
	hex(digits, chain);
	printf("%lld records are good, %lld of them certificates (%lld are "
	       "here); the last one's hash is %s\n",
	    before, issued, shown, digits);
	for (size_t i = 0; lane_n > 1 && i < lane_n; i++) {
		if (!lanes[i].here)
			continue;
		hex(digits, lanes[i].hash);
		printf("lane %lld: %lld records, the last one's hash is %s\n",
		    lanes[i].number, lanes[i].records, digits);
	}
	for (size_t i = 0; i < gap_n; i++)
		printf("a gap is recorded at %s: records %lld to %lld of lane "
		       "%lld are lost\n",
		    gaps[i].time, gaps[i].from, gaps[i].to, gaps[i].lane);
	for (size_t i = 0; i < lane_n; i++)
		covered += lanes[i].covered;
	if (heads == 0)
		puts("no head covers them: this proves nothing");
	else
		printf("%lld heads are good; the last one, of %s, covers %lld "
		       "records, %lld came later\n",
		    heads, last_time, covered, before - covered);
	for (int i = 0; anchors == NULL && i < sk_X509_num(signers); i++) {
		if (X509_digest(sk_X509_value(signers, i), EVP_sha256(), hash,
			NULL) != 1)
			continue;
		hex(digits, hash);
		printf("a signer's certificate has SHA-256 %s: compare it, or "
		       "use -a\n",
		    digits);
	}
}

static void
anchors_read(const char *path)
{
	X509_LOOKUP *lookup;

	anchors = X509_STORE_new();
	lookup = anchors != NULL
	             ? X509_STORE_add_lookup(anchors, X509_LOOKUP_file())
	             : NULL;
	if (lookup == NULL ||
	    X509_load_cert_file(lookup, path, X509_FILETYPE_PEM) < 1)
		usage("no certificate in ", path);
}

static int
cert_cmp(const X509 *const *a, const X509 *const *b)
{
	return X509_cmp(*a, *b);
}

int
main(int argc, char **argv)
{
	const char *path = NULL, *heads_path = NULL;
	FILE *f;
	int c;

	while ((c = getopt(argc, argv, "a:k:")) != -1) {
		if (c == 'a')
			anchors_read(optarg);
		else if (c == 'k')
			heads_path = optarg;
		else
			usage("[-a CA.pem] [-k HEADS] [BUNDLE]", "");
	}
	path = optind < argc ? argv[optind] : NULL;
	if (optind + 1 < argc || (path == NULL && heads_path != NULL))
		usage("[-a CA.pem] [-k HEADS] [BUNDLE]: a file, with -k", "");
	f = path != NULL ? fopen(path, "r") : stdin;
	certs = sk_X509_new_null();
	signers = sk_X509_new(cert_cmp);
	if (f == NULL || certs == NULL || signers == NULL)
		usage("cannot read ", path != NULL ? path : "standard input");
	if (heads_path != NULL) {
		bundle_look(f, 1);
		kept_read(heads_path);
		rewind(f);
		sk_X509_pop_free(certs, X509_free);
		certs = sk_X509_new_null();
	}
	bundle_look(f, 0);
	lane_end();
	while (kept_at < kept_n)
		doubt_add(&kept[kept_at++]);
	doubts_settle();
	report();
	return 0;
}
