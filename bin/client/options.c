#include "bin/client/client.h"

#include <stdlib.h>
#include <string.h>

/* The command's own, besides the keys. */
static const struct own {
	const char *name, *letter;
	size_t offset;
	bool flag;
} owns[] = {
    {"conf", "-c", offsetof(struct options, conf), false},
    {"out", "-o", offsetof(struct options, out), false},
    {"key-out", NULL, offsetof(struct options, key_out), false},
    {"decrypt-key", NULL, offsetof(struct options, decrypt_key), false},
    {"decrypt-cert", NULL, offsetof(struct options, decrypt_cert), false},
    {"json", NULL, offsetof(struct options, json), true},
    {"force", NULL, offsetof(struct options, force), true},
};

static const struct own *
own_find(const char *word, const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(owns) / sizeof(owns[0]); i++)
		if ((owns[i].letter != NULL &&
			strcmp(owns[i].letter, word) == 0) ||
		    (name != NULL && strcmp(owns[i].name, name) == 0))
			return &owns[i];
	return NULL;
}

static int
flag_add(struct flags *flags, const struct conf_key *key, const char *value,
    struct fail *why)
{
	if (flags->n == sizeof(flags->key) / sizeof(flags->key[0]))
		return fail(why, FAIL_CONFIG, "usage", "too many options");
	flags->key[flags->n] = key;
	flags->value[flags->n++] = value;
	return 0;
}

/* One option at argv[*i]; its value may be the next word. */
static int
option_take(struct options *o, int argc, char **argv, int *i, struct fail *why)
{
	char *word = argv[*i];
	char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
	const struct conf_key *key = NULL;
	const struct own *own;
	const char *value = equals != NULL ? equals + 1 : NULL;
	bool flag;

	if (equals != NULL)
		*equals = '\0';
	own = own_find(word, strncmp(word, "--", 2) == 0 ? word + 2 : NULL);
	if (own != NULL) {
		flag = own->flag;
	} else {
		key = strncmp(word, "--", 2) == 0 ? flag_find(word + 2) : NULL;
		if (key == NULL)
			return fail(why, FAIL_CONFIG, "usage",
			    "unknown option %s", word);
		flag = key->type == CONF_BOOL;
	}
	if (value == NULL && !flag && *i + 1 < argc)
		value = argv[++*i];
	if (value == NULL && !flag)
		return fail(
		    why, FAIL_CONFIG, "usage", "%s wants a value", word);
	if (own == NULL)
		return flag_add(
		    &o->flags, key, value != NULL ? value : "true", why);
	if (flag && value != NULL)
		return fail(
		    why, FAIL_CONFIG, "usage", "%s takes no value", word);
	if (flag)
		*(bool *)((char *)o + own->offset) = true;
	else
		*(const char **)(void *)((char *)o + own->offset) = value;
	return 0;
}

int
options_read(struct options *o, int argc, char **argv, struct fail *why)
{
	bool only_operands = false;
	int i;

	o->operand = mem_new((size_t)(argc + 1) * sizeof(*o->operand));
	for (i = 0; i < argc; i++) {
		if (!only_operands && strcmp(argv[i], "--") == 0)
			only_operands = true;
		else if (!only_operands && argv[i][0] == '-' &&
			 argv[i][1] != '\0') {
			if (option_take(o, argc, argv, &i, why) != 0)
				return -1;
		} else {
			o->operand[o->operands++] = argv[i];
		}
	}
	return 0;
}
