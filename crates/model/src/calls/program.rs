//! The program keyctl(1): a process of its own, which makes one call and prints what it gave.

use crate::errno;
use crate::laws::{Fact, Place};
use crate::lookup::Named;
use crate::run::{Given, Gives, Run, Step, Stop};
use crate::world::{Group, Life, Memory};
use trace::Value;

/// What it prints, or the function of keyutils that fails.
struct Told {
    function: &'static str,
    printed: Step<Given>,
}

impl Run<'_> {
    pub(super) fn keyctl_program(&mut self) -> Gives {
        let mut words = Vec::new();
        for value in &self.event.args {
            match value {
                Value::Text(text) => words.push(text.clone()),
                _ => return self.expected(words.len(), "text"),
            }
        }
        let caller = self.task;
        self.task = self.keyctl_task();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let told = self.command(&words);
        self.world.set_life(self.task, Life::Reaped);
        self.task = caller;

        let text = |text: &str| Given::Text(text.to_owned());
        let list = |status, stdout, stderr| {
            let word = |word: &str| Given::Word(word.to_owned());
            let status = [word("status"), Given::Int(status)];
            let printed = [word("stdout"), stdout, word("stderr"), stderr];
            Given::List(status.into_iter().chain(printed).collect())
        };
        let told = told?;
        match told.printed {
            Ok(printed) => Ok(list(0, printed, text(""))),
            Err(Stop::Errno(errno)) => {
                let printed = if told.function == "Unable to dump key" { "Keyring\n" } else { "" };
                let error = format!("{}: {}\n", told.function, errno::words(errno));
                Ok(list(1, text(printed), text(&error)))
            }
            Err(other) => Err(other),
        }
    }

    /// A child that became another program.
    fn keyctl_task(&mut self) -> usize {
        let mut cred = self.cred().clone();
        if self.law(Fact::KeyctlIsAnother) {
            cred.thread = None;
            cred.process = None;
        }
        let memory = self.world.memories.add(Memory::default());
        let files = self.world.tables.add(Vec::new());
        let leader = self.world.tasks.len();
        let parent = Some(self.task);
        let group = Group { leader, parent, memory, files, reaped_at_once: true };
        self.add_process("keyctl", cred, group)
    }

    fn command(&mut self, words: &[&str]) -> Step<Told> {
        let named = |run: &Run<'_>, word: &str| match run.named_by(word) {
            Some(named) => Ok(named),
            None => Err(Stop::NotUnderstood(format!("a key for keyctl(1), not `{word}`"))),
        };
        let or_none = |run: &Run<'_>, word: Option<&&str>| {
            word.map_or(Ok(Named::None), |word| named(run, word))
        };
        let told = |function, printed| Ok(Told { function, printed });
        let quiet = |step: Step| step.map(|()| Given::Text(String::new()));
        match words {
            ["id", key] => {
                let key = named(self, key)?;
                let found = self.lookup_or_make(&key, Place::GetKeyringId, false);
                told("keyctl_get_keyring_ID", found.map(|found| Given::Line(found.key)))
            }
            ["add", kind, description, payload, keyring] => {
                let keyring = named(self, keyring)?;
                let key = self.add_text(kind, description, payload, &keyring);
                told("add_key", key.map(Given::Line))
            }
            ["newring", description, keyring] => {
                let keyring = named(self, keyring)?;
                let key = self.add_text("keyring", description, "", &keyring);
                told("add_key", key.map(Given::Line))
            }
            ["request", kind, description, destination @ ..] => {
                let destination = or_none(self, destination.first())?;
                let key = self.request(Some(kind), description, None, &destination);
                told("request_key", key.map(Given::Line))
            }
            ["search", keyring, kind, description, destination @ ..] => {
                let keyring = named(self, keyring)?;
                let destination = or_none(self, destination.first())?;
                let key = self.search_named(&keyring, Some(kind), description, &destination);
                told("keyctl_search", key.map(Given::Line))
            }
            ["link", key, keyring] => {
                let (key, keyring) = (named(self, key)?, named(self, keyring)?);
                told("keyctl_link", quiet(self.link_named(&key, &keyring)))
            }
            ["move", key, from, to] => {
                let (key, from) = (named(self, key)?, named(self, from)?);
                let to = named(self, to)?;
                told("keyctl_move", quiet(self.move_named(&key, &from, &to, 0)))
            }
            ["clear", keyring] => {
                let keyring = named(self, keyring)?;
                told("keyctl_clear", quiet(self.clear_named(&keyring)))
            }
            ["revoke", key] => {
                let key = named(self, key)?;
                told("keyctl_revoke", quiet(self.revoke_named(&key)))
            }
            ["invalidate", key] => {
                let key = named(self, key)?;
                told("keyctl_invalidate", quiet(self.invalidate_named(&key)))
            }
            ["setperm", key, mask] => {
                let key = named(self, key)?;
                let digits = mask.strip_prefix("0x").unwrap_or(mask);
                let Ok(mask) = u32::from_str_radix(digits, 16) else {
                    return Err(Stop::NotUnderstood(format!("a mask, not `{mask}`")));
                };
                told("keyctl_setperm", quiet(self.setperm_named(&key, mask)))
            }
            ["describe", key] => {
                let key = named(self, key)?;
                let found = self.lookup(&key, Place::Describe);
                told("keyctl_describe_alloc", found.map(|_| Given::Any))
            }
            ["rdescribe", key] => {
                let key = named(self, key)?;
                let found = self.lookup(&key, Place::Describe);
                told("keyctl_describe", found.map(|_| Given::Any))
            }
            ["show", key] => {
                let key = named(self, key)?;
                let found = self.lookup(&key, Place::Describe);
                told("Unable to dump key", found.map(|_| Given::Any))
            }
            ["list", key] => {
                let printed =
                    named(self, key).and_then(|key| self.printed(&key, "keyring is empty\n"));
                told("keyctl_read_alloc", printed)
            }
            ["read", key] => {
                let printed =
                    named(self, key).and_then(|key| self.printed(&key, "No data in key\n"));
                told("keyctl_read_alloc", printed)
            }
            _ => Err(Stop::NotUnderstood("a command of keyctl(1)".to_owned())),
        }
    }

    /// What is read, where that is nothing.
    fn printed(&mut self, named: &Named, nothing: &str) -> Gives {
        let key = self.readable(named)?;
        match self.contents(key)? {
            Given::Keys(keys) if keys.is_empty() => Ok(Given::Text(nothing.to_owned())),
            _ => Ok(Given::Any),
        }
    }
}
