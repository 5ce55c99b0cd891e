/*
 * nothing - a FastCGI program that does nothing: reads the request's body and
 * answers with as many octets as a P-256 certificate takes.  What a web server
 * and libfcgi cost by themselves is measured with it.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char answer[1024];
static int answer_len;

static void *
work(void *arg)
{
	FCGX_Request rq;
	char body[4096];

	(void)arg;
	if (FCGX_InitRequest(&rq, 0, 0) != 0)
		return NULL;
	while (FCGX_Accept_r(&rq) == 0) {
		while (FCGX_GetStr(body, sizeof(body), rq.in) > 0)
			;
		(void)FCGX_PutStr(answer, answer_len, rq.out);
		FCGX_Finish_r(&rq);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 32;
	pthread_t last;
	char body[769];

	memset(body, 'A', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	answer_len = snprintf(answer, sizeof(answer),
	    "Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n"
	    "Content-Transfer-Encoding: base64\r\nContent-Length: "
	    "768\r\n\r\n%s",
	    body);
	if (FCGX_Init() != 0)
		return 1;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&last, NULL, work, NULL) != 0)
			return 1;
	(void)pthread_join(last, NULL);
	return 0;
}
