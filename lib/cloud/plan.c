#include "lib/cloud/plan.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/wire/cert.h"
#include "lib/wire/name.h"

/* NULL: it cannot be read, and is not known then. */
static char *
issuer_of(const struct record *r)
{
	struct fail ignored = {0};
	X509 *x509 = NULL;
	char *text = NULL;

	if (cert_x509(&x509, span_of(&r->der), &ignored) == 0)
		text = name_text(X509_get_issuer_name(x509));
	X509_free(x509);
	ERR_clear_error();
	return text;
}

static void
cert_tell(struct cloud_cert *cert, const struct record *r)
{
	hex_write(cert->sha256, (struct span){r->sha256, SHA256_LEN}, true);
	cert->serial = str_dup(r->serial);
	cert->issuer = issuer_of(r);
	cert->profile = str_dup(r->profile);
	cert->not_before = r->not_before;
	cert->not_after = r->not_after;
}

static enum cloud_event
event_of(enum outbox_kind kind)
{
	static const enum cloud_event events[] = {
	    [OUTBOX_ENROLLED] = CLOUD_ISSUED,
	    [OUTBOX_RENEWED] = CLOUD_RENEWED,
	    [OUTBOX_REVOKED] = CLOUD_REVOCATION,
	};

	return events[kind];
}

void
plan_make(struct wanted *wanted, const struct outbox_device *device,
    const struct cloud_settings *cloud)
{
	const struct record *newest = &device->newest;

	memset(wanted, 0, sizeof(*wanted));
	wanted->device = str_dup(device->device);
	wanted->edge = str_dup(cloud->edge);
	wanted->site = str_dup(cloud->site);
	wanted->seq = device->seq;
	wanted->event = event_of(device->kind);
	wanted->state = CLOUD_ACTIVE;
	if (device->goods > 0) {
		cert_tell(&wanted->current, &device->good[0]);
		if (device->goods > 1)
			cert_tell(&wanted->previous, &device->good[1]);
		return;
	}
	cert_tell(&wanted->current, newest);
	if (newest->status == STORE_GOOD)
		return;
	wanted->state = CLOUD_REVOKED;
	wanted->reason = newest->reason;
	wanted->revoked = newest->revoked;
}

bool
plan_leaves_out(const struct outbox_device *device)
{
	return device->goods > 2;
}
