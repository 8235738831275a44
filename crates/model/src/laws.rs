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

// KEYCTL_GET_KEYRING_ID creates only with its flag. KEYCTL_READ checks Read, or possession, after the lookup, and
// KEYCTL_DH_COMPUTE has one error for all that is wrong with a key.
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
    Watch:                 "KEYCTL_WATCH_KEY",                  creates, [View],           Valid;
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
    /// A law about the thread keyring, and the same law about the process keyring.
    OwnFact,
    /// What a kernel does that gets it wrong; KEYRING stands for the keyring.
    words_of_wrong, "What goes wrong without it: ";
    CreatesOneInChild => "KEYCTL_GET_KEYRING_ID of an absent KEYRING keyring in a child process creates the other one too",
    CreatesOneByFlag => "KEYCTL_GET_KEYRING_ID of an absent KEYRING keyring creates the other one too",
    OfMainThreadOnly => "a KEYRING keyring that the main thread creates belongs to all threads",
    OfThreadOnly => "a KEYRING keyring that a thread other than the main thread creates belongs to all threads",
    NotOfSibling => "a thread without a KEYRING keyring finds that of another thread of its process",
    NotOfParent => "a child that creates a KEYRING keyring gets that of its parent",
    NotOfChild => "a process without a KEYRING keyring finds that of its child",
    NotInheritedFromThread => "a child forked by a thread other than the main thread has its KEYRING keyring",
    NotInheritedFromChild => "a child forked by a forked child has its KEYRING keyring",
    EndedThreadReleasesBoth => "a thread that had both keyrings still pins its KEYRING keyring after it ends",
    EndedThreadReleasesPinned => "a thread still pins its KEYRING keyring after it has ended and what it opened is closed",
    EndedThreadReleases => "a thread that had only a KEYRING keyring still pins it after it ends",
    KeyctlReleases => "keyctl(1) still pins its KEYRING keyring after it ends",
    ReapedReleases => "a reaped process still pins its KEYRING keyring",
}

phrases! {
    /// A law that stands alone.
    Fact,
    /// What a kernel does that gets it wrong.
    wrong, "What goes wrong without it: ";
    NameOfThreadKeyring => "a thread keyring is described by another name",
    NameOfProcessKeyring => "a process keyring is described by another name",
    MaskOfNew => "a new thread or process keyring grants its user every permission",
    OwnerOfNew => "a new thread or process keyring belongs to the effective user",
    GroupOfNew => "a new thread or process keyring belongs to the effective group",
    NewOverrunsQuota => "a used-up quota refuses a new thread or process keyring",
    NewCounts => "a thread or process keyring is charged to no quota",
    NewIsEmpty => "a new thread or process keyring holds the session keyring",
    ExecveSparesParent => "a child that calls execve takes its parent's keyrings along",
    ThreadSharesProcessKeyring => "a new thread begins without a process keyring if its creator has no thread keyring",
    ThreadKeepsProcessKeyring => "a new thread begins without a process keyring if its creator has a thread keyring",
    LaterThreadShares => "a new thread begins without a process keyring if its process has other threads",
    ThreadOfThreadShares => "a new thread begins without a process keyring if a thread other than the main thread creates it",
    ThreadKeyringForNewThread => "a new thread never begins with a thread keyring",
    NoThreadKeyringForNewThread => "a new thread always begins with a thread keyring",
    LaterThreadIsOwn => "a new thread shares the thread keyring of its creator if its process has other threads",
    ThreadKeyringIsOwn => "the second thread of a process shares the thread keyring of the first one",
    SessionIsInherited => "a new process begins with a new session keyring",
    SessionOfNewThread => "a new thread begins with a new session keyring",
    DestinationIsInherited => "a new process begins with the default destination 0",
    ExecveDropsThread => "the program that execve begins has the thread keyring of the previous program",
    ExecveDropsProcess => "the program that execve begins has the process keyring of the previous program",
    ExecveDropsUnusable => "the program that execve begins has the unusable keyrings of the previous program",
    ExecveKeepsSession => "the program that execve begins has a new session keyring",
    ExecveKeepsDestination => "execve resets the default destination of request_key",
    ExecveHoldsOld => "nothing pins the keyrings from before an execve",
    ExecveEndsOthers => "the other threads keep their keyrings at an execve",
    FailedExecveChangesNothing => "an execve that fails removes the keyrings",
    FileHolds => "an open file does not pin the credentials that opened it",
    FileHoldsInOther => "a file that was passed to another process pins no credentials",
    ClosedFileDoesNotHold => "a closed file still pins credentials",
    MappingHolds => "a mapped file does not pin the credentials that opened it",
    PersonalityHolds => "a personality that was registered with an io_uring instance pins no credentials",
    PersonalityGoes => "a personality that was unregistered still pins credentials",
    PersonalityOpens => "a file that io_uring opens by a personality pins the credentials of the thread that submits",
    PollerOpens => "a file that a polled io_uring instance opens pins the credentials of the thread that submits",
    ExeFileIsReplaced => "an executable that was replaced still pins credentials",
    InterpreterIsOpen => "a program that runs by an interpreter which binfmt_misc has open pins the credentials of its caller",
    RegistrationHolds => "an interpreter that binfmt_misc opened at registration pins no credentials",
    SharedZeroIsOwn => "a shared mapping of /dev/zero pins the credentials that opened the device",
    SegmentHolds => "a System V segment does not pin the credentials that created it",
    AttachmentHolds => "an attached System V segment does not pin the credentials that attached it",
    AioHolds => "a context of asynchronous I/O does not pin the credentials that created it",
    SubmitterHolds => "an io_uring instance does not pin the credentials of the one thread that may submit to it",
    PerfEventHolds => "a perf event does not pin the credentials of a thread that has ended",
    MountHolds => "a mounted overlay does not pin the credentials that mounted it",
    LoopHolds => "a loop device does not pin the credentials that opened its file",
    PeerHolds => "a socket does not pin the credentials of its peer",
    ListenerHolds => "a socket does not pin the credentials of the thread that listens",
    TracerHolds => "a traced task does not pin the credentials of its tracer",
    ZombieHolds => "a zombie pins no credentials",
    LeaderHolds => "a main thread that ends before its process pins no credentials",
    TracedHolds => "a traced thread that has ended pins no credentials",
    LinkHolds => "a link does not pin a key",
    UnlinkedGoes => "a key that nothing refers to continues to exist",
    UnlinkedKeyringGoes => "a keyring that nothing refers to continues to exist",
    RevokedIsRefused => "a revoked key counts as usable",
    ExpiredIsRefused => "an expired key counts as usable",
    InvalidatedIsRefused => "an invalidated key counts as usable",
    UnsoundIsKept => "an unusable thread or process keyring is replaced on request",
    RevokedErrno => "a revoked key fails with another errno",
    ExpiredErrno => "an expired key fails with another errno",
    InvalidatedErrno => "an invalidated key fails with another errno",
    GoneErrno => "looking up a serial number of no key fails with another errno",
    PermissionErrno => "a permission that is missing after the lookup fails with another errno",
    RevocationEmpties => "a revoked keyring keeps its links",
    ExpiredIsSearched => "an expired keyring is not searched",
    InvalidatedIsNotSearched => "an invalidated keyring is searched",
    Possession => "a serial number grants no possession",
    PossessionNeedsSearch => "possession extends through keyrings that may not be searched",
    PossessionByThread => "keys in the thread keyring are not possessed",
    PossessionByProcess => "keys in the process keyring are not possessed",
    PossessionBySession => "keys in the session keyring are not possessed",
    PossessionOfOthers => "the session keyring gives no possession of a keyring that another task created",
    SpecialIdPossesses => "a special id grants no possession",
    PossessorMask => "the possessor has no permissions",
    OwnerMask => "the owner has no permissions",
    OwnerWrites => "the owner's bits of a mask do not grant Write",
    OtherMask => "others have the permissions of the owner",
    GroupMask => "the group has no permissions",
    OwnerAlone => "the owner has the permissions of the group and of others too",
    OwnerIsFilesystem => "the real user has the permissions of the owner",
    GroupSupplementary => "a supplementary group has no permissions",
    GroupIsFilesystem => "the real group has the permissions of the group",
    GroupAlone => "the group has the permissions of others too",
    GroupEmpty => "a group without permissions does not have those of others",
    OthersMask => "others have no permissions",
    PossessorAdds => "the possessor has only the possessor's permissions",
    ReadOfPossessed => "a possessed key can be read only with Read permission",
    ReadAbsentErrno => "KEYCTL_READ reports the state of a key that it cannot find",
    ReadPermissionFirst => "KEYCTL_READ without permission reports the state of an unusable key",
    ReadStateErrno => "KEYCTL_READ reads an unusable key",
    ReadOfLogon => "a key of type logon can be read",
    ReadPartly => "KEYCTL_READ returns the length of a short buffer",
    ReadUnaligned => "KEYCTL_READ accepts a buffer that holds part of a serial number",
    ReadUnmapped => "KEYCTL_READ succeeds without memory for the bytes",
    SecurityErrno => "KEYCTL_GET_SECURITY fails with EACCES",
    SecurityUnmapped => "KEYCTL_GET_SECURITY succeeds without memory for the label",
    DescribeUnmapped => "KEYCTL_DESCRIBE succeeds without memory for the description",
    BufferLast => "a buffer without memory fails a call before it looks up the key",
    CapabilitiesUnmapped => "KEYCTL_CAPABILITIES succeeds without memory for the bytes",
    DepthOfSearch => "a search goes seven keyrings deep",
    ThreadBeforeProcess => "request_key searches the process keyring before the thread keyring",
    ProcessBeforeSession => "request_key searches the session keyring before the process keyring",
    FirstErrorYields => "an unusable match in one keyring hides a usable one in the next",
    MissAfterUnsound => "request_key fails with the errno of an unusable match although another keyring has no match",
    DirectFirst => "a search descends into nested keyrings before it looks at direct links",
    SearchOfOne => "KEYCTL_SEARCH continues with the other keyrings",
    SearchMatchesDescription => "a search accepts any description",
    SearchMatchesType => "a search accepts any type",
    SearchUnsoundErrno => "KEYCTL_SEARCH fails with ENOKEY for an unusable match",
    SearchNoLinkByDefault => "a key that a search finds is linked to the default destination",
    HitCreates => "request_key creates no destination for a key that it finds",
    FoundIsLinked => "a key that a search finds is not linked to its destination",
    FoundNeedsLink => "a key that a search finds is linked without Link permission",
    UnknownTypeOfRequest => "an unknown type of request_key fails with ENODEV",
    TypeWithDot => "a type that begins with a dot is accepted",
    TypeNull => "a type that cannot be read fails with another errno",
    PayloadTooLong => "a payload of a megabyte is accepted",
    PayloadUnreadable => "a payload that cannot be read fails with another errno",
    KeyringWithDot => "a keyring whose name begins with a dot is created",
    AddUnknownType => "add_key of an unknown type fails with another errno",
    AddNotAKeyring => "add_key into a key that is not a keyring fails with another errno",
    AddWithoutDescription => "add_key creates a key without a description",
    AddFailsWhole => "a refused add_key unlinks the key that it would update",
    AddRevivesExpired => "add_key replaces an expired key by a new one",
    AddMakesGood => "add_key replaces a negative key by a new one",
    LogonColon => "a logon key requires no colon in its description",
    KeyringPayload => "add_key accepts a payload for a keyring",
    TypeLength => "an empty type, or one of 32 characters, is accepted",
    AddEmptyPayload => "add_key creates a key of type user without a payload",
    AddPayloadForType => "add_key accepts a payload that is too long for its type",
    AddUpdates => "add_key creates a second key of the same type and description",
    AddKeyringReplaces => "add_key of a keyring updates the one of that name",
    AddUpdateNeedsWrite => "add_key updates a key that may not be written",
    AddSkipsUnsound => "add_key updates a revoked or invalidated key",
    AddOwner => "a new key belongs to the real user",
    AddGroup => "a new key belongs to the real group",
    AddMask => "a new key grants its user every permission",
    AddCounts => "a new key is charged to no quota",
    AddPayloadBeforeQuota => "a used-up quota refuses a new key before its payload is checked",
    AddEdquot => "a used-up quota does not refuse a new key",
    LinkCounts => "a link is charged to no quota",
    LinkEdquot => "a used-up quota does not refuse a link",
    ReplacedIsPaid => "a link that replaces another one requires quota",
    LinkCycle => "a keyring can be linked to itself",
    CycleLast => "a cycle is refused before a lack of quota or a restriction",
    LinkDepth => "a tree of keyrings of any depth can be linked",
    LinkDisplaces => "two keys of one type and description can be linked in a keyring",
    LinkTargetFirst => "KEYCTL_LINK looks up the key before the keyring that receives the link",
    LinkRestricted => "a restricted keyring accepts links",
    LinkFailsWhole => "a refused link removes the link that it would replace",
    RestrictOnce => "a keyring can be restricted twice",
    RestrictedSame => "a restricted keyring accepts a link that it has already",
    RestrictedLoses => "a restricted keyring keeps its links for good",
    RestrictedDestination => "a key that a search finds is linked to a restricted destination",
    RestrictsOne => "a restriction extends to the keyrings that are linked below",
    RestrictHalf => "KEYCTL_RESTRICT_KEYRING accepts a type without a restriction, and the reverse",
    RestrictHalfFirst => "KEYCTL_RESTRICT_KEYRING notices an earlier restriction before a missing argument",
    RestrictUnknownType => "KEYCTL_RESTRICT_KEYRING by an unknown type fails with another errno",
    RestrictNoMethod => "KEYCTL_RESTRICT_KEYRING by a type without restrictions fails with another errno",
    RestrictForm => "KEYCTL_RESTRICT_KEYRING accepts a restriction that its type does not know",
    RestrictByErrno => "a keyring restricted by a type refuses other types with EPERM",
    RestrictCycle => "a keyring can be restricted by the keys that it links to",
    RestrictHolds => "a restriction does not pin the keyring that it names",
    UnlinkByName => "KEYCTL_UNLINK removes only the key it is given",
    UnlinkMissing => "KEYCTL_UNLINK of what is not linked fails with another errno",
    MoveInOrder => "KEYCTL_MOVE looks up the keyrings before the key",
    MoveSame => "KEYCTL_MOVE from a keyring to itself does something",
    MoveMissing => "KEYCTL_MOVE of what is not linked fails with another errno",
    MoveExclusive => "KEYCTL_MOVE_EXCL replaces a link",
    MoveExclusiveFirst => "KEYCTL_MOVE_EXCL notices a restriction before a namesake",
    MoveFailsWhole => "a refused KEYCTL_MOVE removes the link from the source",
    MoveFlags => "KEYCTL_MOVE accepts any flag",
    MoveUnlinks => "KEYCTL_MOVE leaves the key where it was",
    NotAKeyring => "a key that is not a keyring accepts links",
    ClearEmpties => "KEYCTL_CLEAR leaves the links",
    UpdateChecksFirst => "KEYCTL_UPDATE looks the key up before it reads the payload",
    UpdateType => "KEYCTL_UPDATE of a keyring fails with another errno",
    UpdatePayload => "KEYCTL_UPDATE leaves the payload",
    ReadAsArray => "KEYCTL_READ of a keyring shows none of its links",
    ReadOfSession => "KEYCTL_READ of the session keyring shows no keys that are not keyrings",
    ReadKeyringsOfSession => "KEYCTL_READ of the session keyring shows no keyrings",
    ChownNothing => "KEYCTL_CHOWN that changes nothing looks at the key",
    ChownUnmapped => "KEYCTL_CHOWN accepts an id that the namespace does not map",
    ChownByRoot => "KEYCTL_CHOWN lets anyone give a key away",
    ChownSets => "KEYCTL_CHOWN leaves the owner",
    ChownMovesQuota => "KEYCTL_CHOWN leaves the quota with the old owner",
    SetpermBits => "KEYCTL_SETPERM accepts any bit",
    SetpermOwner => "KEYCTL_SETPERM lets anyone with the permission change the mask",
    SetpermSets => "KEYCTL_SETPERM leaves the mask",
    TimeoutSets => "KEYCTL_SET_TIMEOUT sets nothing",
    TimeoutZeroClears => "KEYCTL_SET_TIMEOUT with 0 makes the key expire at once",
    ReqkeyMakes => "KEYCTL_SET_REQKEY_KEYRING does not create the keyring it names",
    ReqkeyOthersMakeNone => "KEYCTL_SET_REQKEY_KEYRING creates keyrings that it does not name",
    ReqkeyOfOneThread => "KEYCTL_SET_REQKEY_KEYRING sets the default destination of all threads",
    ReqkeyOld => "KEYCTL_SET_REQKEY_KEYRING returns the new setting",
    ReqkeyUnknown => "KEYCTL_SET_REQKEY_KEYRING accepts any number",
    ReqkeyIgnoresState => "KEYCTL_SET_REQKEY_KEYRING refuses an unusable keyring",
    InstantiateChecksFirst => "KEYCTL_INSTANTIATE and the like require an authority before valid arguments",
    InstantiateNeedsAuthority => "KEYCTL_INSTANTIATE and the like look up their keyring first",
    AuthorityOfSpecial => "KEYCTL_ASSUME_AUTHORITY looks a special id up",
    AuthorityOfNone => "KEYCTL_ASSUME_AUTHORITY accepts a key that is not under construction",
    PersistentOfOther => "KEYCTL_GET_PERSISTENT links another user's keyring for anyone",
    PersistentIsLinked => "KEYCTL_GET_PERSISTENT does not link the keyring it returns",
    PersistentDestination => "KEYCTL_GET_PERSISTENT requires no destination",
    PkeyType => "KEYCTL_PKEY_… of a keyring fails with another errno",
    DhErrno => "KEYCTL_DH_COMPUTE of a keyring fails with another errno",
    UserKeyringsOrNeither => "@u is found while @u or @us is revoked or not searchable",
    UserKeyringsStay => "@u and @us are new keyrings at each lookup",
    ClearKeeps => "KEYCTL_CLEAR replaces a thread or process keyring by a new one",
    DescribeSize => "KEYCTL_DESCRIBE returns how much of the description it copied",
    DhUnsupported => "KEYCTL_DH_COMPUTE without CONFIG_KEY_DH_OPERATIONS looks its keys up",
    WatchUnsupported => "KEYCTL_WATCH_KEY without CONFIG_KEY_NOTIFICATIONS looks the key up",
    WatchNumberFirst => "KEYCTL_WATCH_KEY looks the key up before it checks the number of the watch",
    WatchNeedsPipe => "KEYCTL_WATCH_KEY of a file that is no notification pipe fails with another errno",
    WatchOnce => "a key can be watched twice through one pipe",
    WatchMissing => "KEYCTL_WATCH_KEY that ends a watch which does not exist fails with another errno",
    WatchHolds => "a watch does not pin the credentials of the task that began it",
    ReportsLinks => "a watch reports no new link",
    ReportsUnlinks => "a watch reports no link that is removed",
    ReportsClear => "a watch reports no KEYCTL_CLEAR",
    ReportsChange => "a watch reports no new mask, owner or timeout",
    ReportsRevoke => "a watch reports no KEYCTL_REVOKE",
    ReportsEnd => "a watch does not report the end of its key",
    ReportsNoContents => "a watch of a keyring reports the update of a key that it links",
    WatchOutlivesView => "a watch ends when the mask no longer permits View",
    SpecialIdUnknown => "a number below the special ids fails with ENOKEY",
    GroupIdUnknown => "@g is a keyring",
    NoAuthority => "@a fails with another errno without an authority",
    ProgramOwnsNothing => "the program that handles a request has the thread and process keyring of the requestor",
    ProgramSession => "the program that handles a request has the session keyring of the requestor",
    ProgramDefault => "the program that handles a request has the default destination of the requestor",
    ProgramArguments => "the program that handles a request learns the serial numbers of no keyring",
    CalloutIsPayload => "the authorization key holds no callout information",
    RequestorId => "KEY_SPEC_REQUESTOR_KEYRING is the key under construction",
    OwnIdsWithAuthority => "@t and @p are the requestor's keyrings with assumed authority",
    AuthorityPossesses => "assumed authority grants no possession of the requestor's keys",
    AuthorityFinds => "request_key with assumed authority does not search the requestor's keyrings",
    AuthorityIsInherited => "a child has no part in the assumed authority of its parent",
    ExecveKeepsAuthority => "execve removes the assumed authority",
    AuthorityIsGivenUp => "KEYCTL_ASSUME_AUTHORITY of 0 leaves the assumed authority",
    AuthorityOfOneKey => "assumed authority is for every key under construction",
    AuthorizationStandsIn => "an authorization key does not replace permissions",
    InstantiateEndsAuthority => "KEYCTL_INSTANTIATE leaves the assumed authority",
    InstantiateRestricted => "KEYCTL_INSTANTIATE links the key to a restricted keyring",
    RingBySpecialId => "KEYCTL_INSTANTIATE with a special id links the key to no keyring",
    RingBySerial => "KEYCTL_INSTANTIATE with a serial number links the key to no keyring",
    RingNone => "KEYCTL_INSTANTIATE with 0 links the key to the destination of the request",
    NestedRequestor => "a program that another one's request starts serves this one",
    NestedDestination => "a program requests keys for its own keyrings only",
    NestedWithoutWrite => "a program's request requires Write permission on its requestor's keyring",
    RequestEndsAuthority => "an inherited authority outlasts a successful request",
    AbandonedKeepsAuthority => "an inherited authority ends with a request that failed",
    ConstructionIsLinked => "a key under construction is linked to no keyring",
    ConstructionIsFound => "a search passes over a key under construction",
    RestrictedTakesRequested => "a restricted keyring does not receive a requested key",
    AbandonedIsNegative => "a key that its program does not instantiate stays under construction",
    RequestErrno => "a request fails with ENOKEY whatever KEYCTL_REJECT specifies",
    RequestOfUnusable => "a request returns the key although it was revoked before the program's end",
    StatusIsIgnored => "a request fails if its program is killed, even after it has instantiated the key",
    RequestWaitsForEnd => "a request returns when the key is instantiated",
    UpcallDefaultThread => "a key that an upcall instantiates is not linked to the thread keyring by default",
    UpcallDefaultProcess => "a key that an upcall instantiates is not linked to the process keyring by default",
    UpcallDefaultSession => "a key that an upcall instantiates is not linked to the session keyring by default",
    UpcallSetting => "a key that an upcall instantiates is linked to the first keyring that exists, whatever is set",
    UpcallNeedsWrite => "an upcall links to a default destination without Write permission",
    UpcallNotAKeyring => "a request for a new key accepts a destination that is no keyring",
    UpcallNeedsQuota => "a request for a new key needs no quota",
    UpcallRevoked => "an upcall fails with another errno for a revoked destination",
    UpcallOfKeyring => "request_key instantiates a keyring by an upcall",
    UpcallUnhandled => "an upcall that no program handles fails with another errno",
    UpcallNegative => "an upcall that no program handles leaves no negative key",
    UpcallPayload => "a key that an upcall instantiates has another payload",
    NoCalloutNoUpcall => "request_key without callout information starts an upcall",
    JoinMakes => "KEYCTL_JOIN_SESSION_KEYRING keeps the session keyring",
    RevokedSessionStays => "a call that creates keyrings replaces a revoked session keyring",
    JoinAgain => "joining the present session keyring returns its number",
    JoinWithDot => "a session keyring whose name begins with a dot is joined",
    JoinExpired => "an expired keyring cannot be joined",
    NoSessionFinds => "a caller without a session keyring gets a new one from a call that creates no keyrings",
    NoSessionCreates => "a caller without a session keyring gets the user session keyring from a call that creates keyrings",
    UserSessionIsSearched => "without a session keyring, the user session keyring is not searched",
    UserKeyringNeedsLink => "the user keyring is searched without a link to it",
    UserKeyringsOutlive => "the user keyrings end with a process of their user",
    UserKeyringsEnd => "the user keyrings continue to exist after their user namespace has ended",
    PinHoldsNamespace => "a user namespace ends with its last task, although something else pins credentials in it",
    EncryptedReader => "an encrypted key is read without its master key",
    JoinFinds => "KEYCTL_JOIN_SESSION_KEYRING joins no keyring by name",
    JoinNeedsSearch => "KEYCTL_JOIN_SESSION_KEYRING joins a keyring that may not be searched",
    JoinKeepsOthers => "KEYCTL_JOIN_SESSION_KEYRING removes the thread and process keyring",
    JoinIsOwn => "KEYCTL_JOIN_SESSION_KEYRING joins for all threads of the process",
    ToParent => "KEYCTL_SESSION_TO_PARENT leaves the parent its session keyring",
    ToParentThreads => "KEYCTL_SESSION_TO_PARENT accepts a parent with several threads",
    ToParentIds => "KEYCTL_SESSION_TO_PARENT accepts a caller with other ids than its parent",
    ToParentOwner => "KEYCTL_SESSION_TO_PARENT accepts another user's session keyring",
    ToParentSame => "KEYCTL_SESSION_TO_PARENT refuses a caller with other ids in the same session",
    ToParentLink => "KEYCTL_SESSION_TO_PARENT requires no Link permission",
    ToParentKeepsOthers => "KEYCTL_SESSION_TO_PARENT removes the parent's thread and process keyring",
    ThreadFollowsUser => "a thread keyring keeps its owner when setresuid changes the filesystem user",
    ThreadFollowsFsuid => "a thread keyring keeps its owner when setfsuid changes the filesystem user",
    ThreadFollowsGroup => "a thread keyring keeps its group when the filesystem group changes",
    ProcessDoesNotFollow => "a process keyring follows the new filesystem user and group",
    UnusableFollows => "a revoked, expired or invalidated thread keyring keeps its owner",
    FollowsOnlyFilesystem => "a thread keyring follows the new real user",
    FollowsOnlyChange => "a thread keyring follows the filesystem user when nothing changes",
    GlibcSetsAll => "setresuid and setresgid change the calling thread only",
    SystemCallSetsOne => "the system call setresuid changes all threads",
    RootGivesUp => "a process that drops root keeps its capabilities",
    NamespaceKeeps => "a new user namespace removes the keyrings",
    NamespaceNeedsSingle => "a process with several threads can leave its user namespace",
    NamespaceOverflow => "an id that the namespace does not map is shown by its number",
    NamespaceHidesByPayer => "/proc/keys omits keys whose owner has no number in a user namespace",
    NamespaceHidesInProc => "/proc/keys shows the keys of users that the namespace does not map",
    ProcNeedsView => "/proc/keys shows keys without View permission",
    ProcOpener => "an open /proc/keys shows what its reader may view, not what its opener may",
    ProcConstruction => "/proc/keys shows a key under construction as instantiated",
    ProcFlags => "/proc/keys shows the state of a key by no flag",
    ProcTimeout => "/proc/keys shows no timeout",
    ProcSummary => "/proc/keys counts no links",
    KeyUsersCounts => "/proc/key-users counts no keys",
    KeyUsersInstantiated => "/proc/key-users counts no instantiated keys",
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
    /// The errno where an absent thread or process keyring is not created.
    AbsentErrno(KeySlot),
    /// The errno where the permission is missing.
    PermissionErrno(KeySlot),
    /// Creating the thread keyring here does not create the process keyring, or the reverse.
    CreatesOne(KeySlot),
    /// A new process starts without this keyring, whether its parent has one or not.
    NotInherited(ProcessCall, OwnKeyring),
    /// A keyring that a new process creates is not its parent's.
    NotPassedUp(ProcessCall, OwnKeyring),
    /// One about either of the two keyrings.
    Own(OwnFact, OwnKeyring),
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
        let valid = slots.clone().filter(|slot| slot.accepts() != Accepts::Any).map(Law::Sound);
        // These two fail with one errno for every key that they do not find.
        let one_errno = [KeySlot::Read, KeySlot::DhCompute];
        let absent = slots.clone().filter(|slot| !slot.creates());
        let absent = absent.filter(move |slot| !one_errno.contains(slot)).map(Law::AbsentErrno);
        let denied = slots.clone().filter(requires);
        let denied = denied.filter(|slot| *slot != KeySlot::DhCompute).map(Law::PermissionErrno);
        let denied = denied.chain([Law::PermissionErrno(KeySlot::Read)]);
        let one = slots.filter(|slot| slot.creates()).map(Law::CreatesOne);
        let of_calls = |law: fn(ProcessCall, OwnKeyring) -> Law| {
            let calls = ProcessCall::ALL.iter();
            calls.flat_map(move |call| OwnKeyring::ALL.map(|keyring| law(*call, keyring)))
        };
        let inherited = of_calls(Law::NotInherited).chain(of_calls(Law::NotPassedUp));
        let own = OwnFact::ALL.iter();
        let own = own.flat_map(|fact| OwnKeyring::ALL.map(|keyring| Law::Own(*fact, keyring)));
        let facts = Fact::ALL.iter().copied().map(Law::Fact);
        let of_slots = creates.chain(needs).chain(valid).chain(absent).chain(denied).chain(one);
        of_slots.chain(inherited).chain(own).chain(facts)
    }

    /// What a kernel does that gets it wrong.
    pub fn wrong(self) -> String {
        match self {
            Law::Creates(KeySlot::GetKeyringId) => {
                "KEYCTL_GET_KEYRING_ID creates a keyring only without the create flag".to_owned()
            }
            Law::Creates(slot) => {
                let wrong = if slot.creates() { "refused" } else { "created" };
                format!("{}: an absent thread or process keyring is {wrong}", slot.words())
            }
            Law::Needs(slot) => format!("{}: no permission is required", slot.words()),
            Law::Sound(slot) => {
                format!("{}: a revoked, expired or invalidated key is accepted", slot.words())
            }
            Law::AbsentErrno(slot) => {
                format!("{}: an absent keyring fails with another errno", slot.words())
            }
            Law::PermissionErrno(slot) => {
                format!("{}: a missing permission fails with another errno", slot.words())
            }
            Law::CreatesOne(slot) => {
                format!("{}: both keyrings are created where one is absent", slot.words())
            }
            Law::NotInherited(call, keyring) => {
                format!(
                    "{}: the child has the {} keyring of its parent",
                    call.words(),
                    keyring.words()
                )
            }
            Law::NotPassedUp(call, keyring) => {
                let (call, keyring) = (call.words(), keyring.words());
                format!("{call}: a {keyring} keyring that the child creates is its parent's too")
            }
            Law::Own(fact, keyring) => fact.words_of_wrong().replace("KEYRING", keyring.words()),
            Law::Fact(fact) => fact.wrong().to_owned(),
        }
    }

    /// Its name: `NotInherited.Fork.Thread`.
    pub fn name(self) -> String {
        match self {
            Law::Creates(slot) => format!("Creates.{slot:?}"),
            Law::Needs(slot) => format!("Needs.{slot:?}"),
            Law::Sound(slot) => format!("Sound.{slot:?}"),
            Law::AbsentErrno(slot) => format!("AbsentErrno.{slot:?}"),
            Law::PermissionErrno(slot) => format!("PermissionErrno.{slot:?}"),
            Law::CreatesOne(slot) => format!("CreatesOne.{slot:?}"),
            Law::NotInherited(call, keyring) => format!("NotInherited.{call:?}.{keyring:?}"),
            Law::NotPassedUp(call, keyring) => format!("NotPassedUp.{call:?}.{keyring:?}"),
            Law::Own(fact, keyring) => format!("{fact:?}.{keyring:?}"),
            Law::Fact(fact) => format!("{fact:?}"),
        }
    }

    /// A number that no other law has.
    fn number(self) -> usize {
        const SLOTS: usize = KeySlot::ALL.len();
        const CALLS: usize = ProcessCall::ALL.len();
        const KEYRINGS: usize = OwnKeyring::ALL.len();
        const PROCESSES: usize = 6 * SLOTS;
        const OWN: usize = PROCESSES + 2 * KEYRINGS * CALLS;
        match self {
            Law::Creates(slot) => slot as usize,
            Law::Needs(slot) => SLOTS + slot as usize,
            Law::Sound(slot) => 2 * SLOTS + slot as usize,
            Law::AbsentErrno(slot) => 3 * SLOTS + slot as usize,
            Law::PermissionErrno(slot) => 4 * SLOTS + slot as usize,
            Law::CreatesOne(slot) => 5 * SLOTS + slot as usize,
            Law::NotInherited(call, keyring) => {
                PROCESSES + keyring as usize * CALLS + call as usize
            }
            Law::NotPassedUp(call, keyring) => {
                PROCESSES + (KEYRINGS + keyring as usize) * CALLS + call as usize
            }
            Law::Own(fact, keyring) => OWN + fact as usize * KEYRINGS + keyring as usize,
            Law::Fact(fact) => OWN + OwnFact::ALL.len() * KEYRINGS + fact as usize,
        }
    }
}

/// A set of laws.
#[derive(Clone, Debug, Default)]
pub(crate) struct Laws([u64; 10]);

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
    fn no_two_laws_share_a_number_or_a_name() {
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
