//! The kinds of findings: what they are called, what to do instead, and the rules behind them. The most telling come first.

use crate::state::Which;

/// Creates [`Kind`] and its table.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $id:literal: $title:literal, $advice:literal,
        [$($thread:literal)*], [$($process:literal)*];)*) => {
        /// What was found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All kinds, the most telling first.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// A word for programs.
            pub fn id(self) -> &'static str {
                match self { $(Kind::$kind => $id,)* }
            }

            /// A headline.
            pub fn title(self) -> &'static str {
                match self { $(Kind::$kind => $title,)* }
            }

            /// What to do instead.
            pub fn advice(self) -> &'static str {
                match self { $(Kind::$kind => $advice,)* }
            }

            /// The ids of the rules behind it, for a process keyring if they differ.
            pub fn rules(self) -> &'static [&'static str] {
                self.rules_of(Which::Process)
            }

            /// The ids of the rules behind it, where a thread keyring is concerned and where a process keyring is.
            pub(crate) fn rules_of(self, which: Which) -> &'static [&'static str] {
                match (self, which) {
                    $((Kind::$kind, Which::Thread) => &[$($thread,)*],
                    (Kind::$kind, Which::Process) => &[$($process,)*],)*
                }
            }
        }
    };
}

kinds! {
    /// A line that no correct kernel produces.
    KernelFault "kernel-fault": "No correct kernel answers like this",
        "Check that the log is complete and of one machine. If it is, report it as a bug of the kernel.",
        ["thread.birth.none-at-first" "thread.threads.after" "thread.fork" "thread.execve"],
        ["process.birth.none-at-first" "process.threads.after" "process.fork" "process.execve"];
    /// A process has two process keyrings.
    SecondRing "second-process-keyring": "One process, two process keyrings",
        "Create the process keyring first in main, before any thread exists: keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, 1). \
         An async main is too late for the workers of its runtime. In Go, where threads are older than main, let one goroutine with \
         runtime.LockOSThread() make all key calls.",
        [],
        ["process.threads.before" "process.birth.asker" "process.special-id.thread"];
    /// A thread is older than the keyring that it looks for.
    OlderThread "older-thread": "The thread is older than the process keyring",
        "Create the process keyring first in main, before any thread exists: keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, 1). \
         An async main is too late for the workers of its runtime. In Go, where threads are older than main, let one goroutine with \
         runtime.LockOSThread() make all key calls.",
        ["thread.threads.before"],
        ["process.threads.before" "process.birth.asker"];
    /// A thread looks for what another thread's own keyring holds.
    OtherThread "other-thread": "The key is in a keyring of another thread",
        "Keep keys that several threads use in the process keyring, created in main before any thread exists, or in a keyring of the \
         session. With a pool of threads, give all key calls to one thread.",
        ["thread.threads.request-key" "thread.special-id" "keyring.serial.thread"],
        ["process.threads.request-key" "process.special-id.thread" "keyring.serial.thread"];
    /// A child process looks for what its parent's own keyring holds.
    ForkedChild "forked-child": "A child process starts without its parent's keyring",
        "Link the key to the session keyring (@s), which a child inherits, or pass the secret to the child through a pipe.",
        ["thread.fork" "thread.fork.request-key"],
        ["process.fork" "process.fork.request-key"];
    /// A program looks for what was there before execve.
    AfterExecve "after-execve": "execve(2) drops the keyring",
        "Link the key to the session keyring (@s) before execve(2), or add it in the new program.",
        ["thread.execve" "thread.execve.no-access"],
        ["process.execve" "process.execve.no-access"];
    /// The keyring belonged to a process that is another one.
    OtherProcess "other-process": "The key was in a keyring of another process",
        "A thread or process keyring ends with its process. Keep what the next program needs in the session keyring (@s), in the user \
         keyring (@u), or in a persistent keyring (keyctl get_persistent).",
        ["thread.end.keys" "thread.special-id"],
        ["process.end.keys" "process.special-id"];
    /// The key is in a session keyring that the caller does not have.
    OtherSession "other-session": "The key is in another session keyring",
        "Add and look up the key in the same session, or keep it in the user keyring (@u).",
        ["keyring.session.links" "keyring.search.possession-by-session"],
        ["keyring.session.links" "keyring.search.possession-by-session"];
    /// A key went with the only thread that had it.
    ThreadEnded "thread-ended": "A key ended with the only thread that had it",
        "Add the key in a thread that lives as long as the key is needed, or link it to a keyring that does.",
        ["thread.end" "thread.end.keys"],
        ["process.end.worker" "process.end.keys"];
    /// The caller may see the key but does not possess it.
    NotPossessed "not-possessed": "The key exists, but the caller does not possess it",
        "Owning a key is not enough: with the usual mask only a thread whose @t, @p or @s leads to the key may use it. Link it to a keyring \
         of the caller, or grant the user permission with keyctl_setperm(3).",
        ["keyring.serial.thread" "keyring.serial.child.read" "keyring.search.possession"],
        ["keyring.serial.thread" "keyring.serial.child.read" "keyring.search.possession"];
    /// The caller's ids changed since the key was created.
    IdsChanged "ids-changed": "User ids changed between creating and using the key",
        "Set masks and owners before changing ids, or add the key after the change.",
        ["thread.ids.keys-inside" "keyring.serial.another-user"],
        ["process.ids.setperm" "process.ids.chown" "keyring.serial.another-user"];
    /// The mask does not grant the permission.
    NoPermission "no-permission": "The key's mask does not grant this",
        "Leave the possessor's bits set in keyctl_setperm(3). Mask 0 on one's own keyring cannot be undone.",
        ["keyring.no-permission.changing" "keyring.no-permission.irreversible"],
        ["keyring.no-permission.changing" "keyring.no-permission.irreversible"];
    /// The key or keyring is revoked.
    Revoked "revoked": "The key has been revoked",
        "A revoked key stays useless. Add a new one; leave a revoked session keyring by joining a new one (keyctl session, or \
         keyctl_join_session_keyring(NULL)). To delete one key, unlink or invalidate it.",
        ["keyring.revoked.reading" "keyring.search.sole-revoked" "keyring.search.revoked-key" "keyring.session.revoked"],
        ["keyring.revoked.reading" "keyring.search.sole-revoked" "keyring.search.revoked-key" "keyring.session.revoked"];
    /// The key or keyring has expired.
    Expired "expired": "The key has expired",
        "Renew the timeout with keyctl_set_timeout(3) in time, or add the key again.",
        ["keyring.expired.reading" "keyring.search.sole-expired" "keyring.search.expired-key"],
        ["keyring.expired.reading" "keyring.search.sole-expired" "keyring.search.expired-key"];
    /// The key or keyring is invalidated.
    Invalidated "invalidated": "The key has been invalidated",
        "An invalidated key is gone at once. Add a new one.",
        ["keyring.invalidated.reading" "keyring.search.invalidated-key"],
        ["keyring.invalidated.reading" "keyring.search.invalidated-key"];
    /// No key has the number any more.
    Destroyed "destroyed": "No key has this serial number",
        "Keep at least one link to a key that is still needed. Look keys up by name: a serial number lives as long as its key.",
        ["keyring.serial.dead" "keyring.link.last" "keyring.special-id.never-existed"],
        ["keyring.serial.dead" "keyring.link.last" "keyring.special-id.never-existed"];
    /// The quota is used up.
    Quota "quota": "The user's quota of keys is used up",
        "/proc/key-users shows what the user has used. Unlink keys that are not needed; their quota returns when the kernel's collector \
         has destroyed them. Root can raise kernel.keys.maxkeys and kernel.keys.maxbytes.",
        ["keyring.quota.contents" "keyring.quota.returned" "keyring.quota.full-add"],
        ["keyring.quota.contents" "keyring.quota.returned" "keyring.quota.full-add"];
    /// request_key(2) with an empty callout.
    EmptyCallout "empty-callout": "An empty callout is a callout",
        "Pass NULL as callout_info to search only. With \"\" the kernel starts request-key(8) to create the missing key.",
        ["keyring.request-key.empty-callout" "keyring.request-key.negative-blocks"],
        ["keyring.request-key.empty-callout" "keyring.request-key.negative-blocks"];
    /// A seccomp filter refuses the call.
    Seccomp "seccomp": "A filter refused the call",
        "A seccomp profile, as containers have one, forbids key calls. Allow add_key, request_key and keyctl in the profile, or keep the secret \
         elsewhere.",
        [],
        [];
    /// execve left secrets in the kernel.
    SecretAfterExecve "secret-after-execve": "A secret stays in the kernel after execve(2)",
        "Clear the keyring before execve(2): keyctl_clear(KEY_SPEC_PROCESS_KEYRING), keyctl_clear(KEY_SPEC_THREAD_KEYRING).",
        ["thread.execve.keys-live-on" "thread.execve.clear-first"],
        ["process.execve.keys-live-on" "process.execve.clear-first"];
    /// An open file keeps secrets in the kernel.
    PinnedByFile "pinned-by-file": "An open file keeps a secret in the kernel",
        "Unlink or revoke the key before the thread ends, or open files before the keyring exists.",
        ["keyring.pin.file" "keyring.pin.keys" "keyring.pin.no-access"],
        ["keyring.pin.file" "keyring.pin.keys" "keyring.pin.no-access"];
    /// An update removed a timeout.
    TimeoutLost "timeout-removed": "An update removed the key's timeout",
        "Call keyctl_set_timeout(3) again after each update: KEYCTL_UPDATE, and add_key(2) over an existing key.",
        ["keyring.attributes.same-description.timeout" "keyring.attributes.update.timeout"],
        ["keyring.attributes.same-description.timeout" "keyring.attributes.update.timeout"];
    /// request_key put a new key into a default keyring.
    DefaultDestination "default-destination": "request_key(2) put the new key into the caller's own keyring",
        "Name the keyring as the last argument of request_key(2), or choose one with keyctl_set_reqkey_keyring(3).",
        ["keyring.request-key.default-thread" "keyring.request-key.dies-with-its-keyring"],
        ["keyring.request-key.default-process" "keyring.request-key.dies-with-its-keyring"];
    /// A program added a key to its own keyring and ended.
    ExitsAtOnce "exits-at-once": "The key ended with the program that added it",
        "A thread or process keyring is for the program that adds the key. A program that ends should add it to the session keyring \
         (@s) or the user keyring (@u).",
        ["thread.end.keys" "keyring.keyctl.add"],
        ["process.end.keys" "keyring.keyctl.add"];
}
