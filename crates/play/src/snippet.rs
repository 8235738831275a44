//! A trace as a program for the book, which runs it on a kernel.

use crate::judge::read;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::slice;
use trace::{Event, Outcome, Value};

/// A program.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Snippet {
    /// As a page of the book has it below a rule.
    pub code: String,
    /// The calls that have to be written by hand.
    pub by_hand: Vec<String>,
}

/// How a call is written: its name in the crate `keyrings`, its arguments, and what it returns.
type Form = (&'static str, &'static str, &'static [Arg], Returns);

#[derive(Clone, Copy)]
enum Arg {
    Key,
    /// 0 or 1.
    Create,
    Text,
    /// Text, or none.
    Maybe,
    Mask,
    Number,
    /// 0, or the name of a constant.
    Word,
}

#[derive(Clone, Copy, PartialEq)]
enum Returns {
    /// A key.
    Key,
    /// Something with an errno otherwise.
    Other,
}

#[rustfmt::skip]
const FORMS: &[Form] = {
    use Arg::{Create, Key, Mask, Maybe, Number, Text, Word};
    use Returns::Other;
    const KEY: Returns = Returns::Key;
    &[
        ("keyctl_get_keyring_ID", "keyctl_get_keyring_ID", &[Key, Create], KEY),
        ("add_key", "add_key", &[Text, Text, Text, Key], KEY),
        ("request_key", "request_key", &[Text, Text, Maybe, Key], KEY),
        ("keyctl_search", "keyctl_search", &[Key, Text, Text, Key], KEY),
        ("keyctl_join_session_keyring", "keyctl_join_session_keyring", &[Maybe], KEY),
        ("keyctl_read", "keyctl_read_alloc", &[Key], Other),
        ("keyctl_describe", "keyctl_describe_alloc", &[Key], Other),
        ("keyctl_get_security", "keyctl_get_security_alloc", &[Key], Other),
        ("keyctl_update", "keyctl_update", &[Key, Text], Other),
        ("keyctl_revoke", "keyctl_revoke", &[Key], Other),
        ("keyctl_invalidate", "keyctl_invalidate", &[Key], Other),
        ("keyctl_clear", "keyctl_clear", &[Key], Other),
        ("keyctl_link", "keyctl_link", &[Key, Key], Other),
        ("keyctl_unlink", "keyctl_unlink", &[Key, Key], Other),
        ("keyctl_move", "keyctl_move", &[Key, Key, Key, Word], Other),
        ("keyctl_setperm", "keyctl_setperm", &[Key, Mask], Other),
        ("keyctl_set_timeout", "keyctl_set_timeout", &[Key, Number], Other),
        ("keyctl_set_reqkey_keyring", "keyctl_set_reqkey_keyring", &[Word], Other),
        ("keyctl_session_to_parent", "keyctl_session_to_parent", &[], Other),
    ]
};

const SPECIAL: [(&str, &str); 8] = [
    ("@t", "KEY_SPEC_THREAD_KEYRING"),
    ("@p", "KEY_SPEC_PROCESS_KEYRING"),
    ("@s", "KEY_SPEC_SESSION_KEYRING"),
    ("@u", "KEY_SPEC_USER_KEYRING"),
    ("@us", "KEY_SPEC_USER_SESSION_KEYRING"),
    ("@g", "KEY_SPEC_GROUP_KEYRING"),
    ("@a", "KEY_SPEC_REQKEY_AUTH_KEY"),
    ("@r", "KEY_SPEC_REQUESTOR_KEYRING"),
];

/// The program that makes the calls of a trace and expects its answers, below the rule `id`. A text that is no trace is an
/// empty one.
pub fn snippet(text: &str, id: &str) -> Snippet {
    let trace = read(text).map(|(trace, _)| trace).unwrap_or_default();
    let events = trace.events();
    let mut writer = Writer::default();
    let mut lines = String::new();
    let mut nth = 0;
    while let Some(event) = events.get(nth) {
        let next = events.get(nth + 1);
        let (line, used) = match writer.line(event, next) {
            Some(written) => written,
            None => {
                writer.by_hand.push(event.request());
                (format!("// By hand: {event}"), 1)
            }
        };
        let _ = writeln!(lines, "{line}");
        nth += used;
    }
    let code = format!(
        "```rust\n# use keyrings::*;\n# fn main() -> Observed {{ observe({id:?}, || {{\n{lines}Ok(())\n# }}) }}\n```\n"
    );
    Snippet { code, by_hand: writer.by_hand }
}

#[derive(Default)]
struct Writer {
    /// The keys that a variable has.
    keys: BTreeSet<String>,
    /// The creator of each task.
    creators: BTreeMap<String, String>,
    /// The process of each thread: its main thread.
    processes: BTreeMap<String, String>,
    /// The number of files opened, and those that are open, each with its process.
    opened: usize,
    files: Vec<(String, usize)>,
    by_hand: Vec<String>,
}

impl Writer {
    /// The line for an event, and the number of events that it makes.
    fn line(&mut self, event: &Event, next: Option<&Event>) -> Option<(String, usize)> {
        let call = event.call.as_str();
        let one = |line: Option<String>| Some((line?, 1));
        match call {
            "fork" | "posix_spawn" | "pthread_create" if event.args.is_empty() => {
                one(self.creation(event))
            }
            "exit" => self.exit(event, next),
            "pthread_exit" => one(Some(format!("{}.pthread_exit()?;", variable(&event.task)))),
            "waitpid" => {
                let Some(Value::Word(child)) = event.args.first() else { return None };
                let child = variable(child);
                one(Some(self.by(&event.task, &format!("{child}.reap()"), slice::from_ref(&child))))
            }
            "execve" if event.outcome == Outcome::Returned(Value::Int(0)) => {
                one(Some(self.by(&event.task, "execve(SELF)", &[])))
            }
            "open" => {
                self.opened += 1;
                self.files.push((self.process(&event.task), self.opened));
                let line = self.by(&event.task, "open(\"/dev/null\")", &[]);
                one(Some(format!("let file{} = {line}", self.opened)))
            }
            "close" => {
                let process = self.process(&event.task);
                let nth = self.files.iter().rposition(|(of, _)| *of == process)?;
                let file = format!("file{}", self.files.remove(nth).1);
                one(Some(self.by(&event.task, &format!("close({file})"), &[file])))
            }
            "wait_for_the_collector" => one(Some("wait_for_the_collector()?;".to_owned())),
            "wait_until" => {
                let (key, names) = self.args(&[Arg::Key], &event.args)?;
                let until = match event.outcome.errno_name()?.to_string().as_str() {
                    "ENOKEY" => "wait_until_gone",
                    "EKEYEXPIRED" => "wait_until_expired",
                    _ => return None,
                };
                one(Some(self.by(&event.task, &format!("{until}({key})"), &names)))
            }
            _ => one(self.operation(event)),
        }
    }

    fn process(&self, task: &str) -> String {
        self.processes.get(task).map_or(task, String::as_str).to_owned()
    }

    fn creation(&mut self, event: &Event) -> Option<String> {
        let Outcome::Returned(Value::Word(name)) = &event.outcome else { return None };
        self.creators.insert(name.clone(), event.task.clone());
        if event.call == "pthread_create" {
            self.processes.insert(name.clone(), self.process(&event.task));
        }
        let call = self.by(&event.task, &format!("{}({name:?})", event.call), &[]);
        Some(format!("let {} = {call}", variable(name)))
    }

    /// The end of a process, which its creator waits for in the next event, or not.
    fn exit(&mut self, event: &Event, next: Option<&Event>) -> Option<(String, usize)> {
        let creator = self.creators.get(&event.task)?;
        let child = variable(&event.task);
        let reaps = |next: &&Event| {
            next.call == "waitpid"
                && next.task == *creator
                && next.args == [Value::word(event.task.clone())]
        };
        let (end, used) = match next.filter(reaps) {
            Some(_) => ("exit", 2),
            None => ("exit_unreaped", 1),
        };
        Some((self.by(creator, &format!("{child}.{end}()"), slice::from_ref(&child)), used))
    }

    fn operation(&mut self, event: &Event) -> Option<String> {
        let (_, name, args, returns) = FORMS.iter().find(|form| form.0 == event.call)?;
        let (args, names) = self.args(args, &event.args)?;
        let is_set = matches!(event.outcome, Outcome::Returned(Value::Set(_)));
        let call = format!("{}({args})", if is_set { "keyctl_read_keyring" } else { name });
        match &event.outcome {
            Outcome::Returned(Value::Word(key)) if *returns == Returns::Key => {
                let variable = variable(key);
                if self.keys.insert(key.clone()) {
                    return Some(format!(
                        "let {variable} = {}",
                        self.by(&event.task, &call, &names)
                    ));
                }
                let names = Vec::from_iter(names.into_iter().chain([variable.clone()]));
                Some(self.by(&event.task, &format!("expect({call}, {variable})"), &names))
            }
            Outcome::Returned(_) => {
                Some(self.by(&event.task, &format!("succeeds({call})"), &names))
            }
            Outcome::Failed(errno) => {
                Some(self.by(&event.task, &format!("expect({call}, {})", errno.name()), &names))
            }
            Outcome::Nothing | Outcome::FailedOtherwise(_) => None,
        }
    }

    /// The arguments, and the variables in them.
    fn args(&self, forms: &[Arg], args: &[Value]) -> Option<(String, Vec<String>)> {
        if forms.len() != args.len() {
            return None;
        }
        let mut names = Vec::new();
        let mut written = Vec::new();
        for (form, arg) in forms.iter().zip(args) {
            written.push(match (form, arg) {
                (Arg::Key, Value::Word(word)) => {
                    match SPECIAL.iter().find(|(special, _)| special == word) {
                        Some((_, name)) => (*name).to_owned(),
                        None if self.keys.contains(word) => {
                            names.push(variable(word));
                            variable(word)
                        }
                        None => return None,
                    }
                }
                (Arg::Key, Value::Int(0)) => "NO_KEYRING".to_owned(),
                (Arg::Create, Value::Int(0)) => "NO_CREATE".to_owned(),
                (Arg::Create, Value::Int(1)) => "CREATE".to_owned(),
                (Arg::Text, Value::Text(text)) => format!("{text:?}"),
                (Arg::Maybe, Value::Text(text)) => format!("Some({text:?})"),
                (Arg::Maybe, Value::Word(word)) if word == "NULL" => "None".to_owned(),
                (Arg::Mask, Value::Hex(mask)) => {
                    format!("0x{:04x}_{:04x}", mask >> 16, mask & 0xffff)
                }
                (Arg::Number | Arg::Word, Value::Int(number)) => number.to_string(),
                (Arg::Word, Value::Word(word)) => word.clone(),
                _ => return None,
            });
        }
        Some((written.join(", "), names))
    }

    /// A statement that a task carries out. An order captures nothing, so the variables are handed over.
    fn by(&self, task: &str, expression: &str, names: &[String]) -> String {
        if task == "main" {
            return format!("{expression}?;");
        }
        let task = variable(task);
        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let list = Vec::from_iter(names.iter().copied()).join(", ");
        match names.len() {
            0 => format!("{task}.run(|| {expression})?;"),
            1 => format!("{task}.run_with({list}, |{list}| {expression})?;"),
            _ => format!("{task}.run_with(({list}), |({list})| {expression})?;"),
        }
    }
}

/// The name of a variable.
fn variable(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect()
}
