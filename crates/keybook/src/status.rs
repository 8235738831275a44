//! Exit statuses. A program stopped by a signal exits with 128 and the signal's number.

/// No rule differs.
pub(crate) const HELD: u8 = 0;
/// A rule differs or its program failed, a trace is refused, or something was found.
pub(crate) const DIFFERS: u8 = 1;
/// The book, a trace or the command line is invalid, or the output cannot be written.
pub(crate) const MISUSE: u8 = 2;
/// No rule can be observed on this system.
pub(crate) const NOTHING_HERE: u8 = 3;
/// For `git bisect run`: this version says nothing about the rules.
pub(crate) const SKIP: u8 = 125;
/// For `git bisect run`: the bisection can't go on.
pub(crate) const ABORT: u8 = 128;
/// A log has no call about keys.
pub(crate) const NO_KEY_CALL: u8 = 4;
/// The model does not know calls of a trace.
pub(crate) const UNKNOWN: u8 = 5;

/// The exit status that `git bisect run` asks for: every other one below 128 would call the version good or bad.
pub(crate) fn of_bisection(status: anyhow::Result<u8>) -> u8 {
    match status {
        Ok(NOTHING_HERE) => SKIP,
        Ok(MISUSE) => ABORT,
        Ok(status) => status,
        Err(error) => {
            eprintln!("keybook: {error:#}");
            ABORT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bisection_goes_on_only_with_an_answer() {
        let of = |status| of_bisection(Ok(status));
        assert_eq!([HELD, DIFFERS, NOTHING_HERE, MISUSE].map(of), [0, 1, 125, 128]);
        assert_eq!(of_bisection(Err(anyhow::anyhow!("there is no such rule"))), 128);
    }
}
