//! The transitions: what each call does to the state.

mod add;
mod files;
mod handler;
mod ids;
mod keys;
mod links;
mod memory;
mod other;
mod proc;
mod program;
mod requests;
mod sessions;
mod tasks;
mod unknown;
mod watch;

use crate::laws::KeySlot;
use crate::run::{Attempt, Prediction, Run, Stop};
use crate::world::KeyId;

/// A transition.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// The names of its calls in a trace.
    pub calls: &'static [&'static str],
    /// The kernel functions that implement it, separated by commas.
    pub kernel: &'static str,
    act: fn(&mut Run<'_>) -> Prediction,
}

/// Creates the table: the names of the calls, the method of [`Run`], and the kernel functions.
macro_rules! transitions {
    ($($($call:literal)|+ => $act:ident($($argument:expr),*), $kernel:literal;)*) => {
        /// All transitions of the model.
        pub const TRANSITIONS: &[Transition] = &[$(Transition {
            calls: &[$($call),+],
            kernel: $kernel,
            act: |run| Ok(run.$act($($argument),*)?.into()),
        },)*];
    };
}

/// The calls that create a process, and return its name.
pub const CREATE_PROCESS: [&str; 5] = ["fork", "vfork", "clone", "clone3", "posix_spawn"];

transitions! {
    "add_key" => add_key(), "__do_sys_add_key, key_create_or_update";
    "request_key" => request_key(),
        "__do_sys_request_key, request_key_and_link, construct_key_and_link";
    "keyctl_search" => keyctl_search(), "keyctl_keyring_search, keyring_search";
    "keyctl_get_keyring_ID" => get_keyring_id(), "keyctl_get_keyring_ID";
    "keyctl_read" => keyctl_read(), "keyctl_read_key, keyring_read";
    "keyctl_describe" => keyctl_describe(), "keyctl_describe_key";
    "keyctl_get_security" => get_security(), "keyctl_get_security";
    "keyctl_update" => keyctl_update(), "keyctl_update_key, key_update";
    "keyctl_revoke" => keyctl_revoke(), "keyctl_revoke_key, key_revoke";
    "keyctl_invalidate" => keyctl_invalidate(), "keyctl_invalidate_key, key_invalidate";
    "keyctl_chown" => keyctl_chown(), "keyctl_chown_key";
    "keyctl_setperm" => keyctl_setperm(), "keyctl_setperm_key";
    "keyctl_set_timeout" => set_timeout(), "keyctl_set_timeout";
    "keyctl_clear" => keyctl_clear(), "keyctl_keyring_clear, keyring_clear";
    "keyctl_link" => keyctl_link(), "keyctl_keyring_link, key_link, keyring_detect_cycle";
    "keyctl_unlink" => keyctl_unlink(), "keyctl_keyring_unlink, key_unlink";
    "keyctl_move" => keyctl_move(), "keyctl_keyring_move, key_move";
    "keyctl_restrict_keyring" => restrict_keyring(), "keyctl_restrict_keyring, keyring_restrict";
    "keyctl_set_reqkey_keyring" => set_reqkey_keyring(), "keyctl_set_reqkey_keyring";
    "keyctl_join_session_keyring" => join_session_keyring(),
        "join_session_keyring, find_keyring_by_name";
    "keyctl_session_to_parent" => session_to_parent(),
        "keyctl_session_to_parent, key_change_session_keyring";
    "keyctl_get_persistent" => get_persistent(), "keyctl_get_persistent";
    "keyctl_instantiate" | "keyctl_instantiate_iov" => instantiate(2),
        "keyctl_instantiate_key_common";
    "keyctl_negate" => instantiate(2), "keyctl_reject_key";
    "keyctl_reject" => instantiate(3), "keyctl_reject_key";
    "keyctl_assume_authority" => assume_authority(), "keyctl_assume_authority";
    "keyctl_capabilities" => capabilities(), "keyctl_capabilities";
    "keyctl_watch_key" => watch_key(), "keyctl_watch_key";
    "notification_pipe" => notification_pipe(), "watch_queue_init";
    "notifications" => notifications(), "post_one_notification";
    "keyctl_dh_compute" => dh_compute(), "keyctl_dh_compute";
    "keyctl_pkey_query" | "keyctl_pkey_encrypt" | "keyctl_pkey_decrypt" | "keyctl_pkey_sign" | "keyctl_pkey_verify" => pkey(),
        "keyctl_pkey_params_get";
    "fork" | "vfork" | "clone" | "clone3" | "posix_spawn" => new_process(), "copy_creds";
    "pthread_create" => new_thread(), "copy_creds";
    "execve" => execve(), "do_open_execat, prepare_exec_creds, load_misc_binary";
    "fexecve" => fexecve(), "do_open_execat";
    "exit" => exit(), "do_exit, exit_notify";
    "pthread_exit" => pthread_exit(), "do_exit, exit_notify";
    "waitpid" => waitpid(), "release_task, exit_creds";
    "kill" => kill(), "do_exit";
    "ptrace" => ptrace(), "ptrace_link";
    "unshare" => unshare(), "unshare_userns, create_user_ns";
    "enter_user_namespace" => enter_user_namespace(), "create_user_ns";
    "map_own_ids" => map_own_ids(), "map_write";
    "setresuid" | "syscall_setresuid" => setresid(true), "commit_creds, key_fsuid_changed";
    "setresgid" | "syscall_setresgid" => setresid(false), "commit_creds, key_fsgid_changed";
    "setfsuid" | "setfsgid" => set_filesystem_id(), "commit_creds, key_fsuid_changed";
    "setgroups" | "syscall_setgroups" => setgroups(), "set_current_groups";
    "capset" => capset(), "cap_capset";
    "prctl" => prctl(), "cap_task_prctl, task_no_new_privs, replace_mm_exe_file";
    "seccomp" | "setsid" => change_nothing(), "do_seccomp, ksys_setsid";
    "open" => open(false), "alloc_empty_file";
    "io_uring_setup" => io_uring_setup(), "io_uring_setup, io_sq_offload_create";
    "io_uring_open" => io_uring_open(), "io_openat2, alloc_empty_file";
    "io_uring_register" => io_uring_register(), "io_register_personality, io_unregister_personality";
    "perf_event_open" => perf_event_open(), "perf_event_alloc";
    "open_binfmt_misc" => open_binfmt_misc(), "create_user_ns, alloc_empty_file";
    "register_interpreter" => register_interpreter(), "bm_register_write";
    "memory_file" => open(true), "alloc_empty_file";
    "pipe" => pair(false), "alloc_empty_file";
    "socketpair" => pair(true), "init_peercred";
    "listen" => listen(), "init_peercred";
    "bind" => open(false), "alloc_empty_file";
    "connect" => connect(), "unix_stream_connect";
    "accept" => accept(), "alloc_empty_file";
    "send_descriptor" => send_descriptor(), "unix_attach_fds";
    "receive_descriptor" => receive_descriptor(), "scm_detach_fds";
    "close" => close(), "__fput";
    "mmap" | "dlopen" => map(), "vm_area_alloc, get_file";
    "copy_mapped_files" => copy_mapped_files(), "remove_vma";
    "munmap" | "dlclose" | "shmdt" | "io_destroy" => unmap(), "remove_vma, aio_free_ring";
    "enter_mount_namespace" => enter_mount_namespace(), "create_user_ns, copy_mnt_ns";
    "attach_loop_device" => attach_loop_device(), "loop_configure";
    "detach_loop_device" => detach_loop_device(), "lo_release";
    "mount_overlay" => mount_overlay(), "ovl_fill_super";
    "umount_overlay" => umount_overlay(), "ovl_free_fs";
    "shmget" => shmget(), "newseg";
    "shmat" => shmat(), "do_shmat";
    "io_setup" => io_setup(), "aio_private_file";
    "chdir" => change_nothing(), "set_fs_pwd";
    "begin_without_session_keyring" => begin_without_session_keyring(), "copy_creds";
    "upcall" => begin_handler(), "call_sbin_request_key";
    "key_to_instantiate" => key_to_instantiate(), "call_sbin_request_key";
    "argv" => argv(), "call_sbin_request_key";
    "use_32_bit_calls" => change_nothing(), "compat_keyctl";
    "wait_until" => wait_until(), "key_garbage_collector, key_validate";
    "wait_for_the_collector" => wait_for_the_collector(), "put_cred_rcu, key_garbage_collector";
    "proc_keys" => proc_keys(), "proc_keys_show";
    "key_users" => key_users(), "proc_key_users_show";
    "owned_keys" => owned_keys(), "proc_key_users_show";
    "keys_left" | "bytes_left" => left(), "proc_key_users_show";
    "add_keys_until_refused" => add_keys_until_refused(), "key_alloc";
    "use_up_bytes" => use_up_bytes(), "key_payload_reserve";
    "keyctl_program" => keyctl_program(), "copy_creds, prepare_exec_creds";
}

/// Calls that are no transitions and that change nothing a key depends on, whatever they return.
pub(crate) const CONCERN_NO_KEY: &[&str] = &[
    "access",
    "alarm",
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "fstat",
    "getcwd",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpgid",
    "getpid",
    "getppid",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getsid",
    "gettid",
    "gettimeofday",
    "getuid",
    "lseek",
    "mprotect",
    "nanosleep",
    "pause",
    "poll",
    "read",
    "readlink",
    "rt_sigaction",
    "rt_sigprocmask",
    "sched_yield",
    "stat",
    "sysinfo",
    "time",
    "times",
    "umask",
    "uname",
    "write",
];

impl Run<'_> {
    /// The transition of the event's call.
    pub(crate) fn call(&mut self) -> Prediction {
        let call = self.event.call.as_str();
        if self.is_unknown() {
            self.begins_unknown()?;
        }
        match TRANSITIONS.iter().find(|transition| transition.calls.contains(&call)) {
            Some(transition) => (transition.act)(self),
            None => Err(Stop::Unknown(format!("a call that concerns keys, not {call}"))),
        }
    }

    /// The only operation with a flag for creating an absent keyring.
    fn get_keyring_id(&mut self) -> Attempt<KeyId> {
        let arg = self.key_arg(0)?;
        // The kernel's parameter is a C int.
        let creates = self.int(1)? as i32 != 0;
        let found = self.lookup_or_create(arg, KeySlot::GetKeyringId, creates)?;
        Ok(found.key)
    }

    /// A call that succeeds and concerns no key.
    fn change_nothing(&mut self) -> Attempt {
        Ok(())
    }
}
