#include "lib/ca/proof.h"

#include <string.h>

#include "lib/ca/profile_make.h"

#define CODE_CHARS                                                             \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"                                           \
	"abcdefghijklmnopqrstuvwxyz0123456789_-"
#define CODE_MOST 64 /* RFC 5280, appendix A.1: ub-common-name */

int
proof_code_ok(const char *code, struct fail *why)
{
	size_t len = strlen(code);

	if (len > 0 && len <= CODE_MOST && strspn(code, CODE_CHARS) == len)
		return 0;
	return fail(why, FAIL_CONFIG, "usage",
	    "the code has to be 1 to %d of A-Z a-z 0-9 _ -, as Azure shows it",
	    CODE_MOST);
}

static struct conf_strings
one(const char *text)
{
	struct conf_strings strings = {mem_new(sizeof(char *)), 1};

	strings.text[0] = str_dup(text);
	return strings;
}

static void
name_rule(struct profile *p)
{
	struct rdn_rule *rule = mem_new(sizeof(*rule));

	rule->type = str_dup("CN");
	rule->from = RDN_REQUIRED;
	rule->pattern_text = str_fmt("[A-Za-z0-9_-]{1,%d}", CODE_MOST);
	rule->where = str_dup(p->where);
	p->subject.item = rule;
	p->subject.n = 1;
}

int
proof_profile(struct profiles **profiles, int64_t hours, struct fail *why)
{
	struct profiles *made = mem_new(sizeof(*made));
	struct profile *p = mem_new(sizeof(*p));

	made->list.item = p;
	made->list.n = 1;
	p->name = str_dup("proof");
	p->where = str_dup("built in");
	p->validity_text = str_fmt("%lldh", (long long)hours);
	p->backdate = 300; /* s */
	p->path_length = -1;
	p->key_usage_text = one("digitalSignature");
	p->key_usage_critical = true;
	p->key_text = one("p256");
	p->csrattrs = CSRATTRS_NONE;
	name_rule(p);
	if (profile_check(p, why) != 0 || profile_make(p, why) != 0) {
		profiles_free(made);
		return -1;
	}
	*profiles = made;
	return 0;
}
