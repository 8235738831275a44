/*
 * A thread whose creator has a thread keyring starts with one, without asking.
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

static void *sibling(void *ring)
{
	/* 0: do not create one. */
	*(long *)ring = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0, 0, 0));
	return NULL;
}

int main(void)
{
	pthread_t thread;
	long without = 0, with = 0, own;

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	puts("The creator has no thread keyring:");
	if (pthread_create(&thread, NULL, sibling, &without) || pthread_join(thread, NULL))
		return 2;
	puts("The creator has one:");
	own = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1, 0, 0));
	if (own < 0)
		return 2;
	if (pthread_create(&thread, NULL, sibling, &with) || pthread_join(thread, NULL))
		return 2;
	return without < 0 && with > 0 && with != own ? 0 : 1;
}
