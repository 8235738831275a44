// Staging through the process keyring: finish a key there, then move it to where
// others see it.
use keyrings::*;

fn main() -> Observed {
    observe("recipe.staging", || {
        let other = fork("other")?;
        let stage = KEY_SPEC_PROCESS_KEYRING; // the step, not: let stage = KEY_SPEC_SESSION_KEYRING;
        let key = add_key("user", "token", "secret", stage)?;
        other.run(|| expect(request_key("user", "token", None, NO_KEYRING), ENOKEY))?;
        keyctl_set_timeout(key, 3600)?;
        keyctl_move(key, stage, KEY_SPEC_SESSION_KEYRING, 0)?;
        other.run_with(key, |key| expect(request_key("user", "token", None, NO_KEYRING), key))
    })
}
