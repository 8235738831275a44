//! Waiting for a condition, with a deadline.

use crate::arena::PATIENCE;
use crate::record::{event, outcome, record};
use crate::{Checked, Errno, Failure, KeySerial, sys};
use nix::libc;
use std::time::{Duration, Instant};
use trace::Outcome;

/// Waits until `condition` holds. The longer that takes, the more seldom it looks: where many
/// programs wait for the kernel's collector, they are not to keep it from its work.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) -> Checked {
    let start = Instant::now();
    while !condition() {
        let waited = start.elapsed();
        if waited > PATIENCE {
            let seconds = PATIENCE.as_secs();
            return Err(Failure::new(format!("waited {seconds} seconds in vain for {what}")));
        }
        let pause = (waited * 2).clamp(Duration::from_millis(8), Duration::from_millis(50));
        std::thread::sleep(pause);
    }
    Ok(())
}

/// Asks for a key without a record of it, in a way that changes nothing.
fn ask(key: KeySerial) -> Result<(), Errno> {
    sys::keyctl(libc::KEYCTL_DESCRIBE, [key.0 as usize, 0, 0, 0]).map(drop)
}

/// Waits until a key is no more: until its serial number gives `ENOKEY`.
///
/// The kernel ends keys in its own time: after the last reference is gone come an RCU grace period
/// and the collector, some 10 to 100 ms in all.
#[track_caller]
pub fn wait_until_gone(key: KeySerial) -> Checked {
    wait_for(key, Errno::ENOKEY)
}

/// Waits until a key has expired: until its serial number gives `EKEYEXPIRED`.
#[track_caller]
pub fn wait_until_expired(key: KeySerial) -> Checked {
    wait_for(key, Errno::EKEYEXPIRED)
}

#[track_caller]
fn wait_for(key: KeySerial, error: Errno) -> Checked {
    until(&format!("key {} to give {error:?}", key.0), || ask(key) == Err(error))?;
    record(|| event("wait_until", vec![key.into()], outcome::<()>(&Err(error))));
    Ok(())
}

/// Waits until the collector has ended a keyring that lost its last reference after the call of
/// this function, and a second one that only the first linked.
///
/// What is still there afterwards is there because something holds it, not because the collector
/// did not come by. The first is the thread keyring of a thread made for the purpose, the second
/// its session keyring.
#[track_caller]
pub fn wait_for_the_collector() -> Checked {
    let made = std::thread::Builder::new().spawn(|| {
        let (thread, session) = (-1i32 as usize, -3i32 as usize);
        let linked = sys::keyctl(libc::KEYCTL_JOIN_SESSION_KEYRING, [0; 4])?;
        sys::keyctl(libc::KEYCTL_LINK, [session, thread, 0, 0]).map(|_| linked)
    });
    let made = made.map_err(crate::make::no_thread)?;
    let linked = made.join().map_err(|_| Failure::new("a thread panicked"))??;
    let linked = KeySerial(linked as i32);
    until("the collector", || ask(linked) == Err(Errno::ENOKEY))?;
    record(|| event("wait_for_the_collector", vec![], Outcome::Nothing));
    Ok(())
}
