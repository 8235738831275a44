//! The laws: every decision of the model by its name, with what a kernel does that gets it wrong.
//!
//! A transition asks for each decision that it makes whether its law holds. In the model it does; in a
//! *wrong model* exactly one law does not, and the transition takes the other way. So the same code is
//! the model and all wrong models.

/// A place in a call where a key is given: what may be there, and what the caller needs for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "named after the operation and its argument")]
pub enum Place {
    AddKey,
    RequestKeyDestination,
    GetKeyringId,
    Update,
    Revoke,
    Invalidate,
    Clear,
    LinkKey,
    LinkKeyring,
    UnlinkKey,
    UnlinkKeyring,
    MoveKey,
    MoveFrom,
    MoveTo,
    SearchSource,
    SearchDestination,
    Describe,
    GetSecurity,
    Read,
    Chown,
    Setperm,
    SetTimeout,
    Restrict,
    GetPersistent,
    Pkey,
    DhCompute,
}

/// What a place asks for.
pub(crate) struct Asks {
    /// An absent thread or process keyring is made.
    pub(crate) creates: bool,
    /// The permissions of which the caller needs one, best first; none is asked for if empty.
    pub(crate) needs: &'static [u32],
    /// A revoked, expired or invalidated key is refused.
    pub(crate) sound: bool,
    /// So is not a negative one.
    pub(crate) partial: bool,
}

pub(crate) const VIEW: u32 = 0x01;
pub(crate) const READ: u32 = 0x02;
pub(crate) const WRITE: u32 = 0x04;
pub(crate) const SEARCH: u32 = 0x08;
pub(crate) const LINK: u32 = 0x10;
pub(crate) const SETATTR: u32 = 0x20;

impl Place {
    /// All places.
    pub const ALL: [Place; 26] = [
        Place::AddKey,
        Place::RequestKeyDestination,
        Place::GetKeyringId,
        Place::Update,
        Place::Revoke,
        Place::Invalidate,
        Place::Clear,
        Place::LinkKey,
        Place::LinkKeyring,
        Place::UnlinkKey,
        Place::UnlinkKeyring,
        Place::MoveKey,
        Place::MoveFrom,
        Place::MoveTo,
        Place::SearchSource,
        Place::SearchDestination,
        Place::Describe,
        Place::GetSecurity,
        Place::Read,
        Place::Chown,
        Place::Setperm,
        Place::SetTimeout,
        Place::Restrict,
        Place::GetPersistent,
        Place::Pkey,
        Place::DhCompute,
    ];

    /// The place as a reader knows it.
    pub fn words(self) -> &'static str {
        match self {
            Place::AddKey => "keyring of add_key",
            Place::RequestKeyDestination => "destination of request_key",
            Place::GetKeyringId => "KEYCTL_GET_KEYRING_ID",
            Place::Update => "KEYCTL_UPDATE",
            Place::Revoke => "KEYCTL_REVOKE",
            Place::Invalidate => "KEYCTL_INVALIDATE",
            Place::Clear => "KEYCTL_CLEAR",
            Place::LinkKey => "key of KEYCTL_LINK",
            Place::LinkKeyring => "keyring of KEYCTL_LINK",
            Place::UnlinkKey => "key of KEYCTL_UNLINK",
            Place::UnlinkKeyring => "keyring of KEYCTL_UNLINK",
            Place::MoveKey => "key of KEYCTL_MOVE",
            Place::MoveFrom => "first keyring of KEYCTL_MOVE",
            Place::MoveTo => "second keyring of KEYCTL_MOVE",
            Place::SearchSource => "keyring of KEYCTL_SEARCH",
            Place::SearchDestination => "destination of KEYCTL_SEARCH",
            Place::Describe => "KEYCTL_DESCRIBE",
            Place::GetSecurity => "KEYCTL_GET_SECURITY",
            Place::Read => "KEYCTL_READ",
            Place::Chown => "KEYCTL_CHOWN",
            Place::Setperm => "KEYCTL_SETPERM",
            Place::SetTimeout => "KEYCTL_SET_TIMEOUT",
            Place::Restrict => "KEYCTL_RESTRICT_KEYRING",
            Place::GetPersistent => "keyring of KEYCTL_GET_PERSISTENT",
            Place::Pkey => "KEYCTL_PKEY_…",
            Place::DhCompute => "KEYCTL_DH_COMPUTE",
        }
    }

    /// Whether an absent thread or process keyring is made.
    pub fn creates(self) -> bool {
        self.asks().creates
    }

    /// The permissions of which the caller needs one.
    pub fn needs(self) -> Vec<&'static str> {
        let name = |needs: &u32| match *needs {
            VIEW => "View",
            WRITE => "Write",
            SEARCH => "Search",
            LINK => "Link",
            _ => "Setattr",
        };
        self.asks().needs.iter().map(name).collect()
    }

    pub(crate) fn asks(self) -> Asks {
        let (creates, needs): (bool, &'static [u32]) = match self {
            Place::AddKey
            | Place::RequestKeyDestination
            | Place::Clear
            | Place::LinkKeyring
            | Place::MoveTo
            | Place::SearchDestination
            | Place::GetPersistent => (true, &[WRITE]),
            Place::LinkKey | Place::MoveKey => (true, &[LINK]),
            Place::Chown | Place::Setperm | Place::SetTimeout => (true, &[SETATTR]),
            // Only with the flag; the caller says so.
            Place::GetKeyringId => (false, &[SEARCH]),
            Place::Update | Place::UnlinkKeyring | Place::MoveFrom => (false, &[WRITE]),
            Place::Revoke => (false, &[WRITE, SETATTR]),
            Place::Invalidate | Place::SearchSource | Place::Pkey => (false, &[SEARCH]),
            Place::Restrict => (false, &[SETATTR]),
            Place::Describe | Place::GetSecurity => (false, &[VIEW]),
            // Checked later, in a way of its own.
            Place::Read | Place::DhCompute => (false, &[]),
            Place::UnlinkKey => (false, &[]),
        };
        let sound = !matches!(self, Place::UnlinkKey | Place::Read | Place::DhCompute);
        let partial = matches!(
            self,
            Place::Describe
                | Place::GetSecurity
                | Place::Chown
                | Place::Setperm
                | Place::SetTimeout
                | Place::UnlinkKey
        );
        Asks { creates, needs, sound, partial }
    }
}

/// The two keyrings that this is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `@t`
    Thread,
    /// `@p`
    Process,
}

impl Kind {
    /// Both.
    pub const ALL: [Kind; 2] = [Kind::Thread, Kind::Process];

    /// As in "the thread keyring".
    pub fn words(self) -> &'static str {
        match self {
            Kind::Thread => "thread",
            Kind::Process => "process",
        }
    }
}

/// The ways to make a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "named after the call")]
pub enum Way {
    Fork,
    Vfork,
    Clone,
    CloneVm,
    CloneNewuser,
    Clone3,
    PosixSpawn,
}

impl Way {
    /// All ways.
    pub const ALL: [Way; 7] = [
        Way::Fork,
        Way::Vfork,
        Way::Clone,
        Way::CloneVm,
        Way::CloneNewuser,
        Way::Clone3,
        Way::PosixSpawn,
    ];

    /// The call.
    pub fn words(self) -> &'static str {
        match self {
            Way::Fork => "fork(2)",
            Way::Vfork => "vfork(2)",
            Way::Clone => "clone(2) without a flag",
            Way::CloneVm => "clone(2) with CLONE_VM",
            Way::CloneNewuser => "clone(2) with CLONE_NEWUSER",
            Way::Clone3 => "clone3(2)",
            Way::PosixSpawn => "posix_spawn(3)",
        }
    }
}

/// Makes the facts: the name of each, and what a wrong kernel does.
macro_rules! facts {
    ($($name:ident => $wrong:literal,)*) => {
        /// A law that stands alone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Fact {
            $(#[doc = concat!("What goes wrong without it: ", $wrong)] $name,)*
        }

        impl Fact {
            /// All facts.
            pub const ALL: &[Fact] = &[$(Fact::$name,)*];

            /// What a kernel does that gets it wrong.
            fn wrong(self) -> &'static str {
                match self {
                    $(Fact::$name => $wrong,)*
                }
            }
        }
    };
}

facts! {
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
    /// Whether an absent thread or process keyring is made here.
    Creates(Place),
    /// The permission that is needed here.
    Needs(Place),
    /// Whether a revoked, expired or invalidated key is refused here.
    Sound(Place),
    /// A process starts without this keyring, whatever its parent has.
    NotInherited(Way, Kind),
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
        let places = Place::ALL.into_iter();
        let creates = places.clone().map(Law::Creates);
        // The search itself asks for what it needs.
        let asks = |place: &Place| !place.asks().needs.is_empty() && *place != Place::SearchSource;
        let needs = places.clone().filter(asks).map(Law::Needs);
        let sound = places.filter(|place| place.asks().sound).map(Law::Sound);
        let ways = Way::ALL.into_iter();
        let inherited = ways.flat_map(|way| Kind::ALL.map(|kind| Law::NotInherited(way, kind)));
        let facts = Fact::ALL.iter().copied().map(Law::Fact);
        creates.chain(needs).chain(sound).chain(inherited).chain(facts)
    }

    /// What a kernel does that gets it wrong.
    pub fn wrong(self) -> String {
        match self {
            Law::Creates(Place::GetKeyringId) => {
                "KEYCTL_GET_KEYRING_ID makes a keyring without the create flag, and none with it"
                    .to_owned()
            }
            Law::Creates(place) if place.asks().creates => {
                format!("{}: an absent thread or process keyring is refused", place.words())
            }
            Law::Creates(place) => {
                format!("{}: an absent thread or process keyring is made", place.words())
            }
            Law::Needs(place) => format!("{}: no permission is needed", place.words()),
            Law::Sound(place) => {
                format!("{}: a revoked, expired or invalidated key is taken", place.words())
            }
            Law::NotInherited(way, kind) => {
                format!("{}: the child has the {} keyring of its parent", way.words(), kind.words())
            }
            Law::Fact(fact) => fact.wrong().to_owned(),
        }
    }

    /// Its name: `NotInherited.Fork.Thread`.
    pub fn name(self) -> String {
        match self {
            Law::Creates(place) => format!("Creates.{place:?}"),
            Law::Needs(place) => format!("Needs.{place:?}"),
            Law::Sound(place) => format!("Sound.{place:?}"),
            Law::NotInherited(way, kind) => format!("NotInherited.{way:?}.{kind:?}"),
            Law::Fact(fact) => format!("{fact:?}"),
        }
    }

    /// Its place among all.
    fn number(self) -> usize {
        const PLACES: usize = Place::ALL.len();
        const WAYS: usize = Way::ALL.len();
        match self {
            Law::Creates(place) => place as usize,
            Law::Needs(place) => PLACES + place as usize,
            Law::Sound(place) => 2 * PLACES + place as usize,
            Law::NotInherited(way, kind) => 3 * PLACES + kind as usize * WAYS + way as usize,
            Law::Fact(fact) => 3 * PLACES + Kind::ALL.len() * WAYS + fact as usize,
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
