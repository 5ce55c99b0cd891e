#include "lib/web/diary.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <string.h>

#include "lib/base/log.h"
#include "lib/ca/effective.h"

static void
write_row(const struct diary *diary, const struct ca *ca, struct audit *entry)
{
	struct fail why = {0};

	if (ca->store == NULL)
		return;
	entry->operation = diary->program;
	if (store_audit(ca->store, entry, true, &why) != 0)
		log_fail("this is not recorded", &why);
}

void
diary_start(
    struct diary *diary, const struct operation *op, const struct ca *ca)
{
	struct audit entry = {.event = "start",
	    .conf_sha256 = diary->conf,
	    .text = "version " PACKAGE_VERSION};

	diary->program = op->name;
	effective_sha256(diary->conf, ca->settings);
	write_row(diary, ca, &entry);
}

void
diary_stop(const struct diary *diary, const struct ca *ca)
{
	struct audit entry = {.event = "stop"};

	write_row(diary, ca, &entry);
}

void
diary_config(struct diary *diary, const struct ca *ca)
{
	struct audit entry = {.event = "config", .conf_sha256 = diary->conf};
	char now[sizeof(diary->conf)];

	effective_sha256(now, ca->settings);
	if (strcmp(now, diary->conf) == 0)
		return;
	memcpy(diary->conf, now, sizeof(now));
	write_row(diary, ca, &entry);
}

void
diary_refused(
    const struct diary *diary, const struct ca *ca, const struct fail *why)
{
	struct audit entry = {.event = "config",
	    .reason = why->reason,
	    .text = why->text,
	    .cause = why->cause[0] != '\0' ? why->cause : NULL};

	write_row(diary, ca, &entry);
}
