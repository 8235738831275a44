//! One path through one event: what all transitions use.

use crate::choices::Choices;
use crate::laws::{Fact, Law, Laws};
use crate::world::{
    Config, Cred, CredId, Expiry, GroupId, Id, Key, KeyId, NO_ID, TaskId, UNMAPPED_ID, World,
};
use trace::Errno::{self, *};
use trace::{Event, OVERFLOW_ID, Outcome, Value};

/// Why a transition stops.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The call fails.
    Errno(Errno),
    /// The call ends as the event shows it, whatever that is.
    AsShown,
    /// No kernel gets here: another path has to explain the event.
    Never,
    /// The event means nothing to the model: what was expected.
    NotUnderstood(String),
    /// The model does not know what the call does: what it knows.
    Unknown(String),
}

pub(crate) type Attempt<T = ()> = Result<T, Stop>;

/// What a call returns in the model.
#[derive(Clone, Debug)]
pub(crate) enum Predicted {
    /// The trace shows no result.
    Nothing,
    Int(i64),
    Key(KeyId),
    /// The links of a keyring.
    Keys(Vec<KeyId>),
    Text(String),
    /// A word of the trace, such as the name of a task.
    Word(String),
    List(Vec<Predicted>),
    /// The output of keyctl(1): the name of a key and a newline.
    Line(KeyId),
    /// Unknown to the model.
    Any,
}

/// Most calls return 0.
impl From<()> for Predicted {
    fn from((): ()) -> Predicted {
        Predicted::Int(0)
    }
}

impl From<KeyId> for Predicted {
    fn from(key: KeyId) -> Predicted {
        Predicted::Key(key)
    }
}

impl Predicted {
    pub(crate) fn word(word: &str) -> Predicted {
        Predicted::Word(word.to_owned())
    }
}

pub(crate) type Prediction = Attempt<Predicted>;

/// One path through one event.
pub(crate) struct Run<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) choices: &'a mut Choices,
    /// The law that does not hold, in a wrong model.
    pub(crate) wrong: Option<Law>,
    /// The laws that were consulted.
    pub(crate) asked: &'a mut Laws,
    pub(crate) event: &'a Event,
    pub(crate) task: TaskId,
}

impl<'a> Run<'a> {
    /// Whether a law holds; in the model every law does.
    pub(crate) fn law(&mut self, law: impl Into<Law>) -> bool {
        let law = law.into();
        self.asked.add(law);
        self.wrong != Some(law)
    }

    /// A failure with the error that a law requires.
    pub(crate) fn fail(&mut self, law: impl Into<Law>, errno: Errno) -> Stop {
        let other = if errno == EPERM { EACCES } else { EPERM };
        Stop::Errno(if self.law(law) { errno } else { other })
    }

    /// Refuses a call by a law.
    pub(crate) fn refuse_if(&mut self, is: bool, law: Fact, errno: Errno) -> Attempt {
        if is && self.law(law) { Err(Stop::Errno(errno)) } else { Ok(()) }
    }

    /// Fails as a kernel does without the law that something else is checked first.
    pub(crate) fn fail_first_if(&mut self, is: bool, law: Fact, errno: Errno) -> Attempt {
        if is && !self.law(law) { Err(Stop::Errno(errno)) } else { Ok(()) }
    }

    /// Fails with the error that a law requires.
    pub(crate) fn fail_if(&mut self, is: bool, law: Fact, errno: Errno) -> Attempt {
        if is { Err(self.fail(law, errno)) } else { Ok(()) }
    }

    /// Either of two choices.
    pub(crate) fn either(&mut self) -> bool {
        self.choices.choose(2) == 1
    }

    /// Whether the kernel is configured with something. A trace may show it; from then on the answer is the same.
    pub(crate) fn is_configured(&mut self, option: fn(&mut Config) -> &mut Option<bool>) -> bool {
        let known = *option(&mut self.world.config);
        let is = known.unwrap_or_else(|| self.either());
        *option(&mut self.world.config) = Some(is);
        is
    }

    pub(crate) fn cred(&self) -> &Cred {
        self.world.cred(self.task)
    }

    /// The process of the caller.
    pub(crate) fn group(&self) -> GroupId {
        self.world.tasks[self.task].group
    }

    /// Whether the caller is the main thread of its process.
    pub(crate) fn is_main_thread(&self) -> bool {
        self.world.groups[self.group()].leader == self.task
    }

    pub(crate) fn cred_id(&self) -> CredId {
        self.world.tasks[self.task].cred
    }

    /// Gives a task new credentials, as a set of credentials never changes.
    pub(crate) fn commit(&mut self, task: TaskId, cred: Cred) {
        let cred = self.world.creds.add(cred);
        self.world.tasks.edit(task).cred = cred;
    }

    pub(crate) fn key(&self, key: KeyId) -> &Key {
        &self.world.keys[key]
    }

    // Arguments.

    pub(crate) fn expected<T>(&self, nth: usize, what: &str) -> Attempt<T> {
        Err(Stop::NotUnderstood(format!("{what} as argument {} of {}", nth + 1, self.event.call)))
    }

    pub(crate) fn arg(&self, nth: usize) -> Attempt<&'a Value> {
        match self.event.args.get(nth) {
            Some(value) => Ok(value),
            None => self.expected(nth, "a value"),
        }
    }

    pub(crate) fn int(&self, nth: usize) -> Attempt<i64> {
        match self.arg(nth)? {
            Value::Int(number) => Ok(*number),
            _ => self.expected(nth, "a number"),
        }
    }

    pub(crate) fn mask(&self, nth: usize) -> Attempt<u32> {
        match self.arg(nth)? {
            // The kernel's parameter has 32 bits.
            Value::Hex(mask) => Ok(*mask as u32),
            _ => self.expected(nth, "a mask"),
        }
    }

    /// Text, or `NULL`.
    pub(crate) fn text(&self, nth: usize) -> Attempt<Option<&'a str>> {
        match self.arg(nth)? {
            Value::Text(text) => Ok(Some(text)),
            Value::Word(word) if word == "NULL" => Ok(None),
            _ => self.expected(nth, "text or NULL"),
        }
    }

    /// A user or group id: `UID`, `GID2`, or -1 for none.
    pub(crate) fn id(&self, nth: usize) -> Attempt<Id> {
        let id = match self.arg(nth)? {
            Value::Int(-1) => Some(NO_ID),
            Value::Int(number) if *number == i64::from(OVERFLOW_ID) => Some(UNMAPPED_ID),
            Value::Word(word) => id(word),
            _ => None,
        };
        id.map_or_else(|| self.expected(nth, "an id, or -1"), Ok)
    }

    /// The name of a task, as the outcome shows it.
    pub(crate) fn new_name(&self) -> &'a str {
        match &self.event.outcome {
            Outcome::Returned(Value::Word(word)) => word,
            _ => "?",
        }
    }

    // Keys.

    /// An id as it is shown to the caller.
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

    /// Charges keys and bytes to a user's quota; negative numbers are given back.
    pub(crate) fn charge(&mut self, payer: Id, keys: i64, bytes: i64) {
        let Some(nth) = self.world.left.position(|(uid, _)| *uid == payer) else {
            return;
        };
        let (_, left) = self.world.left.edit(nth);
        left.keys = left.keys.map(|left| left - keys);
        left.bytes = left.bytes.map(|left| left - bytes);
    }

    /// Whether a user's quota has room for more keys and bytes. A quota of which the trace has shown
    /// nothing is used up if the event says so.
    pub(crate) fn has_room(&self, payer: Id, keys: i64, bytes: i64) -> bool {
        match self.world.left.iter().find(|(uid, _)| *uid == payer) {
            Some((_, left)) => {
                left.keys.is_none_or(|left| keys == 0 || left >= keys)
                    && left.bytes.is_none_or(|left| bytes <= 0 || left >= bytes)
            }
            None => (keys == 0 && bytes <= 0) || self.event.outcome != Outcome::Failed(EDQUOT),
        }
    }

    /// Creates a key, charged to its payer.
    pub(crate) fn new_key(&mut self, mut key: Key) -> KeyId {
        key.bytes = key.description.len() as i64 + 1 + key.content.len();
        key.space = self.cred().space;
        if let Some(payer) = key.payer {
            self.charge(payer, 1, key.bytes);
        }
        self.world.add_key(key)
    }

    /// Whether a key certainly has a reference.
    pub(crate) fn is_held(&self, key: KeyId) -> bool {
        self.world.held().contains(&key)
    }

    /// The garbage collector destroys a key, and the keyrings that had the last references to it.
    pub(crate) fn collect(&mut self, key: KeyId) {
        let held = self.world.held();
        let mut todo = vec![key];
        while let Some(key) = todo.pop() {
            if self.key(key).gone {
                continue;
            }
            self.world.end_key(key);
            self.report(key, Fact::ReportsEnd, "removed", None);
            if let Some(payer) = self.key(key).payer {
                let bytes = self.key(key).bytes;
                self.charge(payer, -1, -bytes);
            }
            for keyring in self.world.present() {
                if !self.key(keyring).links().contains(&key) {
                    continue;
                }
                if held.contains(&keyring) {
                    // An invalidated key loses its link first.
                    self.take_link(keyring, key);
                } else {
                    todo.push(keyring);
                }
            }
        }
    }

    /// Whether a key has expired, and then for good.
    pub(crate) fn is_expired(&mut self, key: KeyId) -> bool {
        match self.key(key).expiry {
            Expiry::Passed => true,
            Expiry::In(seconds) if seconds < crate::LONGEST || self.is_unknown() => {
                let passed = self.either();
                if passed {
                    self.world.keys.edit(key).expiry = Expiry::Passed;
                }
                passed
            }
            Expiry::In(_) | Expiry::Never => false,
        }
    }

    /// The error that a key fails with if it is revoked, expired or invalidated.
    pub(crate) fn invalid(&mut self, key: KeyId) -> Option<Errno> {
        if self.key(key).invalidated && self.law(Fact::InvalidatedIsRefused) {
            return Some(if self.law(Fact::InvalidatedErrno) { ENOKEY } else { EKEYREVOKED });
        }
        if self.key(key).revoked {
            if self.law(Fact::RevokedIsRefused) {
                return Some(if self.law(Fact::RevokedErrno) { EKEYREVOKED } else { ENOKEY });
            }
            return None;
        }
        if self.is_expired(key) && self.law(Fact::ExpiredIsRefused) {
            return Some(if self.law(Fact::ExpiredErrno) { EKEYEXPIRED } else { EKEYREVOKED });
        }
        None
    }
}

/// `UID` is 0, `UID2` is 1, and so for groups.
fn id(word: &str) -> Option<Id> {
    let number = word.strip_prefix("UID").or_else(|| word.strip_prefix("GID"))?;
    match number {
        "" => Some(0),
        number => number
            .parse::<Id>()
            .ok()
            .filter(|nth| (2..UNMAPPED_ID).contains(nth))
            .map(|nth| nth - 1),
    }
}

pub(crate) fn show_id(name: &str, id: Id) -> String {
    match id {
        0 => name.to_owned(),
        // No group, or an id that the namespace does not map.
        NO_ID => OVERFLOW_ID.to_string(),
        nth => format!("{name}{}", nth + 1),
    }
}
