#include "lib/ca/issuers_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"

#define FILE_MODE 0600

int
issuers_lock(int *fd, const struct settings *s, struct fail *why)
{
	char *folder = settings_issuers_path(s);
	int rc;

	*fd = -1;
	if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
		fail(why, FAIL_BROKEN, "file", "cannot make %s", folder);
		rc = fail_errno(why, "mkdir");
	} else {
		rc = file_lock_folder(fd, folder, ISSUERS_LOCK_WAIT, why);
	}
	free(folder);
	return rc;
}

void
issuers_unlock(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

int
issuers_present(
    struct issuers **present, const struct settings *s, struct fail *why)
{
	*present = NULL;
	if (issuers_read(present, s, why) == 0)
		return 0;
	if (strcmp(why->reason, "issuer-absent") != 0 &&
	    strcmp(why->reason, "issuer-cert") != 0)
		return -1;
	*why = (struct fail){0};
	return 0;
}

int
issuers_say(const struct issuers_tell *tell, const struct issuer *issuer,
    const char *text, struct fail *why)
{
	if (tell == NULL || tell->tell == NULL)
		return 0;
	return tell->tell(tell->arg, issuer->authority->issuer, text, why);
}

int
issuers_said(
    const struct issuers_tell *tell, const struct issuer *issuer, int rc)
{
	struct fail ignored = {0};

	if (rc != 0)
		(void)!issuers_say(
		    tell, issuer, "intermediate, that failed", &ignored);
	return rc;
}

char *
issuer_path(const struct issuer *issuer, const char *folder)
{
	char hash[2 * SHA256_LEN + 1];
	struct when_parts at;

	when_split(&at, issuer->authority->cert->not_before);
	hex_write(hash,
	    (struct span){issuer->authority->cert->sha256, SHA256_LEN}, false);
	return str_fmt("%s/%04d%02d%02d%02d%02d%02dZ-%.16s.pem", folder,
	    at.year, at.month, at.day, at.hour, at.minute, at.second, hash);
}

int
issuer_write(const struct issuer *issuer, struct fail *why)
{
	struct bytes text = {0};
	char at[WHEN_LEN];
	int rc;

	if (issuer->activate != INT64_MIN) {
		when_write(at, issuer->activate);
		bytes_addf(&text, "Activate: %s\n", at);
	}
	if (issuer->key != NULL)
		bytes_addf(&text, "Key: %s\n", issuer->key);
	cert_pems_write(&text, issuer->authority->chain);
	cert_pems_write(&text, issuer->extra);
	rc = file_write(issuer->path, span_of(&text), FILE_MODE, why);
	bytes_free(&text);
	return rc;
}
