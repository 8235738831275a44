/*
 * Thread and process keyrings count against the quota: /proc/keys shows them with the flag Q.
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

static int has_flag_q(long ring)
{
	FILE *file = fopen("/proc/keys", "r");
	char line[256], serial[16];
	int found = 0;

	snprintf(serial, sizeof(serial), "%08lx ", ring);
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, serial, 9) == 0) {
			fputs(line, stdout);
			found = memchr(line + 9, 'Q', 7) != NULL;
		}
	}
	if (file)
		fclose(file);
	return found;
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
	return has_flag_q(t) && has_flag_q(p) ? 0 : 1;
}
