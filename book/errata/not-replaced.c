/*
 * Nothing replaces the thread and process keyring in a forked child or in a new program: both are absent.
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

static int check(const char *when)
{
	puts(when);
	if (CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0, 0, 0)) >= 0 || errno != ENOKEY)
		return 1;
	return CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0)) < 0 && errno == ENOKEY ? 0 : 1;
}

int main(int argc, char **argv)
{
	char *args[] = { argv[0], "started", NULL };
	int status;
	pid_t child;

	if (argc == 2)
		return check("After execve:");
	if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) < 0) {
		perror("no keyrings here");
		return 2;
	}
	if (CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1, 0, 0)) < 0)
		return 2;
	if (CALL(keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0, 0)) < 0)
		return 2;
	fflush(stdout);
	child = fork();
	if (child == 0)
		exit(check("After fork:"));
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 2;
	if (WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status);
	execv("/proc/self/exe", args);
	return 2;
}
