//! Operations on keys, all from one table.

use crate::argument::{Ids, KeyType, Slot, key};
use keyrings::{Checked, Errno, Failure, KeySerial, NO_KEYRING};
use std::fmt;

/// Where an operation can be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// In any task.
    Anywhere,
    /// In any task of random programs: it is a variant of another one, or rarely changes anything.
    AtRandom,
    /// As `AtRandom`, in a user namespace of the program, which takes with it what this leaves behind.
    InNamespace,
    /// Not in the process of `main`, whose parent is not part of the program.
    NotInMain,
    /// As `NotInMain`, by root, and not in memory that two processes share: it changes ids.
    ChangesIds,
    /// Not in memory that two processes share, and rarely: it waits for the kernel.
    Slow,
}

/// What an operation returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Returns {
    /// A key of type `user`, if it is a new one.
    User,
    /// A keyring, if it is a new one.
    Keyring,
    /// A key of the type that is its argument.
    Asked,
    /// Nothing of interest.
    Nothing,
    /// Nothing of interest; an error has a text instead of an errno, and is not expected.
    Checked,
}

/// What a call returned: an errno or 0; a key or [`NO_KEYRING`].
pub(crate) type CallResult = (i32, KeySerial);

/// Most arguments that an operation has.
const MOST_ARGS: usize = 4;

/// Payloads that are too long for type `user`, and for add_key(2), in bytes.
pub(crate) const TOO_LONG: usize = 32768;
pub(crate) const FAR_TOO_LONG: usize = 1 << 20;

/// An operation for another task: the number of its row, and its arguments with serial numbers of keys.
pub(crate) type Encoded = [i32; 1 + MOST_ARGS];

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    call: Call,
    text: &'static str,
    pub(crate) slots: &'static [Slot],
    /// How often random programs have it, relative to the others.
    pub(crate) weight: u32,
    pub(crate) runs: Runs,
    returns: Returns,
    perform: fn(&[i32], Ids) -> CallResult,
    /// The call in a snippet, if it is not its name with its arguments.
    template: Option<&'static str>,
}

/// An argument as the call has it.
#[rustfmt::skip]
macro_rules! value {
    (Create, $number:expr, $ids:ident) => { $number == 1 };
    (Flags, $number:expr, $ids:ident) => { $number.cast_unsigned() };
    (Type, $number:expr, $ids:ident) => { Slot::Type.word($number) };
    (AnyType, $number:expr, $ids:ident) => { Slot::AnyType.word($number) };
    (OddType, $number:expr, $ids:ident) => { Slot::OddType.text_or_null($number) };
    (OddName, $number:expr, $ids:ident) => { Slot::OddName.text_or_null($number) };
    (OddPayload, $number:expr, $ids:ident) => { Slot::OddPayload.text_or_null($number).map(str::as_bytes) };
    (Name, $number:expr, $ids:ident) => { Slot::Name.word($number) };
    (Session, $number:expr, $ids:ident) => { &*$ids.session($number) };
    (Watch, $number:expr, $ids:ident) => { Slot::Watch.parsed($number) };
    (Size, $number:expr, $ids:ident) => { Slot::Size.parsed($number) };
    (Mask, $number:expr, $ids:ident) => { $number.cast_unsigned() };
    (Seconds, $number:expr, $ids:ident) => { $number.cast_unsigned() };
    (Reqkey, $number:expr, $ids:ident) => { $number };
    (Owner, $number:expr, $ids:ident) => { ($ids.user($number), $ids.group($number)) };
    (Uid, $number:expr, $ids:ident) => { $ids.user($number) };
    (Gid, $number:expr, $ids:ident) => { $ids.group($number) };
    (Groups, $number:expr, $ids:ident) => { &$ids.groups($number) };
    ($key:ident, $number:expr, $ids:ident) => { KeySerial($number) };
}

/// What a call returned, by what it is declared to return.
#[rustfmt::skip]
macro_rules! result {
    (, $result:expr) => { call_result($result.map(|_| NO_KEYRING)) };
    (Checked, $result:expr) => { call_result($result.map(|_| NO_KEYRING).map_err(|_| Errno::EIO)) };
    ($key:ident, $result:expr) => { call_result($result) };
}

/// Defines everything that differs from one operation to the next. A row is: its name in code and in
/// the text of a program; its arguments; what it returns, if that matters; where it can be executed, if
/// not anywhere; its weight in random programs; the call; and the call in a snippet, if that is not the
/// name with the arguments.
macro_rules! operations {
    ($ids:ident; $(
        $name:ident $text:literal ($($arg:ident: $slot:ident),*) $(-> $returns:ident)?
            $(in $runs:ident)?, $weight:literal: $call:expr $(=> $template:literal)?;
    )*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Call { $($name,)* }

        /// The rows of the table, in the order of [`Call`].
        #[allow(unused_variables, unused_mut, reason = "not every call has arguments")]
        pub(crate) const ROWS: &[Row] = &[$(Row {
            call: Call::$name,
            text: $text,
            slots: &[$(Slot::$slot),*],
            weight: $weight,
            runs: [$(Runs::$runs,)? Runs::Anywhere][0],
            returns: [$(Returns::$returns,)? Returns::Nothing][0],
            perform: |args, $ids| {
                use keyrings::*;
                let mut args = args.iter().copied();
                $(
                    let number = args.next().unwrap_or_default();
                    let $arg = value!($slot, number, $ids);
                )*
                result!($($returns)?, $call)
            },
            template: [$(Some($template),)? None][0],
        },)*];
    };
}

operations! { ids;
    Id "keyctl_get_keyring_ID" (ring: Key, create: Create) -> Keyring, 48:
        keyctl_get_keyring_ID(ring, create);
    AddKey "add_key" (name: Name, ring: Key) -> User, 32:
        add_key("user", name, "payload", ring) => "add_key(\"user\", {}, \"payload\", {})";
    AddKeyring "add_keyring" (name: Name, ring: Key) -> Keyring, 20: add_keyring(name, ring);
    Request "request_key" (kind: Type, name: Name, to: Destination) -> Asked, 20:
        request_key(kind, name, None, to) => "request_key({}, {}, None, {})";
    Search "keyctl_search" (ring: Key, kind: Type, name: Name, to: Destination) -> Asked, 20:
        keyctl_search(ring, kind, name, to);
    Link "keyctl_link" (key: Key, ring: Ring), 36: keyctl_link(key, ring);
    Unlink "keyctl_unlink" (key: Key, ring: Ring), 20: keyctl_unlink(key, ring);
    Move "keyctl_move" (key: Key, from: Ring, to: Ring, flags: Flags), 20:
        keyctl_move(key, from, to, flags);
    Clear "keyctl_clear" (ring: Key), 8: keyctl_clear(ring);
    Read "keyctl_read_keyring" (ring: Key), 32: keyctl_read_keyring(ring);
    // `Read` becomes this where its key turns out to be of another type.
    Payload "keyctl_read_alloc" (key: Key), 0: keyctl_read_alloc(key);
    Describe "keyctl_describe_alloc" (key: Key), 20: keyctl_describe_alloc(key);
    Security "keyctl_get_security_alloc" (key: Key), 4: keyctl_get_security_alloc(key);
    Setperm "keyctl_setperm" (key: Key, mask: Mask), 20: keyctl_setperm(key, mask);
    Revoke "keyctl_revoke" (key: Key), 8: keyctl_revoke(key);
    Invalidate "keyctl_invalidate" (key: Key), 8: keyctl_invalidate(key);
    Timeout "keyctl_set_timeout" (key: Key, seconds: Seconds), 8: keyctl_set_timeout(key, seconds);
    Chown "keyctl_chown" (key: Key, owner: Owner), 8:
        keyctl_chown(key, owner.0, owner.1);
    ChownEach "keyctl_chown" (key: Key, user: Uid, group: Gid) in AtRandom, 8:
        keyctl_chown(key, user, group);
    Update "keyctl_update" (key: Key), 8: keyctl_update(key, "new") => "keyctl_update({}, \"new\")";
    Restrict "keyctl_restrict_keyring" (ring: Key), 4:
        keyctl_restrict_keyring(ring, None) => "keyctl_restrict_keyring({}, None)";
    RestrictTo "keyctl_restrict_keyring" (ring: Key, kind: AnyType) in AtRandom, 2:
        keyctl_restrict_keyring(ring, Some((kind, "x")))
        => "keyctl_restrict_keyring({}, Some(({}, \"x\")))";
    JoinSession "keyctl_join_session_keyring" () -> Keyring, 12:
        keyctl_join_session_keyring(None) => "keyctl_join_session_keyring(None)";
    JoinNamed "keyctl_join_session_keyring" (name: Session) -> Keyring in AtRandom, 12:
        keyctl_join_session_keyring(Some(name));
    AddNamed "add_named_keyring" (name: Session, ring: Key) -> Keyring in AtRandom, 4:
        add_key_with(Some("keyring"), Some(name), None, ring)
        => "add_key_with(Some(\"keyring\"), {}, None, {})";
    Persistent "keyctl_get_persistent" (user: Uid, ring: Key) -> Keyring in InNamespace, 12:
        keyctl_get_persistent(user, ring);
    AddLogon "add_logon" (name: Name, ring: Key) -> User in AtRandom, 4:
        add_key("logon", name, "payload", ring) => "add_key(\"logon\", {}, \"payload\", {})";
    // What is missing, unknown, unreadable or too short.
    AddOdd "add_odd_key" (kind: OddType, name: OddName, payload: OddPayload, ring: Key) -> Asked in AtRandom, 12:
        add_key_with(kind, name, payload, ring) => "add_key_with({}, {}, {}, {})";
    AddUnmapped "add_key_without_memory" (kind: AnyType, name: Name, size: Size, ring: Key) -> Asked in AtRandom, 4:
        add_key_without_memory(kind, name, size, ring);
    AddLong "add_long_key" (name: Name, ring: Key) -> User in AtRandom, 1:
        add_key("user", name, vec![b'x'; TOO_LONG], ring)
        => "add_key(\"user\", {}, vec![b'x'; 32768], {})";
    AddHuge "add_huge_key" (name: Name, ring: Key) -> User in AtRandom, 1:
        add_key("user", name, vec![b'x'; FAR_TOO_LONG], ring)
        => "add_key(\"user\", {}, vec![b'x'; 1 << 20], {})";
    UpdateUnmapped "keyctl_update_without_memory" (key: Key, size: Size) in AtRandom, 2:
        keyctl_update_without_memory(key, size);
    UpdateEmpty "keyctl_update_empty" (key: Key) in AtRandom, 2:
        keyctl_update(key, "") => "keyctl_update({}, \"\")";
    ReadShort "keyctl_read" (key: Key, size: Size) in AtRandom, 6:
        keyctl_read(key, &mut vec![0; size]) => "keyctl_read({}, &mut [0; {}])";
    ReadUnmapped "keyctl_read_without_memory" (key: Key, size: Size) in AtRandom, 3:
        keyctl_read_without_memory(key, size);
    ReadNull "keyctl_read_without_buffer" (key: Key, size: Size) in AtRandom, 2:
        keyctl_read_without_buffer(key, size);
    DescribeShort "keyctl_describe" (key: Key, size: Size) in AtRandom, 2:
        keyctl_describe(key, &mut vec![0; size]) => "keyctl_describe({}, &mut [0; {}])";
    SecurityShort "keyctl_get_security" (key: Key, size: Size) in AtRandom, 2:
        keyctl_get_security(key, &mut vec![0; size]) => "keyctl_get_security({}, &mut [0; {}])";
    RequestAny "request_any_key" (kind: AnyType, name: Name, to: Destination) -> Asked in AtRandom, 4:
        request_key(kind, name, None, to) => "request_key({}, {}, None, {})";
    SearchAny "search_any_key" (ring: Key, kind: AnyType, name: Name, to: Destination) -> Asked in AtRandom, 4:
        keyctl_search(ring, kind, name, to) => "keyctl_search({}, {}, {}, {})";
    // Without the authority to instantiate a key.
    Instantiate "keyctl_instantiate" (key: Key, ring: Destination) in AtRandom, 2:
        keyctl_instantiate(key, "payload", ring) => "keyctl_instantiate({}, \"payload\", {})";
    InstantiateUnmapped "keyctl_instantiate_iov_without_memory" (key: Key, ring: Destination) in AtRandom, 1:
        keyctl_instantiate_iov_without_memory(key, 1, ring)
        => "keyctl_instantiate_iov_without_memory({}, 1, {})";
    Negate "keyctl_negate" (key: Key, ring: Destination) in AtRandom, 2:
        keyctl_negate(key, 1, ring) => "keyctl_negate({}, 1, {})";
    Reject "keyctl_reject" (key: Key, ring: Destination) in AtRandom, 2:
        keyctl_reject(key, 1, ENOKEY, ring) => "keyctl_reject({}, 1, ENOKEY, {})";
    Assume "keyctl_assume_authority" (key: Destination) -> User in AtRandom, 3: keyctl_assume_authority(key);
    // Only `main` can create a pipe for it.
    Watch "keyctl_watch_key" (key: Key, number: Watch) in AtRandom, 4:
        keyctl_watch_key(key, ids.pipe, number) => "keyctl_watch_key({}, pipe, {})";
    Capabilities "keyctl_capabilities" () in AtRandom, 1: keyctl_capabilities();
    Dh "keyctl_dh_compute" (private: Key, prime: Key, base: Key) in AtRandom, 2:
        keyctl_dh_compute_alloc(private, prime, base) => "keyctl_dh_compute_alloc({}, {}, {})";
    Pkey "keyctl_pkey_query" (key: Key) in AtRandom, 2:
        keyctl_pkey_query(key, "") => "keyctl_pkey_query({}, \"\")";
    SessionToParent "keyctl_session_to_parent" () in NotInMain, 8: keyctl_session_to_parent();
    Reqkey "keyctl_set_reqkey_keyring" (to: Reqkey), 12: keyctl_set_reqkey_keyring(to);
    ExecveFails "execve_of_nothing" () in AtRandom, 4:
        execve("/nothing") => "execve(\"/nothing\")";
    ProcKeys "proc_keys" (key: Returned) -> Checked, 8: proc_keys(key);
    // In this thread alone: glibc doesn't know the threads of a process that it did not create.
    BecomeOther "setresuid" () in ChangesIds, 6: {
        let other = ids.user(crate::argument::id::OTHER);
        setresuid_of_this_thread(other, other, other)
    } => "setresuid_of_this_thread(other, other, other)";
    Effective "seteuid" (to: Uid) in ChangesIds, 6: setresuid_of_this_thread(NO_CHANGE, to, NO_CHANGE)
        => "setresuid_of_this_thread(NO_CHANGE, {}, NO_CHANGE)";
    SetUsers "setresuid" (real: Uid, effective: Uid, saved: Uid) in ChangesIds, 8:
        setresuid_of_this_thread(real, effective, saved) => "setresuid_of_this_thread({}, {}, {})";
    SetGroups "setresgid" (real: Gid, effective: Gid, saved: Gid) in ChangesIds, 8:
        setresgid_of_this_thread(real, effective, saved) => "setresgid_of_this_thread({}, {}, {})";
    SetFsUser "setfsuid" (to: Uid) in ChangesIds, 6: setfsuid(to);
    SetFsGroup "setfsgid" (to: Gid) in ChangesIds, 6: setfsgid(to);
    Supplementary "setgroups" (groups: Groups) in ChangesIds, 6:
        setgroups_of_this_thread(groups) => "setgroups_of_this_thread({})";
    // Twice, as a reference that a thread on another core dropped may be gone a little later.
    Collect "wait_for_the_collector" () -> Checked in Slow, 1:
        wait_for_the_collector().and_then(|()| wait_for_the_collector());
    Expire "expire" (key: Returned) -> Checked in Slow, 1: expire(key);
}

pub(crate) fn call_result(result: Result<KeySerial, Errno>) -> CallResult {
    match result {
        Ok(key) => (0, key),
        Err(errno) => (errno as i32, NO_KEYRING),
    }
}

/// An operation on keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    pub(crate) call: Call,
    /// Those that it does not have are 0.
    pub(crate) args: [i32; MOST_ARGS],
}

impl Row {
    /// Whether its answer is the label of a security module.
    pub(crate) fn asks_for_label(&self) -> bool {
        matches!(self.call, Call::Security | Call::SecurityShort)
    }

    /// The operation with these arguments; `None` if they do not fit the slots.
    pub(crate) fn operation(&self, args: &[i32]) -> Option<Operation> {
        let fit = self.slots.iter().zip(args).all(|(slot, number)| slot.accepts(*number));
        let mut operation = Operation { call: self.call, args: [0; MOST_ARGS] };
        operation.args.get_mut(..args.len())?.copy_from_slice(args);
        (fit && args.len() == self.slots.len()).then_some(operation)
    }
}

impl Operation {
    /// Parses the operation with this name and these arguments.
    pub(crate) fn parse(name: &str, args: &[&str]) -> Result<Operation, String> {
        let known = |row: &&Row| row.text == name && row.slots.len() == args.len();
        let unknown = || format!("no call `{name}` with {} arguments", args.len());
        let row = ROWS.iter().find(known).ok_or_else(unknown)?;
        let args = row.slots.iter().zip(args).map(|(slot, arg)| slot.parse(arg));
        row.operation(&args.collect::<Result<Vec<_>, _>>()?).ok_or_else(unknown)
    }

    pub(crate) fn row(&self) -> &'static Row {
        &ROWS[self.call as usize]
    }

    /// Its name in the text of a program.
    pub(crate) fn name(&self) -> &'static str {
        self.row().text
    }

    /// Its arguments.
    pub(crate) fn args(&self) -> impl Iterator<Item = (Slot, i32)> {
        self.row().slots.iter().copied().zip(self.args)
    }

    /// The type of the key that it returns, if it returns one and the key is new.
    pub(crate) fn returns(&self) -> Option<KeyType> {
        let is_keyring = |(slot, number): (Slot, i32)| {
            matches!(slot, Slot::Type | Slot::AnyType | Slot::OddType)
                && slot.word(number) == "keyring"
        };
        match self.row().returns {
            Returns::Nothing | Returns::Checked => None,
            Returns::Asked if self.args().any(is_keyring) => Some(KeyType::Keyring),
            Returns::Keyring => Some(KeyType::Keyring),
            Returns::User | Returns::Asked => Some(KeyType::User),
        }
    }

    /// Whether it accepts a key under construction as its first argument. Others wait for the key.
    pub(crate) fn accepts_partial(&self) -> bool {
        use Call::{
            Assume, Chown, ChownEach, Describe, DescribeShort, Instantiate, InstantiateUnmapped,
            Negate, ProcKeys, Reject, Security, SecurityShort, Setperm, Timeout, Unlink,
        };
        matches!(
            self.call,
            Assume
                | Chown
                | ChownEach
                | Describe
                | DescribeShort
                | Instantiate
                | InstantiateUnmapped
                | Negate
                | ProcKeys
                | Reject
                | Security
                | SecurityShort
                | Setperm
                | Timeout
                | Unlink
        )
    }

    /// Whether an error is an errno, which a snippet can expect.
    pub(crate) fn has_errno(&self) -> bool {
        self.row().returns != Returns::Checked
    }

    /// Whether a process that shares the memory of another one can execute it.
    pub(crate) fn fits_shared_memory(&self) -> bool {
        matches!(self.row().runs, Runs::Anywhere | Runs::AtRandom | Runs::NotInMain)
    }

    /// Whether it reaches keyrings of the user, which all programs outside of a user namespace share.
    pub(crate) fn is_of_namespace(&self) -> bool {
        let is_of_user = |(slot, number): (Slot, i32)| {
            slot.is_key() && matches!(number, key::USER | key::USER_SESSION)
        };
        self.row().runs == Runs::InNamespace || self.args().any(is_of_user)
    }

    /// Replaces its keys; `None` if `key` does not know one of them.
    pub(crate) fn with(self, mut key: impl FnMut(i32) -> Option<i32>) -> Option<Operation> {
        let mut changed = self;
        for (nth, (slot, number)) in self.args().enumerate() {
            changed.args[nth] = if slot.is_key() { key(number)? } else { number };
        }
        Some(changed)
    }

    /// The operation as plain numbers, once its keys are serial numbers.
    pub(crate) fn encode(&self) -> Encoded {
        let [a, b, c, d] = self.args;
        [self.call as i32, a, b, c, d]
    }

    /// The inverse of `encode`; `None` if the numbers are not those of an operation.
    pub(crate) fn decode([call, args @ ..]: Encoded) -> Option<Operation> {
        let row = ROWS.get(usize::try_from(call).ok()?)?;
        let operation = row.operation(args.get(..row.slots.len())?)?;
        (operation.args == args).then_some(operation)
    }

    /// The call in a snippet.
    pub(crate) fn snippet(&self) -> String {
        let args: Vec<String> = self.args().map(|(slot, number)| slot.rust(number)).collect();
        let Row { text, template, .. } = self.row();
        let Some(template) = template else { return format!("{text}({})", args.join(", ")) };
        args.iter().fold((*template).to_owned(), |call, arg| call.replacen("{}", arg, 1))
    }
}

/// Makes the call of an encoded operation in the calling task.
pub(crate) fn perform((encoded, ids): (Encoded, Ids)) -> Checked<CallResult> {
    let operation = Operation::decode(encoded);
    let operation = operation.ok_or_else(|| Failure::new(format!("no operation: {encoded:?}")))?;
    Ok((operation.row().perform)(&operation.args, ids))
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().text)?;
        self.args().try_for_each(|(slot, number)| write!(f, " {}", slot.text(number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn operations_survive_encoding(
            operation in crate::random::operation(crate::random::ALL, &crate::random::rows(crate::random::ALL)),
            serials in any::<[i32; MOST_ARGS]>(),
        ) {
            let mut serials = serials.into_iter();
            let operation = operation.with(|_| serials.next()).unwrap();
            prop_assert_eq!(Operation::decode(operation.encode()), Some(operation));
        }

        #[test]
        fn numbers_decode_to_one_operation_or_none(
            encoded in [-1..=ROWS.len() as i32, -1..=3, -1..=3, -1..=3, -1..=2],
        ) {
            if let Some(operation) = Operation::decode(encoded) {
                prop_assert_eq!(operation.encode(), encoded);
            }
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_not_decoded() {
        let create = Operation::parse("keyctl_get_keyring_ID", &["@t", "1"]).unwrap().encode();
        assert_eq!(create, [Call::Id as i32, -1, 1, 0, 0]);
        for (place, number) in [(0, -1), (0, ROWS.len() as i32), (2, 2), (2, -1), (3, 1), (4, 1)] {
            let mut wrong = create;
            wrong[place] = number;
            assert_eq!(Operation::decode(wrong), None, "{wrong:?}");
        }
    }
}
