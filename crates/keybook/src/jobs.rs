//! Default numbers of parallel jobs.

use keyrings::room;
use std::thread;

/// Default number of snippets to run in parallel. Most of them wait for the kernel, so several run
/// on each core, as far as the user's quota of keys allows: on two cores a check takes 13 s with 2 jobs,
/// 3 s with 8, and 1.1 s with 24.
pub(crate) fn snippets(per_core: usize) -> usize {
    let most = room::room_for_keys().map_or(usize::MAX, |keys| keys / room::KEYS_OF_A_RULE);
    (cores() * per_core).min(most).max(1)
}

/// Number of cores available to this process.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
