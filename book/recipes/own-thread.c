/*
 * A library's own thread: a library cannot know which thread calls it. It
 * creates a thread, which alone holds the keys in its thread keyring, and every
 * call that uses a key runs there.
 *
 * Exits with 0 if one thread can use the key that another one stored, which has
 * ended.
 */
#include <linux/keyctl.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the library's thread is asked to do; NULL ends it. */
static void (*order)(void);
static sem_t asked, done;
static pthread_mutex_t one_caller = PTHREAD_MUTEX_INITIALIZER;

static void *serve(void *nothing)
{
	for (;;) {
		sem_wait(&asked);
		if (order == NULL)
			return nothing;
		order();
		sem_post(&done);
	}
}

static void run(void (*what)(void))
{
#ifndef WITHOUT_STEP /* The step */
	pthread_mutex_lock(&one_caller);
	order = what;
	sem_post(&asked);
	sem_wait(&done);
	pthread_mutex_unlock(&one_caller);
#else
	(void)one_caller;
	what();
#endif
}

static long key, length;
static char secret[6];

static void store(void)
{
	key = syscall(SYS_add_key, "user", "token", "secret", 6, KEY_SPEC_THREAD_KEYRING);
}

static void use(void)
{
	length = syscall(SYS_keyctl, KEYCTL_READ, key, secret, sizeof secret);
}

/* A thread of the program that calls the library. */
static void *caller(void *nothing)
{
	run(store);
	return nothing;
}

int main(void)
{
	pthread_t library, thread;

	sem_init(&asked, 0, 0);
	sem_init(&done, 0, 0);
	if (pthread_create(&library, NULL, serve, NULL) != 0)
		return 2;
	if (pthread_create(&thread, NULL, caller, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 2;
	run(use);
	/* The end of the library's thread destroys its keys. */
	order = NULL;
	sem_post(&asked);
	pthread_join(library, NULL);
	return length != 6 || memcmp(secret, "secret", 6) != 0;
}
