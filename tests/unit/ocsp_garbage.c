/* Requests that nobody would make: whatever is changed in a good one, it is
 * refused by the rule, or what is read can be answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/wire/ocsp.h"

#include <cmocka.h>

#define TURNS 30000

/* The request of RFC 6960's module as pyasn1 tests it: one certificate by
 * SHA-1, a nonce of 16 octets. */
static const char rfc6960[] =
    "306a30683041303f303d300906052b0e03021a05000414b766b315f42e43928d37687d7770"
    "465ea69837c2041492a4752ca49ebe8144eb79fc8ac595a5eb107573020435def4cfa22330"
    "21301f06092b060105050730010204120410637493a2216f442891842cd35ffeb740";
/* Two by SHA-256, no nonce. */
static const char two[] =
    "3081ba3081b73081b430583056300d060960864801650304020105000420ca978112ca1bbd"
    "cafac231b39a23dc4da786eff8147c4e72b9807785afee48bb04203e23e8160039594a3389"
    "4f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d02010130583056300d060960864801"
    "650304020105000420ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785"
    "afee48bb04203e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c00"
    "9d020102";

static uint32_t seed = 20261130;

static uint32_t
some(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 8) * below >> 24);
}

/* Other octets, some lost, some twice; a length now and then. */
static void
spoil(struct bytes *der)
{
	for (uint32_t n = some(4) + 1; n > 0 && der->len > 4; n--) {
		size_t at = some((uint32_t)der->len);
		size_t len = some(8);

		switch (some(5)) {
		case 0:
			der->data[at] ^= (uint8_t)(1 << some(8));
			break;
		case 1:
			der->data[at] = (uint8_t)some(256);
			break;
		case 2:
			der->data[at] = (uint8_t)(0x80 | some(5));
			break;
		case 3:
			der->len -= at + len <= der->len ? len : 0;
			memmove(der->data + at, der->data + at + len,
			    der->len > at ? der->len - at : 0);
			break;
		default:
			bytes_add(der, der->data + at,
			    at + len <= der->len ? len : 1);
		}
	}
}

static void
whatever_is_read_is_whole(const struct bytes *der)
{
	struct ocsp *ocsp;
	struct fail why = {0};

	if (ocsp_read(&ocsp, span_of(der), &why) != 0) {
		assert_null(ocsp);
		assert_int_equal(strncmp(why.reason, "ocsp", 4), 0);
	} else {
		assert_in_range(ocsp->n, 1, OCSP_ASKED_MOST);
		for (size_t i = 0; i < ocsp->n; i++) {
			char *serial = ocsp_serial(ocsp->asked[i]);

			if (serial != NULL)
				assert_in_range(strlen(serial), 2, 40);
			free(serial);
		}
		ocsp_free(ocsp);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

static void
spoiled_requests_are_refused_or_whole(void **state)
{
	const char *const good[] = {rfc6960, two};
	struct bytes der = {0};
	struct ocsp *ocsp;
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		der.len = 0;
		assert_true(hex_read(&der, good[i]));
		assert_int_equal(ocsp_read(&ocsp, span_of(&der), &why), 0);
		assert_int_equal(ocsp->n, i + 1);
		assert_int_equal(ocsp->nonce, i == 0);
		ocsp_free(ocsp);
	}
	for (int turn = 0; turn < TURNS; turn++) {
		struct bytes exact = {0};

		der.len = 0;
		assert_true(hex_read(&der, good[turn % 2]));
		spoil(&der);
		/* A block of its own size: what is read beyond is seen. */
		bytes_add(&exact, der.data, der.len);
		whatever_is_read_is_whole(&exact);
		bytes_free(&exact);
	}
	bytes_free(&der);
}

static void
what_is_no_request_is_refused(void **state)
{
	static const char *const cases[] = {"", "30", "3000", "30023000",
	    "300430023000", "3006300430023000", "30800000", "0500",
	    "30840000000000", "308500000000000000", "308900ffffffffffffffff",
	    /* a certificate asked for that is nothing */
	    "30083006300430023000",
	    /* a requestor's name and a signature that are nothing */
	    "3006a00430020500", "300a3006a1040500a0000500",
	    /* version 2 */
	    "300b3009a00302010130020500"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes der = {0};
		struct ocsp *ocsp;
		struct fail why = {0};

		if (cases[i][0] != '\0')
			assert_true(hex_read(&der, cases[i]));
		assert_int_equal(ocsp_read(&ocsp, span_of(&der), &why), -1);
		assert_string_equal(why.reason, "ocsp");
		assert_int_equal(ERR_peek_error(), 0);
		bytes_free(&der);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(spoiled_requests_are_refused_or_whole),
	    cmocka_unit_test(what_is_no_request_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
