/* microca forecast - what breaks when, unless somebody does something. */
#include "bin/own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/ca/crls.h"
#include "lib/ca/responder.h"
#include "lib/ca/forecast.h"
#include "lib/store/census.h"

#define DAY 86400
#define SIGNATURES 8 /* to measure the token with */
#define WAIT 3.0     /* s: a token that is away is told, not waited for */

struct outlook {
	struct forecast f;
	struct ca *ca;
	int64_t outlive[ISSUERS_MAX]; /* certificates that end after it */
	int64_t month;                /* issued in the last 30 days */
	int64_t total, free_octets, disk_full;
	double issued_a_day;
	double per_day;  /* octets */
	double rate;     /* signatures a second; 0: not measured, … */
	struct fail why; /* … since */
};

/* ---- certificates of others ------------------------------------------------ */

static int
count_one(const struct record *r, void *arg)
{
	struct outlook *o = arg;
	const struct issuers *all = o->ca->issuers;

	forecast_cert(&o->f, r->subject_hash, r->not_before, r->not_after);
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->item[i]->authority->keyid, r->issuer) == 0 &&
		    r->not_after > all->item[i]->authority->not_after)
			o->outlive[i]++;
	return 0;
}

static int
count_all(struct outlook *o, struct fail *why)
{
	const struct store_filter live = {
	    .status = -1, .live = true, .now = o->f.now};
	struct census census;

	if (store_census(o->ca->store, &census, o->f.now, why) != 0)
		return -1;
	o->total = census.certificates;
	o->issued_a_day = forecast_per_day(
	    census.day, CENSUS_DAYS, census.day_begin, o->f.now);
	for (int i = 0; i < CENSUS_DAYS; i++)
		o->month += census.day[i];
	return store_list(o->ca->store, &live, count_one, o, why);
}

/* ---- what is ours ------------------------------------------------------------ */

static void
issuers_add(struct outlook *o)
{
	const struct issuers *all = o->ca->issuers;
	const struct issuer *active = issuers_active(all, o->f.now);

	for (size_t i = 0; i < all->n; i++) {
		const struct issuer *issuer = all->item[i];
		const struct authority *a = issuer->authority;
		bool last = issuer == active && i + 1 == all->n;
		char *more = o->outlive[i] > 0
		                 ? str_fmt("; %lld certificates under it that "
					   "end later end with it",
				       (long long)o->outlive[i])
		                 : str_dup("");

		forecast_add(&o->f, a->not_after, "issuer",
		    last || o->outlive[i] > 0,
		    str_fmt("issuing certificate %s (%s) ends%s%s",
			issuer->serial,
			issuer_state_word(issuers_state(all, issuer, o->f.now)),
			last ? ", and none follows it" : "", more));
		free(more);
	}
}

/* Nobody looks after a key past its end; one key may have several. */
static const char *
key_looked_after(const struct outlook *o, size_t i)
{
	const struct issuers *all = o->ca->issuers;
	const struct authority *a = all->item[i]->authority;

	if (a->not_after <= o->f.now ||
	    issuers_by_keyid(all, a->keyid, o->f.now) != all->item[i])
		return NULL;
	return a->keyid;
}

static void
list_add(struct outlook *o, const struct issuer *issuer, const char *keyid)
{
	const struct settings *s = o->ca->settings;
	struct crls_state state;
	struct fail why = {0};

	if (crls_read(&state, s, keyid, &why) != 0)
		forecast_add(&o->f, o->f.now, "crl", true, str_dup(why.text));
	else if (state.number != 0)
		forecast_add(&o->f, state.next_update, "crl",
		    state.next_update <= o->f.now,
		    str_fmt("revocation list of key %s ends: `microca crl` "
			    "makes the next",
			keyid));
	else if (crls_wanted(s) && issuers_state(o->ca->issuers, issuer,
				       o->f.now) != ISSUER_STAGED)
		forecast_add(&o->f, o->f.now, "crl", true,
		    str_fmt("key %s has no revocation list: `microca crl` "
			    "makes it",
			keyid));
}

static void
responder_add(struct outlook *o, const struct issuer *issuer, const char *keyid)
{
	struct responder r = {0};
	struct fail why = {0};

	if (responder_read(&r, o->ca->settings, issuer, &why) == 0 &&
	    r.cert != NULL)
		forecast_add(&o->f, r.not_after, "responder",
		    r.not_after <= o->f.now,
		    str_fmt("certificate of the OCSP responder of key %s ends: "
			    "`microca ocsp` renews it before",
			keyid));
	responder_free(&r);
}

static void
status_add(struct outlook *o)
{
	const struct issuers *all = o->ca->issuers;

	for (size_t i = 0; i < all->n; i++) {
		const char *keyid = key_looked_after(o, i);

		if (keyid == NULL)
			continue;
		list_add(o, all->item[i], keyid);
		responder_add(o, all->item[i], keyid);
	}
}

static void
own_add(struct outlook *o)
{
	for (int i = OWN_CLIENT; i <= OWN_SERVER; i++) {
		const struct own *own = settings_own(o->ca->settings, i);
		char *folder = settings_own_folder(o->ca->settings, i);
		struct keep_pair *pair = NULL;
		struct fail why = {0};

		if (own != NULL && i != OWN_INTERMEDIATE &&
		    keep_pair_read(&pair, folder, &why) == 0 && pair != NULL)
			forecast_add(&o->f, pair->not_after, "own",
			    own->source == OWN_MANUAL ||
				pair->not_after <= o->f.now,
			    str_fmt("our own certificate \"%s\" ends: %s",
				own_name_word(i),
				own->source == OWN_MANUAL
				    ? "it comes by hand, `microca csr`"
				    : "`microca renew` renews it before"));
		keep_pair_free(pair);
		free(folder);
	}
}

/* ---- disk and token ------------------------------------------------------------ */

static int64_t
file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

/* What a certificate takes with its record; a database elsewhere has a disk of
 * its own. */
static double
octets_each(const struct outlook *o)
{
	static const char scheme[] = "sqlite:";
	const char *path = o->ca->settings->store;
	char *wal;
	double octets;

	if (o->total == 0 || strncmp(path, scheme, strlen(scheme)) != 0)
		return 0;
	path += strlen(scheme);
	wal = str_fmt("%s-wal", path);
	octets = (double)(file_size(path) + file_size(wal)) / (double)o->total;
	free(wal);
	return octets;
}

static void
disk_add(struct outlook *o)
{
	const struct settings *s = o->ca->settings;
	struct statvfs vfs;

	o->per_day = octets_each(o) * o->issued_a_day;
	if (statvfs(s->state, &vfs) == 0) {
		o->free_octets = (int64_t)(vfs.f_bavail * vfs.f_frsize);
		o->disk_full = forecast_full(
		    o->f.now, o->free_octets - s->disk_reserve, o->per_day);
	}
	if (o->disk_full != 0)
		forecast_add(&o->f, o->disk_full, "disk", true,
		    str_dup("the disk is full but for its reserve: refusals "
			    "are no longer recorded, then nothing is issued"));
}

static int
sign_some(struct key *key, struct fail *why)
{
	static const uint8_t octets[32];
	int rc = 0;

	for (int i = 0; i < SIGNATURES && rc == 0; i++) {
		struct bytes signature = {0};

		rc = key_sign_octets(&signature, key,
		    (struct span){octets, sizeof(octets)}, NULL, why);
		bytes_free(&signature);
	}
	return rc;
}

/* How fast it signs for one who asks: no better than that for many.  Whatever
 * is wrong with it, the rest is told. */
static void
token_measure(struct outlook *o)
{
	struct key_place place = settings_key_place(o->ca->settings);
	struct key *key = NULL;
	double begin;

	if (key_open(&key, &place, &o->why) != 0)
		return;
	if (key_ready(key, WAIT, &o->why) == 0) {
		begin = when_clock();
		if (sign_some(key, &o->why) == 0)
			o->rate = SIGNATURES / (when_clock() - begin);
	}
	key_free(key);
}

/* ---- told --------------------------------------------------------------------- */

static void
say(const struct outlook *o)
{
	const struct forecast *f = &o->f;
	int64_t begin;
	uint32_t peak = forecast_peak(f, &begin);
	char at[WHEN_LEN];

	for (size_t i = 0; i < f->items; i++) {
		const struct forecast_item *item = &f->item[i];

		when_write(at, item->when);
		printf("%c %s  %6lld d  %-6s  %s\n", item->alarm ? '!' : ' ',
		    at, (long long)((item->when - f->now) / DAY), item->kind,
		    item->what);
	}
	printf("certificates: %lld live, %lld of them past two thirds of their "
	       "life with nothing newer; %lld issued in 30 days\n",
	    (long long)f->live, (long long)f->late, (long long)o->month);
	when_write(at, begin);
	if (peak > 0)
		printf("renewals: %lld to come; busiest hour %s: %u, %.2f a "
		       "second\n",
		    (long long)forecast_renewals(f), at, peak, peak / 3600.0);
	if (o->rate > 0)
		printf("token: %.0f signatures a second; the busiest hour "
		       "takes %.1f %% of them\n",
		    o->rate, 100 * peak / 3600.0 / o->rate);
	else
		printf("token: not measured: %s\n", o->why.text);
	printf("disk: %.1f GB free, %.2f MB more a day\n",
	    (double)o->free_octets / 1e9, o->per_day / 1e6);
}

static struct json *
items_json(const struct forecast *f)
{
	struct json *all = json_new_array();

	for (size_t i = 0; i < f->items; i++) {
		struct json *one = json_new_object();

		json_time(one, "time", f->item[i].when);
		json_str(one, "kind", f->item[i].kind);
		json_str(one, "text", f->item[i].what);
		json_bool(one, "alarm", f->item[i].alarm);
		json_push(all, one);
	}
	return all;
}

static void
say_json(const struct outlook *o)
{
	const struct forecast *f = &o->f;
	struct json *j = json_new_object();
	int64_t begin;
	uint32_t peak = forecast_peak(f, &begin);
	char *text;

	json_time(j, "time", f->now);
	json_add(j, "ends", items_json(f));
	json_int(j, "live", f->live);
	json_int(j, "late", f->late);
	json_int(j, "issued_30_days", o->month);
	json_int(j, "renewals", forecast_renewals(f));
	json_int(j, "busiest_hour_renewals", peak);
	if (peak > 0)
		json_time(j, "busiest_hour", begin);
	if (o->rate > 0)
		json_int(
		    j, "token_signatures_an_hour", (int64_t)(o->rate * 3600));
	else
		json_str(j, "token_reason", o->why.reason);
	json_int(j, "disk_free_octets", o->free_octets);
	json_int(j, "disk_octets_a_day", (int64_t)o->per_day);
	text = json_text(j, 2);
	printf("%s\n", text);
	free(text);
	json_free(j);
}

/* Nothing wrong in sight is 0; what nothing mends by itself: a difference. */
static int
verdict(const struct forecast *f)
{
	for (size_t i = 0; i < f->items; i++)
		if (f->item[i].alarm)
			return EXIT_DIFFERENCE;
	return 0;
}

int
forecast_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct outlook o = {.rate = 0};
	int64_t days = 365;
	bool json = false;
	const struct option_spec options[] = {
	    {"days", 'd', OPTION_INT, &days, 1, 3650, NULL},
	    {"json", 'j', OPTION_FLAG, &json, 0, 0, NULL},
	};
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	forecast_begin(&o.f, when_now(), days);
	if (tool_ca(&o.ca, tool, CA_STORE, why) == 0) {
		if (o.ca->issuers == NULL)
			*why = o.ca->issuers_why;
		else
			rc = count_all(&o, why);
	}
	if (rc == 0) {
		issuers_add(&o);
		status_add(&o);
		own_add(&o);
		disk_add(&o);
		token_measure(&o);
		forecast_strain(&o.f, o.rate);
		forecast_sort(&o.f);
		json ? say_json(&o) : say(&o);
		rc = verdict(&o.f);
	}
	ca_drop(o.ca);
	forecast_free(&o.f);
	return rc;
}
