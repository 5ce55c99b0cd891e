/* Links neither store nor archive: for programs that only look. */
#include "lib/ca/backup.h"

#include <stdlib.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/when.h"

#define NAME "backup.json"
#define MOST 8192 /* octets */

int
backup_note(const struct settings *settings, const struct backup_report *report,
    int64_t now, struct fail *why)
{
	char *path = file_path(settings->state, NAME), *text, *line;
	struct json *j = json_new_object();
	char hash[2 * SHA256_LEN + 1];
	int rc;

	hex_write(
	    hash, (struct span){report->archive.sha256, SHA256_LEN}, false);
	json_time(j, "time", now);
	json_str(j, "path", report->path);
	json_str(j, "sha256", hash);
	text = json_text(j, 2);
	line = str_fmt("%s\n", text);
	rc = file_write(path, span_str(line), 0600, why);
	free(line);
	free(text);
	json_free(j);
	free(path);
	return rc;
}

int64_t
backup_last(const struct settings *settings)
{
	char *path = file_path(settings->state, NAME);
	struct bytes file = {0};
	struct fail ignored = {0};
	struct json *j = NULL;
	const char *text = NULL;
	int64_t when = 0;

	if (file_read(&file, path, MOST, &ignored) == 0 && file.len > 0 &&
	    json_read(&j, (const char *)file.data, &ignored) == 0 &&
	    json_type_of(j) == JSON_IS_OBJECT)
		text = json_str_of(j, "time");
	if (text != NULL && when_read(&when, text, &ignored) != 0)
		when = 0;
	json_free(j);
	bytes_free(&file);
	free(path);
	return when;
}
