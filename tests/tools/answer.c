/*
 * answer - a TLS server that answers what it is told, for tests of clients.
 *
 * usage: answer [-C CA] [-gnpr] [-T VERSION] [-t VERSION] -c CERT -k KEY FOLDER
 *
 * Listens on 127.0.0.1, any port; FOLDER/port (renamed into place) says which,
 * once it listens.  Any number of connections at once, any number of requests
 * on each.  Ends on SIGTERM, or when the process that started it ends.
 *
 *	-c CERT  PEM: the server's certificate and what is above it
 *	-k KEY   PEM
 *	-C CA    asks for a client certificate (any, or none, is taken); the CAs
 *	         in this PEM file are the ones named in the question
 *	-g       garbage in place of a TLS handshake
 *	-n       says nothing at all after accepting
 *	-p       plain HTTP, without TLS (-c and -k are wanted all the same)
 *	-r       refuses clients without a valid certificate of a CA of -C
 *	-t, -T   TLS no newer, no older than 1.0, 1.1, 1.2, 1.3 (1.0 to 1.3)
 *
 * A request's answer is the first of these files in FOLDER, OP being the last
 * segment of its path (cacerts, simpleenroll …) without what follows a "?":
 *
 *	OP.COUNT   the COUNTth request of that operation, from 1
 *	OP
 *	default
 *
 * or, if there is none, 404 without a body.  The file is sent as it is: status
 * line, headers, blank line, body.  An executable file is run instead, with
 * the name of the recorded body as argument, and its standard output is sent.
 * A file NAME.mode beside the answer NAME holds words, separated by blanks:
 *
 *	close     ends the connection after the answer (else it is kept, unless
 *	          the answer holds "\nConnection: close")
 *	drop      the same, without TLS's close_notify
 *	cut N     only the first N octets of the answer, then as with drop
 *	hang N    only the first N octets, then nothing until the client leaves
 *	drip MS   one octet each MS milliseconds
 *	endless   after the answer, "AAAA…" in lines until the client leaves
 *	late MS   begins after MS milliseconds
 *
 * "cut 0" closes after reading the request, "hang 0" never answers, a file
 * without status line is HTTP/0.9.
 *
 * FOLDER/staple, when it is there, is an OCSP response in DER that goes with
 * the certificate to clients that ask for it (RFC 6066, 8).
 *
 * What came is recorded in FOLDER:
 *
 *	request.N       the Nth request's line and headers, as sent
 *	request.N.body  its body (present and empty if it had none)
 *	log             one line a request, appended before it is answered:
 *	                N CONNECTION METHOD TARGET TLS-VERSION CLIENT TLS-UNIQUE
 *
 * where CONNECTION counts TLS connections from 1, CLIENT is the subject of the
 * client's certificate (RFC 2253, blanks as "_") or "-", TLS-UNIQUE its base64
 * on TLS 1.2 or "-".  A handshake that fails gives "- CONNECTION handshake".
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define HEAD_MAX (64 * 1024)
#define OPERATIONS_MAX 64
#define NAME_MAX_LEN 64

static const char *folder;
static SSL_CTX *tls;
static bool garbage, plain, silent, strict;
static int oldest = TLS1_VERSION;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned connections, requests; /* under lock, as what follows */
static struct operation {
	char name[NAME_MAX_LEN];
	unsigned count;
} operations[OPERATIONS_MAX];

/* One connection, in a thread of its own. */
struct connection {
	int sock;
	unsigned number;
	SSL *ssl;
};

struct request {
	unsigned number;
	char head[HEAD_MAX + 1];
	size_t head_len;
	char method[16], target[2048], operation[NAME_MAX_LEN];
	unsigned count; /* of this operation */
	char *body;
	size_t body_len;
};

struct mode {
	bool close, drop, endless;
	long cut, hang, drip, late; /* -1: not */
};

/* ---- files --------------------------------------------------------------- */

static char *path_of(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

static char *
path_of(const char *fmt, ...)
{
	char name[256], *path;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		abort();
	return path;
}

static void
file_put(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fwrite(data, 1, len, f) != len || fclose(f) != 0)
		err(1, "%s", path);
}

static char *
stream_read(FILE *f, size_t *len)
{
	char *data = NULL;
	size_t n = 0;

	for (*len = 0;; *len += n) {
		data = realloc(data, *len + 65537);
		if (data == NULL)
			abort();
		n = fread(data + *len, 1, 65536, f);
		if (n == 0)
			break;
	}
	data[*len] = '\0';
	return data;
}

/* NULL: there is none. */
static char *
file_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	char *data;

	if (f == NULL)
		return NULL;
	data = stream_read(f, len);
	(void)fclose(f);
	return data;
}

/* ---- the TLS connection -------------------------------------------------- */

static bool
put(struct connection *c, const char *data, size_t len)
{
	if (plain)
		return write(c->sock, data, len) == (ssize_t)len;
	return len == 0 || SSL_write(c->ssl, data, (int)len) == (int)len;
}

static int
get(struct connection *c, char *data, size_t size)
{
	return plain ? (int)read(c->sock, data, size)
	             : SSL_read(c->ssl, data, (int)size);
}

/* Until the client closes or sends something that nobody reads. */
static void
wait_for_end(struct connection *c)
{
	char octets[256];

	while (get(c, octets, sizeof(octets)) > 0)
		;
}

static void
pause_ms(long ms)
{
	(void)poll(NULL, 0, (int)ms);
}

/* ---- requests ------------------------------------------------------------ */

/* The value of a header, or NULL. */
static const char *
header(const struct request *rq, const char *name)
{
	size_t len = strlen(name);
	const char *line = rq->head;

	while ((line = strchr(line, '\n')) != NULL) {
		line++;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " ");
	}
	return NULL;
}

static bool
head_read(struct connection *c, struct request *rq)
{
	while (rq->head_len < HEAD_MAX) {
		if (get(c, rq->head + rq->head_len, 1) != 1)
			return false;
		rq->head[++rq->head_len] = '\0';
		if (rq->head_len >= 4 &&
		    strcmp(rq->head + rq->head_len - 4, "\r\n\r\n") == 0)
			return true;
	}
	return false;
}

static bool
body_read(struct connection *c, struct request *rq)
{
	const char *length = header(rq, "Content-Length");
	const char *expect = header(rq, "Expect");
	size_t left = length != NULL ? strtoul(length, NULL, 10) : 0;

	if (expect != NULL && strncasecmp(expect, "100-continue", 12) == 0 &&
	    !put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25))
		return false;
	rq->body = calloc(1, left + 1);
	if (rq->body == NULL)
		abort();
	while (left > 0) {
		int n = get(c, rq->body + rq->body_len, left);

		if (n <= 0)
			return false;
		rq->body_len += (size_t)n;
		left -= (size_t)n;
	}
	return true;
}

static bool
line_read(struct request *rq)
{
	const char *last;
	size_t len;

	if (sscanf(rq->head, "%15s %2047s", rq->method, rq->target) != 2)
		return false;
	last = strrchr(rq->target, '/');
	last = last != NULL ? last + 1 : rq->target;
	len = strcspn(last, "?");
	if (len >= sizeof(rq->operation))
		return false;
	memcpy(rq->operation, last, len);
	return true;
}

static void
count(struct request *rq)
{
	struct operation *op = operations;

	rq->number = ++requests;
	while (op->name[0] != '\0' && strcmp(op->name, rq->operation) != 0)
		if (++op == operations + OPERATIONS_MAX)
			errx(1, "too many operations");
	(void)snprintf(op->name, sizeof(op->name), "%s", rq->operation);
	rq->count = ++op->count;
}

static void
client_of(struct connection *c, char *out, size_t size)
{
	X509 *cert = SSL_get0_peer_certificate(c->ssl);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	(void)snprintf(out, size, "-");
	if (cert != NULL && X509_NAME_print_ex(bio, X509_get_subject_name(cert),
				0, XN_FLAG_RFC2253) > 0) {
		len = BIO_get_mem_data(bio, &text);
		(void)snprintf(out, size, "%.*s", (int)len, text);
	}
	for (char *p = out; *p != '\0'; p++)
		if (isspace((unsigned char)*p))
			*p = '_';
	BIO_free(bio);
}

/* RFC 5929, 3.1: the first Finished message; the client's unless resumed. */
static void
unique_of(struct connection *c, char out[128])
{
	unsigned char finished[64];
	size_t len = 0;

	(void)snprintf(out, 128, "-");
	if (SSL_version(c->ssl) > TLS1_2_VERSION)
		return;
	len = SSL_session_reused(c->ssl)
	          ? SSL_get_finished(c->ssl, finished, sizeof(finished))
	          : SSL_get_peer_finished(c->ssl, finished, sizeof(finished));
	if (len > 0)
		(void)EVP_EncodeBlock((unsigned char *)out, finished, (int)len);
}

static void log_line(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

static void
log_line(const char *fmt, ...)
{
	char *path = path_of("log");
	FILE *f = fopen(path, "a");
	va_list ap;

	if (f == NULL)
		err(1, "%s", path);
	va_start(ap, fmt);
	(void)vfprintf(f, fmt, ap);
	va_end(ap);
	(void)fclose(f);
	free(path);
}

static void
record(struct connection *c, struct request *rq)
{
	char client[512], unique[128], *path;

	(void)pthread_mutex_lock(&lock);
	count(rq);
	path = path_of("request.%u", rq->number);
	file_put(path, rq->head, rq->head_len);
	free(path);
	path = path_of("request.%u.body", rq->number);
	file_put(path, rq->body, rq->body_len);
	free(path);
	client_of(c, client, sizeof(client));
	unique_of(c, unique);
	log_line("%u %u %s %s %s %s %s\n", rq->number, c->number, rq->method,
	    rq->target, SSL_get_version(c->ssl), client, unique);
	(void)pthread_mutex_unlock(&lock);
}

/* ---- answers ------------------------------------------------------------- */

static char *
answer_run(const char *path, const struct request *rq, size_t *len)
{
	char *body = path_of("request.%u.body", rq->number);
	char *command, *data;
	FILE *f;

	if (asprintf(&command, "'%s' '%s'", path, body) < 0)
		abort();
	f = popen(command, "r");
	if (f == NULL)
		err(1, "%s", path);
	data = stream_read(f, len);
	(void)pclose(f);
	free(command);
	free(body);
	return data;
}

/* The answer named, or NULL; `mode_text` is what its mode file holds. */
static char *
answer_of(char *path, const struct request *rq, char **mode_text, size_t *len)
{
	size_t mode_len;
	char *mode_path, *data;

	data = access(path, X_OK) == 0 ? answer_run(path, rq, len)
	                               : file_read(path, len);
	if (data != NULL) {
		if (asprintf(&mode_path, "%s.mode", path) < 0)
			abort();
		*mode_text = file_read(mode_path, &mode_len);
		free(mode_path);
	}
	free(path);
	return data;
}

static char *
answer_find(const struct request *rq, char **mode_text, size_t *len)
{
	static const char nothing[] =
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
	char *data;

	*mode_text = NULL;
	data = answer_of(
	    path_of("%s.%u", rq->operation, rq->count), rq, mode_text, len);
	if (data == NULL && rq->operation[0] != '\0')
		data =
		    answer_of(path_of("%s", rq->operation), rq, mode_text, len);
	if (data == NULL)
		data = answer_of(path_of("default"), rq, mode_text, len);
	if (data == NULL) {
		data = strdup(nothing);
		*len = sizeof(nothing) - 1;
	}
	return data;
}

static struct mode
mode_read(char *text, const char *answer)
{
	struct mode mode = {.cut = -1, .hang = -1, .drip = -1, .late = -1};
	static const char blanks[] = " \t\r\n";
	char *save, *word;

	mode.close = strcasestr(answer, "\nConnection: close") != NULL;
	for (word = text != NULL ? strtok_r(text, blanks, &save) : NULL;
	     word != NULL; word = strtok_r(NULL, blanks, &save)) {
		long *number = strcmp(word, "cut") == 0    ? &mode.cut
		               : strcmp(word, "hang") == 0 ? &mode.hang
		               : strcmp(word, "drip") == 0 ? &mode.drip
		               : strcmp(word, "late") == 0 ? &mode.late
		                                           : NULL;

		if (number != NULL &&
		    (word = strtok_r(NULL, blanks, &save)) != NULL)
			*number = strtol(word, NULL, 10);
		else if (strcmp(word, "close") == 0)
			mode.close = true;
		else if (strcmp(word, "drop") == 0)
			mode.drop = true;
		else if (strcmp(word, "endless") == 0)
			mode.endless = true;
		else
			errx(1, "unknown mode: %s", word);
	}
	return mode;
}

static bool
drip(struct connection *c, const char *data, size_t len, long ms)
{
	for (size_t i = 0; i < len; i++) {
		if (!put(c, data + i, 1))
			return false;
		pause_ms(ms);
	}
	return true;
}

static void
pour(struct connection *c)
{
	char lines[65 * 64];

	memset(lines, 'A', sizeof(lines));
	for (size_t i = 64; i < sizeof(lines); i += 65)
		lines[i] = '\n';
	while (put(c, lines, sizeof(lines)))
		;
}

static size_t
least(size_t len, long most)
{
	return most >= 0 && (size_t)most < len ? (size_t)most : len;
}

/* False: the connection ends. */
static bool
answer(struct connection *c, const struct request *rq)
{
	char *mode_text, *data;
	struct mode mode;
	size_t len;
	bool sent;

	data = answer_find(rq, &mode_text, &len);
	mode = mode_read(mode_text, data);
	if (mode.late > 0)
		pause_ms(mode.late);
	len = least(least(len, mode.cut), mode.hang);
	sent =
	    mode.drip >= 0 ? drip(c, data, len, mode.drip) : put(c, data, len);
	if (sent && mode.endless)
		pour(c);
	if (sent && mode.hang >= 0)
		wait_for_end(c);
	if (sent && mode.close && !mode.drop && mode.cut < 0 && !plain)
		(void)SSL_shutdown(c->ssl);
	free(data);
	free(mode_text);
	return sent && !mode.close && !mode.drop && mode.cut < 0 &&
	       mode.hang < 0;
}

static bool
serve_one(struct connection *c)
{
	struct request *rq = calloc(1, sizeof(*rq));
	bool more;

	if (rq == NULL)
		abort();
	more = head_read(c, rq) && line_read(rq) && body_read(c, rq);
	if (more) {
		record(c, rq);
		more = answer(c, rq);
	}
	free(rq->body);
	free(rq);
	return more;
}

/* ---- connections --------------------------------------------------------- */

static void *
serve(void *arg)
{
	struct connection *c = arg;
	char octets[256];

	if (garbage) {
		(void)!write(c->sock, "HTTP/1.1 400 No TLS here\r\n\r\n", 28);
	} else if (silent) {
		while (read(c->sock, octets, sizeof(octets)) > 0)
			;
	} else if (!plain && SSL_accept(c->ssl) != 1) {
		(void)pthread_mutex_lock(&lock);
		log_line("- %u handshake\n", c->number);
		(void)pthread_mutex_unlock(&lock);
		/* What is unread at a close would take the alert with it. */
		(void)shutdown(c->sock, SHUT_WR);
		while (read(c->sock, octets, sizeof(octets)) > 0)
			;
	} else {
		while (serve_one(c))
			;
	}
	ERR_clear_error();
	SSL_free(c->ssl);
	(void)close(c->sock);
	free(c);
	return NULL;
}

static void
connection_start(int sock)
{
	struct connection *c = calloc(1, sizeof(*c));
	pthread_t thread;

	if (c == NULL)
		abort();
	c->sock = sock;
	(void)pthread_mutex_lock(&lock);
	c->number = ++connections;
	(void)pthread_mutex_unlock(&lock);
	c->ssl = SSL_new(tls);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, sock) != 1 ||
	    pthread_create(&thread, NULL, serve, c) != 0)
		errx(1, "no thread");
	(void)pthread_detach(thread);
}

static int
listening(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	char text[16], *path = path_of("port"), *fresh = path_of("port.new");
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (sock < 0 || bind(sock, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(sock, 64) != 0 ||
	    getsockname(sock, (struct sockaddr *)&at, &len) != 0)
		err(1, "socket");
	(void)snprintf(text, sizeof(text), "%u\n", ntohs(at.sin_port));
	file_put(fresh, text, strlen(text));
	if (rename(fresh, path) != 0)
		err(1, "%s", path);
	free(path);
	free(fresh);
	return sock;
}

/* ---- start --------------------------------------------------------------- */

static int
anyone(int ok, X509_STORE_CTX *ctx)
{
	(void)ctx;
	return strict ? ok : 1;
}

static void
client_ca(const char *path)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);

	if (names == NULL)
		errx(1, "%s: no CA in it", path);
	SSL_CTX_set_client_CA_list(tls, names);
	if (SSL_CTX_load_verify_locations(tls, path, NULL) != 1)
		errx(1, "%s: cannot be used", path);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, anyone);
}

static int
version_of(const char *text)
{
	static const char *const versions[] = {"1.0", "1.1", "1.2", "1.3"};

	for (int i = 0; i < 4; i++)
		if (strcmp(text, versions[i]) == 0)
			return TLS1_VERSION + i;
	errx(2, "no such TLS version: %s", text);
}

static void
usage(void)
{
	errx(2, "usage: answer [-C CA] [-gnpr] [-T VERSION] [-t VERSION] -c "
		"CERT -k KEY "
		"FOLDER");
}

static void
tls_make(const char *cert, const char *key)
{
	if (cert == NULL || key == NULL)
		usage();
	if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		errx(1, "%s, %s: cannot be used", cert, key);
	}
	(void)SSL_CTX_set_min_proto_version(tls, oldest);
	(void)SSL_CTX_set_cipher_list(tls, "DEFAULT:@SECLEVEL=0");
	(void)SSL_CTX_set_session_id_context(
	    tls, (const unsigned char *)"answer", 6);
}

/* The client asked for the status of our certificate. */
static int
staple(SSL *ssl, void *arg)
{
	char path[4096];
	unsigned char *der = OPENSSL_malloc(65536);
	size_t len = 0;
	FILE *f;

	(void)arg;
	(void)snprintf(path, sizeof(path), "%s/staple", folder);
	f = fopen(path, "re");
	if (f != NULL && der != NULL) {
		len = fread(der, 1, 65536, f);
		(void)fclose(f);
	}
	if (len == 0) {
		OPENSSL_free(der);
		return SSL_TLSEXT_ERR_NOACK;
	}
	(void)SSL_set_tlsext_status_ocsp_resp(ssl, der, (long)len);
	return SSL_TLSEXT_ERR_OK;
}

int
main(int argc, char **argv)
{
	const char *cert = NULL, *key = NULL;
	int c, sock;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN);
	tls = SSL_CTX_new(TLS_server_method());
	while ((c = getopt(argc, argv, "C:c:gk:nprT:t:")) != -1)
		switch (c) {
		case 'C':
			client_ca(optarg);
			break;
		case 'c':
			cert = optarg;
			break;
		case 'g':
			garbage = true;
			break;
		case 'k':
			key = optarg;
			break;
		case 'n':
			silent = true;
			break;
		case 'p':
			plain = true;
			break;
		case 'r':
			strict = true;
			break;
		case 'T':
			oldest = version_of(optarg);
			break;
		case 't':
			(void)SSL_CTX_set_max_proto_version(
			    tls, version_of(optarg));
			break;
		default:
			usage();
		}
	if (argc - optind != 1)
		usage();
	if (strict)
		SSL_CTX_set_verify(tls,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, anyone);
	folder = argv[optind];
	tls_make(cert, key);
	(void)SSL_CTX_set_tlsext_status_cb(tls, staple);
	sock = listening();
	for (;;) {
		int client = accept4(sock, NULL, NULL, SOCK_CLOEXEC);

		if (client >= 0)
			connection_start(client);
		else if (errno != EINTR && errno != ECONNABORTED)
			err(1, "accept");
	}
}
