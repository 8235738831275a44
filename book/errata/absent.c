/*
 * Some calls that modify an absent keyring do not create it; some calls that fail do.
 *
 * Exit status: 0 the erratum holds, 1 the manual is right, 2 this could not be observed.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

static long request_key(const char *type, const char *name, const char *callout, long ring)
{
	return syscall(SYS_request_key, type, name, callout, ring);
}

/* Runs in a child, which has neither keyring. */
static int check(long ring)
{
	puts(ring == KEY_SPEC_THREAD_KEYRING ? "Thread keyring:" : "Process keyring:");
	if (CALL(keyctl(KEYCTL_REVOKE, ring, 0, 0, 0)) >= 0)
		return 1;
	puts("To revoke it is to modify it, and it was not created:");
	if (CALL(keyctl(KEYCTL_GET_KEYRING_ID, ring, 0, 0, 0)) >= 0)
		return 1;
	if (CALL(request_key("user", "errata:missing", NULL, ring)) >= 0 || errno != ENOKEY)
		return 2;
	puts("That failed with the error of an absent keyring, and the keyring was created:");
	return CALL(keyctl(KEYCTL_GET_KEYRING_ID, ring, 0, 0, 0)) > 0 ? 0 : 1;
}

int main(void)
{
	int worst = 0;

	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	for (long ring = KEY_SPEC_PROCESS_KEYRING; ring <= KEY_SPEC_THREAD_KEYRING; ring++) {
		int status;
		pid_t child;

		fflush(stdout);
		child = fork();
		if (child == 0)
			exit(check(ring));
		if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
			return 2;
		if (WEXITSTATUS(status) > worst)
			worst = WEXITSTATUS(status);
	}
	return worst;
}
