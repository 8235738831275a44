/*
 * Borrowed possession: a key in the user keyring can be read by its possessor
 * alone, and a session keyring that does not lead to the user keyring gives no
 * possession. A link to the user keyring in the thread keyring gives it to one
 * thread, and is gone with that thread.
 *
 * Exits with 0 if the key can be read.
 */
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long keyctl(int operation, long a, long b, long c)
{
	return syscall(SYS_keyctl, operation, a, b, c, 0L);
}

int main(void)
{
	char name[32], secret[6];
	long key, length;

	snprintf(name, sizeof name, "recipe:%ld", (long)getpid());
	/* As in a service: this session keyring is empty. */
	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0) < 0)
		return 2;
	key = syscall(SYS_add_key, "user", name, "secret", 6, KEY_SPEC_USER_KEYRING);
	if (key < 0)
		return 2;
#ifndef WITHOUT_STEP /* The step */
	if (keyctl(KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_THREAD_KEYRING, 0) < 0)
		return 2;
#endif
	length = keyctl(KEYCTL_READ, key, (long)secret, sizeof secret);
	/* Return what was borrowed, and leave no key behind. */
	keyctl(KEYCTL_UNLINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_THREAD_KEYRING, 0);
	if (keyctl(KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING, 0) < 0)
		return 2;
	return length != 6 || memcmp(secret, "secret", 6) != 0;
}
