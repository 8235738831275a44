//! Room for the keys of snippets. All programs that run snippets as one user share a quota, and the keys of
//! those that have just ended are charged to it until the garbage collector has destroyed them.

use crate::api::quota::{KeyUser, quota_of};
use crate::tasks::until::until;
use nix::errno::Errno;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr};
use std::cell::Cell;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Keys to allow for each running rule, with those that wait for the garbage collector.
pub const KEYS_OF_A_RULE: usize = 24;

/// Keys and bytes that the user's quota must have left before a snippet begins; less once waiting did
/// not help. An ordinary user has 200 keys.
static KEYS: AtomicU32 = AtomicU32::new(100);
static BYTES: AtomicU32 = AtomicU32::new(8000);

/// With these left, hundreds of snippets at a time cannot use the quota up, so they need not look. Root
/// has a million keys.
const AMPLE_KEYS: u32 = 200_000;
const AMPLE_BYTES: u32 = 10_000_000;
static IS_AMPLE: AtomicBool = AtomicBool::new(false);

/// Once the quota has not changed for this long, its keys are in use, and waiting does not help.
const UNCHANGED: Duration = Duration::from_secs(5);

fn quota() -> Option<KeyUser> {
    quota_of(nix::unistd::getuid().as_raw()).ok()
}

/// How many more keys the caller's quota has room for, if that is known.
pub fn room_for_keys() -> Option<usize> {
    let quota = quota()?;
    // /proc/key-users does not mention a user without keys, who has the common limit.
    let common = std::fs::read_to_string("/proc/sys/kernel/keys/maxkeys").ok();
    let common = common.and_then(|text| text.trim().parse().ok()).unwrap_or(200);
    let most = if quota.max_keys == 0 { common } else { quota.max_keys };
    Some(most.saturating_sub(quota.keys) as usize)
}

/// Whether room was ample when this process, or the one it is a copy of, looked last.
pub(crate) fn is_ample() -> bool {
    IS_AMPLE.load(Ordering::Relaxed)
}

/// Waits until the user's quota has room, as long as it changes.
pub(crate) fn wait_for_room() {
    let last = Cell::new((Instant::now(), KeyUser::default()));
    let _ = until("room in the quota", || {
        // Unknown, or a user without keys.
        let Some(now) = quota().filter(|quota| quota.max_keys > 0) else { return true };
        if now != last.get().1 {
            last.set((Instant::now(), now));
        }
        let (keys, bytes) = now.left();
        IS_AMPLE.store(keys >= AMPLE_KEYS && bytes >= AMPLE_BYTES, Ordering::Relaxed);
        let enough = keys >= KEYS.load(Ordering::Relaxed).min(now.max_keys / 2)
            && bytes >= BYTES.load(Ordering::Relaxed).min(now.max_bytes / 2);
        let is_stuck = !enough && last.get().0.elapsed() > UNCHANGED;
        if is_stuck {
            KEYS.fetch_min(keys / 2, Ordering::Relaxed);
            BYTES.fetch_min(bytes / 2, Ordering::Relaxed);
        }
        enough || is_stuck
    });
}

/// A message that the caller's quota is used up, with its numbers.
pub(crate) fn used_up() -> String {
    let uid = nix::unistd::getuid();
    let numbers = quota().map_or_else(String::new, |quota| {
        let KeyUser { keys, max_keys, bytes, max_bytes, .. } = quota;
        format!(": {keys} of {max_keys} keys, {bytes} of {max_bytes} bytes")
    });
    format!("the key quota of uid {uid} is used up (EDQUOT){numbers}")
}

/// The right to run a snippet: one of a number of turns that all programs of this user share. A turn ends
/// with its holder, however that ends.
#[derive(Debug)]
pub struct Turn {
    /// A socket bound to an abstract name; `None` if such names cannot be bound.
    _name: Option<OwnedFd>,
}

impl Turn {
    /// The right to run a snippet regardless of others.
    pub fn none() -> Turn {
        Turn { _name: None }
    }

    /// Takes one of this number of turns, if one is free.
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
                // Turns are a courtesy: without them, all programs go ahead.
                Err(_) => return Some(Turn::none()),
            }
        }
        None
    }
}
