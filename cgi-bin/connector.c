/*
 * connector - a Cloud Connector: microca.cc/1 for edges that have no rights in
 * Azure of their own.
 */
#include "lib/web/cc.h"

static const struct route routes[] = {
    {"/v1/certificate-events", "POST", CONTRACT_BODY, cc_events},
    {"/v1/audit-heads", "POST", CHECKPOINT_MAX, cc_heads},
    {"/v1/devices/", "GET, HEAD", 0, cc_device},
    {"/v1/health", "GET, HEAD", 0, cc_health},
    {NULL, NULL, 0, NULL},
};

int
main(int argc, char **argv)
{
	return attend("connector", routes, argc, argv);
}
