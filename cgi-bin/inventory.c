/* inventory - every certificate, as pages and behind an API; for operators. */
#include "lib/page/api.h"
#include "lib/page/pages.h"

#define API "/api/v1/"

static const struct front_route routes[] = {
    {"GET", API "session", api_session},
    {"GET", API "statistics", api_statistics},
    {"GET", API "certificates", api_list},
    {"GET", API "certificates.csv", api_export_csv},
    {"GET", API "certificates.json", api_export_json},
    {"GET", API "certificates/{}", api_one},
    {"GET", API "certificates/{}/history", api_history},
    {"GET", API "certificates/{}/pem", api_pem},
    {"GET", API "certificates/{}/der", api_der},
    {"POST", API "certificates/{}/{}", api_act},
    {"GET", API "pending", api_pending},
    {"POST", API "pending/{}/{}", api_decide},
    {NULL, NULL, NULL},
};

static const struct front_site site = {
    .name = "inventory",
    .routes = routes,
    .pages = pages_routes,
    .files = pages_files,
    .refuse = pages_refuse,
};

static void
inventory(void *own, struct ca *ca, const struct fail *trouble, struct edge *e)
{
	front_answer(&site, own, ca, trouble, e);
}

static const struct operation operation = {
    .name = "inventory",
    .need = CA_STORE,
    .open = front_open,
    .close = front_close,
    .answer = inventory,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}
