/* Without libFuzzer: each file named, and each in the folders named, once. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/file.h"

static size_t done;

static void
one(const char *path)
{
	struct bytes octets = {0};
	struct fail why = {0};

	if (file_read(&octets, path, 1 << 20, &why) != 0) {
		fprintf(stderr, "%s: %s\n", path, why.text);
		exit(1);
	}
	(void)LLVMFuzzerTestOneInput(octets.data, octets.len);
	bytes_free(&octets);
	done++;
}

static void
all(const char *path)
{
	struct dirent *entry;
	struct stat st;
	DIR *folder;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		one(path);
		return;
	}
	folder = opendir(path);
	if (folder == NULL) {
		perror(path);
		exit(1);
	}
	while ((entry = readdir(folder)) != NULL) {
		char *name;

		if (entry->d_name[0] == '.')
			continue;
		name = file_path(path, entry->d_name);
		one(name);
		free(name);
	}
	(void)closedir(folder);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		all(argv[i]);
	if (fuzz_taken == 0)
		fputs("each of them was refused: nothing was tried\n", stderr);
	printf("%zu inputs, %zu values taken\n", done, fuzz_taken);
	return fuzz_taken > 0 ? 0 : 1;
}
