//! Room for the keys of snippets. All programs that run snippets as one user share its quota, and
//! the keys of those that have just ended count until the kernel has collected them.

use crate::quota::{KeyUser, quota_of};
use crate::wait;
use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr};
use std::cell::Cell;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Keys that one rule is reckoned to have at a time, with those that wait for the collector.
pub const KEYS_OF_A_RULE: usize = 24;

/// So many keys, and bytes, are to be left of the user's quota before a snippet begins; less once
/// that was waited for in vain. An ordinary user has 200 keys.
static KEYS: AtomicU32 = AtomicU32::new(100);
static BYTES: AtomicU32 = AtomicU32::new(8000);

/// With so much left, as many programs as check a book could not use it up, hundreds of them at a time:
/// they need not look each. The superuser has a million keys.
const AMPLE_KEYS: u32 = 200_000;
const AMPLE_BYTES: u32 = 10_000_000;
static IS_AMPLE: AtomicBool = AtomicBool::new(false);

/// Room is not waited for any longer once the quota has not changed for so long: then the keys
/// are in use.
const UNCHANGED: Duration = Duration::from_secs(5);

fn quota() -> Option<KeyUser> {
    quota_of(nix::unistd::getuid().as_raw()).ok()
}

/// How many more keys the caller's quota has room for, if it is known.
pub fn room_for_keys() -> Option<usize> {
    let quota = quota()?;
    // A user without keys is not mentioned: such a one has the common limit.
    let common = std::fs::read_to_string("/proc/sys/kernel/keys/maxkeys").ok();
    let common = common.and_then(|text| text.trim().parse().ok()).unwrap_or(200);
    let most = if quota.max_keys == 0 { common } else { quota.max_keys };
    Some(most.saturating_sub(quota.keys) as usize)
}

/// Whether there was ample room when this process, or the one that it is a copy of, looked last.
pub(crate) fn is_ample() -> bool {
    IS_AMPLE.load(Ordering::Relaxed)
}

/// Waits until the user's quota has room, as long as there is hope.
pub(crate) fn wait_for_room() {
    let last = Cell::new((Instant::now(), KeyUser::default()));
    let _ = wait::until("room in the quota", || {
        // Nobody tells, or a user without keys.
        let Some(now) = quota().filter(|quota| quota.max_keys > 0) else { return true };
        if now != last.get().1 {
            last.set((Instant::now(), now));
        }
        let (keys, bytes) =
            (now.max_keys.saturating_sub(now.keys), now.max_bytes.saturating_sub(now.bytes));
        IS_AMPLE.store(keys >= AMPLE_KEYS && bytes >= AMPLE_BYTES, Ordering::Relaxed);
        let enough = keys >= KEYS.load(Ordering::Relaxed).min(now.max_keys / 2)
            && bytes >= BYTES.load(Ordering::Relaxed).min(now.max_bytes / 2);
        let in_vain = !enough && last.get().0.elapsed() > UNCHANGED;
        if in_vain {
            KEYS.fetch_min(keys / 2, Ordering::Relaxed);
            BYTES.fetch_min(bytes / 2, Ordering::Relaxed);
        }
        enough || in_vain
    });
}

/// Says that the caller's quota is used up, with its numbers.
pub(crate) fn used_up() -> String {
    let uid = nix::unistd::getuid();
    let numbers = quota().map_or_else(String::new, |quota| {
        let KeyUser { keys, max_keys, bytes, max_bytes } = quota;
        format!(": {keys} of {max_keys} keys, {bytes} of {max_bytes} bytes")
    });
    format!("the quota of keys of uid {uid} is used up (EDQUOT){numbers}")
}

/// The right to run a snippet: one of a number that all programs of this user share. It ends with
/// its holder, however that ends.
#[derive(Debug)]
pub struct Turn {
    /// A socket bound to a name without a file; none where names cannot be had.
    _name: Option<OwnedFd>,
}

impl Turn {
    /// A turn that was not asked for.
    pub fn none() -> Turn {
        Turn { _name: None }
    }

    /// Takes one of so many turns, if one is free.
    pub fn take(of: usize) -> Option<Turn> {
        let socket = socket::socket(
            AddressFamily::Unix,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None::<socket::SockProtocol>,
        );
        let Ok(socket) = socket else { return Some(Turn::none()) };
        let uid = nix::unistd::getuid();
        for nth in 0..of {
            let name = format!("keyrings-turn-{uid}-{nth}");
            let bound = UnixAddr::new_abstract(name.as_bytes())
                .and_then(|name| socket::bind(socket.as_raw_fd(), &name));
            match bound {
                Ok(()) => return Some(Turn { _name: Some(socket) }),
                Err(Errno::EADDRINUSE) => {}
                // Turns are a courtesy: where they cannot be had, everybody goes ahead.
                Err(_) => return Some(Turn::none()),
            }
        }
        None
    }
}
