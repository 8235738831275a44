//! The transitions: what each call does.

mod add;
mod holds;
mod ids;
mod links;
mod other;
mod program;
mod requests;
mod sessions;
mod shown;
mod single;
mod tasks;

use crate::laws::{Kind, Place};
use crate::run::{Given, Gives, Run, Stop};

impl Run<'_> {
    /// The transition of the event's call.
    pub(crate) fn call(&mut self) -> Gives {
        match self.event.call.as_str() {
            "add_key" => self.add_key(),
            "request_key" => self.request_key(),
            "keyctl_search" => self.keyctl_search(),
            "keyctl_get_keyring_ID" => self.get_keyring_id(),
            "keyctl_read" => self.keyctl_read(),
            "keyctl_describe" => self.keyctl_describe(),
            "keyctl_get_security" => self.get_security(),
            "keyctl_update" => self.keyctl_update(),
            "keyctl_revoke" => self.keyctl_revoke(),
            "keyctl_invalidate" => self.keyctl_invalidate(),
            "keyctl_chown" => self.keyctl_chown(),
            "keyctl_setperm" => self.keyctl_setperm(),
            "keyctl_set_timeout" => self.set_timeout(),
            "keyctl_clear" => self.keyctl_clear(),
            "keyctl_link" => self.keyctl_link(),
            "keyctl_unlink" => self.keyctl_unlink(),
            "keyctl_move" => self.keyctl_move(),
            "keyctl_restrict_keyring" => self.restrict_keyring(),
            "keyctl_set_reqkey_keyring" => self.set_reqkey_keyring(),
            "keyctl_join_session_keyring" => self.join_session_keyring(),
            "keyctl_session_to_parent" => self.session_to_parent(),
            "keyctl_get_persistent" => self.get_persistent(),
            "keyctl_instantiate" | "keyctl_instantiate_iov" => self.instantiate(2),
            "keyctl_negate" => self.instantiate(2),
            "keyctl_reject" => self.instantiate(3),
            "keyctl_assume_authority" => self.assume_authority(),
            "keyctl_capabilities" => self.capabilities(),
            "keyctl_watch_key" => self.watch_key(),
            "keyctl_dh_compute" => self.dh_compute(),
            "keyctl_pkey_query"
            | "keyctl_pkey_encrypt"
            | "keyctl_pkey_decrypt"
            | "keyctl_pkey_sign"
            | "keyctl_pkey_verify" => self.pkey(),
            "fork" | "vfork" | "clone" | "clone3" | "posix_spawn" => self.new_process(),
            "pthread_create" => self.new_thread(),
            "execve" => self.execve(),
            "fexecve" => self.fexecve(),
            "exit" => self.exit(),
            "pthread_exit" => self.pthread_exit(),
            "waitpid" => self.waitpid(),
            "kill" => self.kill(),
            "ptrace" => self.ptrace(),
            "unshare" => self.unshare(),
            "enter_user_namespace" => self.enter_user_namespace(),
            "map_own_ids" => self.map_own_ids(),
            "setresuid" | "syscall_setresuid" => self.setresuid(),
            "setresgid" => self.setresgid(),
            "setfsuid" | "setfsgid" => self.set_filesystem_id(),
            "open" | "io_uring_setup" => self.open(false),
            "memory_file" => self.open(true),
            "pipe" => self.pair(false),
            "socketpair" => self.pair(true),
            "listen" => self.listen(),
            "connect" => self.connect(),
            "accept" => self.accept(),
            "send_descriptor" => self.send_descriptor(),
            "receive_descriptor" => self.receive_descriptor(),
            "close" => self.close(),
            "mmap" | "dlopen" => self.map(),
            "munmap" | "dlclose" => self.unmap(),
            "chdir" => Ok(Given::Int(0)),
            "wait_until" => self.wait_until(),
            "wait_for_the_collector" => self.wait_for_the_collector(),
            "proc_keys" => self.proc_keys(),
            "key_users" => self.key_users(),
            "keys_left" | "bytes_left" => self.left(),
            "add_keys_until_refused" => self.add_keys_until_refused(),
            "use_up_bytes" => self.use_up_bytes(),
            "keyctl_program" => self.keyctl_program(),
            other => {
                Err(Stop::NotUnderstood(format!("a call that keys have to do with, not {other}")))
            }
        }
    }

    /// A place where an absent keyring is made on request: with the create flag.
    fn get_keyring_id(&mut self) -> Gives {
        let named = self.named(0)?;
        // The kernel takes a C int.
        let creates = self.int(1)? as i32 != 0;
        let found = self.lookup_or_make(&named, Place::GetKeyringId, creates)?;
        Ok(Given::Key(found.key))
    }

    /// Both kinds, for what concerns both.
    fn kinds(&self) -> [Kind; 2] {
        Kind::ALL
    }
}
