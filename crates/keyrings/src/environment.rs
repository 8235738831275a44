//! Where this program runs: what a reader of a verdict has to know of the place.

use crate::place::Keyrings;
use crate::{quota, sys};
use nix::libc;
use nix::sys::utsname::uname;
use std::fs;

/// The facts on the place, each with its name: `kernel`, `architecture`, `uid`,
/// `user-namespace`, `seccomp`, `security-modules`, `quota`, `capabilities`, `keyrings`.
pub fn facts() -> Vec<(&'static str, String)> {
    let uname = uname().ok();
    let part = |of: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        uname.as_ref().map(|uname| of(uname).to_string_lossy().into_owned()).unwrap_or_default()
    };
    let kernel =
        format!("{} {} {}", part(|u| u.sysname()), part(|u| u.release()), part(|u| u.version()));
    vec![
        ("kernel", kernel),
        ("architecture", part(|u| u.machine())),
        ("uid", ids()),
        ("user-namespace", user_namespace()),
        ("seccomp", seccomp()),
        ("security-modules", security_modules()),
        ("quota", quota()),
        ("capabilities", capabilities()),
        ("keyrings", Keyrings::here().verdict()),
    ]
}

fn unknown(error: &dyn std::fmt::Display) -> String {
    format!("unknown ({error})")
}

fn ids() -> String {
    let (real, effective) = (nix::unistd::getuid(), nix::unistd::geteuid());
    if real == effective { real.to_string() } else { format!("{real}, effective {effective}") }
}

/// The kernel numbers the first user namespace so; see `include/linux/proc_ns.h`.
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
    // SECCOMP_MODE_STRICT would have killed this program before it asks.
    match sys::seccomp_mode() {
        Ok(0) => "none".to_owned(),
        Ok(2) => "a filter".to_owned(),
        Ok(mode) => format!("mode {mode}"),
        Err(error) => unknown(&error),
    }
}

/// The numbers of `include/uapi/linux/lsm.h`.
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
    match sys::lsm_list_modules() {
        Ok(ids) => {
            let name = |id: &u64| {
                let named = MODULES.iter().find(|(number, _)| number == id);
                named.map_or_else(|| id.to_string(), |(_, name)| (*name).to_owned())
            };
            ids.iter().map(name).collect::<Vec<_>>().join(",")
        }
        Err(error) => unknown(&format!("{error:?}, {}", error.desc())),
    }
}

fn quota() -> String {
    match quota::quota_of(nix::unistd::getuid().as_raw()) {
        Ok(quota) if quota.max_keys == 0 => "no key counts yet".to_owned(),
        Ok(quota) => {
            let (keys, bytes) = (
                quota.max_keys.saturating_sub(quota.keys),
                quota.max_bytes.saturating_sub(quota.bytes),
            );
            format!(
                "{keys} of {} keys and {bytes} of {} bytes left",
                quota.max_keys, quota.max_bytes
            )
        }
        Err(error) => unknown(&error),
    }
}

/// The bits that `KEYCTL_CAPABILITIES` tells, by the names of keyctl_capabilities(3).
const CAPABILITIES: [(usize, u8, &str); 11] = [
    (0, 0x01, "capabilities"),
    (0, 0x02, "persistent keyrings"),
    (0, 0x04, "Diffie-Hellman"),
    (0, 0x08, "public keys"),
    (0, 0x10, "big keys"),
    (0, 0x20, "invalidate"),
    (0, 0x40, "restrict keyring"),
    (0, 0x80, "move"),
    (1, 0x01, "names by namespace"),
    (1, 0x02, "tags by namespace"),
    (1, 0x04, "notifications"),
];

fn capabilities() -> String {
    // Where a filter kills for keyctl(2), nothing may be asked in this process.
    if let Some(because) = Keyrings::here().lacks("session keyrings") {
        return unknown(&because);
    }
    let mut told = [0u8; 8];
    let args = [told.as_mut_ptr() as usize, told.len(), 0, 0];
    match sys::keyctl(libc::KEYCTL_CAPABILITIES, args) {
        Ok(_) => {
            let has = |(byte, bit, _): &&(usize, u8, &str)| told[*byte] & bit != 0;
            let names = CAPABILITIES.iter().filter(has).map(|(_, _, name)| *name);
            names.collect::<Vec<_>>().join(", ")
        }
        Err(error) => unknown(&format!("{error:?}, {}", error.desc())),
    }
}
