/* keep: a certificate is kept through refusals, waits, cuts and bad luck. */
#include "tests/unit/pki.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/base/log.h"
#include "lib/net/keep.h"
#include "lib/net/keep_due.h"
#include "lib/net/keep_folder.h"
#include "lib/net/keep_hook.h"
#include "lib/net/keep_shape.h"
#include "lib/net/keep_status.h"
#include "lib/wire/csrattrs.h"
#include "lib/wire/san.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

/* ---- a power cut: the process ends at the Nth change of the disk --------- */

#define CUT 77
static int cut_at; /* 0: never */

static void
cut(void)
{
	if (cut_at > 0 && --cut_at == 0)
		_exit(CUT);
}

int
rename(const char *from, const char *to)
{
	cut();
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
mkdir(const char *path, mode_t mode)
{
	cut();
	return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int
symlink(const char *to, const char *path)
{
	cut();
	return (int)syscall(SYS_symlinkat, to, AT_FDCWD, path);
}

int
link(const char *from, const char *to)
{
	cut();
	return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlink(const char *path)
{
	cut();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
	cut();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int
fsync(int fd)
{
	cut();
	return (int)syscall(SYS_fsync, fd);
}

/* ---- a source of certificates -------------------------------------------- */

enum mode {
	GOOD,
	PENDING,
	REFUSE,
	BUSY,
	TLS,
	PIN,  /* no root of theirs is the pinned one */
	LOST, /* certified, but the answer does not come */
	OTHER_KEY,
	EXPIRED,
	NOT_YET,
	SHORTER,
	CA_CERT,
	NO_CA,
	NO_SIGN,
	WEAK,
	UNKNOWN_CRITICAL,
	OTHER_NAME,
	OTHER_ISSUER
};

struct server {
	enum mode mode;
	int64_t from, to; /* of what it issues; 0, 0: a year around now */
	int asked, probed, cuts;
	bool renewed;            /* the last one was a renewal */
	uint8_t csr[SHA256_LEN]; /* the last request */
	struct bytes wishes;     /* CsrAttrs */
	int probe_fails;         /* enum fail_kind, or 0 */
	X509_REQ *req;
};

static struct {
	char folder[64];
	EVP_PKEY *key, *other_key;
	X509 *ca, *other;
	STACK_OF(X509) * anchors;
	X509_NAME *subject;
	GENERAL_NAMES *san;
} world;

static void
serve(X509 **leaf, const struct server *server, struct spec *s)
{
	char *subject = name_text(X509_REQ_get_subject_name(server->req));
	STACK_OF(X509_EXTENSION) *asked = X509_REQ_get_extensions(server->req);
	GENERAL_NAMES *san =
	    X509V3_get_d2i(asked, NID_subject_alt_name, NULL, NULL);
	EVP_PKEY *signer = s->signer;

	s->subject = server->mode == OTHER_NAME ? "CN=somebody else" : subject;
	*leaf = pki_cert(s);
	if (san != NULL) {
		must(X509_add1_ext_i2d(*leaf, NID_subject_alt_name, san, 0,
			 X509V3_ADD_APPEND) == 1,
		    "add names");
		must(X509_sign(*leaf, signer,
			 s->md != NULL ? s->md : EVP_sha256()) > 0,
		    "sign again");
	}
	GENERAL_NAMES_free(san);
	sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
	free(subject);
}

static void
issue(X509 **leaf, const struct server *server)
{
	enum mode mode = server->mode;
	EVP_PKEY *other = pki_key();
	struct spec s = {.key = X509_REQ_get0_pubkey(server->req),
	    .issuer = mode == OTHER_ISSUER ? world.other : world.ca,
	    .signer = mode == OTHER_ISSUER ? world.other_key : world.key,
	    .from = server->from,
	    .to = server->to,
	    .extension = {LEAF_EXTENSIONS}};

	if (mode == OTHER_KEY)
		s.key = other;
	if (mode == EXPIRED)
		s.from = -2 * DAY, s.to = -1;
	if (mode == NOT_YET)
		s.from = DAY, s.to = 1000 * DAY;
	if (mode == SHORTER)
		s.from = -DAY, s.to = 60;
	if (mode == CA_CERT)
		s.extension[2] = (struct extension){
		    NID_basic_constraints, "critical,CA:TRUE"};
	if (mode == NO_SIGN) {
		s.extension[1] = (struct extension){
		    NID_basic_constraints, "critical,CA:TRUE"};
		s.extension[0] =
		    (struct extension){NID_key_usage, "critical,cRLSign"};
	}
	if (mode == WEAK)
		s.md = EVP_sha1();
	if (mode == UNKNOWN_CRITICAL)
		s.unknown = "1.2.3.4.5";
	serve(leaf, server, &s);
	EVP_PKEY_free(other);
}

static int
certify(void *arg, X509 **leaf, STACK_OF(X509) * *others, struct span csr,
    const struct keep_pair *renews, struct fail *why)
{
	struct server *server = arg;
	const unsigned char *p = csr.data;
	int rc = 0;

	server->asked++;
	server->renewed = renews != NULL;
	sha256(server->csr, csr);
	X509_REQ_free(server->req);
	server->req = d2i_X509_REQ(NULL, &p, (long)csr.len);
	must(server->req != NULL, "read the request");
	must(X509_REQ_verify(server->req, X509_REQ_get0_pubkey(server->req)) ==
		 1,
	    "verify the request");
	cut();
	switch (server->mode) {
	case PENDING:
		(fail)(why, FAIL_PENDING, "up-pending", "wait");
		return fail_retry(why, 3600);
	case REFUSE:
		return (fail)(why, FAIL_DENIED, "up-refused", "no");
	case BUSY:
	case LOST:
		return (fail)(why, FAIL_BUSY, "up-net", "nobody there");
	case PIN:
		return (fail)(why, FAIL_DENIED, "pin", "another root");
	case TLS:
		return (fail)(why, FAIL_DENIED, "up-tls", "not trusted");
	default:
		issue(leaf, server);
		*others = pki_chain(world.ca, NULL, NULL);
	}
	cut();
	return rc;
}

static int
attributes(void *arg, struct bytes *der, struct fail *why)
{
	const struct server *server = arg;

	(void)why;
	bytes_add(der, server->wishes.data, server->wishes.len);
	return 0;
}

static int
probe(void *arg, const struct keep_pair *next, struct fail *why)
{
	struct server *server = arg;

	server->probed++;
	assert_int_equal(access(next->key_place, F_OK), 0);
	if (server->probe_fails != 0)
		return (fail)(why, (enum fail_kind)server->probe_fails,
		    "up-refused", "the new pair is not taken");
	return 0;
}

/* ---- what every test has -------------------------------------------------- */

static struct server server;
static struct keep_plan plan;
static struct keep_source source;

static void
remove_tree(const char *path)
{
	char *command = str_fmt("rm -rf '%s'", path);

	must(system(command) == 0, "remove a folder");
	free(command);
}

static int
setup(void **state)
{
	struct fail why = {0};

	(void)state;
	(void)snprintf(
	    world.folder, sizeof(world.folder), "/tmp/microca-keep.XXXXXX");
	must(mkdtemp(world.folder) != NULL, "make a folder");
	world.key = pki_key();
	world.other_key = pki_key();
	world.ca = pki_ca("CN=Test CA", world.key, NULL, NULL);
	world.other = pki_ca("CN=Other CA", world.other_key, NULL, NULL);
	world.anchors = pki_chain(world.ca, NULL, NULL);
	world.subject = pki_name("CN=pump-7,O=Plant");
	must(san_add_text(&world.san, "DNS:pump-7.example", &why) == 0, "SAN");
	server = (struct server){0};
	plan = (struct keep_plan){.folder = str_fmt("%s/kept", world.folder),
	    .name = "pump",
	    .subject = world.subject,
	    .san = world.san,
	    .key_type = "p256",
	    .renew_percent = 66,
	    .ask_again = 3600,
	    .anchors = world.anchors};
	source = (struct keep_source){certify, attributes, probe, &server};
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	remove_tree(world.folder);
	free((char *)(uintptr_t)plan.folder);
	X509_REQ_free(server.req);
	bytes_free(&server.wishes);
	EVP_PKEY_free(world.key);
	EVP_PKEY_free(world.other_key);
	X509_free(world.ca);
	X509_free(world.other);
	sk_X509_pop_free(world.anchors, X509_free);
	X509_NAME_free(world.subject);
	GENERAL_NAMES_free(world.san);
	world.san = NULL;
	return 0;
}

static int
run(bool force, bool *changed, struct fail *why)
{
	*why = (struct fail){0};
	return keep_run(changed, &plan, &source, force, why);
}

/* One run that ends so; true: a new pair is in use. */
static bool
runs(bool force, const char *reason)
{
	struct fail why;
	bool changed;
	int rc = run(force, &changed, &why);

	if (reason == NULL) {
		if (rc != 0)
			print_error("%s (%s)\n", why.text, why.cause);
		assert_int_equal(rc, 0);
	} else {
		assert_int_equal(rc, -1);
		assert_string_equal(why.reason, reason);
	}
	return changed;
}

static struct keep_status
status(void)
{
	struct keep_status s;
	struct fail why = {0};

	assert_int_equal(keep_status_read(&s, &plan, &why), 0);
	return s;
}

static enum keep_state
state_now(void)
{
	struct keep_status s = status();
	enum keep_state state = s.state;

	keep_status_free(&s);
	return state;
}

/* The pair in use, whose key is its certificate's: the generation's number. */
static unsigned
pair_number(void)
{
	struct keep_pair *pair;
	struct fail why = {0};
	EVP_PKEY *key;
	unsigned n;
	FILE *f;

	assert_int_equal(keep_pair_read(&pair, plan.folder, &why), 0);
	if (pair == NULL)
		return 0;
	f = fopen(pair->key_place, "r");
	assert_non_null(f);
	key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	(void)fclose(f);
	assert_int_equal(EVP_PKEY_eq(key, X509_get0_pubkey(pair->leaf)), 1);
	EVP_PKEY_free(key);
	n = (unsigned)strtoul(strrchr(pair->folder, '/') + 1, NULL, 10);
	keep_pair_free(pair);
	return n;
}

static bool
there(const char *name)
{
	char *path = file_path(plan.folder, name);
	bool is = access(path, F_OK) == 0;

	free(path);
	return is;
}

static unsigned
generations(void)
{
	DIR *dir = opendir(plan.folder);
	const struct dirent *e;
	unsigned n = 0;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		n += strlen(e->d_name) == 6 && e->d_name[0] == '0';
	(void)closedir(dir);
	return n;
}

/* ---- the tests ------------------------------------------------------------ */

static void
the_first_one_is_enrolled_and_then_left_alone(void **state)
{
	struct keep_status s;
	struct stat st;
	char *key;

	(void)state;
	assert_int_equal(state_now(), KEEP_NONE);
	assert_true(runs(false, NULL));
	assert_int_equal(pair_number(), 1);
	assert_false(server.renewed);
	assert_int_equal(server.probed, 1);
	key = file_path(plan.folder, "current/key.pem");
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	free(key);
	assert_false(there("current/csr.der"));
	assert_false(there("current/unused"));
	assert_false(there("previous"));
	s = status();
	assert_int_equal(s.state, KEEP_GOOD);
	assert_string_equal(s.subject, "CN=pump-7,O=Plant");
	assert_int_equal(s.failures, 0);
	assert_true(s.succeeded > 0 && s.renew_at > s.not_before);
	keep_status_free(&s);
	assert_false(runs(false, NULL));
	assert_int_equal(server.asked, 1);
}

static void
a_renewal_keeps_names_makes_a_key_and_the_pair_before_stays(void **state)
{
	X509_NAME *other = pki_name("CN=another");

	(void)state;
	server.from = -300 * DAY, server.to = 65 * DAY; /* two thirds gone */
	assert_true(runs(false, NULL));
	assert_int_equal(state_now(), KEEP_DUE);
	server.from = server.to = 0;
	plan.subject = other;
	assert_true(runs(false, NULL));
	assert_true(server.renewed);
	assert_int_equal(pair_number(), 2);
	assert_int_equal(
	    X509_NAME_cmp(X509_REQ_get_subject_name(server.req), world.subject),
	    0);
	assert_true(there("previous/key.pem"));
	assert_true(runs(true, NULL));
	assert_int_equal(pair_number(), 3);
	assert_int_equal(generations(), 2);
	assert_false(there("000001"));
	X509_NAME_free(other);
}

static void
the_key_is_kept_where_the_plan_says_so(void **state)
{
	struct keep_pair *a, *b;
	struct fail why = {0};

	(void)state;
	plan.key_reuse = true;
	assert_true(runs(false, NULL));
	assert_int_equal(keep_pair_read(&a, plan.folder, &why), 0);
	assert_true(runs(true, NULL));
	assert_int_equal(keep_pair_read(&b, plan.folder, &why), 0);
	assert_int_equal(pair_number(), 2);
	assert_int_equal(
	    EVP_PKEY_eq(X509_get0_pubkey(a->leaf), X509_get0_pubkey(b->leaf)),
	    1);
	keep_pair_free(a);
	keep_pair_free(b);
}

static void
status_rewind(void)
{
	char *path = file_path(plan.folder, "status.json");
	struct keep_status s;

	keep_history_read(&s, plan.folder);
	s.next_try = s.tried > 0 ? s.tried : 1;
	struct fail why = {0};
	assert_int_equal(keep_status_write(&s, &plan, &why), 0);
	keep_status_free(&s);
	free(path);
}

/* As if it had waited `days`, by the status or, without one, the request. */
static void
waited(int64_t days, bool lost)
{
	char *status_path = file_path(plan.folder, "status.json");
	char *since_path = file_path(plan.folder, "000001/since");
	char since[WHEN_LEN];
	struct keep_status s;
	struct fail why = {0};

	keep_history_read(&s, plan.folder);
	s.next_try = s.tried;
	s.pending_since = when_now() - days * DAY;
	when_write(since, s.pending_since);
	assert_int_equal(keep_status_write(&s, &plan, &why), 0);
	assert_int_equal(
	    file_write(since_path, span_str(since), 0644, &why), 0);
	if (lost)
		assert_int_equal(unlink(status_path), 0);
	keep_status_free(&s);
	free(since_path);
	free(status_path);
}

static void
a_request_waits_thirty_days_at_most(void **state)
{
	uint8_t first[SHA256_LEN];

	(void)state;
	for (int lost = 0; lost < 2; lost++) {
		server.mode = PENDING;
		remove_tree(plan.folder);
		assert_false(runs(false, "up-pending"));
		memcpy(first, server.csr, sizeof(first));
		waited(29, lost);
		assert_false(runs(false, "up-pending"));
		assert_memory_equal(first, server.csr, sizeof(first));
		waited(31, lost);
		assert_false(runs(false, "up-pending"));
		assert_memory_not_equal(first, server.csr, sizeof(first));
		memcpy(first, server.csr, sizeof(first));
		status_rewind();
		assert_false(runs(false, "up-pending")); /* from now on that */
		assert_memory_equal(first, server.csr, sizeof(first));
	}
}

static void
a_request_that_waits_is_repeated_as_it_was(void **state)
{
	struct keep_status s;
	uint8_t first[SHA256_LEN];
	int64_t since;

	(void)state;
	server.mode = PENDING;
	assert_false(runs(false, "up-pending"));
	memcpy(first, server.csr, sizeof(first));
	s = status();
	assert_int_equal(s.state, KEEP_PENDING);
	assert_true(s.next_try >= s.tried + 3600);
	since = s.pending_since;
	assert_true(since > 0);
	keep_status_free(&s);
	/* RFC 7030, 4.2.3: not before the server's time, not even by force. */
	assert_false(runs(false, NULL));
	assert_false(runs(true, "up-pending"));
	assert_int_equal(server.asked, 1);
	status_rewind();
	assert_false(runs(false, "up-pending"));
	assert_memory_equal(first, server.csr, sizeof(first));
	server.mode = BUSY; /* a line that is down in between */
	status_rewind();
	assert_false(runs(false, "up-net"));
	server.mode = TLS; /* or a captive portal */
	status_rewind();
	assert_false(runs(false, "up-tls"));
	server.mode = PIN;
	status_rewind();
	assert_false(runs(false, "pin"));
	server.mode = GOOD;
	status_rewind();
	assert_true(runs(false, NULL));
	assert_memory_equal(first, server.csr, sizeof(first));
	assert_int_equal(server.asked, 6);
	s = status();
	assert_int_equal(s.state, KEEP_GOOD);
	assert_int_equal(s.pending_since, 0);
	assert_null(s.reason);
	keep_status_free(&s);
}

static void
a_refused_request_is_made_anew_with_the_same_key(void **state)
{
	EVP_PKEY *first;
	uint8_t csr[SHA256_LEN];

	(void)state;
	server.mode = REFUSE;
	assert_false(runs(false, "up-refused"));
	assert_int_equal(state_now(), KEEP_REFUSED);
	first = X509_REQ_get_pubkey(server.req);
	memcpy(csr, server.csr, sizeof(csr));
	server.mode = GOOD;
	assert_false(runs(false, NULL)); /* its time has not come */
	assert_int_equal(server.asked, 1);
	assert_true(runs(true, NULL));
	assert_int_equal(
	    EVP_PKEY_eq(first, X509_REQ_get0_pubkey(server.req)), 1);
	assert_memory_not_equal(csr, server.csr, sizeof(csr));
	EVP_PKEY_free(first);
}

static void
a_lost_answer_is_asked_for_again_with_the_same_octets(void **state)
{
	uint8_t first[SHA256_LEN];

	(void)state;
	server.mode = LOST;
	assert_false(runs(false, "up-net"));
	assert_int_equal(state_now(), KEEP_RETRY);
	memcpy(first, server.csr, sizeof(first));
	server.mode = GOOD;
	assert_true(runs(true, NULL));
	assert_memory_equal(first, server.csr, sizeof(first));
}

static void
what_was_not_asked_for_is_not_used(void **state)
{
	static const struct {
		enum mode mode;
		bool ca;
		const char *reason, *says;
	} bad[] = {
	    {OTHER_KEY, false, "up-cert", "another key"},
	    {EXPIRED, false, "up-cert", "has expired"},
	    {NOT_YET, false, "up-cert", "not valid yet"},
	    {SHORTER, false, "up-cert", "ends before"},
	    {CA_CERT, false, "up-cert", "is a CA's"},
	    {GOOD, true, "up-cert", "is not a CA's"},
	    {NO_SIGN, true, "up-cert", "may not sign"},
	    {WEAK, false, "up-cert", "weak hash"},
	    {UNKNOWN_CRITICAL, false, "up-cert", "critical extension"},
	    {OTHER_NAME, false, "up-cert", "another subject"},
	    {OTHER_ISSUER, false, "up-chain", ""},
	};

	(void)state;
	assert_true(runs(false, NULL));
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct fail why;
		bool changed;

		server.mode = bad[i].mode;
		plan.ca = bad[i].ca;
		assert_int_equal(run(true, &changed, &why), -1);
		if (strcmp(why.reason, bad[i].reason) != 0 ||
		    strstr(why.text, bad[i].says) == NULL)
			print_error("%zu: %s: %s\n", i, why.reason, why.text);
		assert_string_equal(why.reason, bad[i].reason);
		assert_non_null(strstr(why.text, bad[i].says));
		assert_false(changed);
		assert_int_equal(pair_number(), 1);
		assert_int_equal(state_now(), KEEP_REFUSED);
		assert_true(there("rejected/cert.pem"));
		assert_true(there("rejected/why"));
	}
	plan.ca = false;
	server.mode = GOOD;
	assert_true(runs(true, NULL));
	assert_true(pair_number() > 1);
}

static void
a_new_pair_that_does_not_work_is_not_switched_to(void **state)
{
	(void)state;
	assert_true(runs(false, NULL));
	server.probe_fails = FAIL_DENIED;
	assert_false(runs(true, "up-refused"));
	assert_int_equal(pair_number(), 1);
	assert_true(there("rejected/cert.pem"));
	/* A server that is down proves nothing: tried again, not asked again. */
	server.probe_fails = FAIL_BUSY;
	assert_false(runs(true, "up-refused"));
	assert_int_equal(server.asked, 3);
	server.probe_fails = 0;
	assert_true(runs(true, NULL));
	assert_int_equal(server.asked, 3);
	assert_true(pair_number() > 1);
}

static void
one_that_has_ended_is_enrolled_for_and_told(void **state)
{
	struct keep_status s;

	(void)state;
	server.from = -365 * DAY, server.to = 2;
	assert_true(runs(false, NULL));
	while (when_now() < time(NULL) || state_now() != KEEP_EXPIRED)
		(void)usleep(20000);
	server.mode = REFUSE;
	server.from = server.to = 0;
	assert_false(runs(false, "up-refused"));
	assert_false(server.renewed);
	s = status();
	assert_int_equal(s.state, KEEP_EXPIRED);
	assert_string_equal(s.reason, "up-refused");
	assert_int_equal(s.life_left_percent, 0);
	keep_status_free(&s);
	assert_false(runs(false, NULL)); /* no loop */
	server.mode = GOOD;
	assert_true(runs(true, NULL));
	assert_int_equal(state_now(), KEEP_GOOD);
}

static void
a_clock_from_the_past_is_told_and_nothing_is_asked(void **state)
{
	char *cert = file_path(plan.folder, "000001/chain.pem"), *key;
	struct server_time {
		int asked;
	} before;
	struct fail why = {0};
	struct bytes pem = {0}, der = {0};
	EVP_PKEY *k;
	X509 *x;
	FILE *f;

	(void)state;
	assert_true(runs(false, NULL));
	before.asked = server.asked;
	key = file_path(plan.folder, "000001/key.pem");
	f = fopen(key, "r");
	k = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	(void)fclose(f);
	struct spec s = {.subject = "CN=pump-7,O=Plant",
	    .key = k,
	    .issuer = world.ca,
	    .signer = world.key,
	    .from = 10 * DAY,
	    .to = 20 * DAY};
	x = pki_cert(&s);
	cert_der_add(&der, x);
	cert_pem_write(&pem, span_of(&der));
	assert_int_equal(file_write(cert, span_of(&pem), 0644, &why), 0);
	assert_false(runs(true, "clock"));
	assert_int_equal(server.asked, before.asked);
	X509_free(x);
	EVP_PKEY_free(k);
	bytes_free(&pem);
	bytes_free(&der);
	free(key);
	free(cert);
}

static void
one_process_at_a_time(void **state)
{
	struct fail why = {0};
	int lock;

	(void)state;
	assert_int_equal(keep_folder_open(&lock, plan.folder, &why), 0);
	assert_false(runs(false, "locked"));
	assert_int_equal(server.asked, 0);
	(void)close(lock);
	assert_true(runs(false, NULL));
}

/* Everything, with the process killed at each change of the disk in turn. */
static void
a_cut_at_any_moment_leaves_a_whole_pair(void **state)
{
	int n, killed = 0;

	(void)state;
	for (n = 1;; n++) {
		unsigned before;
		int st;
		pid_t pid;

		remove_tree(plan.folder);
		assert_true(runs(false, NULL));
		assert_true(runs(true, NULL));
		before = pair_number();
		assert_int_equal(before, 2);
		pid = fork();
		if (pid == 0) {
			struct fail why = {0};
			bool changed;

			cut_at = n;
			_exit(
			    keep_run(&changed, &plan, &source, true, &why) == 0
				? 0
				: 1);
		}
		assert_int_equal(waitpid(pid, &st, 0), pid);
		assert_true(WIFEXITED(st));
		if (WEXITSTATUS(st) != CUT) {
			assert_int_equal(WEXITSTATUS(st), 0);
			break;
		}
		killed++;
		assert_true(pair_number() >= before);
		assert_true(there("previous/key.pem"));
		/* What is left is finished or done again, with no more asked
		 * than that. */
		assert_true(runs(true, NULL));
		assert_true(pair_number() > before);
		assert_true(there("previous/key.pem"));
		assert_true(generations() <= 3);
		assert_int_equal(state_now(), KEEP_GOOD);
	}
	assert_true(killed > 20);
}

static void
a_first_enrolment_survives_a_cut_at_any_moment(void **state)
{
	int n;

	(void)state;
	for (n = 1;; n++) {
		int st;
		pid_t pid;

		remove_tree(plan.folder);
		pid = fork();
		if (pid == 0) {
			struct fail why = {0};
			bool changed;

			cut_at = n;
			_exit(
			    keep_run(&changed, &plan, &source, false, &why) == 0
				? 0
				: 1);
		}
		assert_int_equal(waitpid(pid, &st, 0), pid);
		if (WEXITSTATUS(st) != CUT)
			break;
		(void)runs(true, NULL);
		assert_true(pair_number() > 0);
	}
	assert_true(n > 15);
}

static void
a_lost_process_asks_again_with_the_same_request(void **state)
{
	int n, same = 0;

	(void)state;
	for (n = 1; n < 60; n++) {
		struct bytes csr = {0};
		uint8_t digest[SHA256_LEN];
		struct fail why = {0};
		char *path;
		int st;
		pid_t pid;

		remove_tree(plan.folder);
		pid = fork();
		if (pid == 0) {
			bool changed;

			cut_at = n;
			_exit(keep_run(&changed, &plan, &source, false, &why) !=
			      0);
		}
		assert_int_equal(waitpid(pid, &st, 0), pid);
		if (WEXITSTATUS(st) != CUT)
			break;
		path = file_path(plan.folder, "000001/csr.der");
		server.asked = 0;
		if (!there("current") &&
		    file_read(&csr, path, 65536, &why) == 0 &&
		    runs(true, NULL) && server.asked > 0) {
			sha256(digest, span_of(&csr));
			assert_memory_equal(digest, server.csr, sizeof(digest));
			same++;
		}
		bytes_free(&csr);
		free(path);
	}
	assert_true(same > 2);
}

static int
activate(void *arg, const struct keep_pair *pair, struct fail *why)
{
	int *times = arg;

	(void)pair;
	return ++*times > 1 ? 0
	                    : (fail)(why, FAIL_BROKEN, "file", "not this time");
}

static void
taking_into_use_is_tried_until_it_succeeds(void **state)
{
	int times = 0;

	(void)state;
	plan.activate = activate;
	plan.arg = &times;
	assert_true(runs(false, "file"));
	assert_int_equal(pair_number(), 1);
	assert_false(runs(true, NULL) && times != 2);
	assert_true(times >= 2);
	assert_false(there("current/unused"));
}

static void
a_hook_runs_once_and_its_failure_is_told(void **state)
{
	char *out = str_fmt("%s/hook", world.folder);
	char *script = str_fmt("echo \"$EST_NAME $0 $1\" >>%s; exit 3", out);
	const char *bad[] = {"/bin/sh", "-c", script, "zero", "a b;c", NULL};
	const char *good[] = {"/bin/true", NULL};
	struct keep_status s;
	struct fail why = {0};
	struct bytes text = {0};

	(void)state;
	plan.hook = bad;
	assert_true(runs(false, "hook"));
	assert_int_equal(pair_number(), 1);
	assert_int_equal(file_read(&text, out, 4096, &why), 0);
	assert_string_equal((const char *)text.data, "pump zero a b;c\n");
	s = status();
	assert_int_equal(s.state, KEEP_RETRY);
	assert_string_equal(s.reason, "hook");
	assert_non_null(strstr(s.text, "status 3"));
	keep_status_free(&s);
	plan.hook = good;
	status_rewind();
	assert_false(runs(false, NULL)); /* only the hook is done again */
	assert_int_equal(server.asked, 1);
	assert_int_equal(state_now(), KEEP_GOOD);
	bytes_free(&text);
	free(script);
	free(out);
}

static pid_t
pid_in(const char *path)
{
	struct bytes text = {0};
	struct fail why = {0};
	pid_t pid;

	assert_int_equal(file_read(&text, path, 100, &why), 0);
	pid = (pid_t)strtol((const char *)text.data, NULL, 10);
	bytes_free(&text);
	assert_true(pid > 1);
	return pid;
}

/* Ended, or a zombie that whoever adopted it has not looked at yet. */
static bool
is_gone(pid_t pid)
{
	char *path = str_fmt("/proc/%d/stat", (int)pid);
	struct bytes text = {0};
	struct fail why;
	bool gone = false;

	for (int i = 0; i < 500 && !gone; i++) {
		why = (struct fail){0};
		text.len = 0;
		gone = file_read(&text, path, 4096, &why) != 0 ||
		       strstr((const char *)text.data, ") Z ") != NULL;
		if (!gone)
			(void)usleep(10000);
	}
	bytes_free(&text);
	free(path);
	return gone;
}

static void
a_hook_has_an_end(void **state)
{
	const char *slow[] = {"/bin/sleep", "600", NULL};
	const char *missing[] = {"/nonexistent/hook", NULL};
	const char *relative[] = {"true", NULL};
	struct fail why = {0};

	(void)state;
	assert_int_equal(
	    keep_hook_run(slow, "pump", plan.folder, 0.1, &why), -1);
	assert_non_null(strstr(why.text, "killed"));
	assert_int_equal(
	    keep_hook_run(missing, "pump", plan.folder, 10, &why), -1);
	assert_non_null(strstr(why.text, "could not be run"));
	assert_int_equal(
	    keep_hook_run(relative, "pump", plan.folder, 10, &why), -1);
	assert_non_null(strstr(why.text, "absolute"));
}

/* What it leaves behind is its own affair; what hangs is ended as a whole; our
 * lock is nobody else's. */
static void
a_hook_may_leave_a_daemon_behind(void **state)
{
	char *pid_path = file_path(world.folder, "pid");
	char *leaves =
	    str_fmt("(/bin/sleep 600; :) </dev/null >/dev/null 2>&1 & "
		    "echo $! >%s; test ! -e /proc/self/fd/3",
		pid_path);
	char *hangs = str_fmt("/bin/sleep 600 & echo $! >%s; wait", pid_path);
	const char *daemon[] = {"/bin/sh", "-c", leaves, NULL};
	const char *family[] = {"/bin/sh", "-c", hangs, NULL};
	struct fail why = {0};
	int lock = open(world.folder, O_RDONLY | O_CLOEXEC);
	pid_t pid;

	(void)state;
	assert_int_equal(
	    keep_hook_run(daemon, "pump", plan.folder, 20, &why), 0);
	pid = pid_in(pid_path);
	assert_int_equal(kill(pid, 0), 0);
	assert_int_equal(kill(-getpgid(pid), SIGKILL), 0);
	assert_int_equal(unlink(pid_path), 0);
	assert_int_equal(
	    keep_hook_run(family, "pump", plan.folder, 0.5, &why), -1);
	assert_true(is_gone(pid_in(pid_path)));
	(void)close(lock);
	free(hangs);
	free(leaves);
	free(pid_path);
}

static void
links_of_others_are_not_followed(void **state)
{
	char *target = str_fmt("%s/precious", world.folder);
	char *status_path, *current;
	struct fail why = {0};
	struct bytes text = {0};

	(void)state;
	assert_true(runs(false, NULL));
	assert_int_equal(
	    file_write(target, span_str("precious"), 0600, &why), 0);
	status_path = file_path(plan.folder, "status.json");
	assert_int_equal(unlink(status_path), 0);
	assert_int_equal(symlink(target, status_path), 0);
	assert_true(runs(true, NULL));
	assert_int_equal(file_read(&text, target, 100, &why), 0);
	assert_string_equal((const char *)text.data, "precious");
	current = file_path(plan.folder, "current");
	assert_int_equal(unlink(current), 0);
	assert_int_equal(symlink(target, current), 0);
	assert_false(runs(true, "pair"));
	bytes_free(&text);
	free(current);
	free(status_path);
	free(target);
}

static void
a_folder_that_cannot_be_written_leaves_the_old_pair(void **state)
{
	int st;
	pid_t pid;

	(void)state;
	assert_true(runs(false, NULL));
	pid = fork();
	if (pid == 0) {
		struct fail why = {0};
		bool changed;

		if (geteuid() == 0 &&
		    (chmod(world.folder, 0755) != 0 ||
			chown(plan.folder, 0, 0) != 0 || setuid(65534) != 0))
			_exit(9);
		if (geteuid() != 65534 && chmod(plan.folder, 0555) != 0)
			_exit(9);
		_exit(keep_run(&changed, &plan, &source, true, &why) == -1 &&
			      why.kind == FAIL_BROKEN
			  ? 0
			  : 1);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(WEXITSTATUS(st), 0);
	(void)chmod(plan.folder, 0755);
	assert_int_equal(pair_number(), 1);
}

static void
by_hand_the_same_checks_and_the_same_switch(void **state)
{
	struct bytes a = {0}, b = {0};
	struct fail why = {0};
	STACK_OF(X509) * certs, *others = NULL;
	X509 *leaf = NULL, *wrong;
	bool changed;

	(void)state;
	certs = pki_chain(world.ca, NULL, NULL);
	assert_int_equal(keep_install(&changed, &plan, certs, &why), -1);
	assert_int_equal(why.kind, FAIL_ABSENT);
	assert_int_equal(keep_csr(&a, &plan, &why), 0);
	assert_int_equal(keep_csr(&b, &plan, &why), 0);
	assert_true(span_equal(span_of(&a), span_of(&b)));
	assert_int_equal(state_now(), KEEP_PENDING);
	assert_int_equal(keep_install(&changed, &plan, certs, &why), -1);
	assert_string_equal(why.reason, "up-cert");
	assert_int_equal(
	    certify(&server, &leaf, &others, span_of(&a), NULL, &why), 0);
	wrong = world.other;
	assert_true(sk_X509_push(certs, wrong) > 0 && X509_up_ref(wrong));
	assert_true(sk_X509_push(certs, leaf) > 0);
	if (keep_install(&changed, &plan, certs, &why) != 0)
		print_error("%s\n", why.text);
	assert_true(changed);
	assert_int_equal(pair_number(), 1);
	assert_int_equal(state_now(), KEEP_GOOD);
	sk_X509_pop_free(certs, X509_free);
	sk_X509_pop_free(others, X509_free);
	bytes_free(&a);
	bytes_free(&b);
}

/* What the operator got wrong is mended by the right certificate, for the same
 * request: it is out on somebody's stick. */
static void
by_hand_a_wrong_certificate_leaves_the_request(void **state)
{
	static const enum mode wrong[] = {EXPIRED, NOT_YET, CA_CERT, WEAK,
	    UNKNOWN_CRITICAL, OTHER_NAME, OTHER_ISSUER, GOOD};
	struct bytes a = {0}, b = {0};
	struct keep_status before, after;
	bool changed;

	(void)state;
	assert_int_equal(keep_csr(&a, &plan, &(struct fail){0}), 0);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		STACK_OF(X509) * certs, *others = NULL;
		struct fail why = {0};
		X509 *leaf = NULL;
		int rc;

		server.mode = wrong[i];
		assert_int_equal(
		    certify(&server, &leaf, &others, span_of(&a), NULL, &why),
		    0);
		certs = pki_chain(leaf, NULL, NULL);
		before = status();
		rc = keep_install(&changed, &plan, certs, &why);
		after = status();
		assert_int_equal(rc, wrong[i] == GOOD ? 0 : -1);
		assert_int_equal(changed, wrong[i] == GOOD);
		if (wrong[i] != GOOD) {
			assert_int_equal(after.state, KEEP_PENDING);
			assert_int_equal(
			    after.pending_since, before.pending_since);
			assert_int_equal(after.failures, i + 1);
			assert_string_equal(after.reason, why.reason);
			assert_true(there("rejected/why"));
			assert_int_equal(keep_csr(&b, &plan, &why), 0);
			assert_true(span_equal(span_of(&a), span_of(&b)));
			bytes_free(&b);
		}
		keep_status_free(&before);
		keep_status_free(&after);
		sk_X509_pop_free(certs, X509_free);
		sk_X509_pop_free(others, X509_free);
		X509_free(leaf);
	}
	assert_int_equal(state_now(), KEEP_GOOD);
	assert_int_equal(pair_number(), 1);
	bytes_free(&a);
}

static void
by_hand_without_a_request_nothing_is_told(void **state)
{
	STACK_OF(X509) *certs = pki_chain(world.ca, NULL, NULL);
	struct fail why = {0};
	bool changed;

	(void)state;
	assert_true(runs(false, NULL));
	assert_int_equal(keep_install(&changed, &plan, certs, &why), -1);
	assert_int_equal(why.kind, FAIL_ABSENT);
	assert_int_equal(state_now(), KEEP_GOOD);
	sk_X509_pop_free(certs, X509_free);
}

static void
a_request_is_linked_to_a_connection_on_demand(void **state)
{
	struct bytes a = {0}, bound = {0};
	struct fail why = {0};
	struct csr *csr;

	(void)state;
	assert_int_equal(keep_csr(&a, &plan, &why), 0);
	assert_int_equal(
	    keep_csr_bound(&bound, &plan, span_of(&a), "q83v/+=", &why), 0);
	assert_int_equal(csr_read(&csr, span_of(&bound), &why), 0);
	assert_string_equal(csr->challenge, "q83v/+=");
	csr_free(csr);
	bytes_free(&a);
	bytes_free(&bound);
}

/* ---- wishes --------------------------------------------------------------- */

static void
wish(const struct csrattrs *w)
{
	bytes_free(&server.wishes);
	csrattrs_write(&server.wishes, w);
}

static void
the_server_shapes_the_request(void **state)
{
	static const uint8_t usage[] = {3, 2, 7, 0x80};
	const struct csrattrs_rdn rdn[] = {
	    {"2.5.4.3", NULL, false}, {"2.5.4.10", "Their Org", false}};
	const struct csrattrs_extension ext[] = {
	    {"2.5.29.15", true, {usage, sizeof(usage)}},
	    {"2.5.29.37", false, {NULL, 0}}};
	const struct csrattrs w = {.template = true,
	    .key_oid = "1.2.840.10045.2.1",
	    .curve_oid = "1.3.132.0.34",
	    .rdn = rdn,
	    .rdns = 2,
	    .extension = ext,
	    .extensions = 2};
	X509_NAME *want = pki_name("CN=pump-7,O=Their Org");
	struct bytes der = {0};
	unsigned char *p = NULL;
	struct fail why = {0};
	struct csr *csr;
	char type[16];

	(void)state;
	wish(&w);
	assert_true(runs(false, NULL));
	assert_int_equal(
	    X509_NAME_cmp(X509_REQ_get_subject_name(server.req), want), 0);
	assert_string_equal(
	    keep_key_type(X509_REQ_get0_pubkey(server.req), type), "p384");
	bytes_add(&der, NULL, 0);
	int len = i2d_X509_REQ(server.req, &p);
	bytes_add(&der, p, (size_t)len);
	assert_int_equal(csr_read(&csr, span_of(&der), &why), 0);
	assert_true(
	    csr->has_key_usage && csr->key_usage == KU_DIGITAL_SIGNATURE);
	assert_int_equal(csr->ext_key_usages, 1);
	assert_true(san_equal(csr->san, world.san));
	csr_free(csr);
	OPENSSL_free(p);
	bytes_free(&der);
	X509_NAME_free(want);
}

static void
names_of_others_and_ca_rights_are_not_asked_for(void **state)
{
	static const uint8_t host[] = "\x30\x0b\x82\x09other.net";
	static const uint8_t ca[] = {0x30, 3, 1, 1, 0xff};
	const struct csrattrs_extension ext[] = {
	    {"2.5.29.17", false, {host, sizeof(host) - 1}},
	    {"2.5.29.19", true, {ca, sizeof(ca)}}};
	const struct csrattrs w = {
	    .classic = true, .extension = ext, .extensions = 2};
	struct bytes der = {0};
	unsigned char *p = NULL;
	struct fail why = {0};
	struct csr *csr;

	(void)state;
	wish(&w);
	assert_true(runs(false, NULL));
	int len = i2d_X509_REQ(server.req, &p);
	bytes_add(&der, p, (size_t)len);
	assert_int_equal(csr_read(&csr, span_of(&der), &why), 0);
	assert_true(san_equal(csr->san, world.san));
	assert_false(csr->has_basic);
	csr_free(csr);
	OPENSSL_free(p);
	bytes_free(&der);
}

static void
keys_that_are_not_made_here_are_refused(void **state)
{
	static const struct {
		const char *key, *curve;
		int bits;
		const char *type;
	} wishes[] = {
	    {"1.2.840.113549.1.1.1", NULL, 16384, NULL},
	    {"1.2.840.113549.1.1.1", NULL, 1024, NULL},
	    {"1.2.840.10045.2.1", "1.3.132.0.10", 0, NULL},
	    {"1.2.840.113549.1.1.1", NULL, 2048, "rsa2048"},
	    {"1.2.840.10045.2.1", "1.3.132.0.35", 0, "p521"},
	};
	char type[16];

	(void)state;
	for (size_t i = 0; i < COUNT(wishes); i++) {
		const struct csrattrs w = {.classic = true,
		    .key_oid = wishes[i].key,
		    .curve_oid = wishes[i].curve,
		    .rsa_bits = wishes[i].bits};

		wish(&w);
		remove_tree(plan.folder);
		server.asked = 0;
		if (wishes[i].type == NULL) {
			assert_false(runs(false, "up-csrattrs"));
			assert_int_equal(server.asked, 0);
			assert_int_equal(state_now(), KEEP_REFUSED);
			continue;
		}
		assert_true(runs(false, NULL));
		assert_string_equal(
		    keep_key_type(X509_REQ_get0_pubkey(server.req), type),
		    wishes[i].type);
	}
}

/* ---- when ------------------------------------------------------------------ */

static void
renewal_comes_by_days_or_by_part_of_the_life(void **state)
{
	static const uint8_t none[SHA256_LEN]; /* spread by nothing */
	static const struct {
		int64_t life, before;
		int percent;
		int64_t at;
	} cases[] = {
	    {90 * DAY, 30 * DAY, 0, 60 * DAY}, {90 * DAY, 0, 50, 45 * DAY},
	    {90 * DAY, 30 * DAY, 50, 45 * DAY},
	    {90 * DAY, 30 * DAY, 90, 60 * DAY}, {90 * DAY, 0, 0, 60 * DAY},
	    {90 * DAY, 120 * DAY, 0, 60 * DAY}, /* not at once, for ever */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct keep_rule rule = {cases[i].before, cases[i].percent};

		assert_int_equal(
		    keep_renew_at(&rule, 1000, 1000 + cases[i].life, none),
		    1000 + cases[i].at);
	}
	struct keep_rule percent = {0, 66}, days = {30 * DAY, 0};
	assert_int_equal(
	    keep_renew_at(&percent, 0, WHEN_FOREVER, none), INT64_MAX);
	assert_int_equal(keep_renew_at(&days, 0, WHEN_FOREVER, none),
	    WHEN_FOREVER - 30 * DAY);
}

static void
a_fleet_is_spread_but_never_later(void **state)
{
	uint8_t most[SHA256_LEN];
	struct keep_rule rule = {30 * DAY, 0};
	int64_t at;

	(void)state;
	memset(most, 0xff, sizeof(most));
	at = keep_renew_at(&rule, 0, 90 * DAY, most);
	assert_true(at < 60 * DAY && at >= 59 * DAY);
}

static void
back_off_doubles_has_an_end_and_respects_the_server(void **state)
{
	const uint32_t middle = 0x80000000u;

	(void)state;
	assert_int_equal(keep_backoff(1, 86400, 0, 0, middle), 60);
	assert_int_equal(keep_backoff(2, 86400, 0, 0, middle), 120);
	assert_int_equal(keep_backoff(40, 86400, 0, 0, middle), 86400);
	assert_true(keep_backoff(1, 86400, 0, 0, 0) == 45);
	assert_true(keep_backoff(1, 86400, 0, 0, UINT32_MAX) < 76);
	assert_true(keep_backoff(1, 86400, 500, 0, 0) >= 500);
	assert_int_equal(keep_backoff(40, 86400, 0, 8 * 600, middle), 600);
	assert_int_equal(keep_backoff(40, 86400, 0, 8, middle), 60);
	assert_true(keep_patience(0, 0) >= 60);
	assert_true(keep_patience(7200, UINT32_MAX) <= 7921);
}

static void
a_mangled_status_counts_as_none(void **state)
{
	char *path = file_path(plan.folder, "status.json");
	struct fail why = {0};

	(void)state;
	server.mode = BUSY;
	assert_false(runs(false, "up-net"));
	assert_int_equal(
	    file_write(path, span_str("{\"state\": \"pen\0ding"), 0644, &why),
	    0);
	server.mode = GOOD;
	assert_true(runs(false, NULL));
	free(path);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(the_first_one_is_enrolled_and_then_left_alone),
	    T(a_renewal_keeps_names_makes_a_key_and_the_pair_before_stays),
	    T(the_key_is_kept_where_the_plan_says_so),
	    T(a_request_waits_thirty_days_at_most),
	    T(a_request_that_waits_is_repeated_as_it_was),
	    T(a_refused_request_is_made_anew_with_the_same_key),
	    T(a_lost_answer_is_asked_for_again_with_the_same_octets),
	    T(what_was_not_asked_for_is_not_used),
	    T(a_new_pair_that_does_not_work_is_not_switched_to),
	    T(one_that_has_ended_is_enrolled_for_and_told),
	    T(a_clock_from_the_past_is_told_and_nothing_is_asked),
	    T(one_process_at_a_time),
	    T(a_cut_at_any_moment_leaves_a_whole_pair),
	    T(a_first_enrolment_survives_a_cut_at_any_moment),
	    T(a_lost_process_asks_again_with_the_same_request),
	    T(taking_into_use_is_tried_until_it_succeeds),
	    T(a_hook_runs_once_and_its_failure_is_told),
	    T(a_hook_has_an_end),
	    T(a_hook_may_leave_a_daemon_behind),
	    T(links_of_others_are_not_followed),
	    T(a_folder_that_cannot_be_written_leaves_the_old_pair),
	    T(by_hand_the_same_checks_and_the_same_switch),
	    T(by_hand_a_wrong_certificate_leaves_the_request),
	    T(by_hand_without_a_request_nothing_is_told),
	    T(a_request_is_linked_to_a_connection_on_demand),
	    T(the_server_shapes_the_request),
	    T(names_of_others_and_ca_rights_are_not_asked_for),
	    T(keys_that_are_not_made_here_are_refused),
	    cmocka_unit_test(renewal_comes_by_days_or_by_part_of_the_life),
	    cmocka_unit_test(a_fleet_is_spread_but_never_later),
	    cmocka_unit_test(
		back_off_doubles_has_an_end_and_respects_the_server),
	    T(a_mangled_status_counts_as_none),
	};

	log_open("keep", LOG_SINK_STDERR, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
