/*
 * The special ids do not stand for the keyrings everywhere: two operations refuse or reinterpret them.
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

int main(void)
{
	long t, p;

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	t = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1, 0, 0));
	p = CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0, 0));
	if (t < 0 || p < 0)
		return 2;
	/* With a serial number the kernel looks for an authorization key: EPERM or ENOKEY. */
	if (CALL(keyctl(KEYCTL_ASSUME_AUTHORITY, KEY_SPEC_THREAD_KEYRING, 0, 0, 0)) >= 0 || errno != EINVAL)
		return 1;
	if (CALL(keyctl(KEYCTL_ASSUME_AUTHORITY, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0)) >= 0 || errno != EINVAL)
		return 1;
	if (CALL(keyctl(KEYCTL_ASSUME_AUTHORITY, t, 0, 0, 0)) >= 0 || errno == EINVAL)
		return 1;
	/* -1 means "no change" here, and -2 means nothing. */
	if (CALL(keyctl(KEYCTL_SET_REQKEY_KEYRING, KEY_SPEC_THREAD_KEYRING, 0, 0, 0)) != KEY_REQKEY_DEFL_DEFAULT)
		return 1;
	if (CALL(keyctl(KEYCTL_SET_REQKEY_KEYRING, -1, 0, 0, 0)) != KEY_REQKEY_DEFL_DEFAULT)
		return 1;
	return CALL(keyctl(KEYCTL_SET_REQKEY_KEYRING, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0)) < 0 ? 0 : 1;
}
