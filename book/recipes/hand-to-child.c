/*
 * Hand a key to a child: a forked child has neither keyring of its parent, but
 * the same session keyring. The parent joins a new session keyring, so that no
 * other program finds the key, and links the key there. The child links the key
 * to its own process keyring.
 *
 * Exits with 0 if the child can read the key.
 */
#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long keyctl(int operation, long a, long b, long c)
{
	return syscall(SYS_keyctl, operation, a, b, c, 0L);
}

static int child(long key)
{
	char secret[6];

	if (keyctl(KEYCTL_LINK, key, KEY_SPEC_PROCESS_KEYRING, 0) < 0)
		return 1;
	/* From here on no later child finds it. */
	if (keyctl(KEYCTL_UNLINK, key, KEY_SPEC_SESSION_KEYRING, 0) < 0)
		return 2;
	if (keyctl(KEYCTL_READ, key, (long)secret, sizeof secret) != 6)
		return 1;
	return memcmp(secret, "secret", 6) != 0;
}

int main(void)
{
	int status;
	long key;
	pid_t pid;

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0) < 0)
		return 2;
	key = syscall(SYS_add_key, "user", "token", "secret", 6, KEY_SPEC_PROCESS_KEYRING);
	if (key < 0)
		return 2;
#ifndef WITHOUT_STEP /* The step */
	if (keyctl(KEYCTL_LINK, key, KEY_SPEC_SESSION_KEYRING, 0) < 0)
		return 2;
#endif
	pid = fork();
	if (pid == 0)
		_exit(child(key));
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 2;
	return WEXITSTATUS(status);
}
