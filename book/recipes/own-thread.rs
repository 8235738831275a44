// A library's own thread holds the keys in its thread keyring, and every call that
// uses a key runs there.
use keyrings::*;

fn main() -> Observed {
    observe("recipe.own-thread", || {
        let library = pthread_create("library")?;
        let caller = pthread_create("caller")?;
        let store = || add_key("user", "token", "secret", KEY_SPEC_THREAD_KEYRING);
        let holder = library; // the step, not: let holder = caller;
        let key = holder.run(store)?;
        caller.pthread_exit()?;
        library.run_with(key, |key| expect(keyctl_read_alloc(key), "secret"))?;
        // The end of the library's thread destroys its keys.
        library.pthread_exit()?;
        wait_until_gone(key)
    })
}
