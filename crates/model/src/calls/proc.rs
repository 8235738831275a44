//! Outside of keyctl(2): waiting for the end of a key, /proc/keys, /proc/key-users.

use crate::laws::{Fact, Permission};
use crate::lookup::KeyArg;
use crate::run::{Predicted, Prediction, Run, Stop};
use crate::search::Ref;
use crate::world::{Expiry, Holds, Id, KeyId, KeyType};
use std::collections::BTreeSet;
use trace::Errno::*;

impl Run<'_> {
    /// Waits until a key is destroyed or has expired.
    pub(super) fn wait_until(&mut self) -> Prediction {
        let key = match self.key_arg(0)? {
            KeyArg::Serial(Some(key)) => key,
            KeyArg::Own(keyring) => self.own(keyring).ok_or(Stop::Never)?,
            KeyArg::Session => self.cred().session.ok_or(Stop::Never)?,
            _ => return self.expected(0, "a key"),
        };
        if !self.exists(key) || self.key(key).invalidated {
            return Err(Stop::Errno(ENOKEY));
        }
        if self.is_expired(key) { Err(Stop::Errno(EKEYEXPIRED)) } else { Err(Stop::Never) }
    }

    /// The garbage collector destroys keys without a reference, and then those to which only these had
    /// one. What lies deeper may still exist.
    pub(super) fn wait_for_the_collector(&mut self) -> Prediction {
        for _ in 0..2 {
            let held = self.held_for_now();
            let mut loose = self.world.present();
            loose.retain(|key| !held.contains(key));
            let mut linked: BTreeSet<KeyId> = BTreeSet::new();
            loose.iter().for_each(|keyring| linked.extend(self.key(*keyring).links()));
            for key in loose {
                if !linked.contains(&key) && self.unlinked_goes(key) {
                    self.collect(key);
                }
            }
        }
        Ok(Predicted::Nothing)
    }

    /// The keys that the garbage collector does not destroy now. A user namespace that has ended keeps the keyrings of its
    /// users a little longer. Kernel: `free_user_ns`.
    fn held_for_now(&mut self) -> BTreeSet<KeyId> {
        let (holders, all) = (self.world.holders(), self.world.all_spaces());
        let mut tasks = holders.clone();
        tasks.retain(|(holds, _)| matches!(holds, Holds::Task(_)));
        let of_tasks = self.world.lasting_spaces(&tasks);
        let lacks_task = self.world.registered(&of_tasks) != self.world.registered(&all);
        let lasting = if lacks_task && !self.law(Fact::PinHoldsNamespace) { of_tasks } else { all };
        self.world.held_with(&holders, &lasting)
    }

    /// A file that was opened before shows what its opener may view.
    pub(super) fn proc_keys(&mut self) -> Prediction {
        if self.event.args.len() == 1 || !self.law(Fact::ProcOpener) {
            return self.line_of_proc_keys();
        }
        let reader = self.cred_id();
        let opener = self.one_file()?.opener.unwrap_or(reader);
        self.world.tasks.edit(self.task).cred = opener;
        let line = self.line_of_proc_keys();
        self.world.tasks.edit(self.task).cred = reader;
        line
    }

    /// Kernel: `proc_keys_show`.
    fn line_of_proc_keys(&mut self) -> Prediction {
        let nothing = || Ok(Predicted::word("nothing"));
        let KeyArg::Serial(key) = self.key_arg(0)? else {
            return self.expected(0, "a serial number");
        };
        let Some(key) = key else { return nothing() };
        // A key without a reference is shown until the garbage collector destroys it.
        if !self.exists(key) && self.either() {
            return nothing();
        }
        let space = self.cred().space;
        let (payer, owner) = (self.key(key).payer, self.key(key).uid);
        let payer = payer.filter(|_| self.law(Fact::NamespaceHidesByPayer)).unwrap_or(owner);
        if !self.world.has_user(space, payer) && self.law(Fact::NamespaceHidesInProc) {
            return nothing();
        }
        let possessed = self.reference(key).possessed;
        if !self.permits(Ref { key, possessed }, Permission::View) && self.law(Fact::ProcNeedsView)
        {
            return nothing();
        }
        let (user, group) = self.shown_ids(key);
        let flags = self.flags(key);
        let timeout = self.timeout(key);
        let summary = match self.key(key).numbered {
            true => Predicted::Any,
            false => Predicted::Text(self.summary(key)),
        };
        let key = self.key(key);
        Ok(Predicted::List(vec![
            Predicted::Text(flags),
            timeout,
            Predicted::Text(format!("{:08x}", key.perm)),
            Predicted::Word(user),
            Predicted::Word(group),
            Predicted::Text(key.kind.name().to_owned()),
            summary,
        ]))
    }

    fn flags(&mut self, key: KeyId) -> String {
        let (shown, marks) = (self.law(Fact::ProcFlags), self.law(Fact::ProcConstruction));
        let key = self.key(key);
        let (is_charged, is_negative) = (key.payer.is_some(), key.negative.is_some());
        let is_awaited = key.constructing && marks;
        let is_there = !is_awaited;
        let flags =
            [is_there, key.revoked, false, is_charged, is_awaited, is_negative, key.invalidated];
        let flags = "IRDQUNi".chars().zip(flags);
        flags.map(|(letter, is)| if is && shown { letter } else { '-' }).collect()
    }

    fn timeout(&mut self, key: KeyId) -> Predicted {
        let text = |text: &str| Predicted::Text(text.to_owned());
        if !self.law(Fact::ProcTimeout) {
            return text("none");
        }
        if self.key(key).revoked || self.is_expired(key) {
            return text("expd");
        }
        let Expiry::In(seconds) = self.key(key).expiry else { return text("perm") };
        // Some of the seconds may have passed.
        let at_last = time_left(seconds.saturating_sub(crate::LONGEST));
        time_left(seconds)
            .filter(|_| time_left(seconds) == at_last)
            .map_or(Predicted::Any, Predicted::Text)
    }

    fn summary(&mut self, key: KeyId) -> String {
        let counts = self.law(Fact::ProcSummary);
        self.settle_links(key);
        let key = self.key(key);
        match (key.kind, key.links().len()) {
            (KeyType::Keyring, links) if links > 0 && counts => {
                format!("{}: {links}", key.description)
            }
            (KeyType::Keyring, _) => format!("{}: empty", key.description),
            _ if key.negative.is_some() || key.constructing => key.description.to_string(),
            _ => format!("{}: {}", key.description, key.content.len()),
        }
    }

    /// Settles which invalidated keys the garbage collector has removed from a keyring.
    fn settle_links(&mut self, keyring: KeyId) {
        for link in self.key(keyring).links().to_vec() {
            self.is_still_linked(keyring, link);
        }
    }

    /// The keys and bytes charged to a user. Kernel: `proc_key_users_show`.
    pub(super) fn key_users(&mut self) -> Prediction {
        let user = self.id(0)?;
        // The first user may have keys from before the trace.
        if user == 0 || self.keys_of(user).iter().any(|key| self.key(*key).crowded) {
            return Ok(Predicted::Any);
        }
        let mut keys = 0;
        let mut bytes = 0;
        for key in self.keys_of(user) {
            if self.exists(key) {
                self.settle_links(key);
                keys += 1;
                bytes += self.key(key).bytes;
            }
        }
        let keys = Predicted::Int(if self.law(Fact::KeyUsersCounts) { keys } else { 0 });
        let bytes = Predicted::Int(if self.law(Fact::KeyUsersBytes) { bytes } else { 0 });
        Ok(Predicted::List(vec![keys, Predicted::word("keys"), bytes, Predicted::word("bytes")]))
    }

    /// The keys that a user owns, and the instantiated ones. Kernel: `proc_key_users_show`.
    pub(super) fn owned_keys(&mut self) -> Prediction {
        let user = self.id(0)?;
        // A key under construction, and its authorization key, are not charged in the same way.
        if user == 0 || self.world.requests.len() > 0 {
            return Ok(Predicted::Any);
        }
        let mut owned = 0;
        for key in self.keys_of(user) {
            owned += i64::from(self.exists(key));
        }
        let instantiated = if self.law(Fact::KeyUsersInstantiated) { owned } else { 0 };
        Ok(Predicted::List(vec![
            Predicted::Int(owned),
            Predicted::word("owned"),
            Predicted::Int(instantiated),
            Predicted::word("instantiated"),
        ]))
    }

    fn keys_of(&self, user: Id) -> Vec<KeyId> {
        let is_charged = |key: &KeyId| self.key(*key).payer == Some(user);
        self.world.present().into_iter().filter(is_charged).collect()
    }

    /// The keys or bytes left of a user's quota.
    pub(super) fn left(&mut self) -> Prediction {
        let user = self.id(0)?;
        for key in self.keys_of(user) {
            self.exists(key);
        }
        let left = self.world.left.iter().find(|(uid, _)| *uid == user);
        let left =
            left.and_then(
                |(_, left)| {
                    if self.event.call == "keys_left" { left.keys } else { left.bytes }
                },
            );
        Ok(left.map_or(Predicted::Any, Predicted::Int))
    }
}

/// A number of seconds as it is shown, in whole weeks, days or hours; `None` for fewer.
fn time_left(seconds: u32) -> Option<String> {
    let units = [(604_800, 'w'), (86_400, 'd'), (3600, 'h')];
    let (unit, letter) = units.into_iter().find(|(unit, _)| seconds >= *unit)?;
    Some(format!("{}{letter}", seconds / unit))
}
