//! Operations on keys, as a generated program has them: small values that can be handed to any task.

use keyrings::KeySerial;

/// A key that an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `@t`.
    Thread,
    /// `@p`.
    Process,
    /// `@s`.
    Session,
    /// None, where a destination may be left out.
    None,
    /// The key that some call gave as the nth different one, from 0; beyond the last it begins again.
    Nth(u8),
}

/// The type of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `user`.
    User,
    /// `keyring`.
    Keyring,
}

/// The description of a key: few, so that they collide, also with those that the kernel gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Name {
    A,
    B,
    Tid,
    Pid,
}

/// A user and a group, for chown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// The caller's.
    Own,
    /// Neither is to change.
    NoChange,
    /// Those of nobody else: [`keyrings::unused_id`] in the main task.
    Other,
}

impl Kind {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Keyring => "keyring",
        }
    }
}

impl Name {
    pub(crate) const ALL: [Name; 4] = [Name::A, Name::B, Name::Tid, Name::Pid];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Name::A => "a",
            Name::B => "b",
            Name::Tid => "_tid",
            Name::Pid => "_pid",
        }
    }
}

/// A call about keys. `K` is how keys are told: as in a program, or by their serial numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Operation<K = Key> {
    /// keyctl_get_keyring_ID, with the wish to create.
    Id(K, bool),
    /// add_key of type `user`.
    AddKey(Name, K),
    /// add_key of type `keyring`.
    AddKeyring(Name, K),
    /// request_key without callout, with a destination.
    Request(Kind, Name, K),
    Search(K, Kind, Name, K),
    Link(K, K),
    Unlink(K, K),
    /// With `KEYCTL_MOVE_EXCL` or without.
    Move(K, K, K, bool),
    Clear(K),
    /// keyctl_read of a keyring.
    Read(K),
    /// keyctl_read of any other key.
    Payload(K),
    Describe(K),
    Security(K),
    Setperm(K, u32),
    Revoke(K),
    Invalidate(K),
    /// In seconds; 0 is never.
    Timeout(K, u32),
    Chown(K, Whom),
    Update(K),
    /// keyctl_restrict_keyring with nothing.
    Restrict(K),
    JoinSession,
    SessionToParent,
    /// keyctl_set_reqkey_keyring, by its number.
    Reqkey(i8),
    /// A line of /proc/keys.
    ProcKeys(K),
    /// setresuid of all three ids, in this thread alone: glibc does not know the threads of a process
    /// that it did not make itself.
    BecomeOther,
    /// setresuid of the effective id alone.
    Effective(Whom),
    Collect,
}

impl<K: Copy> Operation<K> {
    /// The same about other keys; `None` if one of them cannot be told.
    pub(crate) fn with<L: Copy>(self, mut key: impl FnMut(K) -> Option<L>) -> Option<Operation<L>> {
        use Operation as O;
        Some(match self {
            O::Id(a, create) => O::Id(key(a)?, create),
            O::AddKey(name, a) => O::AddKey(name, key(a)?),
            O::AddKeyring(name, a) => O::AddKeyring(name, key(a)?),
            O::Request(kind, name, a) => O::Request(kind, name, key(a)?),
            O::Search(a, kind, name, b) => O::Search(key(a)?, kind, name, key(b)?),
            O::Link(a, b) => O::Link(key(a)?, key(b)?),
            O::Unlink(a, b) => O::Unlink(key(a)?, key(b)?),
            O::Move(a, b, c, excl) => O::Move(key(a)?, key(b)?, key(c)?, excl),
            O::Clear(a) => O::Clear(key(a)?),
            O::Read(a) => O::Read(key(a)?),
            O::Payload(a) => O::Payload(key(a)?),
            O::Describe(a) => O::Describe(key(a)?),
            O::Security(a) => O::Security(key(a)?),
            O::Setperm(a, mask) => O::Setperm(key(a)?, mask),
            O::Revoke(a) => O::Revoke(key(a)?),
            O::Invalidate(a) => O::Invalidate(key(a)?),
            O::Timeout(a, seconds) => O::Timeout(key(a)?, seconds),
            O::Chown(a, whom) => O::Chown(key(a)?, whom),
            O::Update(a) => O::Update(key(a)?),
            O::Restrict(a) => O::Restrict(key(a)?),
            O::JoinSession => O::JoinSession,
            O::SessionToParent => O::SessionToParent,
            O::Reqkey(choice) => O::Reqkey(choice),
            O::ProcKeys(a) => O::ProcKeys(key(a)?),
            O::BecomeOther => O::BecomeOther,
            O::Effective(whom) => O::Effective(whom),
            O::Collect => O::Collect,
        })
    }

    /// Whether it can give a key that no call gave before, and of which type.
    pub(crate) fn gives(&self) -> Option<Kind> {
        match self {
            Operation::Id(..) | Operation::AddKeyring(..) | Operation::JoinSession => {
                Some(Kind::Keyring)
            }
            Operation::AddKey(..) => Some(Kind::User),
            Operation::Request(kind, ..) | Operation::Search(_, kind, ..) => Some(*kind),
            _ => None,
        }
    }

    /// Whether a task in the memory of another can do it: nothing that minds threads.
    pub(crate) fn fits_shared_memory(&self) -> bool {
        !matches!(self, Operation::BecomeOther | Operation::Effective(_) | Operation::Collect)
    }
}

/// What an operation gave: an error, or 0; and a key, or none.
pub(crate) type Given = (i32, KeySerial);

/// Carries out an operation in the calling task. `other` is the id of [`Whom::Other`].
pub(crate) fn perform(operation: Operation<KeySerial>, other: u32) -> Given {
    use Operation as O;
    use keyrings::*;
    fn key(result: std::result::Result<KeySerial, Errno>) -> Given {
        match result {
            Ok(key) => (0, key),
            Err(errno) => (errno as i32, NO_KEYRING),
        }
    }
    fn plain<T>(result: std::result::Result<T, Errno>) -> Given {
        key(result.map(|_| NO_KEYRING))
    }
    match operation {
        O::Id(a, create) => key(keyctl_get_keyring_ID(a, create)),
        O::AddKey(name, a) => key(add_key("user", name.text(), "payload", a)),
        O::AddKeyring(name, a) => key(add_keyring(name.text(), a)),
        O::Request(kind, name, a) => key(request_key(kind.text(), name.text(), None, a)),
        O::Search(a, kind, name, b) => key(keyctl_search(a, kind.text(), name.text(), b)),
        O::Link(a, b) => plain(keyctl_link(a, b)),
        O::Unlink(a, b) => plain(keyctl_unlink(a, b)),
        O::Move(a, b, c, excl) => {
            plain(keyctl_move(a, b, c, if excl { KEYCTL_MOVE_EXCL } else { 0 }))
        }
        O::Clear(a) => plain(keyctl_clear(a)),
        O::Read(a) => plain(keyctl_read_keyring(a)),
        O::Payload(a) => plain(keyctl_read_alloc(a)),
        O::Describe(a) => plain(keyctl_describe_alloc(a)),
        O::Security(a) => plain(keyctl_get_security_alloc(a)),
        O::Setperm(a, mask) => plain(keyctl_setperm(a, mask)),
        O::Revoke(a) => plain(keyctl_revoke(a)),
        O::Invalidate(a) => plain(keyctl_invalidate(a)),
        O::Timeout(a, seconds) => plain(keyctl_set_timeout(a, seconds)),
        O::Chown(a, whom) => {
            let (uid, gid) = match whom {
                Whom::Own => (getuid(), getgid()),
                Whom::NoChange => (NO_CHANGE, NO_CHANGE),
                Whom::Other => (other, other),
            };
            plain(keyctl_chown(a, uid, gid))
        }
        O::Update(a) => plain(keyctl_update(a, "new")),
        O::Restrict(a) => plain(keyctl_restrict_keyring(a, None)),
        O::JoinSession => key(keyctl_join_session_keyring(None)),
        O::SessionToParent => plain(keyctl_session_to_parent()),
        O::Reqkey(choice) => plain(keyctl_set_reqkey_keyring(choice.into())),
        O::ProcKeys(a) => plain(proc_keys(a).map_err(|_| Errno::EIO)),
        O::BecomeOther => plain(setresuid_of_this_thread(other, other, other)),
        O::Effective(whom) => {
            let id = match whom {
                Whom::Own => getuid(),
                Whom::NoChange => NO_CHANGE,
                Whom::Other => other,
            };
            plain(setresuid_of_this_thread(NO_CHANGE, id, NO_CHANGE))
        }
        // Twice: what a thread on another core let go of may come to its end a little later.
        O::Collect => {
            let twice = wait_for_the_collector().and_then(|()| wait_for_the_collector());
            plain(twice.map_err(|_| Errno::EIO))
        }
    }
}
