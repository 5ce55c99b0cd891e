/*
 * scripted - tests/tools/answer as a server for unit tests: a root, a server
 * certificate for localhost, and answers by name.  Include it before cmocka.h.
 */
#ifndef MICROCA_TEST_SCRIPTED_H
#define MICROCA_TEST_SCRIPTED_H

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "lib/net/est.h"
#include "lib/wire/certsonly.h"

#include "tests/unit/pki.h"

#define CERTS_TYPE "application/pkcs7-mime; smime-type=certs-only"
#define SERVER_EXTENSIONS(names)                                               \
	{                                                                      \
		{NID_subject_alt_name, names},                                 \
		    {NID_key_usage, "critical,digitalSignature"},              \
		{                                                              \
			NID_ext_key_usage, "serverAuth"                        \
		}                                                              \
	}

struct scripted {
	pid_t pid;
	char *folder, *url;
	unsigned port;
};

static EVP_PKEY *root_key, *server_key, *device_key;
static X509 *root, *server_cert, *device_cert;
static STACK_OF(X509) * anchors;

/* ---- the server ---------------------------------------------------------- */

PKI char *
scripted_path(const struct scripted *s, const char *name)
{
	return file_path(s->folder, name);
}

/* The whole of one of its files; "" when there is none. */
PKI struct bytes
scripted_file(const struct scripted *s, const char *name)
{
	char *path = scripted_path(s, name);
	struct bytes text = {0};
	struct fail why = {0};

	if (file_read(&text, path, 1 << 24, &why) != 0)
		bytes_adds(&text, "");
	free(path);
	return text;
}

PKI void
scripted_put(const struct scripted *s, const char *name, struct span in)
{
	char *path = scripted_path(s, name);
	struct fail why = {0};

	must(file_write(path, in, 0600, &why) == 0, path);
	free(path);
}

PKI void
scripted_text(const struct scripted *s, const char *name, const char *text)
{
	scripted_put(s, name, span_str(text));
}

/* "HTTP/1.1 200 OK" and the like, headers with CR LF, and a body. */
PKI void
scripted_answer(const struct scripted *s, const char *name, const char *status,
    const char *headers, struct span body)
{
	struct bytes all = {0};

	bytes_addf(&all, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status,
	    headers, body.len);
	bytes_add(&all, body.data, body.len);
	scripted_put(s, name, span_of(&all));
	bytes_free(&all);
}

/* Lines of the log but those of handshakes that failed. */
PKI int
scripted_requests(const struct scripted *s)
{
	struct bytes log = scripted_file(s, "log");
	int n = 0;

	for (size_t i = 0; i < log.len; i++)
		n += (i == 0 || log.data[i - 1] == '\n') && log.data[i] != '-';
	bytes_free(&log);
	return n;
}

PKI void
scripted_wait(struct scripted *s)
{
	for (int i = 0; s->port == 0 && i < 5000; i++) {
		struct bytes text = scripted_file(s, "port");

		if (text.len > 0)
			s->port =
			    (unsigned)strtoul((char *)text.data, NULL, 10);
		else
			(void)usleep(2000);
		bytes_free(&text);
	}
	must(s->port != 0, "start tests/tools/answer");
}

/* `options`: NULL-terminated, may be NULL. */
PKI struct scripted
scripted_start(X509 *cert, EVP_PKEY *key, const char *const *options)
{
	static unsigned number;
	const char *build = getenv("BUILDDIR");
	char *program =
	    str_fmt("%s/tests/tools/answer", build != NULL ? build : ".");
	struct scripted s = {0};
	char name[32], *cert_path, *key_path, *argv[16] = {program};
	STACK_OF(X509) *chain = pki_chain(cert, NULL, NULL);
	FILE *f;
	int n = 1;

	(void)snprintf(name, sizeof(name), "server-%u", number++);
	s.folder = pki_path(name);
	must(mkdir(s.folder, 0700) == 0, s.folder);
	pki_pem("server.pem", chain);
	cert_path = pki_path("server.pem");
	key_path = pki_path("server-key.pem");
	f = fopen(key_path, "w");
	must(f != NULL &&
		 PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1,
	    key_path);
	(void)fclose(f);
	while (options != NULL && *options != NULL)
		argv[n++] = (char *)*options++;
	argv[n++] = (char *)"-c";
	argv[n++] = cert_path;
	argv[n++] = (char *)"-k";
	argv[n++] = key_path;
	argv[n] = s.folder;
	must(posix_spawn(&s.pid, program, NULL, NULL, argv, environ) == 0,
	    program);
	scripted_wait(&s);
	s.url = str_fmt("https://localhost:%u", s.port);
	sk_X509_pop_free(chain, X509_free);
	free(program);
	free(cert_path);
	free(key_path);
	return s;
}

PKI struct scripted
scripted_usual(void)
{
	return scripted_start(server_cert, server_key, NULL);
}

PKI void
scripted_stop(struct scripted *s)
{
	(void)kill(s->pid, SIGTERM);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	free(s->folder);
	free(s->url);
	*s = (struct scripted){0};
}

/* ---- bodies -------------------------------------------------------------- */

/* base64 of a certs-only message. */
PKI struct bytes
certs_body(X509 *a, X509 *b, X509 *c)
{
	X509 *all[] = {a, b, c};
	struct bytes ders[3] = {{0}}, cms = {0}, text = {0};
	struct span spans[3];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i] != NULL) {
			cert_der_add(&ders[n], all[i]);
			spans[n] = span_of(&ders[n]);
			n++;
		}
	certsonly_write(&cms, spans, n);
	base64_write(&text, span_of(&cms), 64);
	for (size_t i = 0; i < n; i++)
		bytes_free(&ders[i]);
	bytes_free(&cms);
	return text;
}

PKI void
answer_with_certs(
    const struct scripted *s, const char *name, X509 *a, X509 *b, X509 *c)
{
	struct bytes body = certs_body(a, b, c);

	scripted_answer(s, name, "200 OK", "Content-Type: " CERTS_TYPE "\r\n",
	    span_of(&body));
	bytes_free(&body);
}

/* ---- the client ---------------------------------------------------------- */

PKI struct est_server
server_of(const struct scripted *s)
{
	return (struct est_server){
	    .url = s->url, .anchors = anchors, .timeout = 10};
}

PKI struct est *
est_of(const struct est_server *server, const struct est_auth *auth)
{
	static const struct est_auth nobody;
	struct fail why = {0};
	struct est *est;

	if (est_open(&est, server, auth != NULL ? auth : &nobody, &why) != 0)
		must(false, why.text);
	return est;
}

/* ---- the group ----------------------------------------------------------- */

PKI int
scripted_make(void **state)
{
	static const struct extension names[8] =
	    SERVER_EXTENSIONS("DNS:localhost");
	struct spec s = {.subject = "CN=not its name"};

	(void)state;
	must(mkdtemp(pki_folder) != NULL, "make a folder");
	root_key = pki_key();
	server_key = pki_key();
	device_key = pki_key();
	root = pki_ca("CN=root", root_key, NULL, NULL);
	s.key = server_key;
	s.issuer = root;
	s.signer = root_key;
	memcpy(s.extension, names, sizeof(names));
	server_cert = pki_cert(&s);
	device_cert = pki_leaf("CN=device 7", device_key, root, root_key);
	anchors = pki_chain(root, NULL, NULL);
	return 0;
}

PKI int
scripted_remove(void **state)
{
	char *command = str_fmt("rm -rf '%s'", pki_folder);

	(void)state;
	(void)!system(command); /* NOLINT: our own words */
	free(command);
	sk_X509_pop_free(anchors, X509_free);
	X509_free(root);
	X509_free(server_cert);
	X509_free(device_cert);
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(server_key);
	EVP_PKEY_free(device_key);
	return 0;
}

#endif
