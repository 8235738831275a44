// Wipe before execve(2): clear both keyrings, or the keys stay in kernel memory as
// long as the new program runs.
use keyrings::*;

fn main() -> Observed {
    observe("recipe.wipe-before-exec", || {
        let child = fork("child")?;
        let one = child.run(|| add_key("user", "one", "secret", KEY_SPEC_THREAD_KEYRING))?;
        let two = child.run(|| add_key("user", "two", "secret", KEY_SPEC_PROCESS_KEYRING))?;
        child.run(|| keyctl_clear(KEY_SPEC_THREAD_KEYRING))?; // the step
        child.run(|| keyctl_clear(KEY_SPEC_PROCESS_KEYRING))?; // the step
        child.run(|| execve(SELF))?;
        wait_for_the_collector()?;
        expect(keyctl_describe_alloc(one), ENOKEY)?;
        expect(keyctl_describe_alloc(two), ENOKEY)
    })
}
