#include <string.h>

#include "lib/page/render.h"

/* Made by files.sh when this is built. */
#include "lib/page/files.inc"

const char *
render_file(const char *name, const char **type)
{
	static const struct {
		const char *name, *type, *text;
	} files[] = {
	    {"style.css", "text/css; charset=utf-8", style_css},
	    {"script.js", "text/javascript; charset=utf-8", script_js},
	    {"icon.svg", "image/svg+xml", icon_svg},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(files[i].name, name) == 0) {
			*type = files[i].type;
			return files[i].text;
		}
	return NULL;
}
