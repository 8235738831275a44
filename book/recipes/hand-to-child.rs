// Hand a key to a child: link it to the session keyring, which a forked child has too.
// `observe` has joined a new one.
use keyrings::*;

fn main() -> Observed {
    observe("recipe.hand-to-child", || {
        let key = add_key("user", "token", "secret", KEY_SPEC_PROCESS_KEYRING)?;
        keyctl_link(key, KEY_SPEC_SESSION_KEYRING)?; // the step
        let child = fork("child")?;
        child.run_with(key, |key| keyctl_link(key, KEY_SPEC_PROCESS_KEYRING))?;
        keyctl_unlink(key, KEY_SPEC_SESSION_KEYRING)?;
        child.run_with(key, |key| expect(keyctl_read_alloc(key), "secret"))
    })
}
