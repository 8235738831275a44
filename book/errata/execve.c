/*
 * execve(2) drops both keyrings but neither clears nor destroys them while the new program runs.
 *
 * Exit status: 0 the erratum holds, 1 the manual is right, 2 this could not be observed.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

static long add_key(const char *type, const char *name, const char *payload, long ring)
{
	return syscall(SYS_add_key, type, name, payload, payload ? strlen(payload) : 0, ring);
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

/* Waits until the collector has destroyed the keyring of a child that ended after everything before this call. */
static void wait_for_the_collector(void)
{
	int pipes[2];
	long ring = 0;
	pid_t child;

	if (pipe(pipes) < 0 || (child = fork()) < 0)
		exit(2);
	if (child == 0) {
		ring = keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0, 0);
		_exit(write(pipes[1], &ring, sizeof(ring)) != sizeof(ring));
	}
	if (read(pipes[0], &ring, sizeof(ring)) != sizeof(ring) || waitpid(child, NULL, 0) != child || ring <= 0)
		exit(2);
	close(pipes[0]);
	close(pipes[1]);
	if (!destroyed(ring))
		exit(2);
}

/* The program that was started, with the serial numbers that the old one had. */
static int started(char **serials)
{
	long t = KEY_SPEC_THREAD_KEYRING, p = KEY_SPEC_PROCESS_KEYRING;

	puts("After execve:");
	if (CALL(keyctl(KEYCTL_GET_KEYRING_ID, t, 0, 0, 0)) >= 0 || CALL(keyctl(KEYCTL_GET_KEYRING_ID, p, 0, 0, 0)) >= 0)
		return 2;
	wait_for_the_collector();
	puts("The old keyrings, and the key in each, once the collector has run:");
	for (int nth = 0; nth < 4; nth++) {
		long old = atol(serials[nth]);

		if (CALL(keyctl(KEYCTL_DESCRIBE, old, 0, 0, 0)) < 0)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static char serials[4][24];
	long rings[2] = { KEY_SPEC_THREAD_KEYRING, KEY_SPEC_PROCESS_KEYRING };
	char *args[] = { argv[0], serials[0], serials[1], serials[2], serials[3], NULL };

	if (argc == 5)
		return started(argv + 1);
	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	for (int nth = 0; nth < 2; nth++) {
		long key = CALL(add_key("user", "errata:secret", "x", rings[nth]));
		long ring = CALL(keyctl(KEYCTL_GET_KEYRING_ID, rings[nth], 0, 0, 0));

		if (key < 0 || ring < 0)
			return 2;
		snprintf(serials[2 * nth], sizeof(serials[0]), "%ld", ring);
		snprintf(serials[2 * nth + 1], sizeof(serials[0]), "%ld", key);
	}
	fflush(stdout);
	execv("/proc/self/exe", args);
	return 2;
}
