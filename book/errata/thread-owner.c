/*
 * The owner of the thread keyring follows the filesystem user, not the real user. Requires root.
 *
 * Exit status: 0 the erratum holds, 1 the manual is right, 2 this could not be observed.
 */
#include <errno.h>
#include <linux/keyctl.h>
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

/* The owner, from KEYCTL_DESCRIBE: type;user;group;mask;name. */
static long owner(void)
{
	char text[128] = "";

	keyctl(KEYCTL_DESCRIBE, KEY_SPEC_THREAD_KEYRING, (long)text, sizeof(text) - 1, 0);
	puts(text);
	return strchr(text, ';') ? atol(strchr(text, ';') + 1) : -1;
}

int main(void)
{
	if (geteuid() != 0) {
		puts("only root can observe this");
		return 2;
	}
	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	if (CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1, 0, 0)) < 0 || owner() != 0)
		return 2;
	/* The raw call changes only this thread. -1 keeps an id. */
	if (CALL(syscall(SYS_setresuid, 54321, -1, -1)) < 0)
		return 2;
	if (owner() != 0)
		return 1;
	CALL(syscall(SYS_setfsuid, 54321));
	return owner() == 54321 ? 0 : 1;
}
