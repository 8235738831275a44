/*
 * The keyrings of a worker are destroyed after the worker ends, while its process runs on.
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
#include <time.h>
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

/* Whether a key exists. Its owner may describe it. */
static int exists(long key)
{
	return keyctl(KEYCTL_DESCRIBE, key, 0, 0, 0) > 0 || errno != ENOKEY;
}

/* Waits, for at most a minute, until the kernel has destroyed a key, which it does in its own time. */
static int destroyed(long key)
{
	struct timespec pause = { 0, 5000000 };

	for (int tries = 0; exists(key); tries++) {
		if (tries == 12000)
			return 0;
		nanosleep(&pause, NULL);
	}
	return 1;
}

static void *worker(void *given)
{
	long *rings = given;

	rings[0] = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1, 0, 0));
	rings[1] = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0, 0));
	return NULL;
}

int main(void)
{
	pthread_t thread;
	long rings[2] = { -1, -1 };

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	if (pthread_create(&thread, NULL, worker, rings) || pthread_join(thread, NULL))
		return 2;
	if (rings[0] < 0 || rings[1] < 0)
		return 2;
	puts("The worker has ended, and this process runs:");
	return CALL(destroyed(rings[0])) && CALL(destroyed(rings[1])) ? 0 : 1;
}
