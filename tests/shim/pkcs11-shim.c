/*
 * pkcs11-shim - a PKCS#11 module for tests: a real one with faults.
 *
 * SHIM_MODULE names the real module.  SHIM_CONTROL names a file of words that
 * is read again at each call, so that a test switches faults while programs
 * run:
 *   open-error           C_OpenSession fails: CKR_DEVICE_ERROR
 *   device-removed       C_OpenSession, C_GetTokenInfo, C_SignInit and C_Sign
 *                        fail: CKR_DEVICE_REMOVED
 *   sign-error           C_Sign fails: CKR_FUNCTION_FAILED
 *   sign-denied          C_SignInit fails: CKR_KEY_FUNCTION_NOT_PERMITTED
 *   session-invalid=N    each time N changes, every session is closed, as a
 *                        resource manager or a card reset would do
 *   login-pin-incorrect  C_Login fails: CKR_PIN_INCORRECT
 *   login-pin-locked     … CKR_PIN_LOCKED
 *   flip                 C_Sign flips a bit of the signature
 *   sign-ms=N            C_Sign takes N ms, one at a time over all processes
 *                        (a lock on SHIM_CONTROL itself)
 *   data-denied          C_CreateObject fails: CKR_TOKEN_WRITE_PROTECTED
 *   data-kept            C_DestroyObject fails: CKR_ACTION_PROHIBITED
 *   data-hidden          C_FindObjectsInit for data objects fails:
 *                        CKR_FUNCTION_NOT_SUPPORTED
 *   data-cut             C_CreateObject keeps a value that lacks its end
 *   hang, hang-open      C_Sign, C_OpenSession do not come back while the word
 *                        stands
 * SHIM_LOG names a file that gets one line for each C_Initialize, C_Login and
 * C_CreateObject.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <p11-kit/pkcs11.h>

#define CONTROL_MAX 512

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST shim;
static char event[32]; /* the last session-invalid=N that was obeyed */

/* SoftHSM crashes when sessions are closed under its other calls: those are
 * readers. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);

/* The words, each between blanks: " flip sign-ms=50 ". */
static void
control_read(char words[CONTROL_MAX])
{
	const char *path = getenv("SHIM_CONTROL");
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, words + 1, CONTROL_MAX - 3), i;

	if (fd >= 0)
		(void)close(fd);
	if (n < 0)
		n = 0;
	words[0] = ' ';
	for (i = 1; i <= n; i++)
		if (words[i] == '\n')
			words[i] = ' ';
	words[n + 1] = ' ';
	words[n + 2] = '\0';
}

static bool
says(const char *word)
{
	char words[CONTROL_MAX], padded[64];

	control_read(words);
	(void)snprintf(padded, sizeof(padded), " %s ", word);
	return strstr(words, padded) != NULL;
}

/* The text after "word=", in `value`; false when the word is not there. */
static bool
says_value(const char *word, char value[32])
{
	char words[CONTROL_MAX], padded[64], *p;

	control_read(words);
	(void)snprintf(padded, sizeof(padded), " %s=", word);
	p = strstr(words, padded);
	if (p == NULL)
		return false;
	(void)snprintf(value, 32, "%.*s", (int)strcspn(p + strlen(padded), " "),
	    p + strlen(padded));
	return true;
}

static void
log_call(const char *name)
{
	const char *path = getenv("SHIM_LOG");
	int fd =
	    path == NULL
		? -1
		: open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %d\n", name, (int)getpid());

	if (fd < 0)
		return;
	if (write(fd, line, (size_t)n) != n)
		abort();
	(void)close(fd);
}

static void
hang_while(const char *word)
{
	while (says(word))
		(void)usleep(10000);
}

static void
sessions_lose(void)
{
	char now[32];
	CK_SLOT_ID slots[16];
	CK_ULONG n = 16, i;

	if (!says_value("session-invalid", now))
		return;
	pthread_rwlock_wrlock(&lock);
	if (strcmp(now, event) != 0) {
		memcpy(event, now, sizeof(event));
		if (real->C_GetSlotList(CK_TRUE, slots, &n) == CKR_OK)
			for (i = 0; i < n; i++)
				(void)real->C_CloseAllSessions(slots[i]);
	}
	pthread_rwlock_unlock(&lock);
}

static CK_RV
shim_initialize(CK_VOID_PTR args)
{
	log_call("C_Initialize");
	/* What was lost before is no news to a fresh start. */
	pthread_rwlock_wrlock(&lock);
	if (!says_value("session-invalid", event))
		event[0] = '\0';
	pthread_rwlock_unlock(&lock);
	return real->C_Initialize(args);
}

static CK_RV
shim_get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info)
{
	if (says("device-removed"))
		return CKR_DEVICE_REMOVED;
	return real->C_GetTokenInfo(slot, info);
}

static CK_RV
shim_open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR app,
    CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session)
{
	CK_RV rv;

	hang_while("hang-open");
	if (says("open-error"))
		return CKR_DEVICE_ERROR;
	if (says("device-removed"))
		return CKR_DEVICE_REMOVED;
	pthread_rwlock_rdlock(&lock);
	rv = real->C_OpenSession(slot, flags, app, notify, session);
	pthread_rwlock_unlock(&lock);
	return rv;
}

static CK_RV
shim_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
    CK_ULONG len)
{
	log_call("C_Login");
	if (says("login-pin-incorrect"))
		return CKR_PIN_INCORRECT;
	if (says("login-pin-locked"))
		return CKR_PIN_LOCKED;
	return real->C_Login(session, user, pin, len);
}

static CK_RV
shim_sign_init(
    CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key)
{
	CK_RV rv;

	sessions_lose();
	if (says("device-removed"))
		return CKR_DEVICE_REMOVED;
	if (says("sign-denied"))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	pthread_rwlock_rdlock(&lock);
	rv = real->C_SignInit(session, mechanism, key);
	pthread_rwlock_unlock(&lock);
	return rv;
}

/* A token that does one thing at a time, whoever asks. */
static void
work(void)
{
	const char *path = getenv("SHIM_CONTROL");
	char value[32];
	struct timespec t;
	long ms;
	int fd;

	if (!says_value("sign-ms", value) || (ms = atol(value)) <= 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
		;
	t = (struct timespec){ms / 1000, ms % 1000 * 1000000};
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
	(void)close(fd);
}

static CK_RV
shim_sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG len,
    CK_BYTE_PTR signature, CK_ULONG_PTR size)
{
	CK_RV rv;

	hang_while("hang");
	if (says("device-removed"))
		return CKR_DEVICE_REMOVED;
	if (says("sign-error"))
		return CKR_FUNCTION_FAILED;
	if (signature != NULL)
		work();
	pthread_rwlock_rdlock(&lock);
	rv = real->C_Sign(session, data, len, signature, size);
	pthread_rwlock_unlock(&lock);
	if (rv == CKR_OK && signature != NULL && says("flip"))
		signature[*size / 2] ^= 0x10;
	return rv;
}

static CK_RV
shim_create_object(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR made, CK_ULONG n,
    CK_OBJECT_HANDLE_PTR object)
{
	log_call("C_CreateObject");
	if (says("data-denied"))
		return CKR_TOKEN_WRITE_PROTECTED;
	for (CK_ULONG i = 0; says("data-cut") && i < n; i++)
		if (made[i].type == CKA_VALUE)
			made[i].ulValueLen /= 2;
	return real->C_CreateObject(session, made, n, object);
}

static CK_RV
shim_destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	return says("data-kept") ? CKR_ACTION_PROHIBITED
	                         : real->C_DestroyObject(session, object);
}

static CK_RV
shim_find_objects_init(
    CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR wanted, CK_ULONG n)
{
	for (CK_ULONG i = 0; i < n; i++)
		if (wanted[i].type == CKA_CLASS &&
		    *(CK_OBJECT_CLASS *)wanted[i].pValue == CKO_DATA &&
		    says("data-hidden"))
			return CKR_FUNCTION_NOT_SUPPORTED;
	return real->C_FindObjectsInit(session, wanted, n);
}

static void
load(void)
{
	const char *path = getenv("SHIM_MODULE");
	void *module =
	    path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
	union {
		void *object;
		CK_C_GetFunctionList call;
	} list = {NULL};

	if (module != NULL)
		list.object = dlsym(module, "C_GetFunctionList");
	if (list.object == NULL || list.call(&real) != CKR_OK) {
		real = NULL;
		return;
	}
	shim = *real;
	shim.C_GetFunctionList = C_GetFunctionList;
	shim.C_Initialize = shim_initialize;
	shim.C_GetTokenInfo = shim_get_token_info;
	shim.C_OpenSession = shim_open_session;
	shim.C_Login = shim_login;
	shim.C_SignInit = shim_sign_init;
	shim.C_Sign = shim_sign;
	shim.C_CreateObject = shim_create_object;
	shim.C_DestroyObject = shim_destroy_object;
	shim.C_FindObjectsInit = shim_find_objects_init;
}

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (real == NULL)
		return CKR_GENERAL_ERROR;
	*list = &shim;
	return CKR_OK;
}
