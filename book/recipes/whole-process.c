/*
 * One keyring for a whole process: threads share a process keyring only if it
 * existed when they were created. The main thread creates it before any other
 * thread.
 *
 * Exits with 0 if the main thread finds the key that a thread added, after that
 * thread has ended.
 */
#include <linux/keyctl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static long keyctl(int operation, long a, const char *b, const char *c)
{
	return syscall(SYS_keyctl, operation, a, b, c, 0L);
}

static void *work(void *nothing)
{
	syscall(SYS_add_key, "user", "token", "secret", 6, KEY_SPEC_PROCESS_KEYRING);
	return nothing;
}

int main(void)
{
	pthread_t worker;

#ifndef WITHOUT_STEP /* The step: the last argument creates the keyring. */
	if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) < 0)
		return 2;
#endif
	if (pthread_create(&worker, NULL, work, NULL) != 0 || pthread_join(worker, NULL) != 0)
		return 2;
	return keyctl(KEYCTL_SEARCH, KEY_SPEC_PROCESS_KEYRING, "user", "token") < 0;
}
