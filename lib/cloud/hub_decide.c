#include "lib/cloud/hub_decide.h"

#include <string.h>
#include <strings.h>

#include "lib/cloud/hub_json.h"

/* NULL and "" are both "not known". */
static bool
same(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool
is_type(const struct hub_device *device, const char *type)
{
	return device->type != NULL && strcasecmp(device->type, type) == 0;
}

static bool
cert_fits(const struct cloud_cert *a, const struct cloud_cert *b)
{
	if (strcasecmp(a->sha256, b->sha256) != 0)
		return false;
	return a->sha256[0] == '\0' ||
	       (same(a->serial, b->serial) && same(a->issuer, b->issuer) &&
		   same(a->profile, b->profile) &&
		   a->not_before == b->not_before &&
		   a->not_after == b->not_after);
}

static bool
tag_fits(const struct wanted *wanted, const struct hub_device *there)
{
	const struct wanted *tag = &there->tag;

	return there->ours && tag->seq == wanted->seq &&
	       tag->state == wanted->state && same(tag->edge, wanted->edge) &&
	       same(tag->site, wanted->site) &&
	       cert_fits(&tag->current, &wanted->current) &&
	       cert_fits(&tag->previous, &wanted->previous);
}

/* What somebody else disabled stays so. */
static bool
status_fits(const struct wanted *wanted, const struct hub_device *there)
{
	if (wanted->state == CLOUD_REVOKED)
		return hub_is_disabled(there->status);
	return !hub_is_disabled(there->status) ||
	       !hub_is_revoked(there->status_reason);
}

bool
hub_identity_fits(const struct wanted *wanted, const struct hub_device *device,
    const struct azure_settings *azure)
{
	bool active = wanted->state == CLOUD_ACTIVE;

	if (!status_fits(wanted, device))
		return false;
	if (azure->identity == IDENTITY_CA)
		return is_type(device, "certificateAuthority");
	return is_type(device, "selfSigned") &&
	       strcasecmp(device->primary,
		   active ? wanted->current.sha256 : "") == 0 &&
	       strcasecmp(device->secondary,
		   active ? wanted->previous.sha256 : "") == 0;
}

bool
hub_is_newer(const struct wanted *tag, const struct wanted *wanted)
{
	if (same(tag->edge, wanted->edge))
		return tag->seq > wanted->seq;
	if (tag->current.not_before != wanted->current.not_before)
		return tag->current.not_before > wanted->current.not_before;
	/* Any order does that both edges see alike. */
	return strcasecmp(tag->current.sha256, wanted->current.sha256) > 0;
}

static bool
is_one_of(const struct wanted *wanted, const char *thumbprint)
{
	return *thumbprint != '\0' &&
	       (strcasecmp(thumbprint, wanted->current.sha256) == 0 ||
		   strcasecmp(thumbprint, wanted->previous.sha256) == 0);
}

/*
 * Without a tag: ours is what we marked, or made and were stopped before the
 * tag was written.  A device of the CA's kind is nobody's own: DPS makes them.
 */
static bool
is_ours(const struct wanted *wanted, const struct hub_device *there,
    const struct azure_settings *azure)
{
	if (there->ours || same(there->status_reason, HUB_MARK) ||
	    hub_is_revoked(there->status_reason))
		return !is_type(there, "sas") || there->ours;
	if (azure->identity == IDENTITY_CA &&
	    is_type(there, "certificateAuthority"))
		return true;
	return is_type(there, "selfSigned") &&
	       ((there->primary[0] == '\0' && there->secondary[0] == '\0') ||
		   is_one_of(wanted, there->primary) ||
		   is_one_of(wanted, there->secondary));
}

enum hub_act
hub_decide(const struct wanted *wanted, const struct hub_device *there,
    const struct azure_settings *azure)
{
	if (there == NULL)
		return HUB_CREATE;
	if (azure->tags && there->ours && there->late)
		return HUB_LATE;
	if (azure->tags && there->ours && hub_is_newer(&there->tag, wanted))
		return !same(there->tag.edge, wanted->edge) ||
		               hub_identity_fits(&there->tag, there, azure)
		           ? HUB_SUPERSEDED
		           : HUB_UNSETTLED;
	if (!azure->adopt && !is_ours(wanted, there, azure))
		return HUB_FOREIGN;
	if (azure->tags && !tag_fits(wanted, there))
		return HUB_TAG;
	return hub_identity_fits(wanted, there, azure) ? HUB_DONE
	                                               : HUB_IDENTITY;
}
