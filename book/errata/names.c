/*
 * The names of thread and process keyrings have no number: they are _tid and _pid.
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

static int is_named(long ring, const char *name)
{
	char text[128] = "";

	if (CALL(keyctl(KEYCTL_GET_KEYRING_ID, ring, 1, 0, 0)) < 0)
		exit(2);
	keyctl(KEYCTL_DESCRIBE, ring, (long)text, sizeof(text) - 1, 0);
	puts(text);
	return strrchr(text, ';') && strcmp(strrchr(text, ';') + 1, name) == 0;
}

int main(void)
{
	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	return is_named(KEY_SPEC_THREAD_KEYRING, "_tid") && is_named(KEY_SPEC_PROCESS_KEYRING, "_pid") ? 0 : 1;
}
