//! The secrets of a log, and the search for parts of them.

use std::collections::HashSet;

use super::table::{Kind, Position};
use super::walk::strings;
use crate::event::Call;
use crate::string::units;

/// How many successive bytes of a secret give it away.
pub const WINDOW: usize = 4;

/// All sequences of [`WINDOW`] bytes that occur in a secret.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    windows: HashSet<[u8; WINDOW]>,
}

impl Secrets {
    /// Adds a secret.
    pub fn add(&mut self, secret: &[u8]) {
        let windows = secret.windows(WINDOW);
        self.windows
            .extend(windows.map(|window| <[u8; WINDOW]>::try_from(window).expect("4 bytes")));
    }

    /// Adds what a call shows of secrets, as [`crate::redact()`] does. The strings of one argument are one secret in pieces.
    pub fn add_call(&mut self, call: &Call<'_>) {
        if !matches!(call.name, b"add_key" | b"request_key" | b"keyctl") {
            return;
        }
        let mut position = Position::start(call.name);
        for arg in call.args() {
            if position.kind(b"") == Kind::Secret {
                let mut secret = Vec::new();
                for (start, end) in strings(arg.text).unwrap_or_default() {
                    let from = secret.len();
                    secret.extend(units(&arg.text[start..end]).map(|(byte, _)| byte));
                    self.add(&secret[from..]);
                }
                self.add(&secret);
            }
            position.ends(arg.text);
            position.next_argument();
        }
    }

    /// Which of the bytes belong to a part of a secret, written as such or in hexadecimal digits. `None` if none does.
    pub fn covered(&self, bytes: &[u8]) -> Option<Vec<bool>> {
        if self.windows.is_empty() || bytes.len() < WINDOW {
            return None;
        }
        let mut covered: Option<Vec<bool>> = None;
        let mut cover = |start: usize, length: usize| {
            covered.get_or_insert_with(|| vec![false; bytes.len()])[start..start + length]
                .fill(true);
        };
        for (start, window) in bytes.windows(WINDOW).enumerate() {
            if self.windows.contains(window) {
                cover(start, WINDOW);
            }
        }
        for (start, window) in bytes.windows(2 * WINDOW).enumerate() {
            if hex(window).is_some_and(|window| self.windows.contains(&window)) {
                cover(start, 2 * WINDOW);
            }
        }
        covered
    }
}

fn hex(text: &[u8]) -> Option<[u8; WINDOW]> {
    let mut bytes = [0; WINDOW];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |nth: usize| char::from(pair[nth]).to_digit(16);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(bytes)
}
