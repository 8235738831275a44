//! Normalizing: numbers that differ from run to run become names.

use crate::{Event, OVERFLOW_ID, Outcome, RawTrace, Trace, Value};

/// The user and group that ran a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The real user id: `UID` in the trace.
    pub uid: u32,
    /// The real group id: `GID` in the trace.
    pub gid: u32,
}

impl RawTrace {
    /// Replaces serial numbers by `K1`, `K2`, …, and ids by `UID`, `UID2`, …, `GID`, `GID2`, …, each
    /// in the order of first appearance.
    ///
    /// Keys that appear first in a set are named in the order of their numbers, which differs from
    /// run to run: a program whose trace must be stable shows such keys earlier. The overflow id
    /// keeps its number, as it is the same everywhere.
    pub fn normalize(mut self, owner: Owner) -> Trace {
        let mut names = Names { keys: vec![], uids: vec![owner.uid], gids: vec![owner.gid] };
        names.events(&mut self.events);
        Trace { events: self.events }
    }

    /// A guess at who ran the program, for traces from elsewhere: the first user and the first group
    /// in the trace, or root.
    pub fn first_owner(&self) -> Owner {
        let mut names = Names { keys: vec![], uids: vec![], gids: vec![] };
        names.events(&mut self.events.clone());
        let first = |ids: Vec<u32>| ids.first().copied().unwrap_or_default();
        Owner { uid: first(names.uids), gid: first(names.gids) }
    }
}

struct Names {
    keys: Vec<i32>,
    uids: Vec<u32>,
    gids: Vec<u32>,
}

/// The position of a number among those seen so far, from 1.
fn position<N: PartialEq>(seen: &mut Vec<N>, number: N) -> usize {
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
    match position(seen, id) {
        1 => name.to_owned(),
        nth => format!("{name}{nth}"),
    }
}

/// An id by its name; the overflow id stays a number.
fn id_value(seen: &mut Vec<u32>, id: u32, name: &str) -> Value {
    let name = id_name(seen, id, name);
    name.parse().map_or_else(|_| Value::Word(name), Value::Int)
}

impl Names {
    fn events(&mut self, events: &mut [Event]) {
        for event in events {
            self.all(&mut event.args);
            if let Outcome::Returned(value) = &mut event.outcome {
                self.name(value);
            }
        }
    }

    fn all(&mut self, values: &mut [Value]) {
        values.iter_mut().for_each(|value| self.name(value));
    }

    fn name(&mut self, value: &mut Value) {
        let named = match value {
            Value::Serial(serial) => Value::Word(self.key(*serial)),
            Value::Uid(uid) => id_value(&mut self.uids, *uid, "UID"),
            Value::Gid(gid) => id_value(&mut self.gids, *gid, "GID"),
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
        format!("K{}", position(&mut self.keys, serial))
    }

    /// Puts a set in the order of its keys' names, as its own order means nothing.
    fn sort(&self, values: &mut [Value]) {
        values.sort_by_key(|value| match value {
            Value::Serial(serial) => match self.keys.iter().position(|known| known == serial) {
                Some(position) => (0, position as i64),
                None => (1, i64::from(*serial)),
            },
            _ => (2, 0),
        });
    }

    /// Names the serial numbers in the output of a program. The kernel draws them at random from 31
    /// bits, so any number of five or more digits is taken for one, unless a letter touches it, as in
    /// a mask.
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
