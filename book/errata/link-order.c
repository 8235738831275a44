/*
 * The first argument of KEYCTL_LINK is the key, and the second is the keyring.
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

static long add_key(const char *type, const char *name, const char *payload, long ring)
{
	return syscall(SYS_add_key, type, name, payload, payload ? strlen(payload) : 0, ring);
}

int main(void)
{
	long key;

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	key = CALL(add_key("user", "errata:key", "x", KEY_SPEC_SESSION_KEYRING));
	if (key < 0)
		return 2;
	/* As documented: the keyring first. */
	if (CALL(keyctl(KEYCTL_LINK, KEY_SPEC_THREAD_KEYRING, key, 0, 0)) >= 0)
		return 1;
	return CALL(keyctl(KEYCTL_LINK, key, KEY_SPEC_THREAD_KEYRING, 0, 0)) == 0 ? 0 : 1;
}
