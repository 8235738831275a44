//! Programs as text, for the command line: `main fork; child1 keyctl_get_keyring_ID @t 1`.
//!
//! Printing and parsing are each other's inverse.

use crate::cast::Cast;
use crate::program::{Act, Program, Step};
use crate::{Key, Kind, Name, Operation, Whom};
use std::fmt;
use std::str::FromStr;

/// An argument of an operation, as text and as Rust show it.
pub(crate) enum Arg<K> {
    Key(K),
    Create(bool),
    Exclusive(bool),
    Kind(Kind),
    Name(Name),
    Mask(u32),
    Number(i64),
    Whom(Whom),
}

impl<K: Copy> Operation<K> {
    /// Its name in text, and its arguments.
    pub(crate) fn parts(&self) -> (&'static str, Vec<Arg<K>>) {
        use Arg::*;
        use Operation as O;
        match *self {
            O::Id(a, create) => ("keyctl_get_keyring_ID", vec![Key(a), Create(create)]),
            O::AddKey(name, a) => ("add_key", vec![Name(name), Key(a)]),
            O::AddKeyring(name, a) => ("add_keyring", vec![Name(name), Key(a)]),
            O::Request(kind, name, a) => ("request_key", vec![Kind(kind), Name(name), Key(a)]),
            O::Search(a, kind, name, b) => {
                ("keyctl_search", vec![Key(a), Kind(kind), Name(name), Key(b)])
            }
            O::Link(a, b) => ("keyctl_link", vec![Key(a), Key(b)]),
            O::Unlink(a, b) => ("keyctl_unlink", vec![Key(a), Key(b)]),
            O::Move(a, b, c, excl) => {
                ("keyctl_move", vec![Key(a), Key(b), Key(c), Exclusive(excl)])
            }
            O::Clear(a) => ("keyctl_clear", vec![Key(a)]),
            O::Read(a) => ("keyctl_read_keyring", vec![Key(a)]),
            O::Payload(a) => ("keyctl_read_alloc", vec![Key(a)]),
            O::Describe(a) => ("keyctl_describe_alloc", vec![Key(a)]),
            O::Security(a) => ("keyctl_get_security_alloc", vec![Key(a)]),
            O::Setperm(a, mask) => ("keyctl_setperm", vec![Key(a), Mask(mask)]),
            O::Revoke(a) => ("keyctl_revoke", vec![Key(a)]),
            O::Invalidate(a) => ("keyctl_invalidate", vec![Key(a)]),
            O::Timeout(a, seconds) => ("keyctl_set_timeout", vec![Key(a), Number(seconds.into())]),
            O::Chown(a, whom) => ("keyctl_chown", vec![Key(a), Whom(whom)]),
            O::Update(a) => ("keyctl_update", vec![Key(a)]),
            O::Restrict(a) => ("keyctl_restrict_keyring", vec![Key(a)]),
            O::JoinSession => ("keyctl_join_session_keyring", vec![]),
            O::SessionToParent => ("keyctl_session_to_parent", vec![]),
            O::Reqkey(choice) => ("keyctl_set_reqkey_keyring", vec![Number(choice.into())]),
            O::ProcKeys(a) => ("proc_keys", vec![Key(a)]),
            O::BecomeOther => ("setresuid", vec![]),
            O::Effective(whom) => ("seteuid", vec![Whom(whom)]),
            O::Collect => ("wait_for_the_collector", vec![]),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Thread => f.write_str("@t"),
            Key::Process => f.write_str("@p"),
            Key::Session => f.write_str("@s"),
            Key::None => f.write_str("0"),
            Key::Nth(nth) => write!(f, "K{}", u32::from(*nth) + 1),
        }
    }
}

impl fmt::Display for Arg<Key> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arg::Key(key) => write!(f, "{key}"),
            Arg::Create(yes) | Arg::Exclusive(yes) => write!(f, "{}", u8::from(*yes)),
            Arg::Kind(kind) => f.write_str(kind.text()),
            Arg::Name(name) => f.write_str(name.text()),
            Arg::Mask(mask) => write!(f, "{mask:#x}"),
            Arg::Number(number) => write!(f, "{number}"),
            Arg::Whom(Whom::Own) => f.write_str("own"),
            Arg::Whom(Whom::NoChange) => f.write_str("-1"),
            Arg::Whom(Whom::Other) => f.write_str("other"),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, args) = self.parts();
        f.write_str(name)?;
        args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

/// The acts that are a word only.
const WORDS: [(&str, Act); 10] = [
    ("fork", Act::Fork),
    ("clone", Act::Clone),
    ("clone3", Act::Clone3),
    ("pthread_create", Act::Thread),
    ("posix_spawn", Act::Spawn),
    ("execve", Act::Exec),
    ("exit", Act::Exit),
    ("pthread_exit", Act::Leave),
    ("open", Act::Open),
    ("close", Act::Close),
];

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Do(operation) => write!(f, "{operation}"),
            Act::Vfork(operation) => write!(f, "vfork {operation}"),
            Act::CloneVm(operation) => write!(f, "clone_vm {operation}"),
            act => {
                let word = WORDS.iter().find(|(_, one)| one == act);
                f.write_str(word.map_or("", |(word, _)| word))
            }
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names();
        for (nth, step) in self.steps.iter().enumerate() {
            let name = names.get(usize::from(step.task)).map_or("nobody", String::as_str);
            write!(f, "{}{name} {}", if nth > 0 { "; " } else { "" }, step.act)?;
        }
        Ok(())
    }
}

impl FromStr for Program {
    type Err = String;

    fn from_str(text: &str) -> Result<Program, String> {
        let mut program = Program::default();
        let mut cast = Cast::new();
        let steps = text.split([';', '\n']).map(str::trim).filter(|step| !step.is_empty());
        for (nth, text) in steps.enumerate() {
            let refused = |why: String| format!("step {}, `{text}`: {why}", nth + 1);
            let words: Vec<&str> = text.split_whitespace().collect();
            let [task, call, args @ ..] = &words[..] else {
                return Err(refused("a step is a task and what it does".to_owned()));
            };
            let names = program.names();
            let known = names.iter().zip(0..).find(|(name, _)| name == task);
            let (_, task) = known.ok_or_else(|| {
                refused(format!("there is no task `{task}` yet; there are {}", names.join(", ")))
            })?;
            let act = act(call, args).map_err(refused)?;
            let step = Step { task, act };
            if !cast.play(step) {
                return Err(refused("this task cannot do that now".to_owned()));
            }
            program.steps.push(step);
        }
        Ok(program)
    }
}

impl FromStr for Act {
    type Err = String;

    fn from_str(text: &str) -> Result<Act, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (call, args) = words.split_first().ok_or("an act is a word at least")?;
        act(call, args)
    }
}

fn act(call: &str, args: &[&str]) -> Result<Act, String> {
    if let Some((_, act)) = WORDS.iter().find(|(word, _)| *word == call) {
        return if args.is_empty() { Ok(*act) } else { Err(format!("`{call}` takes nothing")) };
    }
    match (call, args) {
        ("vfork", [call, args @ ..]) => operation(call, args).map(Act::Vfork),
        ("clone_vm", [call, args @ ..]) => operation(call, args).map(Act::CloneVm),
        _ => operation(call, args).map(Act::Do),
    }
}

fn operation(call: &str, args: &[&str]) -> Result<Operation, String> {
    use Operation as O;
    Ok(match (call, args) {
        ("keyctl_get_keyring_ID", [a, create]) => O::Id(key(a)?, yes(create)?),
        ("add_key", [a, b]) => O::AddKey(name(a)?, key(b)?),
        ("add_keyring", [a, b]) => O::AddKeyring(name(a)?, key(b)?),
        ("request_key", [a, b, c]) => O::Request(kind(a)?, name(b)?, key(c)?),
        ("keyctl_search", [a, b, c, d]) => O::Search(key(a)?, kind(b)?, name(c)?, key(d)?),
        ("keyctl_link", [a, b]) => O::Link(key(a)?, key(b)?),
        ("keyctl_unlink", [a, b]) => O::Unlink(key(a)?, key(b)?),
        ("keyctl_move", [a, b, c, excl]) => O::Move(key(a)?, key(b)?, key(c)?, yes(excl)?),
        ("keyctl_clear", [a]) => O::Clear(key(a)?),
        ("keyctl_read_keyring", [a]) => O::Read(key(a)?),
        ("keyctl_read_alloc", [a]) => O::Payload(key(a)?),
        ("keyctl_describe_alloc", [a]) => O::Describe(key(a)?),
        ("keyctl_get_security_alloc", [a]) => O::Security(key(a)?),
        ("keyctl_setperm", [a, mask]) => {
            let mask = mask.strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex, 16).ok());
            O::Setperm(key(a)?, mask.ok_or("a mask is written as 0x3f010000")?)
        }
        ("keyctl_revoke", [a]) => O::Revoke(key(a)?),
        ("keyctl_invalidate", [a]) => O::Invalidate(key(a)?),
        ("keyctl_set_timeout", [a, seconds]) => O::Timeout(key(a)?, number(seconds)?),
        ("keyctl_chown", [a, b]) => O::Chown(key(a)?, whom(b)?),
        ("keyctl_update", [a]) => O::Update(key(a)?),
        ("keyctl_restrict_keyring", [a]) => O::Restrict(key(a)?),
        ("keyctl_join_session_keyring", []) => O::JoinSession,
        ("keyctl_session_to_parent", []) => O::SessionToParent,
        ("keyctl_set_reqkey_keyring", [a]) => O::Reqkey(number(a)?),
        ("proc_keys", [a]) => O::ProcKeys(key(a)?),
        ("setresuid", []) => O::BecomeOther,
        ("seteuid", [a]) => O::Effective(whom(a)?),
        ("wait_for_the_collector", []) => O::Collect,
        _ => return Err(format!("there is no call `{call}` with {} arguments", args.len())),
    })
}

fn key(text: &str) -> Result<Key, String> {
    let nth = || text.strip_prefix('K')?.parse::<u8>().ok()?.checked_sub(1);
    match text {
        "@t" => Ok(Key::Thread),
        "@p" => Ok(Key::Process),
        "@s" => Ok(Key::Session),
        "0" => Ok(Key::None),
        _ => nth().map(Key::Nth).ok_or(format!("`{text}` is no key: @t, @p, @s, 0, K1, K2, …")),
    }
}

fn yes(text: &str) -> Result<bool, String> {
    match text {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(format!("`{text}` is neither 0 nor 1")),
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    let kinds = [Kind::User, Kind::Keyring];
    let found = kinds.into_iter().find(|kind| kind.text() == text);
    found.ok_or(format!("`{text}` is neither user nor keyring"))
}

fn name(text: &str) -> Result<Name, String> {
    let found = Name::ALL.into_iter().find(|name| name.text() == text);
    found.ok_or(format!("`{text}` is none of the descriptions a, b, _tid, _pid"))
}

fn whom(text: &str) -> Result<Whom, String> {
    match text {
        "own" => Ok(Whom::Own),
        "-1" => Ok(Whom::NoChange),
        "other" => Ok(Whom::Other),
        _ => Err(format!("`{text}` is none of own, -1, other")),
    }
}

fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("`{text}` is no number that fits"))
}
