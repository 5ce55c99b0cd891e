#include "lib/base/prom.h"

void
prom_head(
    struct bytes *out, const char *name, const char *type, const char *help)
{
	bytes_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
label_add(struct bytes *out, bool first, const char *name, const char *value)
{
	bytes_addf(out, "%c%s=\"", first ? '{' : ',', name);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			bytes_adds(out, "\\n");
		else if (*value == '"' || *value == '\\')
			bytes_addf(out, "\\%c", *value);
		else
			bytes_addc(out, *value);
	}
	bytes_addc(out, '"');
}

void
prom_value(struct bytes *out, const char *name, double value,
    const char *const *labels)
{
	bool any = false;

	bytes_adds(out, name);
	for (; labels != NULL && labels[0] != NULL; labels += 2)
		if (labels[1][0] != '\0') {
			label_add(out, !any, labels[0], labels[1]);
			any = true;
		}
	bytes_addf(out, "%s %.15g\n", any ? "}" : "", value);
}
