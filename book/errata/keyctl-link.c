/*
 * `keyctl link @t @s` leaves a keyring in the session after keyctl(1) has ended. Requires keyctl(1).
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
	int status;

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	status = system("keyctl link @t @s && keyctl link @p @s");
	if (status != 0) {
		puts("keyctl(1) is missing or failed");
		return 2;
	}
	if (CALL(keyctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"keyring", (long)"_tid", 0)) < 0)
		return 1;
	if (CALL(keyctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"keyring", (long)"_pid", 0)) < 0)
		return 1;
	/* This program has neither keyring: they are those of keyctl(1). */
	if (CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0, 0, 0)) >= 0)
		return 1;
	return CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0)) < 0 ? 0 : 1;
}
