/*
 * settings_cloud - microca.conf: group `cloud`, what is told of devices and to
 * whom; and the group `azure`, which connector.conf has, too.
 *
 * Inner part of settings: settings_read() calls cloud_check().
 */
#ifndef MICROCA_SETTINGS_CLOUD_H
#define MICROCA_SETTINGS_CLOUD_H

#include "lib/base/conf.h"

struct settings;

enum azure_auth {
	AZURE_SAS,         /* shared access policy */
	AZURE_CERTIFICATE, /* Entra application, client certificate */
	AZURE_MANAGED,     /* managed identity */
	AZURE_WORKLOAD     /* federated token file */
};
enum azure_managed { MANAGED_AUTO, MANAGED_IMDS, MANAGED_APP, MANAGED_ARC };
enum azure_identity { IDENTITY_THUMBPRINT, IDENTITY_CA };

/* One IoT Hub and how we speak to it.  Files resolved. */
struct azure_settings {
	char *hub;      /* "contoso.azure-devices.net" */
	char *endpoint; /* where it is reached: "HOST:PORT", NULL: the hub */
	char *anchors;  /* PEM file; NULL: the system's trust store */
	int identity;   /* enum azure_identity */
	bool tags;      /* false: Basic tier, which has no twins */
	bool adopt;     /* take over entries that are not ours */
	bool bulk;      /* create many at once */
	int auth;       /* enum azure_auth */
	char *sas_policy, *sas_key_file;
	char *tenant, *client_id;
	char *login;       /* "https://login.microsoftonline.com" */
	char *certificate; /* PEM, leaf first */
	char *key;         /* PEM file or PKCS#11 URI */
	char *module, *pin_file;
	char *algorithm;  /* "PS256", "RS256" */
	char *token_file; /* workload identity */
	int managed;      /* enum azure_managed */
	char *imds;       /* "http://169.254.169.254" */
	int64_t timeout;  /* s, for one exchange */
};

enum cloud_mode { CLOUD_OFF, CLOUD_AZURE, CLOUD_CONNECTOR };

struct cloud_settings {
	int mode;       /* enum cloud_mode */
	char *edge;     /* this CA's name there */
	char *site;     /* or NULL */
	int rate;       /* identity operations a minute */
	int64_t budget; /* s for one run */
	char *metrics;  /* Prometheus text file, or NULL */
	struct azure_settings azure;
	struct {
		char *url;     /* "https://HOST[:PORT][/PATH]" */
		char *anchors; /* PEM file; NULL: the system's */
		/* NULL: the `client` pair of the own certificates. */
		char *certificate, *key;
		int64_t timeout; /* s */
	} connector;
};

/* Paths resolved, what belongs together looked at.  FAIL_CONFIG "config". */
MUST_CHECK int cloud_check(struct settings *settings, struct fail *why);
/* The same for an azure group alone; `folder` is the file's. */
MUST_CHECK int azure_check(struct azure_settings *azure, const char *folder,
    const char *path, struct fail *why);

extern const struct conf_table cloud_table, azure_table;

#endif
