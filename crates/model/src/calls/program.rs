//! The program keyctl(1): its own process, which makes one call and prints the result.

use crate::laws::{Fact, KeySlot, OwnFact};
use crate::lookup::KeyArg;
use crate::run::{Attempt, Predicted, Prediction, Run, Stop};
use crate::world::{Group, Memory, TaskId};
use trace::{Errno, Value};

/// The function of keyutils that a command calls, and what the command prints.
type Command = (&'static str, Prediction);

impl<'a> Run<'a> {
    pub(super) fn keyctl_program(&mut self) -> Prediction {
        let mut words: Vec<&str> = Vec::new();
        for value in &self.event.args {
            match value {
                Value::Text(text) => words.push(text),
                _ => return self.expected(words.len(), "text"),
            }
        }
        let caller = self.task;
        self.task = self.keyctl_task();
        let command = self.command(&words);
        self.reap(self.task, OwnFact::KeyctlReleases);
        self.task = caller;

        let (function, printed) = command?;
        let (status, stdout, stderr) = match printed {
            Ok(printed) => (0, printed, String::new()),
            Err(Stop::Errno(errno)) => {
                let printed = if function == "Unable to dump key" { "Keyring\n" } else { "" };
                (
                    1,
                    Predicted::Text(printed.to_owned()),
                    format!("{function}: {}\n", in_glibc(errno)),
                )
            }
            Err(other) => return Err(other),
        };
        let word = Predicted::word;
        Ok(Predicted::List(vec![
            word("status"),
            Predicted::Int(status),
            word("stdout"),
            stdout,
            word("stderr"),
            Predicted::Text(stderr),
        ]))
    }

    /// A child that executed another program.
    fn keyctl_task(&mut self) -> TaskId {
        let mut cred = self.cred().clone();
        cred.begin_program();
        if self.law(Fact::KeyctlIsAnother) {
            cred.drop_own_keyrings();
        }
        let memory = self.world.memories.add(Memory::default());
        let files = self.world.tables.add(Vec::new());
        let leader = self.world.tasks.next();
        let parent = Some(self.task);
        let group = Group { leader, parent, call: None, memory, files, reaped_at_once: true };
        self.add_process("keyctl", cred, group)
    }

    /// Runs a command.
    fn command(&mut self, words: &[&'a str]) -> Attempt<Command> {
        let quiet = |result: Attempt| result.map(|()| Predicted::Text(String::new()));
        let line = |result: Attempt<_>| result.map(Predicted::Line);
        Ok(match *words {
            ["id", key] => {
                let key = self.key_named(key)?;
                let found = self.lookup_or_create(key, KeySlot::GetKeyringId, false);
                ("keyctl_get_keyring_ID", found.map(|found| Predicted::Line(found.key)))
            }
            ["add", kind, description, payload, keyring] => {
                let keyring = self.key_named(keyring)?;
                ("add_key", line(self.add_text(kind, description, payload, keyring)))
            }
            ["newring", description, keyring] => {
                let keyring = self.key_named(keyring)?;
                ("add_key", line(self.add_text("keyring", description, "", keyring)))
            }
            ["request", kind, description, ref destination @ ..] => {
                let destination = self.key_named(destination.first().unwrap_or(&"0"))?;
                ("request_key", line(self.request(Some(kind), description, None, destination)))
            }
            ["search", keyring, kind, description, ref destination @ ..] => {
                let keyring = self.key_named(keyring)?;
                let destination = self.key_named(destination.first().unwrap_or(&"0"))?;
                let key = self.search_args(keyring, Some(kind), description, destination);
                ("keyctl_search", line(key))
            }
            ["link", key, keyring] => {
                let (key, keyring) = (self.key_named(key)?, self.key_named(keyring)?);
                ("keyctl_link", quiet(self.link_args(key, keyring)))
            }
            ["move", key, from, to] => {
                let (key, from) = (self.key_named(key)?, self.key_named(from)?);
                let to = self.key_named(to)?;
                ("keyctl_move", quiet(self.move_args(key, from, to, 0)))
            }
            ["setperm", key, mask] => {
                let key = self.key_named(key)?;
                let digits = mask.strip_prefix("0x").unwrap_or(mask);
                let Ok(mask) = u32::from_str_radix(digits, 16) else {
                    return Err(Stop::Unknown(format!("a mask, not `{mask}`")));
                };
                ("keyctl_setperm", quiet(self.setperm_arg(key, mask)))
            }
            [command, key] => return self.command_for_key(command, key),
            _ => return Err(not_a_command()),
        })
    }

    /// Runs a command with a key as its only argument.
    fn command_for_key(&mut self, command: &str, key: &str) -> Attempt<Command> {
        let key = self.key_named(key);
        let quiet = |()| Predicted::Text(String::new());
        let (function, printed) = match command {
            "clear" => ("keyctl_clear", self.clear_arg(key?).map(quiet)),
            "revoke" => ("keyctl_revoke", self.revoke_arg(key?).map(quiet)),
            "invalidate" => ("keyctl_invalidate", self.invalidate_arg(key?).map(quiet)),
            "describe" => ("keyctl_describe_alloc", self.described(key?)),
            "rdescribe" => ("keyctl_describe", self.described(key?)),
            "show" => ("Unable to dump key", self.described(key?)),
            "list" => ("keyctl_read_alloc", self.printed(key?, "keyring is empty\n")),
            "read" => ("keyctl_read_alloc", self.printed(key?, "No data in key\n")),
            _ => return Err(not_a_command()),
        };
        Ok((function, printed))
    }

    fn described(&mut self, key: KeyArg) -> Prediction {
        self.lookup(key, KeySlot::Describe).map(|_| Predicted::Any)
    }

    /// A key as keyctl(1) accepts it.
    fn key_named(&self, word: &str) -> Attempt<KeyArg> {
        let key = self.key_word(word);
        key.ok_or_else(|| Stop::Unknown(format!("a key for keyctl(1), not `{word}`")))
    }

    /// The output for the contents of a key, known only where they are empty.
    fn printed(&mut self, key: KeyArg, nothing: &str) -> Prediction {
        let key = self.readable(key)?;
        match self.contents(key)? {
            Predicted::Keys(keys) if keys.is_empty() => Ok(Predicted::Text(nothing.to_owned())),
            _ => Ok(Predicted::Any),
        }
    }
}

/// The words of glibc, with which keyctl(1) prints an error.
fn in_glibc(errno: Errno) -> &'static str {
    if errno == Errno::EDQUOT { "Disk quota exceeded" } else { errno.words() }
}

fn not_a_command() -> Stop {
    Stop::Unknown("a command of keyctl(1)".to_owned())
}
