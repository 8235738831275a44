//! Notifications about keys: a pipe that reports what becomes of the keys that it watches.

use super::hold::{Descriptor, keep_both};
use super::key::KeySerial;
use crate::sys::handles;
use crate::tasks::fail::Checked;
use crate::tasks::record::{Recorded, call, event, outcome, record};
use crate::tasks::until::until;
use nix::errno::Errno;
use std::io::Read;
use trace::Value;

type Result<T> = std::result::Result<T, Errno>;

/// What became of a watched key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEvent {
    /// It was instantiated.
    Instantiated,
    /// It has another payload.
    Updated,
    /// It has a link to this key.
    Linked(KeySerial),
    /// It no longer has a link to this key.
    Unlinked(KeySerial),
    /// All its links were removed at once.
    Cleared,
    /// It was revoked.
    Revoked,
    /// It was invalidated.
    Invalidated,
    /// Its mask, owner, timeout or restriction was set.
    Changed,
    /// It was destroyed, or the watch was removed.
    Removed,
    /// There was no room for notifications.
    Lost,
}

/// A notification: the key, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification(pub KeySerial, pub KeyEvent);

impl Recorded for Vec<Notification> {
    fn value(&self) -> Value {
        Value::List(self.iter().map(Notification::value).collect())
    }
}

impl Notification {
    fn value(&self) -> Value {
        let Notification(key, event) = *self;
        let (word, other) = match event {
            KeyEvent::Instantiated => ("instantiated", None),
            KeyEvent::Updated => ("updated", None),
            KeyEvent::Linked(other) => ("linked", Some(other)),
            KeyEvent::Unlinked(other) => ("unlinked", Some(other)),
            KeyEvent::Cleared => ("cleared", None),
            KeyEvent::Revoked => ("revoked", None),
            KeyEvent::Invalidated => ("invalidated", None),
            KeyEvent::Changed => ("changed", None),
            KeyEvent::Removed => ("removed", None),
            KeyEvent::Lost => ("lost", None),
        };
        let words = [Some(key.into()), Some(Value::word(word)), other.map(Value::from)];
        Value::List(words.into_iter().flatten().collect())
    }

    /// From the words of the kernel's record: its kind, and two numbers about the key.
    fn read(kind: (u32, u32), key: u32, other: u32) -> Notification {
        let other = KeySerial(other.cast_signed());
        let event = match kind {
            // A notice about the pipe itself.
            (0, 0) => KeyEvent::Removed,
            (1, 0) => KeyEvent::Instantiated,
            (1, 1) => KeyEvent::Updated,
            (1, 2) => KeyEvent::Linked(other),
            (1, 3) => KeyEvent::Unlinked(other),
            (1, 4) => KeyEvent::Cleared,
            (1, 5) => KeyEvent::Revoked,
            (1, 6) => KeyEvent::Invalidated,
            (1, 7) => KeyEvent::Changed,
            _ => KeyEvent::Lost,
        };
        Notification(KeySerial(key.cast_signed()), event)
    }
}

/// Creates a pipe for notifications, with room for 32: the end that is read, then the other one.
///
/// # Errors
///
/// `ENOPKG`, or `EINVAL` from older kernels (a kernel without `CONFIG_WATCH_QUEUE`).
///
/// # References
///
/// pipe2(2), `O_NOTIFICATION_PIPE`; `watch_queue_init`, `watch_queue_set_size`
pub fn notification_pipe() -> Result<(Descriptor, Descriptor)> {
    let result = handles::notification_pipe(32).map(keep_both);
    call("notification_pipe", Vec::new, &result);
    result
}

/// Returns the notifications that wait in a pipe, oldest first; none if there are none.
///
/// # Errors
///
/// Those of read(2).
///
/// # References
///
/// `post_one_notification`, `pipe_read`
#[track_caller]
pub fn notifications(pipe: &Descriptor) -> Result<Vec<Notification>> {
    let result = waiting(pipe);
    call("notifications", || vec![pipe.value()], &result);
    result
}

/// Waits until there are notifications, and returns them: the kernel reports the end of a key in its own time.
///
/// # Errors
///
/// Fails after a minute.
#[track_caller]
pub fn wait_for_notifications(pipe: &Descriptor) -> Checked<Vec<Notification>> {
    let mut found = Ok(Vec::new());
    until("a notification", || {
        found = waiting(pipe);
        found != Ok(Vec::new())
    })?;
    record(|| event("notifications", vec![pipe.value()], outcome(&found)));
    Ok(found?)
}

#[track_caller]
fn waiting(pipe: &Descriptor) -> Result<Vec<Notification>> {
    let mut buffer = [0; 4096];
    let length = match pipe.file()?.read(&mut buffer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
        result => result.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?,
    };
    let mut left = &buffer[..length];
    let mut found = Vec::new();
    while let Some((header, _)) = left.split_first_chunk::<8>() {
        let word = |nth: usize| {
            let bytes = left.get(4 * nth..).and_then(|rest| rest.first_chunk::<4>());
            bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
        };
        // The kernel's structure has bit fields of 24 and 8 bits, so their places depend on the byte order.
        let kind = match word(0) {
            first if cfg!(target_endian = "little") => (first & 0xff_ffff, first >> 24),
            first => (first >> 8, first & 0xff),
        };
        let long = (word(1) & 0x7f) as usize;
        // Of a key that was destroyed, the number is one of 64 bits.
        let key = if kind == (0, 0) && cfg!(target_endian = "big") { word(3) } else { word(2) };
        found.push(Notification::read(kind, key, word(3)));
        left = left.get(long.max(header.len())..).unwrap_or_default();
    }
    Ok(found)
}
