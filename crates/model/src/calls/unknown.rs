//! Calls in an unknown world: see `src/unknown.rs`.

use super::CONCERN_NO_KEY;
use crate::laws::{Fact, KeySlot, OwnKeyring, Permission};
use crate::run::{Attempt, Run, Stop};
use crate::search::{Ref, Wanted};
use crate::world::{KeyId, World};
use trace::Errno::{self, *};
use trace::{Outcome, Value};

/// The bits of a mask that permit others than the possessor more than to view a key.
const SHARES: u32 = 0x003e_3e3e;

/// The number of links of a keyring that are followed. What a larger one links is unknown.
const MOST_LINKS: usize = 64;

/// The calls that are judged.
const JUDGED: &[&str] = &[
    "add_key",
    "request_key",
    "keyctl_get_keyring_ID",
    "keyctl_read",
    "keyctl_search",
    "keyctl_describe",
    "keyctl_link",
    "keyctl_unlink",
    "keyctl_update",
    "keyctl_revoke",
    "keyctl_invalidate",
    "keyctl_chown",
    "keyctl_setperm",
    "keyctl_set_timeout",
    "keyctl_clear",
    "keyctl_move",
    "keyctl_restrict_keyring",
    "keyctl_set_reqkey_keyring",
    "keyctl_join_session_keyring",
    "keyctl_get_persistent",
    "keyctl_get_security",
    "fork",
    "vfork",
    "clone",
    "clone3",
    "posix_spawn",
    "pthread_create",
    "execve",
    "exit",
    "pthread_exit",
    "kill",
];

/// Calls that change nothing that is known, whatever they return.
const CHANGE_NOTHING: &[&str] = &[
    "keyctl_session_to_parent",
    "keyctl_capabilities",
    "keyctl_dh_compute",
    "keyctl_pkey_query",
    "keyctl_pkey_encrypt",
    "keyctl_pkey_decrypt",
    "keyctl_pkey_sign",
    "keyctl_pkey_verify",
    "keyctl_program",
    "fexecve",
    "waitpid",
    "ptrace",
    "unshare",
    "enter_user_namespace",
    "map_own_ids",
    "setresuid",
    "syscall_setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    "prctl",
    "seccomp",
    "setsid",
    "open",
    "io_uring_setup",
    "io_uring_open",
    "copy_mapped_files",
    "memory_file",
    "attach_loop_device",
    "detach_loop_device",
    "open_binfmt_misc",
    "register_interpreter",
    "pipe",
    "socketpair",
    "listen",
    "bind",
    "connect",
    "accept",
    "send_descriptor",
    "receive_descriptor",
    "close",
    "mmap",
    "dlopen",
    "munmap",
    "dlclose",
    "enter_mount_namespace",
    "mount_overlay",
    "umount_overlay",
    "shmget",
    "shmat",
    "shmdt",
    "io_setup",
    "io_destroy",
    "chdir",
    "begin_without_session_keyring",
    "use_32_bit_calls",
    "wait_until",
    "wait_for_the_collector",
    "proc_keys",
    "key_users",
    "owned_keys",
    "keys_left",
    "bytes_left",
];

impl Run<'_> {
    pub(crate) fn is_unknown(&self) -> bool {
        self.world.is_unknown()
    }

    /// Whether nothing is known of a key but which one it is.
    pub(crate) fn is_open(&self, key: KeyId) -> bool {
        self.is_unknown() && self.key(key).open
    }

    /// A call may fail for reasons that have nothing to do with keys: a seccomp filter, a security module, a lack
    /// of memory, an address that cannot be read. It may have created keyrings before.
    pub(super) fn begins_unknown(&mut self) -> Attempt {
        let call = self.event.call.as_str();
        if !JUDGED.contains(&call) {
            if CHANGE_NOTHING.contains(&call) || CONCERN_NO_KEY.contains(&call) {
                return Err(Stop::AsShown);
            }
            return Err(Stop::Unknown(format!(
                "a call that is judged in an unknown world, not {call}"
            )));
        }
        let by_others = match self.event.outcome {
            Outcome::Failed(errno) => matches!(errno, EPERM | EACCES | EFAULT),
            Outcome::FailedOtherwise(_) => true,
            Outcome::Nothing | Outcome::Returned(_) => false,
        };
        if !by_others || self.either() {
            return Ok(());
        }
        for keyring in OwnKeyring::ALL {
            let special = match keyring {
                OwnKeyring::Thread => "@t",
                OwnKeyring::Process => "@p",
            };
            let is_named = self
                .event
                .args
                .iter()
                .any(|arg| matches!(arg, Value::Word(word) if word == special));
            if is_named && self.own(keyring).is_none() && self.either() {
                self.create_own(keyring, KeySlot::AddKey)?;
            }
        }
        Err(Stop::AsShown)
    }

    /// A call that depends on a key of which nothing is known may fail with any error.
    pub(crate) fn may_fail(&mut self) -> Attempt {
        let fails = matches!(self.event.outcome, Outcome::Failed(_) | Outcome::FailedOtherwise(_));
        if fails && self.either() { Err(Stop::AsShown) } else { Ok(()) }
    }

    /// The ids of tasks and keys are unknown. A key of one task's alone permits others at most to view it.
    pub(crate) fn permits_unknown(&mut self, at: Ref, needs: Permission) -> bool {
        let (perm, needs) = (self.key(at.key).perm, needs as u32);
        self.is_open(at.key)
            || (at.possessed && perm >> 24 & needs != 0 && self.law(Fact::PossessorMask))
            || ((perm | perm >> 8 | perm >> 16) & needs != 0 && self.either())
    }

    /// Searches a keyring that may contain anything but keys of one task's alone.
    pub(crate) fn search_open(&mut self, wanted: &Wanted<'_>) -> Result<Ref, Errno> {
        let found = Ref { key: World::OUTSIDE, possessed: true };
        let Wanted::Like(..) = wanted else { return Err(EAGAIN) };
        match &self.event.outcome {
            Outcome::Failed(errno) => {
                let is_usual = matches!(errno, EAGAIN | ENOKEY);
                match self.choices.choose(if is_usual { 3 } else { 4 }) {
                    0 => Err(EAGAIN),
                    1 => Err(ENOKEY),
                    2 => Ok(found),
                    _ => Err(*errno),
                }
            }
            _ => match self.choices.choose(2) {
                0 => Err(EAGAIN),
                _ => Ok(found),
            },
        }
    }

    /// A key of which nothing is known, linked to a keyring. It has another type or name than the keys there.
    pub(super) fn open_key_for(&mut self, keyring: Option<KeyId>) -> Attempt<KeyId> {
        self.may_fail()?;
        if let Some(keyring) = keyring.filter(|keyring| !self.is_open(*keyring)) {
            self.world.keys.edit(keyring).crowded = true;
        }
        Ok(World::OUTSIDE)
    }

    /// The program that the kernel starts possesses all that the caller possesses.
    pub(super) fn upcall_unknown(&mut self, destination: Option<KeyId>) -> Attempt<KeyId> {
        let own = [self.cred().thread, self.cred().process, destination];
        own.into_iter().flatten().for_each(|key| self.world.share(key));
        self.open_key_for(None)
    }

    pub(super) fn setperm_unknown(&mut self, key: KeyId, mask: u32) -> Attempt {
        if !self.is_open(key) {
            if self.law(Fact::SetpermSets) {
                self.world.keys.edit(key).perm = mask;
            }
            if mask & SHARES != 0 {
                self.world.share(key);
            }
        }
        Ok(())
    }

    /// Whether the links of a keyring are known when a key is added to them.
    pub(super) fn keeps_links_known(&mut self, keyring: KeyId, key: KeyId) -> bool {
        match (self.is_open(keyring), self.is_open(key)) {
            (true, _) => self.world.share(key),
            // It replaces a key of its name, which the trace does not show.
            (_, true) => self.world.forget_links(keyring),
            _ if self.key(keyring).links().len() >= MOST_LINKS => self.world.forget_links(keyring),
            _ => return true,
        }
        !self.is_open(keyring) && !self.is_open(key)
    }

    /// Whether a keyring may link a key of which nothing is known, or one of its name.
    pub(super) fn may_link_open(&self, keyring: KeyId) -> bool {
        self.key(keyring).crowded || !self.key(keyring).links().is_empty()
    }

    /// Whether KEYCTL_MOVE has effects that the trace does not show.
    pub(super) fn moves_unseen(&mut self, key: KeyId, from: KeyId, to: KeyId) -> Attempt<bool> {
        let is_missing =
            !self.is_open(from) && !self.key(from).crowded && self.key(from).links().is_empty();
        let all_known = [key, from, to].iter().all(|key| !self.is_open(*key))
            && [from, to].iter().all(|keyring| !self.key(*keyring).crowded);
        if all_known || is_missing {
            return Ok(false);
        }
        self.may_fail()?;
        for keyring in [from, to] {
            if !self.is_open(keyring) {
                self.world.forget_links(keyring);
            }
        }
        self.world.share(key);
        Ok(true)
    }

    /// A new thread shares the process keyring of its creator. False if the thread is not followed.
    pub(super) fn shares_with_thread(&mut self) -> bool {
        if let Some(keyring) = self.cred().process {
            self.world.share(keyring);
        }
        !self.world.is_full()
    }
}
