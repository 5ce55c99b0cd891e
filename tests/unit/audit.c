#include "tests/unit/records.h"

static void
record_is_compact_json_in_fixed_order(void **state)
{
	static const struct {
		struct audit entry;
		int64_t when_us;
		const char *text;
	} table[] = {
	    {{.event = "init"}, 0,
		"{\"time\":\"1970-01-01T00:00:00.000000Z\","
		"\"event\":\"init\"}"},
	    {{.event = "refuse",
		 .request = "r1",
		 .operation = "simpleenroll",
		 .endpoint = "device",
		 .profile = "p",
		 .peer = "192.0.2.1",
		 .requester = "own:a",
		 .client_sha256 = "c1",
		 .csr_sha256 = "c2",
		 .spki_sha256 = "c3",
		 .subject = "CN=a",
		 .serial = "0A",
		 .cert_sha256 = "c4",
		 .conf_sha256 = "c5",
		 .reason = "pop",
		 .text = "t",
		 .cause = "x\ny \"z\"",
		 .status = 400,
		 .count = 7},
		1767225600000006,
		"{\"time\":\"2026-01-01T00:00:00.000006Z\","
		"\"event\":\"refuse\",\"request\":\"r1\","
		"\"operation\":\"simpleenroll\",\"endpoint\":\"device\","
		"\"profile\":\"p\",\"peer\":\"192.0.2.1\","
		"\"requester\":\"own:a\",\"client_sha256\":\"c1\","
		"\"csr_sha256\":\"c2\",\"spki_sha256\":\"c3\","
		"\"subject\":\"CN=a\",\"serial\":\"0A\","
		"\"cert_sha256\":\"c4\",\"conf_sha256\":\"c5\",\"reason\":"
		"\"pop\",\"text\":\"t\","
		"\"cause\":\"x\\ny \\\"z\\\"\",\"status\":400,\"count\":7}"},
	    {{.event = "x", .text = "bad \xff octet"}, -1,
		"{\"time\":\"1969-12-31T23:59:59.999999Z\",\"event\":\"x\","
		"\"text\":\"bad \\\\xff octet\"}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *text = audit_text(&table[i].entry, table[i].when_us);

		assert_string_equal(text, table[i].text);
		free(text);
	}
}

/* The text is put together by hand: jansson must agree to every octet. */
static void
record_is_what_a_json_library_would_write(void **state)
{
	static const char *const table[] = {"", "plain", "a\"b", "a\\b", "a/b",
	    "tab\there", "nl\nhere", "\x01\x1f\x7f", "\xc3\xa9t\xc3\xa9",
	    "\xe2\x80\xa8", "\xf0\x9f\x90\x84", "\xff\xfe", "\xc0\x80",
	    "\xed\xa0\x80", "</script>", "%s%n"};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct audit entry = {.event = table[i], .status = 200};
		struct json *j = json_new_object(), *back;
		char *got = audit_text(&entry, 0), *want;
		struct fail why = {0};

		json_str(j, "time", "1970-01-01T00:00:00.000000Z");
		json_str(j, "event", table[i]);
		json_int(j, "status", 200);
		want = json_text(j, 0);
		assert_string_equal(got, want);
		assert_int_equal(json_read(&back, got, &why), 0);
		json_free(back);
		json_free(j);
		free(got);
		free(want);
	}
}

static void
hash_covers_the_previous_hash_and_the_record(void **state)
{
	/* printf '%064d' 0 | xxd -r -p | cat - <(printf '{}') | sha256sum */
	static const char want[] = "fb1634c4e6cd4b1f1afe3ce2d6ef080f"
				   "7ac5d1f357d723ad4dfca782733b62db";
	uint8_t zero[SHA256_LEN] = {0}, one[SHA256_LEN], two[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	audit_hash(one, zero, "{}");
	hex_write(hex, (struct span){one, SHA256_LEN}, false);
	assert_string_equal(hex, want);
	audit_hash(two, one, "{}");
	assert_memory_not_equal(one, two, SHA256_LEN);
}

static void
every_entry_is_a_link_of_the_chain(void **state)
{
	struct store *store = store_made();
	struct audit entry = {.event = "config", .text = "x"};
	struct fail why = {0};

	(void)state;
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(store_audit(store, &entry, false, &why), 0);
	assert_int_equal(chain_rows(store), 600);
	/* Through a reopening too; and a change anywhere shows. */
	store_free(store);
	store = store_made();
	assert_int_equal(store_audit(store, &entry, true, &why), 0);
	assert_int_equal(chain_rows(store), 601);
	(void)number_of("UPDATE audit SET record = record || ' '"
			" WHERE seq = 300 RETURNING 1");
	assert_int_equal(chain_rows(store), -1);
	store_free(store);
}

static void
columns_repeat_what_the_record_says(void **state)
{
	struct store *store = store_made();
	struct audit entry = {.event = "revoke", .serial = "0A", .reason = "r"};
	struct fail why = {0};
	int64_t before = when_now_us();

	(void)state;
	assert_int_equal(store_audit(store, &entry, true, &why), 0);
	assert_int_equal(
	    number_of("SELECT count(*) FROM audit WHERE event = 'revoke'"
		      " AND serial = '0A' AND reason = 'r'"
		      " AND record LIKE '%\"serial\":\"0A\"%'"),
	    1);
	assert_true(number_of("SELECT time FROM audit") >= before);
	store_free(store);
}

static bool
admit(struct refusals *r, const char *reason, const char *peer, int64_t now)
{
	struct audit entry = {
	    .event = "refuse", .reason = reason, .peer = peer, .unknown = true};

	return refusals_admit(r, &entry, now);
}

static unsigned
admitted(struct refusals *r, const char *reason, const char *peer, unsigned n,
    int64_t now)
{
	unsigned yes = 0;

	for (unsigned i = 0; i < n; i++)
		yes += admit(r, reason, peer, now);
	return yes;
}

static void
refusals_are_counted_beyond_sixty_a_minute(void **state)
{
	struct refusals *r = refusals_new();
	struct refusal_sum sum;

	(void)state;
	assert_int_equal(admitted(r, "pop", "192.0.2.1", 100, T0), 60);
	/* The same network, other octets; then others. */
	assert_int_equal(admitted(r, "pop", "192.0.2.99", 5, T0 + 59), 0);
	assert_int_equal(admitted(r, "pop", "::ffff:192.0.2.7", 5, T0 + 59), 0);
	assert_int_equal(admitted(r, "pop", "192.0.3.1", 70, T0), 60);
	assert_int_equal(admitted(r, "base64", "192.0.2.1", 60, T0), 60);
	assert_int_equal(admitted(r, "pop", "2001:db8:1::1", 70, T0), 60);
	assert_int_equal(admitted(r, "pop", "2001:db8:1:ff::2", 7, T0), 0);
	assert_int_equal(admitted(r, "pop", "2001:db8:2::1", 1, T0), 1);
	assert_int_equal(admitted(r, NULL, NULL, 61, T0), 60);

	assert_false(refusals_take(r, &sum, T0 + 59, false));
	assert_true(refusals_take(r, &sum, T0 + 60, false));
	assert_string_equal(sum.reason, "pop");
	assert_string_equal(sum.network, "192.0.2.0/24");
	assert_int_equal(sum.count, 50);
	refusals_give_back(r, &sum);
	assert_true(refusals_take(r, &sum, T0 + 60, false));
	assert_int_equal(sum.count, 50);
	assert_true(refusals_take(r, &sum, T0 + 60, false));
	assert_int_equal(sum.count, 10);
	assert_true(refusals_take(r, &sum, T0 + 60, false));
	assert_string_equal(sum.network, "2001:db8:1::/48");
	assert_int_equal(sum.count, 17);
	assert_true(refusals_take(r, &sum, T0 + 60, false));
	assert_string_equal(sum.reason, "-");
	assert_false(refusals_take(r, &sum, T0 + 60, false));
	assert_int_equal(admitted(r, "pop", "192.0.2.1", 61, T0 + 60), 60);
	assert_true(refusals_take(r, &sum, T0 + 60, true));
	refusals_free(r);
}

static void
many_networks_share_a_bounded_table(void **state)
{
	struct refusals *r = refusals_new();
	struct refusal_sum sum;
	unsigned yes = 0;
	int64_t counted = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		char peer[32];

		(void)snprintf(peer, sizeof(peer), "10.0.%u.1", i);
		yes += admitted(r, "pop", peer, 100, T0);
	}
	assert_int_equal(yes, 33 * REFUSALS_A_MINUTE);
	while (refusals_take(r, &sum, T0 + 60, false))
		counted += sum.count;
	assert_int_equal(counted, 200 * 100 - yes);
	/* The next minute the table is free for others. */
	assert_int_equal(admitted(r, "pop", "172.16.0.1", 61, T0 + 60), 60);
	refusals_free(r);
}

static void
counted_refusals_become_one_row_at_the_end(void **state)
{
	struct store *store = store_made();
	struct audit entry = {.event = "refuse",
	    .reason = "client-untrusted",
	    .peer = "192.0.2.1",
	    .status = 403,
	    .unknown = true};
	struct fail why = {0};
	int64_t rows;

	(void)state;
	for (unsigned i = 0; i < 500; i++)
		assert_int_equal(store_audit(store, &entry, false, &why), 0);
	/* A minute may have ended in between. */
	rows = chain_rows(store);
	assert_in_range(rows, 60, 121);
	entry.unknown = false;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(store_audit(store, &entry, false, &why), 0);
	assert_in_range(chain_rows(store), rows + 100, rows + 101);
	store_free(store);
	store = store_made();
	assert_true(chain_rows(store) > 0);
	assert_int_equal(
	    number_of("SELECT count(*) - count(json_extract(record, '$.count'))"
		      " + sum(coalesce(json_extract(record, '$.count'), 0))"
		      " FROM audit WHERE reason = 'client-untrusted'"),
	    600);
	store_free(store);
}

static void
refusals_stop_first_when_the_disk_fills(void **state)
{
	struct db_options o = {.create = true, .connections = 2};
	struct audit refusal = {.event = "refuse", .reason = "pop"};
	struct audit config = {.event = "config"};
	struct store *store = store_made();
	struct fail why = {0};
	int64_t space;

	(void)state;
	store->reserve = 1;
	space = store_space(store);
	store_free(store);
	/* Less than the reserve is free, more than its half. */
	assert_int_equal(
	    store_open_with(&store, url, &o, space + space / 2, &why), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(store_audit(store, &refusal, false, &why), 0);
	assert_int_equal(chain_rows(store), 0);
	assert_int_equal(store_audit(store, &config, true, &why), 0);
	assert_int_equal(chain_rows(store), 1);
	assert_int_equal(store_state(store, &why), -1);
	assert_string_equal(why.reason, "disk-full");
	/* Space again: what was dropped is told in one row. */
	store->reserve = 0;
	assert_int_equal(store_audit(store, &refusal, false, &why), 0);
	assert_int_equal(chain_rows(store), 3);
	assert_int_equal(
	    number_of("SELECT json_extract(record, '$.count') FROM audit"
		      " WHERE seq = 2"),
	    10);
	assert_int_equal(store_state(store, &why), 0);
	store_free(store);
}

#define ON_DISK(f)                                                             \
	cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int
main(void)
{
	static const char *const files[] = {
	    "refusals_stop_first_when_the_disk_fills", NULL};
	struct CMUnitTest tests[] = {
	    cmocka_unit_test(record_is_compact_json_in_fixed_order),
	    cmocka_unit_test(record_is_what_a_json_library_would_write),
	    cmocka_unit_test(hash_covers_the_previous_hash_and_the_record),
	    ON_DISK(every_entry_is_a_link_of_the_chain),
	    ON_DISK(columns_repeat_what_the_record_says),
	    cmocka_unit_test(refusals_are_counted_beyond_sixty_a_minute),
	    cmocka_unit_test(many_networks_share_a_bounded_table),
	    ON_DISK(counted_refusals_become_one_row_at_the_end),
	    ON_DISK(refusals_stop_first_when_the_disk_fills),
	};

	sqlite_alone(tests, sizeof(tests) / sizeof(tests[0]), files);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
