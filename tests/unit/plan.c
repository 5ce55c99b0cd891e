/* plan: what a device's entry should say, from its certificates. */
#include <stdlib.h>
#include <string.h>

#include "lib/cloud/plan.h"
#include "tests/unit/madecert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define T0 1767225600LL

static struct bytes der;

static void
record_make(struct record *r, int64_t id, enum store_status status)
{
	memset(r, 0, sizeof(*r));
	if (id == 0)
		return;
	r->id = id;
	r->serial = str_fmt("%02llX", (long long)id);
	r->profile = str_dup("device");
	memset(r->sha256, 0xa0 + (int)id, SHA256_LEN);
	bytes_add(&r->der, der.data, der.len);
	r->not_before = T0 + id;
	r->not_after = T0 + 100 * id;
	r->status = status;
	if (status != STORE_GOOD) {
		r->reason =
		    status == STORE_HELD ? REASON_HOLD : REASON_KEY_COMPROMISE;
		r->revoked = T0 + 7;
	}
}

/* "A1A1…": the thumbprint of number `id`, "" of 0. */
static void
is_cert(const struct cloud_cert *cert, int64_t id)
{
	char want[THUMBPRINT_LEN + 1] = "";

	for (size_t i = 0; id != 0 && i < THUMBPRINT_LEN; i += 2)
		(void)snprintf(want + i, 3, "A%llX", (long long)id);
	assert_string_equal(cert->sha256, want);
	if (id == 0) {
		assert_null(cert->serial);
		return;
	}
	assert_string_equal(cert->issuer, "CN=issuer");
	assert_string_equal(cert->profile, "device");
	assert_int_equal(cert->not_before, T0 + id);
	assert_int_equal(cert->not_after, T0 + 100 * id);
}

static void
newest_two_that_are_good_or_the_newest_of_all(void **state)
{
	static const struct {
		int64_t good[OUTBOX_GOOD]; /* newest first */
		int64_t newest;
		enum store_status status;
		enum outbox_kind kind;
		/* wanted */
		enum cloud_state state;
		enum cloud_event event;
		int64_t current, previous;
		int reason;
		bool left_out;
	} rows[] = {
	    /* first one, renewed, renewed again */
	    {{1}, 1, STORE_GOOD, OUTBOX_ENROLLED, CLOUD_ACTIVE, CLOUD_ISSUED, 1,
		0, 0, false},
	    {{2, 1}, 2, STORE_GOOD, OUTBOX_RENEWED, CLOUD_ACTIVE, CLOUD_RENEWED,
		2, 1, 0, false},
	    {{3, 2, 1}, 3, STORE_GOOD, OUTBOX_RENEWED, CLOUD_ACTIVE,
		CLOUD_RENEWED, 3, 2, 0, true},
	    /* the newest revoked: the one before it counts again */
	    {{1}, 2, STORE_REVOKED, OUTBOX_REVOKED, CLOUD_ACTIVE,
		CLOUD_REVOCATION, 1, 0, 0, false},
	    /* the one before revoked or expired */
	    {{2}, 2, STORE_GOOD, OUTBOX_REVOKED, CLOUD_ACTIVE, CLOUD_REVOCATION,
		2, 0, 0, false},
	    /* none is good */
	    {{0}, 2, STORE_REVOKED, OUTBOX_REVOKED, CLOUD_REVOKED,
		CLOUD_REVOCATION, 2, 0, REASON_KEY_COMPROMISE, false},
	    {{0}, 1, STORE_HELD, OUTBOX_REVOKED, CLOUD_REVOKED,
		CLOUD_REVOCATION, 1, 0, REASON_HOLD, false},
	    /* expired, which is no revocation */
	    {{0}, 1, STORE_GOOD, OUTBOX_ENROLLED, CLOUD_ACTIVE, CLOUD_ISSUED, 1,
		0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cloud_settings cloud = {
		    .edge = (char *)"edge-1", .site = (char *)"here"};
		struct outbox_device d = {.device = (char *)"pump-1",
		    .seq = 40 + (int64_t)i,
		    .kind = rows[i].kind,
		    .open = true};
		struct wanted w;

		while (d.goods < OUTBOX_GOOD && rows[i].good[d.goods] != 0) {
			record_make(&d.good[d.goods], rows[i].good[d.goods],
			    STORE_GOOD);
			d.goods++;
		}
		record_make(&d.newest, rows[i].newest, rows[i].status);
		plan_make(&w, &d, &cloud);
		assert_string_equal(w.device, "pump-1");
		assert_string_equal(w.edge, "edge-1");
		assert_string_equal(w.site, "here");
		assert_int_equal(w.seq, d.seq);
		assert_int_equal(w.state, rows[i].state);
		assert_int_equal(w.event, rows[i].event);
		is_cert(&w.current, rows[i].current);
		is_cert(&w.previous, rows[i].previous);
		assert_int_equal(w.reason, rows[i].reason);
		assert_int_equal(
		    w.revoked, rows[i].state == CLOUD_REVOKED ? T0 + 7 : 0);
		assert_int_equal(plan_leaves_out(&d), rows[i].left_out);
		wanted_free(&w);
		for (size_t g = 0; g < d.goods; g++)
			record_free(&d.good[g]);
		record_free(&d.newest);
	}
}

static void
certificate_that_cannot_be_read_has_no_issuer_s_name(void **state)
{
	struct cloud_settings cloud = {.edge = (char *)"e"};
	struct outbox_device d = {.device = (char *)"d"};
	struct wanted w;

	(void)state;
	record_make(&d.newest, 1, STORE_GOOD);
	d.newest.der.len = 5;
	plan_make(&w, &d, &cloud);
	assert_null(w.current.issuer);
	assert_null(w.site);
	assert_string_equal(w.current.serial, "01");
	wanted_free(&w);
	record_free(&d.newest);
}

static int
cert_make(void **state)
{
	const struct made made = {.cn = "issuer", .serial = 1};

	(void)state;
	der = made_cert(&made);
	return 0;
}

static int
cert_drop(void **state)
{
	(void)state;
	bytes_free(&der);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(newest_two_that_are_good_or_the_newest_of_all),
	    cmocka_unit_test(
		certificate_that_cannot_be_read_has_no_issuer_s_name),
	};

	return cmocka_run_group_tests(tests, cert_make, cert_drop);
}
