#include "lib/net/names.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"

#define CONF "/etc/nsswitch.conf"
#define CONF_MAX 65536

static bool
load(const char *service)
{
	char *name = str_fmt("libnss_%s.so.2", service);
	bool loaded =
	    strchr(service, '/') == NULL && dlopen(name, RTLD_LAZY) != NULL;

	free(name);
	return loaded;
}

/* "files mdns4_minimal [NOTFOUND=return] dns" */
static int
services_load(char *text)
{
	char *rest = text, *word;
	bool inside = false;
	int n = 0;

	while ((word = strsep(&rest, " \t")) != NULL) {
		/* What is in brackets may have blanks. */
		if (*word == '[')
			inside = true;
		else if (!inside && *word != '\0' && load(word))
			n++;
		if (strchr(word, ']') != NULL)
			inside = false;
	}
	return n;
}

int
names_load(const char *path)
{
	struct bytes text = {0};
	struct fail ignored = {0};
	char *rest, *line;
	int n = 0;

	/* musl has no such file, and nothing to load. */
	if (file_read(&text, path != NULL ? path : CONF, CONF_MAX, &ignored) !=
		0 ||
	    text.len == 0) {
		bytes_free(&text);
		return 0;
	}
	rest = (char *)text.data;
	while ((line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "#\r")] = '\0';
		line += strspn(line, " \t");
		if (strncmp(line, "hosts:", 6) == 0)
			n += services_load(line + 6);
	}
	bytes_free(&text);
	return n;
}
