//! Waiting for a condition, with a deadline.

use super::arena::PATIENCE;
use super::fail::{Checked, Failure};
use std::time::{Duration, Instant};

/// Waits until `condition` holds. The longer that takes, the less often it looks: many programs that wait
/// for the kernel's garbage collector must not keep it from its work.
///
/// # Errors
///
/// Fails after [`PATIENCE`].
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) -> Checked {
    let start = Instant::now();
    while !condition() {
        let waited = start.elapsed();
        if waited > PATIENCE {
            let seconds = PATIENCE.as_secs();
            return Err(Failure::new(format!("waited {seconds} seconds for {what}")));
        }
        let pause = (waited * 2).clamp(Duration::from_millis(8), Duration::from_millis(50));
        std::thread::sleep(pause);
    }
    Ok(())
}
