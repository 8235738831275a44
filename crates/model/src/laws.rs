//! The laws: every decision of the model by name, with the behavior of a kernel that gets it wrong.
//!
//! A transition asks for each of its decisions whether the law holds. In the model every law holds. In a
//! *wrong model* exactly one does not, and the transition behaves as that kernel would. So one code is
//! the model and all wrong models.

/// What a key's mask permits, by its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in keyrings(7)")]
pub enum Permission {
    View = 0x01,
    Read = 0x02,
    Write = 0x04,
    Search = 0x08,
    Link = 0x10,
    Setattr = 0x20,
}

/// The state that a key has to be in to be accepted as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// Neither negative nor revoked, expired or invalidated.
    Valid,
    /// Negative keys are accepted too (`KEY_LOOKUP_PARTIAL`).
    Partial,
    /// Any; the operation may check it later.
    Any,
}

/// Creates [`KeySlot`] from a row for each key argument.
macro_rules! key_slots {
    (@creates creates) => { true };
    (@creates finds) => { false };
    ($($slot:ident: $words:literal, $creates:ident, [$($needs:ident),*], $accepts:ident;)*) => {
        /// A key argument of an operation: what it accepts, and what it requires of the caller.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum KeySlot {
            $(#[doc = $words] $slot,)*
        }

        impl KeySlot {
            /// All key arguments.
            pub const ALL: &[KeySlot] = &[$(KeySlot::$slot,)*];

            /// The argument as a reader knows it.
            pub fn words(self) -> &'static str {
                match self { $(KeySlot::$slot => $words,)* }
            }

            /// Whether an absent thread or process keyring is created.
            pub fn creates(self) -> bool {
                match self { $(KeySlot::$slot => key_slots!(@creates $creates),)* }
            }

            /// The permissions of which the caller requires one, best first; none if empty.
            pub fn needs(self) -> &'static [Permission] {
                match self { $(KeySlot::$slot => &[$(Permission::$needs),*],)* }
            }

            pub(crate) fn accepts(self) -> Accepts {
                match self { $(KeySlot::$slot => Accepts::$accepts,)* }
            }
        }
    };
}

// KEYCTL_GET_KEYRING_ID creates only with its flag. KEYCTL_READ and KEYCTL_DH_COMPUTE check Read, or
// possession, after the lookup.
key_slots! {
    AddKey:                "keyring of add_key",                creates, [Write],          Valid;
    RequestKeyDestination: "destination of request_key",        creates, [Write],          Valid;
    GetKeyringId:          "KEYCTL_GET_KEYRING_ID",             finds,   [Search],         Valid;
    Update:                "KEYCTL_UPDATE",                     finds,   [Write],          Valid;
    Revoke:                "KEYCTL_REVOKE",                     finds,   [Write, Setattr], Valid;
    Invalidate:            "KEYCTL_INVALIDATE",                 finds,   [Search],         Valid;
    Clear:                 "KEYCTL_CLEAR",                      creates, [Write],          Valid;
    LinkKey:               "key of KEYCTL_LINK",                creates, [Link],           Valid;
    LinkKeyring:           "keyring of KEYCTL_LINK",            creates, [Write],          Valid;
    UnlinkKey:             "key of KEYCTL_UNLINK",              finds,   [],               Any;
    UnlinkKeyring:         "keyring of KEYCTL_UNLINK",          finds,   [Write],          Valid;
    MoveKey:               "key of KEYCTL_MOVE",                creates, [Link],           Valid;
    MoveFrom:              "first keyring of KEYCTL_MOVE",      finds,   [Write],          Valid;
    MoveTo:                "second keyring of KEYCTL_MOVE",     creates, [Write],          Valid;
    SearchSource:          "keyring of KEYCTL_SEARCH",          finds,   [Search],         Valid;
    SearchDestination:     "destination of KEYCTL_SEARCH",      creates, [Write],          Valid;
    Describe:              "KEYCTL_DESCRIBE",                   finds,   [View],           Partial;
    GetSecurity:           "KEYCTL_GET_SECURITY",               finds,   [View],           Partial;
    Read:                  "KEYCTL_READ",                       finds,   [],               Any;
    Chown:                 "KEYCTL_CHOWN",                      creates, [Setattr],        Partial;
    Setperm:               "KEYCTL_SETPERM",                    creates, [Setattr],        Partial;
    SetTimeout:            "KEYCTL_SET_TIMEOUT",                creates, [Setattr],        Partial;
    Restrict:              "KEYCTL_RESTRICT_KEYRING",           finds,   [Setattr],        Valid;
    GetPersistent:         "keyring of KEYCTL_GET_PERSISTENT",  creates, [Write],          Valid;
    Pkey:                  "KEYCTL_PKEY_…",                     finds,   [Search],         Valid;
    DhCompute:             "KEYCTL_DH_COMPUTE",                 finds,   [],               Any;
}

/// The keyrings that belong to one thread or to one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OwnKeyring {
    /// `@t`
    Thread,
    /// `@p`
    Process,
}

impl OwnKeyring {
    /// Both.
    pub const ALL: [OwnKeyring; 2] = [OwnKeyring::Thread, OwnKeyring::Process];

    /// As in "the thread keyring".
    pub fn words(self) -> &'static str {
        match self {
            OwnKeyring::Thread => "thread",
            OwnKeyring::Process => "process",
        }
    }
}

/// Creates an enum with a phrase for each variant.
macro_rules! phrases {
    (
        $(#[$doc:meta])* $type:ident, $(#[$method_doc:meta])* $method:ident, $about:literal;
        $($name:ident => $words:literal,)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type {
            $(#[doc = concat!($about, $words)] $name,)*
        }

        impl $type {
            /// All of them.
            pub const ALL: &[$type] = &[$($type::$name,)*];

            $(#[$method_doc])*
            pub fn $method(self) -> &'static str {
                match self {
                    $($type::$name => $words,)*
                }
            }
        }
    };
}

phrases! {
    /// The calls that create a process.
    ProcessCall,
    /// The call.
    words, "";
    Fork => "fork(2)",
    Vfork => "vfork(2)",
    Clone => "clone(2) without a flag",
    CloneVm => "clone(2) with CLONE_VM",
    CloneNewuser => "clone(2) with CLONE_NEWUSER",
    Clone3 => "clone3(2)",
    PosixSpawn => "posix_spawn(3)",
}

phrases! {
    /// A law that stands alone.
    Fact,
    /// What a kernel does that gets it wrong.
    wrong, "What goes wrong without it: ";
    NameOfThreadKeyring => "a thread keyring is described by another name",
    NameOfProcessKeyring => "a process keyring is described by another name",
    MaskOfNew => "a new thread or process keyring gives its user every permission",
    OwnerOfNew => "a new thread or process keyring belongs to the effective user",
    GroupOfNew => "a new thread or process keyring belongs to the effective group",
    NewOverrunsQuota => "a used-up quota refuses a new thread or process keyring",
    NewCounts => "a thread or process keyring counts for no quota",
    NewIsEmpty => "a new thread or process keyring holds the session keyring",
    OneForAsker => "a process keyring is made for all threads of the process",
    ThreadSharesProcessKeyring => "a new thread begins without a process keyring",
    ThreadKeyringForNewThread => "a new thread never begins with a thread keyring",
    NoThreadKeyringForNewThread => "a new thread always begins with a thread keyring",
    ThreadKeyringIsOwn => "a new thread shares the thread keyring of its maker",
    SessionIsInherited => "a new process begins with a session keyring of its own",
    DestinationIsInherited => "a new process begins with the default destination 0",
    ExecveDropsThread => "the program that execve begins has the thread keyring of the one before",
    ExecveDropsProcess => "the program that execve begins has the process keyring of the one before",
    ExecveKeepsSession => "the program that execve begins has a new session keyring",
    ExecveKeepsDestination => "execve sets the default destination of request_key back",
    ExecveHoldsOld => "nothing holds the keyrings from before an execve",
    ExecveEndsOthers => "execve leaves the other threads their keyrings",
    FailedExecveChangesNothing => "an execve that fails takes the keyrings away",
    FileHolds => "an open file does not hold the credentials that opened it",
    FileHoldsInOther => "a file that was handed to another process holds no credentials",
    ClosedFileDoesNotHold => "a file goes on holding credentials when it is closed",
    MappingHolds => "a mapped file does not hold the credentials that opened it",
    PeerHolds => "a socket does not hold the credentials of its other end",
    TracerHolds => "a traced task does not hold the credentials of its tracer",
    ZombieHolds => "a process that has ended and is not reaped holds no credentials",
    LeaderHolds => "a leader that ends before its process holds no credentials",
    EndedThreadDoesNotHold => "a thread that has ended goes on holding its credentials",
    ReapedDoesNotHold => "a process that was reaped goes on holding its credentials",
    LinkHolds => "a link does not keep a key",
    UnlinkedGoes => "a key that nothing refers to stays",
    RevokedIsRefused => "a revoked key is taken for a sound one",
    ExpiredIsRefused => "an expired key is taken for a sound one",
    InvalidatedIsRefused => "an invalidated key is taken for a sound one",
    UnsoundIsKept => "an unsound thread or process keyring is replaced when one is asked for",
    RevokedErrno => "a revoked key gives another error",
    ExpiredErrno => "an expired key gives another error",
    InvalidatedErrno => "an invalidated key gives another error",
    AbsentErrno => "an absent keyring gives another error",
    GoneErrno => "a serial number that is no key's gives another error",
    PermissionErrno => "a missing permission gives another error",
    RevocationEmpties => "a revoked keyring keeps its links",
    ExpiredIsSearched => "an expired keyring is not searched",
    InvalidatedIsNotSearched => "an invalidated keyring is searched",
    Possession => "a serial number gives no possession",
    PossessionNeedsSearch => "possession passes keyrings that may not be searched",
    PossessionByThread => "keys in the thread keyring are not possessed",
    PossessionByProcess => "keys in the process keyring are not possessed",
    PossessionBySession => "keys in the session keyring are not possessed",
    SpecialIdPossesses => "a special id gives no possession",
    PossessorMask => "a possessor has no permissions of his own",
    OwnerMask => "the owner has no permissions of his own",
    OtherMask => "others have the permissions of the owner",
    GroupMask => "the group has no permissions of its own",
    ReadOfPossessed => "what is possessed can be read only with the permission to read",
    ReadAbsentErrno => "KEYCTL_READ tells the state of what it cannot find",
    ReadStateErrno => "KEYCTL_READ reads an unsound key",
    ReadOfLogon => "a key of type logon can be read",
    ReadPartly => "KEYCTL_READ gives the length of a short buffer",
    ReadUnaligned => "KEYCTL_READ takes a buffer that holds part of a serial number",
    SecurityErrno => "KEYCTL_GET_SECURITY gives EACCES",
    DepthOfSearch => "a search goes seven keyrings deep",
    ThreadBeforeProcess => "request_key searches the process keyring before the thread keyring",
    ProcessBeforeSession => "request_key searches the session keyring before the process keyring",
    FirstErrorYields => "an unsound match in one keyring hides a sound one in the next",
    MissAfterUnsound => "request_key gives the error of an unsound match although another keyring has none",
    SearchOfOne => "KEYCTL_SEARCH goes on to the other keyrings",
    SearchMatchesDescription => "a search takes any description",
    SearchMatchesType => "a search takes any type",
    SearchUnsoundErrno => "KEYCTL_SEARCH gives ENOKEY for an unsound match",
    SearchNoLinkByDefault => "what a search finds is linked into the default destination",
    FoundIsLinked => "what a search finds is not linked into its destination",
    FoundNeedsLink => "what a search finds is linked without the permission to link",
    UnknownTypeOfRequest => "an unknown type of request_key gives ENODEV",
    TypeWithDot => "a type that begins with a dot is taken",
    TypeNull => "a type that cannot be read gives another error",
    PayloadTooLong => "a payload of a megabyte is taken",
    PayloadUnreadable => "a payload that cannot be read gives another error",
    KeyringWithDot => "a keyring whose name begins with a dot is made",
    AddUnknownType => "add_key of an unknown type gives another error",
    AddNotAKeyring => "add_key into a key that is no keyring gives another error",
    AddWithoutDescription => "add_key makes a key without a description",
    AddEmptyPayload => "add_key makes a key of type user without a payload",
    AddPayloadForType => "add_key takes a payload that is too long for its type",
    AddUpdates => "add_key makes a second key of the same type and description",
    AddKeyringReplaces => "add_key of a keyring updates the one of that name",
    AddUpdateNeedsWrite => "add_key updates a key that may not be written",
    AddSkipsUnsound => "add_key updates a revoked or invalidated key",
    AddOwner => "a new key belongs to the real user",
    AddGroup => "a new key belongs to the real group",
    AddMask => "a new key gives its user every permission",
    AddCounts => "a new key counts for no quota",
    AddEdquot => "a used-up quota does not refuse a new key",
    LinkCounts => "a link counts for no quota",
    LinkEdquot => "a used-up quota does not refuse a link",
    LinkCycle => "a keyring can be linked into itself",
    LinkDepth => "a tree of keyrings of any depth can be linked",
    LinkDisplaces => "two keys of one type and description can be linked in a keyring",
    LinkRestricted => "a restricted keyring takes links",
    RestrictOnce => "a keyring can be restricted twice",
    UnlinkByName => "KEYCTL_UNLINK removes only the key it is given",
    UnlinkMissing => "KEYCTL_UNLINK of what is not linked gives another error",
    MoveSame => "KEYCTL_MOVE from a keyring to itself does something",
    MoveMissing => "KEYCTL_MOVE of what is not linked gives another error",
    MoveExclusive => "KEYCTL_MOVE_EXCL replaces a link",
    MoveFlags => "KEYCTL_MOVE takes any flag",
    MoveUnlinks => "KEYCTL_MOVE leaves the key where it was",
    NotAKeyring => "a key that is no keyring takes links",
    ClearEmpties => "KEYCTL_CLEAR leaves the links",
    UpdateType => "KEYCTL_UPDATE of a keyring gives another error",
    UpdatePayload => "KEYCTL_UPDATE leaves the payload",
    ReadAsArray => "KEYCTL_READ of a keyring shows nothing of what it links",
    ChownNothing => "KEYCTL_CHOWN that changes nothing looks at the key",
    ChownUnmapped => "KEYCTL_CHOWN takes an id that the namespace does not map",
    ChownByRoot => "KEYCTL_CHOWN lets anyone give a key away",
    ChownSets => "KEYCTL_CHOWN leaves the owner",
    ChownMovesQuota => "KEYCTL_CHOWN leaves the quota with the old owner",
    SetpermBits => "KEYCTL_SETPERM takes any bit",
    SetpermOwner => "KEYCTL_SETPERM lets anyone with the permission change the mask",
    SetpermSets => "KEYCTL_SETPERM leaves the mask",
    TimeoutSets => "KEYCTL_SET_TIMEOUT sets nothing",
    TimeoutZeroClears => "KEYCTL_SET_TIMEOUT with 0 lets the key expire at once",
    ReqkeyMakes => "KEYCTL_SET_REQKEY_KEYRING does not make the keyring it names",
    ReqkeyOthersMakeNone => "KEYCTL_SET_REQKEY_KEYRING makes keyrings that it does not name",
    ReqkeyOld => "KEYCTL_SET_REQKEY_KEYRING gives the new setting",
    ReqkeyUnknown => "KEYCTL_SET_REQKEY_KEYRING takes any number",
    ReqkeyIgnoresState => "KEYCTL_SET_REQKEY_KEYRING refuses an unsound keyring",
    InstantiateNeedsAuthority => "KEYCTL_INSTANTIATE and its like look their keyring up first",
    AuthorityOfSpecial => "KEYCTL_ASSUME_AUTHORITY looks a special id up",
    AuthorityOfNone => "KEYCTL_ASSUME_AUTHORITY takes a key that is not being made",
    PersistentOfOther => "KEYCTL_GET_PERSISTENT gives another user's keyring to anyone",
    PersistentIsLinked => "KEYCTL_GET_PERSISTENT does not link what it gives",
    PersistentDestination => "KEYCTL_GET_PERSISTENT does without a destination",
    PkeyType => "KEYCTL_PKEY_… of a keyring gives another error",
    DhErrno => "KEYCTL_DH_COMPUTE of a keyring gives another error",
    WatchUnsupported => "KEYCTL_WATCH_KEY without CONFIG_KEY_NOTIFICATIONS looks the key up",
    SpecialIdUnknown => "a number below the special ids gives ENOKEY",
    GroupIdUnknown => "@g is a keyring",
    NoAuthority => "@a gives another error where there is no authority",
    UpcallDefaultThread => "what an upcall makes does not go to the thread keyring by default",
    UpcallDefaultProcess => "what an upcall makes does not go to the process keyring by default",
    UpcallDefaultSession => "what an upcall makes does not go to the session keyring by default",
    UpcallSetting => "what an upcall makes goes to the first keyring there is, whatever is set",
    UpcallNeedsWrite => "an upcall links into a default destination that may not be written",
    UpcallRevoked => "an upcall gives another error for a revoked destination",
    UpcallOfKeyring => "request_key makes a keyring by an upcall",
    UpcallUnhandled => "an upcall that nobody handles gives another error",
    UpcallNegative => "an upcall that nobody handles leaves no negative key",
    UpcallPayload => "what an upcall makes has another payload",
    NoCalloutNoUpcall => "request_key without callout information makes an upcall",
    JoinMakes => "KEYCTL_JOIN_SESSION_KEYRING keeps the session keyring",
    JoinFinds => "KEYCTL_JOIN_SESSION_KEYRING joins no keyring by name",
    JoinNeedsSearch => "KEYCTL_JOIN_SESSION_KEYRING joins a keyring that may not be searched",
    JoinKeepsOthers => "KEYCTL_JOIN_SESSION_KEYRING takes the thread and process keyring away",
    JoinIsOwn => "KEYCTL_JOIN_SESSION_KEYRING joins for all threads of the process",
    ToParent => "KEYCTL_SESSION_TO_PARENT leaves the parent its session keyring",
    ToParentKeepsOthers => "KEYCTL_SESSION_TO_PARENT takes the parent's thread and process keyring away",
    ThreadFollowsUser => "a thread keyring keeps its owner when the filesystem user changes",
    ThreadFollowsGroup => "a thread keyring keeps its group when the filesystem group changes",
    ProcessDoesNotFollow => "a process keyring goes to the new filesystem user and group",
    FollowsOnlyFilesystem => "a thread keyring goes to the new real user",
    FollowsOnlyChange => "a thread keyring goes to the filesystem user when nothing changes",
    GlibcSetsAll => "setresuid and setresgid change the calling thread only",
    SystemCallSetsOne => "the system call setresuid changes all threads",
    RootGivesUp => "a process that gives up root keeps its capabilities",
    NamespaceKeeps => "a new user namespace takes the keyrings away",
    NamespaceNeedsSingle => "a process with several threads can leave its user namespace",
    NamespaceOverflow => "an id that the namespace does not map is shown by its number",
    NamespaceHidesInProc => "/proc/keys shows the keys of users that the namespace does not map",
    ProcNeedsView => "/proc/keys shows keys that may not be seen",
    ProcFlags => "/proc/keys shows the state of a key by no flag",
    ProcTimeout => "/proc/keys shows no timeout",
    ProcSummary => "/proc/keys counts no links",
    KeyUsersCounts => "/proc/key-users counts no keys",
    KeyUsersBytes => "/proc/key-users counts no bytes",
    KeyctlIsAnother => "keyctl(1) has the keyrings of the task that runs it",
    Capabilities => "KEYCTL_CAPABILITIES fails",
}

/// A decision of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Law {
    /// Whether an absent thread or process keyring is created here.
    Creates(KeySlot),
    /// The permission that is required here.
    Needs(KeySlot),
    /// Whether a revoked, expired or invalidated key is refused here.
    Sound(KeySlot),
    /// A new process starts without this keyring, whether its parent has one or not.
    NotInherited(ProcessCall, OwnKeyring),
    /// One that stands alone.
    Fact(Fact),
}

impl From<Fact> for Law {
    fn from(fact: Fact) -> Law {
        Law::Fact(fact)
    }
}

impl Law {
    /// All laws.
    pub fn all() -> impl Iterator<Item = Law> {
        let slots = KeySlot::ALL.iter().copied();
        let creates = slots.clone().map(Law::Creates);
        // A search checks the permission on its source as on every other keyring.
        let requires = |slot: &KeySlot| !slot.needs().is_empty() && *slot != KeySlot::SearchSource;
        let needs = slots.clone().filter(requires).map(Law::Needs);
        let valid = slots.filter(|slot| slot.accepts() != Accepts::Any).map(Law::Sound);
        let inherited = ProcessCall::ALL
            .iter()
            .flat_map(|call| OwnKeyring::ALL.map(|keyring| Law::NotInherited(*call, keyring)));
        let facts = Fact::ALL.iter().copied().map(Law::Fact);
        creates.chain(needs).chain(valid).chain(inherited).chain(facts)
    }

    /// What a kernel does that gets it wrong.
    pub fn wrong(self) -> String {
        match self {
            Law::Creates(KeySlot::GetKeyringId) => {
                "KEYCTL_GET_KEYRING_ID makes a keyring without the create flag, and none with it"
                    .to_owned()
            }
            Law::Creates(slot) => {
                let wrong = if slot.creates() { "refused" } else { "made" };
                format!("{}: an absent thread or process keyring is {wrong}", slot.words())
            }
            Law::Needs(slot) => format!("{}: no permission is needed", slot.words()),
            Law::Sound(slot) => {
                format!("{}: a revoked, expired or invalidated key is taken", slot.words())
            }
            Law::NotInherited(call, keyring) => {
                format!(
                    "{}: the child has the {} keyring of its parent",
                    call.words(),
                    keyring.words()
                )
            }
            Law::Fact(fact) => fact.wrong().to_owned(),
        }
    }

    /// Its name: `NotInherited.Fork.Thread`.
    pub fn name(self) -> String {
        match self {
            Law::Creates(slot) => format!("Creates.{slot:?}"),
            Law::Needs(slot) => format!("Needs.{slot:?}"),
            Law::Sound(slot) => format!("Sound.{slot:?}"),
            Law::NotInherited(call, keyring) => format!("NotInherited.{call:?}.{keyring:?}"),
            Law::Fact(fact) => format!("{fact:?}"),
        }
    }

    /// A number that no other law has.
    fn number(self) -> usize {
        const SLOTS: usize = KeySlot::ALL.len();
        const CALLS: usize = ProcessCall::ALL.len();
        match self {
            Law::Creates(slot) => slot as usize,
            Law::Needs(slot) => SLOTS + slot as usize,
            Law::Sound(slot) => 2 * SLOTS + slot as usize,
            Law::NotInherited(call, keyring) => {
                3 * SLOTS + keyring as usize * CALLS + call as usize
            }
            Law::Fact(fact) => 3 * SLOTS + OwnKeyring::ALL.len() * CALLS + fact as usize,
        }
    }
}

/// A set of laws.
#[derive(Clone, Debug, Default)]
pub(crate) struct Laws([u64; 6]);

impl Laws {
    pub(crate) fn add(&mut self, law: Law) {
        let number = law.number();
        self.0[number / 64] |= 1 << (number % 64);
    }

    pub(crate) fn join(&mut self, others: &Laws) {
        self.0.iter_mut().zip(others.0).for_each(|(word, other)| *word |= other);
    }

    pub(crate) fn has(&self, law: Law) -> bool {
        let number = law.number();
        self.0[number / 64] & 1 << (number % 64) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_law_has_a_number_and_a_name_of_its_own() {
        let mut names: Vec<String> = Vec::new();
        for (nth, law) in Law::all().enumerate() {
            let mut laws = Laws::default();
            laws.add(law);
            let mut others = Law::all().enumerate().filter(|(other, _)| *other != nth);
            assert!(laws.has(law) && others.all(|(_, other)| !laws.has(other)), "{law:?}");
            assert!(!names.contains(&law.name()), "{law:?}");
            names.push(law.name());
        }
    }
}
