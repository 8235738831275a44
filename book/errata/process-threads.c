/*
 * Threads of one process can have different process keyrings.
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

static pthread_barrier_t barrier;
static long before, own;

static void *older(void *unused)
{
	pthread_barrier_wait(&barrier);
	before = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0));
	own = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0, 0));
	return unused;
}

static void *younger(void *ring)
{
	*(long *)ring = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0));
	return NULL;
}

int main(void)
{
	pthread_t thread;
	long ring, shared = 0;

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	if (pthread_barrier_init(&barrier, NULL, 2) || pthread_create(&thread, NULL, older, NULL))
		return 2;
	puts("The main thread creates a process keyring:");
	ring = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0, 0));
	if (ring < 0)
		return 2;
	puts("A thread that existed before:");
	pthread_barrier_wait(&barrier);
	if (pthread_join(thread, NULL))
		return 2;
	puts("A thread created afterward:");
	if (pthread_create(&thread, NULL, younger, &shared) || pthread_join(thread, NULL))
		return 2;
	return before < 0 && own > 0 && own != ring && shared == ring ? 0 : 1;
}
