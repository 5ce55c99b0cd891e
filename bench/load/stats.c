#include "bench/load/load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "lib/base/json.h"
#include "lib/base/when.h"

static const char *const trouble_words[TROUBLES] = {
    "connect", "tls", "io", "protocol", "check"};

static void
sample_add(float **v, size_t *n, size_t *size, double seconds)
{
	if (*n == *size) {
		*size = *size > 0 ? 2 * *size : 4096;
		*v = mem_grow(*v, *size, sizeof(**v));
	}
	(*v)[(*n)++] = (float)(seconds * 1e3);
}

void
stats_connect(struct stats *s, double seconds, bool resumed)
{
	(void)pthread_mutex_lock(&s->lock);
	sample_add(&s->connect, &s->connects, &s->connect_size, seconds);
	s->resumed += resumed ? 1 : 0;
	(void)pthread_mutex_unlock(&s->lock);
}

void
stats_answer(struct stats *s, double seconds, int status, int trouble)
{
	(void)pthread_mutex_lock(&s->lock);
	if (trouble != 0)
		s->trouble[trouble - 1]++;
	else
		s->status[status > 0 && status < 600 ? status : 0]++;
	if (trouble == 0 && status >= 200 && status < 300) {
		s->ok++;
		sample_add(
		    &s->latency, &s->latencies, &s->latency_size, seconds);
	} else {
		s->bad++;
	}
	s->last = when_clock();
	(void)pthread_mutex_unlock(&s->lock);
}

static int
float_compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double
percentile(const float *v, size_t n, double p)
{
	size_t i = (size_t)ceil(p / 100.0 * (double)n);

	return n > 0 ? v[i > 0 ? i - 1 : 0] : 0;
}

static double
cpu_seconds(void)
{
	struct rusage ru;

	(void)getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	       (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static void
spread_print(const char *what, const float *v, size_t n, bool json)
{
	static const double p[] = {50, 95, 99, 100};

	if (json) {
		printf("\"%s_ms\":{", what);
		for (size_t i = 0; i < 4; i++)
			printf("%s\"p%.0f\":%.3f", i > 0 ? "," : "", p[i],
			    percentile(v, n, p[i]));
		printf("},");
		return;
	}
	printf("%-8s ms", what);
	for (size_t i = 0; i < 4; i++)
		printf("  p%.0f %.3f", p[i], percentile(v, n, p[i]));
	printf("  (%zu)\n", n);
}

void
stats_print(struct stats *s, const struct options *o, double seconds)
{
	double rate = seconds > 0 ? (double)s->ok / seconds : 0;
	double cpu = seconds > 0 ? cpu_seconds() / seconds : 0;
	const char *gap = "";

	qsort(s->latency, s->latencies, sizeof(float), float_compare);
	qsort(s->connect, s->connects, sizeof(float), float_compare);
	if (o->json)
		printf("{\"rate\":%.1f,\"seconds\":%.3f,\"ok\":%jd,"
		       "\"bad\":%jd,\"cpu\":%.3f,\"resumed\":%jd,",
		    rate, seconds, (intmax_t)s->ok, (intmax_t)s->bad, cpu,
		    (intmax_t)s->resumed);
	else
		printf("requests    %jd good, %jd not, in %.3f s\n"
		       "rate        %.1f/s, this side used %.0f %% of a CPU\n",
		    (intmax_t)s->ok, (intmax_t)s->bad, seconds, rate,
		    cpu * 100);
	spread_print("latency", s->latency, s->latencies, o->json);
	spread_print("connect", s->connect, s->connects, o->json);
	printf(o->json ? "\"status\":{" : "status     ");
	for (int i = 0; i < 600; i++)
		if (s->status[i] > 0) {
			printf(o->json ? "%s\"%d\":%jd" : "%s %d: %jd", gap, i,
			    (intmax_t)s->status[i]);
			gap = ",";
		}
	gap = "";
	printf(o->json ? "},\"trouble\":{" : "\ntrouble    ");
	for (int i = 0; i < TROUBLES; i++)
		if (s->trouble[i] > 0) {
			printf(o->json ? "%s\"%s\":%jd" : "%s %s: %jd", gap,
			    trouble_words[i], (intmax_t)s->trouble[i]);
			gap = ",";
		}
	printf(o->json ? "}}\n" : "\n");
}
