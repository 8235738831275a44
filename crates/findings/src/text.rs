//! Sentences about keys and tasks that are written out at the end, when everything about them is known.

use crate::state::{KeyIx, NameIx, Proc, ProcIx, State, TaskIx};
use strace::{Place, Secrets, shown};

/// What a sentence mentions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Key(KeyIx),
    /// A key, with the article that a keyring's role requires.
    The(KeyIx),
    Task(TaskIx),
    Proc(ProcIx),
    Name(NameIx),
    At(Place),
    /// A place with words before it.
    AtAs(&'static str, Place),
    /// A task with words before it.
    TaskAs(&'static str, TaskIx),
    Number(i64),
    Word(String),
}

/// A sentence: `{}` stands for the next part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Text {
    template: &'static str,
    parts: Vec<Part>,
}

/// A sentence with what it mentions.
pub(crate) fn say(template: &'static str, parts: impl Into<Vec<Part>>) -> Text {
    let parts = parts.into();
    debug_assert_eq!(template.matches("{}").count(), parts.len(), "{template}");
    Text { template, parts }
}

/// Writes sentences.
pub(crate) struct Writer<'a> {
    pub state: &'a State,
    pub secrets: &'a Secrets,
    /// A place as the reader of the output finds it.
    pub place: &'a dyn Fn(Place) -> String,
    /// The same within a sentence.
    pub within: &'a dyn Fn(Place) -> String,
}

impl Writer<'_> {
    pub fn write(&self, text: &Text) -> String {
        let mut output = String::new();
        let mut pieces = text.template.split("{}");
        output += pieces.next().unwrap_or_default();
        for (piece, part) in pieces.zip(&text.parts) {
            let part = self.part(part);
            let begins = output.is_empty() || output.ends_with(". ");
            output += &if begins { capitalized(&part) } else { part };
            output += piece;
        }
        capitalized(&output)
    }

    fn part(&self, part: &Part) -> String {
        match part {
            Part::Key(key) => self.key(*key),
            Part::The(key) if self.state.key(*key).class.is_special() => {
                format!("the {}", self.key(*key))
            }
            Part::The(key) => self.key(*key),
            Part::Task(task) => self.task(*task),
            Part::Proc(proc) => self.proc(*proc),
            Part::Name(name) => self.name(*name),
            Part::At(place) => (self.within)(*place),
            Part::AtAs(words, place) => format!("{words}{}", (self.within)(*place)),
            Part::TaskAs(words, task) => format!("{words}{}", self.task(*task)),
            Part::Number(number) => number.to_string(),
            Part::Word(word) => word.clone(),
        }
    }

    /// A key: `key user "name" (123)`, `process keyring (123)`.
    pub fn key(&self, ix: KeyIx) -> String {
        use crate::state::Class;
        let key = self.state.key(ix);
        let serial = key.serial.map(|serial| format!(" {serial}")).unwrap_or_default();
        match (key.class, key.name) {
            (Class::Thread, _) => format!("thread keyring (@t){serial}"),
            (Class::Process, _) => format!("process keyring (@p){serial}"),
            (Class::Session, _) => format!("session keyring (@s){serial}"),
            (Class::User, _) => format!("user keyring (@u){serial}"),
            (Class::UserSession, _) => format!("user session keyring (@us){serial}"),
            (Class::Key | Class::Unknown, Some((kind, description))) => {
                let noun = if self.state.name(kind).0 == b"keyring" { "keyring" } else { "key" };
                format!("{noun} {}{serial}", self.name(description))
            }
            (Class::Key | Class::Unknown, None) => format!("key{serial}"),
        }
    }

    pub fn task(&self, ix: TaskIx) -> String {
        let task = self.state.task(ix);
        let proc = self.state.proc(task.proc);
        if task.pid == proc.pid && proc.threads == 1 {
            return self.proc(task.proc);
        }
        let pid = self.pid(task.pid);
        let what = if task.pid == proc.pid { "main thread" } else { "thread" };
        match self.programs(proc) {
            Some(programs) => format!("{what} {pid} of {programs}"),
            None => format!("{what} {pid}"),
        }
    }

    pub fn proc(&self, ix: ProcIx) -> String {
        let proc = self.state.proc(ix);
        let pid = self.pid(proc.pid);
        match self.programs(proc) {
            Some(programs) => format!("process {pid} ({programs})"),
            None => format!("process {pid}"),
        }
    }

    /// The program that a process executes, after the last one that called the key service.
    fn programs(&self, proc: &Proc) -> Option<String> {
        let program = self.program(proc.program?);
        let former = proc.former.map(|former| self.program(former));
        Some(match former {
            Some(former) if former != program => format!("{former}, then {program}"),
            _ => program,
        })
    }

    fn pid(&self, pid: u32) -> String {
        match (pid, self.state.first_pid) {
            (strace::UNNAMED, Some(pid)) => pid.to_string(),
            (strace::UNNAMED, None) => "without a number".to_owned(),
            _ => pid.to_string(),
        }
    }

    /// The last component of a path, without quotes.
    fn program(&self, name: NameIx) -> String {
        let (bytes, cut) = self.state.name(name);
        let base = bytes.rsplit(|byte| *byte == b'/').next().unwrap_or(bytes);
        self.masked(base) + if *cut { "…" } else { "" }
    }

    pub fn name(&self, name: NameIx) -> String {
        let (bytes, cut) = self.state.name(name);
        format!("\"{}\"{}", self.masked(bytes), if *cut { "…" } else { "" })
    }

    /// Bytes from the log with what a payload contains masked, and nothing that moves a cursor.
    fn masked(&self, bytes: &[u8]) -> String {
        let bytes = without_secrets(bytes, self.secrets);
        let mut text = shown(&bytes);
        if text.chars().count() > LONGEST {
            text = text.chars().take(LONGEST).chain(['…']).collect();
        }
        text
    }
}

/// Bytes with each part of a secret masked.
pub(crate) fn without_secrets(bytes: &[u8], secrets: &Secrets) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(covered) = secrets.covered(&bytes) {
        let covered = covered.into_iter();
        bytes.iter_mut().zip(covered).filter(|(_, is)| *is).for_each(|(byte, _)| *byte = b'*');
    }
    bytes
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().collect::<String>() + chars.as_str(),
        None => String::new(),
    }
}

/// The number of characters of a name that are shown.
const LONGEST: usize = 80;
