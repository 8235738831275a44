/*
 * Wipe before execve(2): the new program finds neither a thread nor a process
 * keyring, but the old ones, with their keys, stay in kernel memory as long as
 * it runs. Clear both first.
 *
 * Exits with 0 if the keys are destroyed while the new program runs.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static long add_key(const char *name, const char *payload, long keyring)
{
	return syscall(SYS_add_key, "user", name, payload, strlen(payload), keyring);
}

static long keyctl(int operation, long a, long b)
{
	return syscall(SYS_keyctl, operation, a, b, 0L, 0L);
}

static int exists(long key)
{
	return keyctl(KEYCTL_DESCRIBE, key, 0) >= 0 || errno != ENOKEY;
}

/*
 * The new program. It drops a keyring with a key in it and waits until the
 * kernel has destroyed both: by then, keys that lost their last link before are
 * destroyed too.
 */
static int second_program(long thread_key, long process_key)
{
	long ring = syscall(SYS_add_key, "keyring", "last", NULL, 0, KEY_SPEC_THREAD_KEYRING);
	long last = add_key("last", "x", ring);

	if (last < 0 || keyctl(KEYCTL_UNLINK, ring, KEY_SPEC_THREAD_KEYRING) < 0)
		return 2;
	alarm(60);
	while (exists(last))
		usleep(1000);
	return exists(thread_key) || exists(process_key);
}

int main(int argc, char **argv)
{
	char first[32], second[32];
	long one, two;

	if (argc == 3)
		return second_program(atol(argv[1]), atol(argv[2]));
	one = add_key("one", "secret", KEY_SPEC_THREAD_KEYRING);
	two = add_key("two", "secret", KEY_SPEC_PROCESS_KEYRING);
	if (one < 0 || two < 0)
		return 2;
	snprintf(first, sizeof first, "%ld", one);
	snprintf(second, sizeof second, "%ld", two);
#ifndef WITHOUT_STEP /* The step */
	if (keyctl(KEYCTL_CLEAR, KEY_SPEC_THREAD_KEYRING, 0) < 0 ||
	    keyctl(KEYCTL_CLEAR, KEY_SPEC_PROCESS_KEYRING, 0) < 0)
		return 2;
#endif
	execl("/proc/self/exe", argv[0], first, second, (char *)NULL);
	return 2;
}
