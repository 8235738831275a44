//! One try of one event: what the transitions stand on.

use crate::fate::Fate;
use crate::laws::{Fact, Law, Laws};
use crate::world::{Content, Cred, CredId, Expiry, Id, Key, KeyId, NO_ID, NewKey, TaskId, World};
use trace::{Event, Outcome, Value};

/// Why a transition ends before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The call fails.
    Errno(&'static str),
    /// No kernel comes to this: another choice is to be tried.
    Never,
    /// The event is none: what was expected.
    NotUnderstood(String),
}

pub(crate) type Step<T = ()> = Result<T, Stop>;

/// What a call gives in the model.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    /// No result is told.
    Nothing,
    Int(i64),
    Key(KeyId),
    /// The links of a keyring.
    Keys(Vec<KeyId>),
    Text(String),
    /// A word of the trace, such as the name of a task.
    Word(String),
    List(Vec<Given>),
    /// What keyctl(1) prints: the name of a key and a new line.
    Line(KeyId),
    /// What the model cannot tell.
    Any,
}

pub(crate) type Gives = Step<Given>;

/// One try of one event.
pub(crate) struct Run<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) fate: &'a mut Fate,
    /// The law that does not hold.
    pub(crate) wrong: Option<Law>,
    /// The laws that were asked for.
    pub(crate) asked: &'a mut Laws,
    pub(crate) event: &'a Event,
    pub(crate) task: TaskId,
}

impl Run<'_> {
    /// Whether a law holds. In the model each does.
    pub(crate) fn law(&mut self, law: impl Into<Law>) -> bool {
        let law = law.into();
        self.asked.add(law);
        self.wrong != Some(law)
    }

    /// The failure with an error that a law gives.
    pub(crate) fn fail(&mut self, law: impl Into<Law>, errno: &'static str) -> Stop {
        let other = if errno == "EPERM" { "EACCES" } else { "EPERM" };
        Stop::Errno(if self.law(law) { errno } else { other })
    }

    /// Either of two ways.
    pub(crate) fn either(&mut self) -> bool {
        self.fate.choose(2) == 1
    }

    pub(crate) fn cred(&self) -> &Cred {
        self.world.cred(self.task)
    }

    pub(crate) fn cred_id(&self) -> CredId {
        self.world.tasks[self.task].cred
    }

    /// Gives a task other credentials: they never change themselves.
    pub(crate) fn commit(&mut self, task: TaskId, cred: Cred) {
        let cred = self.world.creds.add(cred);
        self.world.tasks.edit(task).cred = cred;
    }

    pub(crate) fn key(&self, key: KeyId) -> &Key {
        &self.world.keys[key]
    }

    // Arguments.

    pub(crate) fn expected<T>(&self, nth: usize, what: &str) -> Step<T> {
        Err(Stop::NotUnderstood(format!("{what} as argument {} of {}", nth + 1, self.event.call)))
    }

    pub(crate) fn arg(&self, nth: usize) -> Step<&Value> {
        match self.event.args.get(nth) {
            Some(value) => Ok(value),
            None => self.expected(nth, "a value"),
        }
    }

    pub(crate) fn int(&self, nth: usize) -> Step<i64> {
        match self.arg(nth)? {
            Value::Int(number) => Ok(*number),
            _ => self.expected(nth, "a number"),
        }
    }

    pub(crate) fn mask(&self, nth: usize) -> Step<u32> {
        match self.arg(nth)? {
            Value::Hex(mask) => Ok(*mask),
            _ => self.expected(nth, "a mask"),
        }
    }

    /// Text, or `NULL`.
    pub(crate) fn text(&self, nth: usize) -> Step<Option<&str>> {
        match self.arg(nth)? {
            Value::Text(text) => Ok(Some(text)),
            Value::Word(word) if word == "NULL" => Ok(None),
            _ => self.expected(nth, "text or NULL"),
        }
    }

    /// A user or group id: `UID`, `GID2`, or -1 for none.
    pub(crate) fn id(&self, nth: usize) -> Step<Id> {
        let id = match self.arg(nth)? {
            Value::Int(-1) => Some(NO_ID),
            Value::Word(word) => id(word),
            _ => None,
        };
        id.map_or_else(|| self.expected(nth, "an id, or -1"), Ok)
    }

    /// The name of a task that the event tells as its outcome.
    pub(crate) fn told(&self) -> Step<String> {
        match &self.event.outcome {
            Outcome::Returned(Value::Word(word)) => Ok(word.clone()),
            _ => Ok("?".to_owned()),
        }
    }

    // Keys.

    /// An id as the caller sees it.
    pub(crate) fn shown(&mut self, name: &str, id: Id, is_mapped: bool) -> String {
        if is_mapped || !self.law(Fact::NamespaceOverflow) {
            show_id(name, id)
        } else {
            show_id(name, NO_ID)
        }
    }

    pub(crate) fn shown_ids(&mut self, key: KeyId) -> (String, String) {
        let space = self.cred().space;
        let (uid, gid) = (self.key(key).uid, self.key(key).gid);
        let user = self.shown("UID", uid, self.world.has_user(space, uid));
        let group = self.shown("GID", gid, self.world.has_group(space, gid));
        (user, group)
    }

    /// Counts a key, or more or fewer bytes of one, for its user.
    pub(crate) fn charge(&mut self, payer: Id, keys: i64, bytes: i64) {
        let Some(nth) = self.world.left.iter().position(|(uid, _)| *uid == payer) else {
            return;
        };
        let (_, left) = self.world.left.edit(nth);
        left.keys = left.keys.map(|left| left - keys);
        left.bytes = left.bytes.map(|left| left - bytes);
    }

    /// Whether a user has room for so much more.
    pub(crate) fn has_room(&self, payer: Id, keys: i64, bytes: i64) -> bool {
        let left = self.world.left.iter().find(|(uid, _)| *uid == payer);
        left.is_none_or(|(_, left)| {
            left.keys.is_none_or(|left| keys == 0 || left >= keys)
                && left.bytes.is_none_or(|left| bytes <= 0 || left >= bytes)
        })
    }

    /// A new key, which counts for its user if it has one to pay.
    pub(crate) fn new_key(&mut self, new: NewKey) -> KeyId {
        let bytes = new.description.len() as i64 + 1;
        let bytes = bytes
            + match &new.content {
                Content::Payload(payload) => payload.len() as i64,
                Content::Links(_) | Content::Nothing => 0,
            };
        if let Some(payer) = new.payer {
            self.charge(payer, 1, bytes);
        }
        let space = self.cred().space;
        self.world.add_key(new.key(bytes, space))
    }

    /// Whether a key is held for sure.
    pub(crate) fn is_held(&self, key: KeyId) -> bool {
        self.world.held().contains(&key)
    }

    /// The collector has ended a key, and the keyrings that were the last to hold it.
    pub(crate) fn collect(&mut self, key: KeyId) {
        let held = self.world.held();
        let mut todo = vec![key];
        while let Some(key) = todo.pop() {
            if self.key(key).gone {
                continue;
            }
            self.world.end_key(key);
            if let Some(payer) = self.key(key).payer {
                let bytes = self.key(key).bytes;
                self.charge(payer, -1, -bytes);
            }
            for keyring in self.world.present() {
                if !self.key(keyring).links().contains(&key) {
                    continue;
                }
                if held.contains(&keyring) {
                    // An invalidated key: its link went first.
                    self.take_link(keyring, key);
                } else {
                    todo.push(keyring);
                }
            }
        }
    }

    /// Whether a key has expired. One that may have, has from then on.
    pub(crate) fn is_expired(&mut self, key: KeyId) -> bool {
        match self.key(key).expiry {
            Expiry::Passed => true,
            Expiry::In(seconds) if seconds < crate::LONGEST => {
                let passed = self.either();
                if passed {
                    self.world.keys.edit(key).expiry = Expiry::Passed;
                }
                passed
            }
            Expiry::In(_) | Expiry::Never => false,
        }
    }

    /// The error that an unsound key gives.
    pub(crate) fn unsound(&mut self, key: KeyId) -> Option<&'static str> {
        if self.key(key).invalidated && self.law(Fact::InvalidatedIsRefused) {
            return Some(if self.law(Fact::InvalidatedErrno) { "ENOKEY" } else { "EKEYREVOKED" });
        }
        if self.key(key).revoked {
            if self.law(Fact::RevokedIsRefused) {
                return Some(if self.law(Fact::RevokedErrno) { "EKEYREVOKED" } else { "ENOKEY" });
            }
            return None;
        }
        if self.is_expired(key) && self.law(Fact::ExpiredIsRefused) {
            return Some(if self.law(Fact::ExpiredErrno) { "EKEYEXPIRED" } else { "EKEYREVOKED" });
        }
        None
    }
}

/// `UID` is 0, `UID2` is 1, and so for groups.
fn id(word: &str) -> Option<Id> {
    let number = word.strip_prefix("UID").or_else(|| word.strip_prefix("GID"))?;
    match number {
        "" => Some(0),
        number => {
            number.parse::<Id>().ok().filter(|nth| (2..NO_ID).contains(nth)).map(|nth| nth - 1)
        }
    }
}

pub(crate) fn show_id(name: &str, id: Id) -> String {
    match id {
        0 => name.to_owned(),
        // No group, or one without a number in the namespace: the overflow id.
        NO_ID => "65534".to_owned(),
        nth => format!("{name}{}", nth + 1),
    }
}
