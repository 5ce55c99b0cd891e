/* metrics - what was counted and how the CA stands, for Prometheus. */
#include "lib/base/prom.h"
#include "lib/page/front.h"
#include "lib/web/gauges.h"
#include "lib/web/meters.h"
#include "lib/web/vitals.h"

static int
scrape(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	struct findings f = {0};

	(void)why;
	vitals_take(&f, ask->ca, ask->now);
	findings_since(&f, ask->ca->settings->run, ask->now);
	gauges_write(&sheet->body, ask->ca, &f, ask->now);
	meters_write(&sheet->body, ask->ca->settings);
	findings_free(&f);
	sheet->type = PROM_TYPE;
	return 0;
}

static const struct front_route routes[] = {
    {"GET", "/metrics", scrape},
    {NULL, NULL, NULL},
};

static const struct front_site site = {
    .name = "metrics",
    .routes = routes,
    .local = true,
};

/* Without operators it is for this machine alone. */
static int
metrics_open(void **own, struct ca *ca, struct fail *why)
{
	*own = NULL;
	return ca->settings->inventory.anchors == NULL
	           ? 0
	           : front_open(own, ca, why);
}

static void
metrics(void *own, struct ca *ca, const struct fail *trouble, struct edge *e)
{
	front_answer(&site, own, ca, trouble, e);
}

static const struct operation operation = {
    .name = "metrics",
    .need = CA_STORE,
    .open = metrics_open,
    .close = front_close,
    .answer = metrics,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}
