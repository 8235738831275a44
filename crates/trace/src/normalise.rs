//! Normalising: numbers that differ from run to run become names.

use crate::{Outcome, Trace, Value};

/// Who ran the program whose trace is normalised.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// The real user id: `UID` in the trace.
    pub uid: u32,
    /// The real group id: `GID` in the trace.
    pub gid: u32,
}

/// Stands for every id that has no counterpart in a user namespace; it is the same everywhere, so
/// it keeps its number.
const OVERFLOW_ID: u32 = 65534;

impl Trace {
    /// Replaces serial numbers by `K1`, `K2`, … and ids by `UID`, `UID2`, …, `GID`, `GID2`, …, each
    /// in the order in which it first appears. What is in a set and appears nowhere before it is
    /// named in the order of its number: a trace that is to be stable names such keys earlier.
    pub fn normalise(mut self, owner: Owner) -> Trace {
        let mut names = Names { keys: Vec::new(), uids: vec![owner.uid], gids: vec![owner.gid] };
        for event in &mut self.events {
            names.all(&mut event.args);
            if let Outcome::Returned(value) = &mut event.outcome {
                names.name(value);
            }
        }
        self
    }
}

struct Names {
    keys: Vec<i32>,
    uids: Vec<u32>,
    gids: Vec<u32>,
}

/// The place of a number among those seen so far, from 1.
fn place<N: PartialEq>(seen: &mut Vec<N>, number: N) -> usize {
    let known = seen.iter().position(|known| *known == number);
    known.unwrap_or_else(|| {
        seen.push(number);
        seen.len() - 1
    }) + 1
}

fn id_name(seen: &mut Vec<u32>, id: u32, name: &str) -> String {
    if id == OVERFLOW_ID && !seen.contains(&id) {
        return id.to_string();
    }
    match place(seen, id) {
        1 => name.to_owned(),
        nth => format!("{name}{nth}"),
    }
}

impl Names {
    fn all(&mut self, values: &mut [Value]) {
        values.iter_mut().for_each(|value| self.name(value));
    }

    fn name(&mut self, value: &mut Value) {
        let named = match value {
            Value::Serial(serial) => Value::Word(self.key(*serial)),
            Value::Uid(uid) => Value::Word(id_name(&mut self.uids, *uid, "UID")),
            Value::Gid(gid) => Value::Word(id_name(&mut self.gids, *gid, "GID")),
            Value::Described { kind, uid, gid, perm, description } => {
                let uid = id_name(&mut self.uids, *uid, "UID");
                let gid = id_name(&mut self.gids, *gid, "GID");
                Value::Text(format!("{kind};{uid};{gid};{perm:08x};{description}"))
            }
            Value::Printed(text) => Value::Text(self.printed(text)),
            Value::Set(values) => {
                self.sort(values);
                return self.all(values);
            }
            Value::List(values) => return self.all(values),
            Value::Int(_) | Value::Hex(_) | Value::Word(_) | Value::Text(_) => return,
        };
        *value = named;
    }

    fn key(&mut self, serial: i32) -> String {
        format!("K{}", place(&mut self.keys, serial))
    }

    /// A set stands in the order of its keys' names, as its own order says nothing.
    fn sort(&self, values: &mut [Value]) {
        values.sort_by_key(|value| match value {
            Value::Serial(serial) => match self.keys.iter().position(|known| known == serial) {
                Some(place) => (0, place as i64),
                None => (1, i64::from(*serial)),
            },
            _ => (2, 0),
        });
    }

    /// Serial numbers are drawn at random from 31 bits, so a number of five digits or more in
    /// what a program of keyutils prints is one, unless a letter touches it, as in a mask.
    fn printed(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, from) = rest.split_at(start);
            let len = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
            let (digits, after) = from.split_at(len);
            out.push_str(before);
            let touched =
                out.ends_with(char::is_alphabetic) || after.starts_with(char::is_alphabetic);
            match digits.parse::<i32>() {
                Ok(serial) if len >= 5 && !touched => out.push_str(&self.key(serial)),
                _ => out.push_str(digits),
            }
            rest = after;
        }
        out + rest
    }
}
