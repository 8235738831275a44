//! Waiting for a condition, with a deadline.

use super::arena::PATIENCE;
use super::fail::{Checked, Failure};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest wait, in seconds.
static LONGEST: AtomicU64 = AtomicU64::new(PATIENCE.as_secs());

/// Limits every wait of this process, and of those that it creates, to this many seconds: for a program
/// that may wait in a circumstance for what never happens.
pub(crate) fn be_impatient(seconds: u64) {
    LONGEST.store(seconds, Ordering::Relaxed);
}

/// Waits until `condition` holds. The longer that takes, the less often it looks: many programs that wait
/// for the kernel's garbage collector must not keep it from its work.
///
/// # Errors
///
/// Fails after [`PATIENCE`], or the limit of [`be_impatient`].
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) -> Checked {
    let start = Instant::now();
    while !condition() {
        let waited = start.elapsed();
        let seconds = LONGEST.load(Ordering::Relaxed);
        if waited.as_secs() >= seconds {
            return Err(Failure::new(format!("waited {seconds} seconds for {what}")));
        }
        let pause = (waited * 2).clamp(Duration::from_millis(8), Duration::from_millis(50));
        std::thread::sleep(pause);
    }
    Ok(())
}
