/* Two threads use a Kerberos cache in the process keyring: one stores, the other looks. cc -pthread krb5.c -lkrb5 -lkeyutils */
#include <keyutils.h>
#include <krb5.h>
#include <pthread.h>
#include <stdio.h>

static pthread_barrier_t both_run, stored, looked;

static void *store(void *unused)
{
    krb5_context context;
    krb5_ccache cache;
    krb5_principal user;
    pthread_barrier_wait(&both_run);
    krb5_init_context(&context);
    krb5_cc_resolve(context, "KEYRING:process:demo", &cache);
    krb5_parse_name(context, "user@EXAMPLE.ORG", &user);
    printf("store: %d\n", krb5_cc_initialize(context, cache, user));
    pthread_barrier_wait(&stored);
    pthread_barrier_wait(&looked);
    return unused;
}

static void *look(void *unused)
{
    krb5_context context;
    krb5_ccache cache;
    krb5_principal user;
    pthread_barrier_wait(&both_run);
    pthread_barrier_wait(&stored);
    krb5_init_context(&context);
    krb5_cc_resolve(context, "KEYRING:process:demo", &cache);
    krb5_error_code error = krb5_cc_get_principal(context, cache, &user);
    printf("look: %s\n", krb5_get_error_message(context, error));
    pthread_barrier_wait(&looked);
    return unused;
}

int main(void)
{
    keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, 1); // the fix
    pthread_t threads[2];
    pthread_barrier_init(&both_run, NULL, 2);
    pthread_barrier_init(&stored, NULL, 2);
    pthread_barrier_init(&looked, NULL, 2);
    pthread_create(&threads[0], NULL, look, NULL);
    pthread_create(&threads[1], NULL, store, NULL);
    for (int thread = 0; thread < 2; thread++)
        pthread_join(threads[thread], NULL);
}
