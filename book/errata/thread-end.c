/*
 * A thread keyring outlives its thread while a file is open that the thread opened.
 *
 * Exit status: 0 the erratum holds, 1 the manual is right, 2 this could not be observed.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <fcntl.h>
#include <pthread.h>
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

struct work {
	long ring;
	int file;
};

static void *worker(void *given)
{
	struct work *work = given;

	work->ring = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1, 0, 0));
	if (work->file)
		work->file = CALL(open("/dev/null", O_RDONLY | O_CLOEXEC));
	return NULL;
}

static int run(struct work *work)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, worker, work) || pthread_join(thread, NULL) || work->ring < 0;
}

int main(void)
{
	struct work opens = { 0, 1 }, opens_nothing = { 0, 0 };

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	if (run(&opens) || opens.file < 0 || run(&opens_nothing))
		return 2;
	puts("Both threads have ended. The keyring of the one that opened nothing:");
	if (!CALL(destroyed(opens_nothing.ring)))
		return 2;
	wait_for_the_collector();
	puts("That of the one that opened a file:");
	if (!CALL(exists(opens.ring)))
		return 1;
	puts("Once the file is closed:");
	close(opens.file);
	return CALL(destroyed(opens.ring)) ? 0 : 2;
}
