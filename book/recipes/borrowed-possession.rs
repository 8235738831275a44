// Borrowed possession: a link to the user keyring in the thread keyring lets one
// thread read the user's keys.
use keyrings::*;

fn main() -> Observed {
    observe("recipe.borrowed-possession", || {
        // The user keyring of a new user namespace, so that nothing is left behind.
        enter_user_namespace()?;
        let key = add_key("user", "token", "secret", KEY_SPEC_USER_KEYRING)?;
        expect(keyctl_read_alloc(key), EACCES)?;
        keyctl_link(KEY_SPEC_USER_KEYRING, KEY_SPEC_THREAD_KEYRING)?; // the step
        expect(keyctl_read_alloc(key), "secret")
    })
}
