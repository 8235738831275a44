//! A program as a snippet for the book: what was seen stands in it as what is expected.

use crate::cast::Cast;
use crate::program::Act;
use crate::text::Arg;
use crate::{Key, Operation, Played, Program, Whom};
use keyrings::Errno;
use std::fmt::Write;

/// The snippet of a program that was played, as it stands in a page below its rule.
pub fn snippet(rule: &str, played: &[Played]) -> String {
    let names = Program { steps: played.iter().map(|played| played.step).collect() }.names();
    let mut cast = Cast::new();
    let mut lines = String::new();
    if played.iter().any(|played| is_about_other(&played.step.act)) {
        lines.push_str("let other = unused_id();\n");
    }
    let mut made = 0;
    // A process has one file at a time, and one that it made by fork may have it as well.
    let mut files: Vec<Option<usize>> = vec![None];
    for (nth, Played { step, errno, gave }) in played.iter().enumerate() {
        let process = cast.process(step.task);
        let reaper = &names[usize::from(cast.reaper(step.task))];
        cast.play(*step);
        if step.act.makes().is_some() {
            made += 1;
        }
        match step.act {
            Act::Fork | Act::Clone | Act::Clone3 => files.push(files[process]),
            Act::Spawn => files.push(None),
            Act::Open => files[process] = Some(nth),
            _ => {}
        }
        let after = &played[nth + 1..];
        let is_used = |key: u8| after.iter().any(|later| names_key(&later.step.act, key));
        let said = Said {
            by: &names[usize::from(step.task)],
            new: &names[made],
            reaper,
            file: files[process].unwrap_or_default(),
            errno: *errno,
            gave: gave.filter(|key| is_used(*key)),
            used: after.iter().any(|later| usize::from(later.step.task) == made),
        };
        let _ = writeln!(lines, "{}", said.line(&step.act));
    }
    format!(
        "```rust\n# use keyrings::*;\n# fn main() -> Observed {{ observe(\"{rule}\", || {{\n{lines}Ok(())\n\
         # }}) }}\n```\n"
    )
}

/// Whether a call is about the key of this number.
fn names_key(act: &Act, key: u8) -> bool {
    let mut named = false;
    if let Some(operation) = act.operation() {
        let _ = operation.with(|other| {
            named |= other == Key::Nth(key);
            Some(other)
        });
    }
    named
}

fn is_about_other(act: &Act) -> bool {
    matches!(
        act.operation(),
        Some(
            Operation::BecomeOther
                | Operation::Effective(Whom::Other)
                | Operation::Chown(_, Whom::Other)
        )
    )
}

/// What a task did, and what came of it.
struct Said<'a> {
    by: &'a str,
    new: &'a str,
    reaper: &'a str,
    file: usize,
    errno: i32,
    /// The number of a key that it gave, if it is named later.
    gave: Option<u8>,
    /// The task that it made acts later.
    used: bool,
}

impl Said<'_> {
    fn line(&self, act: &Act) -> String {
        let Said { by, reaper, file, .. } = self;
        match act {
            Act::Do(operation) => match self.gave {
                Some(nth) => {
                    format!("let k{} = {}?;", nth + 1, by_task(by, &call(operation)))
                }
                None => format!("{}?;", by_task(by, &self.expected(operation))),
            },
            Act::Fork => self.making("fork("),
            Act::Clone => self.making("clone(CLONE_FS, "),
            Act::Clone3 => self.making("clone3(NO_FLAGS, "),
            Act::Thread => self.making("pthread_create("),
            Act::Spawn => self.making("posix_spawn("),
            Act::Vfork(operation) => self.in_shared_memory("vfork(", operation),
            Act::CloneVm(operation) => self.in_shared_memory("clone_vm(NO_FLAGS, ", operation),
            Act::Exec => format!("{}?;", by_task(by, "execve(SELF)")),
            Act::Exit => format!("{}?;", by_task(reaper, &format!("{by}.exit()"))),
            Act::Leave => format!("{by}.pthread_exit()?;"),
            Act::Open => {
                format!("let file{file} = {}?;", by_task(by, "open(\"/dev/null\")"))
            }
            Act::Close => format!("{}?;", by_task(by, &format!("close(file{file})"))),
        }
    }

    /// Makes a task, which has a variable if it acts later.
    fn making(&self, make: &str) -> String {
        let Said { by, new, used, .. } = self;
        let made = by_task(by, &format!("{make}{new:?})"));
        if *used { format!("let {new} = {made}?;") } else { format!("{made}?;") }
    }

    /// A call, held to what it gave.
    fn expected(&self, operation: &Operation) -> String {
        let call = call(operation);
        match (self.errno, operation) {
            // These helpers tell what went wrong in words, and are to succeed.
            (0, Operation::Collect | Operation::ProcKeys(_)) => call,
            (0, _) => format!("succeeds({call})"),
            (errno, _) => format!("expect({call}, {:?})", Errno::from_raw(errno)),
        }
    }

    /// A process that makes one call in the memory of the task that made it.
    fn in_shared_memory(&self, make: &str, operation: &Operation) -> String {
        let Said { by, new, .. } = self;
        let Some(nth) = self.gave else {
            let body = format!("{make}{new:?}, || {})", plain(&self.expected(operation)));
            return format!("{}?;", by_task(by, &body));
        };
        let body = format!(
            "{{\n    let mut key = NO_KEYRING;\n    {make}{new:?}, || {{\n        key = {}?;\n        \
             Ok(())\n    }})?;\n    Ok::<_, Failure>(key)\n}}",
            call(operation)
        );
        let by = if *by == "main" { format!("(|| {body})()") } else { by_task(by, &body) };
        format!("let k{} = {by}?;", nth + 1)
    }
}

/// An expression whose value is of no interest.
fn plain(expression: &str) -> String {
    if expression.starts_with("proc_keys") {
        format!("{expression}.map(drop)")
    } else {
        expression.to_owned()
    }
}

/// An expression, evaluated by a task.
fn by_task(task: &str, expression: &str) -> String {
    match task {
        "main" => expression.to_owned(),
        task => format!("{task}.run(move || {})", plain(expression)),
    }
}

/// The call as a snippet makes it.
fn call(operation: &Operation) -> String {
    match operation {
        Operation::AddKey(name, key) => {
            return format!(
                "add_key(\"user\", {:?}, \"payload\", {})",
                name.text(),
                rust_key(*key)
            );
        }
        Operation::Request(kind, name, key) => {
            let (kind, name) = (kind.text(), name.text());
            return format!("request_key({kind:?}, {name:?}, None, {})", rust_key(*key));
        }
        Operation::Update(key) => return format!("keyctl_update({}, \"new\")", rust_key(*key)),
        Operation::Restrict(key) => {
            return format!("keyctl_restrict_keyring({}, None)", rust_key(*key));
        }
        Operation::JoinSession => return "keyctl_join_session_keyring(None)".to_owned(),
        Operation::Reqkey(choice) => {
            let choices = [
                "NO_CHANGE",
                "DEFAULT",
                "THREAD_KEYRING",
                "PROCESS_KEYRING",
                "SESSION_KEYRING",
                "USER_KEYRING",
                "USER_SESSION_KEYRING",
                "GROUP_KEYRING",
                "REQUESTOR_KEYRING",
            ];
            let name = usize::try_from(choice + 1).ok().and_then(|place| choices.get(place));
            let name =
                name.map_or_else(|| choice.to_string(), |name| format!("KEY_REQKEY_DEFL_{name}"));
            return format!("keyctl_set_reqkey_keyring({name})");
        }
        Operation::BecomeOther => {
            return "setresuid_of_this_thread(other, other, other)".to_owned();
        }
        Operation::Effective(whom) => {
            let id = match whom {
                Whom::Own => "getuid()",
                Whom::NoChange => "NO_CHANGE",
                Whom::Other => "other",
            };
            return format!("setresuid_of_this_thread(NO_CHANGE, {id}, NO_CHANGE)");
        }
        _ => {}
    }
    let (name, args) = operation.parts();
    let args: Vec<String> = args.iter().map(rust).collect();
    format!("{name}({})", args.join(", "))
}

fn rust_key(key: Key) -> String {
    match key {
        Key::Thread => "KEY_SPEC_THREAD_KEYRING".to_owned(),
        Key::Process => "KEY_SPEC_PROCESS_KEYRING".to_owned(),
        Key::Session => "KEY_SPEC_SESSION_KEYRING".to_owned(),
        Key::None => "NO_KEYRING".to_owned(),
        Key::Nth(nth) => format!("k{}", u32::from(nth) + 1),
    }
}

fn rust(arg: &Arg<Key>) -> String {
    let text = match arg {
        Arg::Key(key) => return rust_key(*key),
        Arg::Create(true) => "CREATE",
        Arg::Create(false) => "NO_CREATE",
        Arg::Exclusive(true) => "KEYCTL_MOVE_EXCL",
        Arg::Exclusive(false) => "0",
        Arg::Kind(kind) => return format!("{:?}", kind.text()),
        Arg::Name(name) => return format!("{:?}", name.text()),
        Arg::Mask(mask) => return format!("0x{:04x}_{:04x}", mask >> 16, mask & 0xffff),
        Arg::Number(number) => return number.to_string(),
        Arg::Whom(Whom::Own) => "getuid(), getgid()",
        Arg::Whom(Whom::NoChange) => "NO_CHANGE, NO_CHANGE",
        Arg::Whom(Whom::Other) => "other, other",
    };
    text.to_owned()
}
