//! The machine on which this program runs: what a reader of a result must know about it.

use super::probe::{self, Keyrings};
use crate::api::quota::quota_of;
use crate::sys::process;
use crate::tasks::fail::named;
use nix::sys::utsname::uname;
use std::fs;

/// What a 64-bit kernel says to a 32-bit program does not tell that it is one.
const PROGRAM: &str = if cfg!(target_pointer_width = "32") { ", by a 32-bit program" } else { "" };

/// The facts about the machine, each with its name: `kernel`, `architecture`, `uid`, `user-namespace`,
/// `seccomp`, `security-modules`, `quota`, `capabilities`, `keyrings`.
pub fn facts() -> Vec<(&'static str, String)> {
    let uname = uname().ok();
    let part = |of: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        uname.as_ref().map(|uname| of(uname).to_string_lossy().into_owned()).unwrap_or_default()
    };
    let kernel =
        format!("{} {} {}", part(|u| u.sysname()), part(|u| u.release()), part(|u| u.version()));
    vec![
        ("kernel", kernel),
        ("architecture", part(|u| u.machine()) + PROGRAM),
        ("uid", ids()),
        ("user-namespace", user_namespace()),
        ("seccomp", seccomp()),
        ("security-modules", security_modules()),
        ("quota", quota()),
        ("capabilities", capabilities()),
        ("keyrings", Keyrings::here().summary()),
    ]
}

fn unknown(error: &dyn std::fmt::Display) -> String {
    format!("unknown ({error})")
}

fn ids() -> String {
    let (real, effective) = (nix::unistd::getuid(), nix::unistd::geteuid());
    if real == effective { real.to_string() } else { format!("{real}, effective {effective}") }
}

/// The inode of the first user namespace (`include/linux/proc_ns.h`).
const INITIAL_USER_NAMESPACE: &str = "user:[4026531837]";

fn user_namespace() -> String {
    match fs::read_link("/proc/self/ns/user") {
        Ok(link) if link.as_os_str() == INITIAL_USER_NAMESPACE => "the initial one".to_owned(),
        Ok(_) => {
            let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
            let maps: Vec<String> = map
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            match &maps[..] {
                [] => "a further one, which maps no uid".to_owned(),
                maps => format!("a further one, uid_map {}", maps.join(", ")),
            }
        }
        Err(error) => unknown(&error),
    }
}

fn seccomp() -> String {
    // SECCOMP_MODE_STRICT would have killed this program before.
    match process::seccomp_mode() {
        Ok(0) => "none".to_owned(),
        Ok(2) => "a filter".to_owned(),
        Ok(mode) => format!("mode {mode}"),
        Err(error) => unknown(&error),
    }
}

/// Security modules by their numbers (`include/uapi/linux/lsm.h`).
const MODULES: [(u64, &str); 14] = [
    (100, "capability"),
    (101, "selinux"),
    (102, "smack"),
    (103, "tomoyo"),
    (104, "apparmor"),
    (105, "yama"),
    (106, "loadpin"),
    (107, "safesetid"),
    (108, "lockdown"),
    (109, "bpf"),
    (110, "landlock"),
    (111, "ima"),
    (112, "evm"),
    (113, "ipe"),
];

fn security_modules() -> String {
    if let Ok(list) = fs::read_to_string("/sys/kernel/security/lsm") {
        return list.trim().to_owned();
    }
    match process::lsm_list_modules() {
        Ok(ids) => {
            let name = |id: &u64| {
                let named = MODULES.iter().find(|(number, _)| number == id);
                named.map_or_else(|| id.to_string(), |(_, name)| (*name).to_owned())
            };
            ids.iter().map(name).collect::<Vec<_>>().join(",")
        }
        Err(error) => unknown(&named(error)),
    }
}

fn quota() -> String {
    match quota_of(nix::unistd::getuid().as_raw()) {
        Ok(quota) if quota.max_keys == 0 => "no keys yet".to_owned(),
        Ok(quota) => {
            let (keys, bytes) = quota.left();
            format!(
                "{keys} of {} keys and {bytes} of {} bytes left",
                quota.max_keys, quota.max_bytes
            )
        }
        Err(error) => unknown(&error),
    }
}

fn capabilities() -> String {
    match probe::capabilities() {
        Ok(names) => names.join(", "),
        Err(error) => unknown(&error),
    }
}
