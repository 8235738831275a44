/*
 * Staging through the process keyring: a key that is added to a session keyring
 * is visible to the session's other processes at once, before its mask and
 * timeout are set. Add it to the process keyring, finish it, then move it.
 *
 * Exits with 0 if another process of the session sees the key only when it is
 * finished.
 */
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef WITHOUT_STEP /* The step */
#define STAGE KEY_SPEC_PROCESS_KEYRING
#else
#define STAGE KEY_SPEC_SESSION_KEYRING
#endif

static long keyctl(int operation, long a, long b, long c)
{
	return syscall(SYS_keyctl, operation, a, b, c, 0L);
}

/* Whether another process of the session finds the key. */
static int is_seen(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(syscall(SYS_request_key, "user", "token", NULL, 0) >= 0);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
	int early;
	long key;

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0) < 0)
		return 2;
	key = syscall(SYS_add_key, "user", "token", "secret", 6, STAGE);
	if (key < 0)
		return 2;
	early = is_seen();
	/* The possessor may view, read, search and link the key, and not write it. */
	if (keyctl(KEYCTL_SET_TIMEOUT, key, 3600, 0) < 0 ||
	    keyctl(KEYCTL_SETPERM, key, 0x1b000000, 0) < 0)
		return 2;
	if (STAGE != KEY_SPEC_SESSION_KEYRING &&
	    (keyctl(KEYCTL_LINK, key, KEY_SPEC_SESSION_KEYRING, 0) < 0 ||
	     keyctl(KEYCTL_UNLINK, key, STAGE, 0) < 0))
		return 2;
	return early != 0 || is_seen() != 1;
}
