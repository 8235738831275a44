//! Waiting until the kernel has done what it does in its own time.

use super::key::{KEY_SPEC_SESSION_KEYRING, KEY_SPEC_THREAD_KEYRING, KeySerial};
use super::keyctl::keyctl_set_timeout;
use crate::sys::keys::{self, Filling, NumbersOnly};
use crate::tasks::fail::{Checked, Failure};
use crate::tasks::make::no_thread;
use crate::tasks::record::{event, outcome, record};
use crate::tasks::until::until;
use nix::errno::Errno;
use trace::Outcome;

/// Looks a key up without a record, in a way that changes nothing.
fn ask(key: KeySerial) -> Result<(), Errno> {
    keys::fill(Filling::Describe, key.0, &mut []).map(drop)
}

/// Waits until a key is destroyed: until looking up its serial number fails with `ENOKEY`.
///
/// After the last reference is dropped, the kernel destroys a key within 10 to 100 ms: it waits for an RCU
/// grace period, then the garbage collector runs.
///
/// # Errors
///
/// Fails after a minute.
///
/// # References
///
/// `key_garbage_collector`
#[track_caller]
pub fn wait_until_gone(key: KeySerial) -> Checked {
    wait_for(key, Errno::ENOKEY)
}

/// Waits until a key has expired: until looking up its serial number fails with `EKEYEXPIRED`.
///
/// # Errors
///
/// Fails after a minute.
#[track_caller]
pub fn wait_until_expired(key: KeySerial) -> Checked {
    wait_for(key, Errno::EKEYEXPIRED)
}

/// Has a key expire: sets a timeout of a second, and waits until the key has expired or, without a link, is gone. A key
/// whose timeout cannot be set is left as it is.
///
/// # Errors
///
/// If the key remains usable.
#[track_caller]
pub fn expire(key: KeySerial) -> Checked {
    if keyctl_set_timeout(key, 1).is_err() {
        return Ok(());
    }
    let mut seen = Ok(());
    until(&format!("key {} to expire", key.0), || {
        seen = ask(key);
        matches!(seen, Err(Errno::EKEYEXPIRED | Errno::ENOKEY))
    })?;
    record(|| event("wait_until", vec![key.into()], outcome(&seen)));
    Ok(())
}

#[track_caller]
fn wait_for(key: KeySerial, error: Errno) -> Checked {
    until(&format!("key {} to fail with {error:?}", key.0), || ask(key) == Err(error))?;
    record(|| event("wait_until", vec![key.into()], outcome::<()>(&Err(error))));
    Ok(())
}

/// Waits until the garbage collector has destroyed a keyring that lost its last reference after the call
/// of this function, and a second one that only the first linked to.
///
/// A key that still exists afterwards is pinned: the garbage collector has run. The first keyring is
/// the thread keyring of a thread created for the purpose, the second its session keyring.
///
/// # Errors
///
/// Fails after a minute, or if the thread cannot be created.
///
/// # References
///
/// `key_garbage_collector`
#[track_caller]
pub fn wait_for_the_collector() -> Checked {
    let created = std::thread::Builder::new().spawn(|| {
        let linked = keys::join_session_keyring(None)?;
        let link = [KEY_SPEC_SESSION_KEYRING.0, KEY_SPEC_THREAD_KEYRING.0, 0, 0];
        keys::numbers(NumbersOnly::Link, link).map(|_| linked)
    });
    let created = created.map_err(no_thread)?;
    let linked = created.join().map_err(|_| Failure::new("a thread panicked"))??;
    let linked = KeySerial(linked as i32);
    until("the garbage collector", || ask(linked) == Err(Errno::ENOKEY))?;
    record(|| event("wait_for_the_collector", vec![], Outcome::Nothing));
    Ok(())
}
