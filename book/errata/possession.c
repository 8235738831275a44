/*
 * Without Search, possession still counts for the special id, and no longer for the serial number.
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
	long ring;

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	ring = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1, 0, 0));
	if (ring < 0)
		return 2;
	/* Every permission of the possessor but Search (0x08), and View for the owner. */
	if (CALL(keyctl(KEYCTL_SETPERM, KEY_SPEC_THREAD_KEYRING, 0x37010000, 0, 0)) < 0)
		return 2;
	if (CALL(add_key("user", "errata:by-number", "x", ring)) >= 0 || errno != EACCES)
		return 1;
	return CALL(add_key("user", "errata:by-special-id", "x", KEY_SPEC_THREAD_KEYRING)) > 0 ? 0 : 1;
}
