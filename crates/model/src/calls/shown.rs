//! What is shown outside of keyctl(2): waiting for a key's end, /proc/keys, /proc/key-users.

use crate::laws::{Fact, VIEW};
use crate::lookup::Named;
use crate::run::{Given, Gives, Run, Stop};
use crate::search::Ref;
use crate::world::{Content, Expiry, Id, KeyId, Type};
use std::collections::BTreeSet;

impl Run<'_> {
    /// What was waited for has come: the key is no more, or has expired.
    pub(super) fn wait_until(&mut self) -> Gives {
        let key = match self.named(0)? {
            Named::Serial(Some(key)) => key,
            Named::Kind(kind) => match self.own(kind) {
                Some(key) => key,
                None => return Err(Stop::Never),
            },
            Named::Session => self.cred().session.ok_or(Stop::Never)?,
            _ => return self.expected(0, "a key"),
        };
        if !self.is_there(key) || self.key(key).invalidated {
            return Err(Stop::Errno("ENOKEY"));
        }
        if self.is_expired(key) { Err(Stop::Errno("EKEYEXPIRED")) } else { Err(Stop::Never) }
    }

    /// The collector has ended what nothing held, and what only that held. What lay deeper may still
    /// be there.
    pub(super) fn wait_for_the_collector(&mut self) -> Gives {
        for _ in 0..2 {
            let held = self.world.held();
            let mut loose = self.world.present();
            loose.retain(|key| !held.contains(key));
            let mut linked: BTreeSet<KeyId> = BTreeSet::new();
            loose.iter().for_each(|keyring| linked.extend(self.key(*keyring).links()));
            for key in loose {
                if !linked.contains(&key) && self.law(Fact::UnlinkedGoes) {
                    self.collect(key);
                }
            }
        }
        Ok(Given::Nothing)
    }

    /// Kernel: `proc_keys_show`.
    pub(super) fn proc_keys(&mut self) -> Gives {
        let nothing = || Ok(Given::Word("nothing".to_owned()));
        let Named::Serial(key) = self.named(0)? else {
            return self.expected(0, "a serial number");
        };
        let Some(key) = key else { return nothing() };
        // A key that has no number any more is shown until the collector takes it out.
        if !self.is_there(key) && self.either() {
            return nothing();
        }
        let space = self.cred().space;
        let payer = self.key(key).payer.unwrap_or(self.key(key).uid);
        if !self.world.has_user(space, payer) && self.law(Fact::NamespaceHidesInProc) {
            return nothing();
        }
        let possessed = self.reference(key).possessed;
        if !self.permits(Ref { key, possessed }, VIEW) && self.law(Fact::ProcNeedsView) {
            return nothing();
        }
        let (user, group) = self.shown_ids(key);
        let flags = self.flags(key);
        let timeout = self.timeout(key);
        let summary = self.summary(key);
        let key = self.key(key);
        Ok(Given::List(vec![
            Given::Text(flags),
            timeout,
            Given::Text(format!("{:08x}", key.perm)),
            Given::Word(user),
            Given::Word(group),
            Given::Text(key.kind.name().to_owned()),
            Given::Text(summary),
        ]))
    }

    fn flags(&mut self, key: usize) -> String {
        let told = self.law(Fact::ProcFlags);
        let key = self.key(key);
        let flag = |is: bool, letter: char| if is && told { letter } else { '-' };
        [
            flag(true, 'I'),
            flag(key.revoked, 'R'),
            flag(false, 'D'),
            flag(key.payer.is_some(), 'Q'),
            flag(false, 'U'),
            flag(key.negative.is_some(), 'N'),
            flag(key.invalidated, 'i'),
        ]
        .iter()
        .collect()
    }

    fn timeout(&mut self, key: usize) -> Given {
        let text = if !self.law(Fact::ProcTimeout) {
            "none"
        } else if self.key(key).revoked || self.is_expired(key) {
            "expd"
        } else {
            match self.key(key).expiry {
                Expiry::Never => "perm",
                Expiry::Passed => "expd",
                Expiry::In(seconds) => {
                    // Some seconds of it may have passed.
                    let at_first = time_left(seconds);
                    let at_last = time_left(seconds.saturating_sub(crate::LONGEST));
                    return match at_first {
                        Some(left) if Some(&left) == at_last.as_ref() => Given::Text(left),
                        _ => Given::Any,
                    };
                }
            }
        };
        Given::Text(text.to_owned())
    }

    fn summary(&mut self, key: usize) -> String {
        let told = self.law(Fact::ProcSummary);
        self.settle_links(key);
        let key = self.key(key);
        match key.kind {
            Type::Keyring => match key.links().len() {
                0 => format!("{}: empty", key.description),
                _ if !told => format!("{}: empty", key.description),
                links => format!("{}: {links}", key.description),
            },
            Type::User | Type::Logon => match &key.content {
                Content::Payload(payload) => format!("{}: {}", key.description, payload.len()),
                Content::Links(_) | Content::Nothing if key.negative.is_some() => {
                    key.description.to_string()
                }
                Content::Links(_) | Content::Nothing => format!("{}: 0", key.description),
            },
        }
    }

    /// Whether the collector has taken invalidated keys out of a keyring.
    fn settle_links(&mut self, keyring: usize) {
        for link in self.key(keyring).links().to_vec() {
            self.is_still_linked(keyring, link);
        }
    }

    /// What a user's keys count for. Kernel: `proc_key_users_show`.
    pub(super) fn key_users(&mut self) -> Gives {
        let user = self.id(0)?;
        // The first user may have keys that the trace does not know of.
        if user == 0 || self.keys_of(user).iter().any(|key| self.key(*key).crowded) {
            return Ok(Given::Any);
        }
        let mut keys = 0;
        let mut bytes = 0;
        for key in self.keys_of(user) {
            if self.is_there(key) {
                self.settle_links(key);
                keys += 1;
                bytes += self.key(key).bytes;
            }
        }
        if !self.law(Fact::KeyUsersCounts) {
            keys = 0;
        }
        if !self.law(Fact::KeyUsersBytes) {
            bytes = 0;
        }
        let word = |word: &str| Given::Word(word.to_owned());
        Ok(Given::List(vec![Given::Int(keys), word("keys"), Given::Int(bytes), word("bytes")]))
    }

    fn keys_of(&self, user: Id) -> Vec<usize> {
        let counts = |nth: &usize| {
            let key = self.key(*nth);
            key.payer == Some(user)
        };
        self.world.present().into_iter().filter(counts).collect()
    }

    /// How many more keys or bytes a user may have.
    pub(super) fn left(&mut self) -> Gives {
        let user = self.id(0)?;
        for key in self.keys_of(user) {
            self.is_there(key);
        }
        let left = self.world.left.iter().find(|(uid, _)| *uid == user).map(|(_, left)| *left);
        let left = left.unwrap_or_default();
        let told = if self.event.call == "keys_left" { left.keys } else { left.bytes };
        Ok(told.map_or(Given::Any, Given::Int))
    }
}

/// What is shown of so many seconds, in whole weeks, days or hours; of less, `None`.
fn time_left(seconds: u32) -> Option<String> {
    let units = [(604_800, 'w'), (86_400, 'd'), (3600, 'h')];
    let (unit, letter) = units.into_iter().find(|(unit, _)| seconds >= *unit)?;
    Some(format!("{}{letter}", seconds / unit))
}
