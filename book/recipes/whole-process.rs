// One keyring for a whole process: the main thread creates the process keyring before
// any other thread.
use keyrings::*;

fn main() -> Observed {
    observe("recipe.whole-process", || {
        keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, CREATE)?; // the step
        let worker = pthread_create("worker")?;
        let key = worker.run(|| add_key("user", "token", "secret", KEY_SPEC_PROCESS_KEYRING))?;
        worker.pthread_exit()?;
        expect(keyctl_search(KEY_SPEC_PROCESS_KEYRING, "user", "token", NO_KEYRING), key)
    })
}
