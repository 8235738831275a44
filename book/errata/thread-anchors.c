/*
 * The thread keyring belongs to a thread, not to a process: a sibling does not find its keys.
 *
 * Exit status: 0 the erratum holds, 1 the manual is right, 2 this could not be observed.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Prints one call and its result. */
static long shown(const char *call, long result)
{
	printf("%s = %ld%s%s\n", call, result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
	return result;
}
#define CALL(call) shown(#call, call)

static long keyctl(int operation, long a, long b, long c, long d)
{
	return syscall(SYS_keyctl, operation, a, b, c, d);
}

static long add_key(const char *type, const char *name, const char *payload, long ring)
{
	return syscall(SYS_add_key, type, name, payload, payload ? strlen(payload) : 0, ring);
}

static long request_key(const char *type, const char *name, const char *callout, long ring)
{
	return syscall(SYS_request_key, type, name, callout, ring);
}

static void *sibling(void *found)
{
	*(long *)found = CALL(request_key("user", "errata:anchor", NULL, 0));
	return NULL;
}

int main(void)
{
	pthread_t thread;
	long found = 0;

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	/* The sibling is created afterward: its age is not the reason. */
	if (CALL(add_key("user", "errata:anchor", "x", KEY_SPEC_THREAD_KEYRING)) < 0)
		return 2;
	if (CALL(request_key("user", "errata:anchor", NULL, 0)) < 0)
		return 2;
	if (pthread_create(&thread, NULL, sibling, &found) || pthread_join(thread, NULL))
		return 2;
	return found < 0 ? 0 : 1;
}
