//! Users and groups of a task, and what they permit.

use crate::{EACCES, EINVAL, EPERM, allowed, only, refused_at_its_end};

/// A new thread keyring belongs to the real user and group; an id of -1 changes nothing.
#[test]
fn ids_that_stay() {
    let then = |ids: &str, attributes: &str| {
        format!(
            "main  {ids} = 0
             main  keyctl_get_keyring_ID(@t, 1) = K1
             main  keyctl_describe(K1) = \"keyring;{attributes};3f010000;_tid\""
        )
    };
    for (ids, attributes) in [
        ("setresuid(UID2, -1, -1)", "UID2;GID"),
        ("setresuid(-1, UID2, -1)", "UID;GID"),
        ("setresgid(GID2, -1, -1)", "UID;GID2"),
        ("setresgid(-1, GID2, -1)", "UID;GID"),
    ] {
        for shown in ["UID;GID", "UID2;GID", "UID;GID2"] {
            let case = then(ids, shown);
            if shown == attributes { allowed(&case) } else { refused_at_its_end(&case) }
        }
    }
}

/// The capabilities of root follow the effective user.
#[test]
fn capabilities_that_come_back() {
    let then = |ids: &str, gives: &str| {
        format!(
            "main  setresuid({ids}) = 0
             main  setresuid(-1, UID3, -1) = {gives}"
        )
    };
    let is_capable = "UID2, UID, UID2";
    only(&then(is_capable, "0"), &then(is_capable, EPERM));
    for ids in ["UID, UID2, UID2", "UID2, UID2, UID", "UID2, UID2, UID2"] {
        only(&then(ids, EPERM), &then(ids, "0"));
        let back = |gives: &str| then(ids, EPERM) + "\nmain  setresuid(-1, UID, -1) = " + gives;
        if ids == "UID2, UID2, UID2" {
            only(&back(EPERM), &back("0"));
        } else {
            let and_then = |gives: &str| back("0") + "\nmain  setresuid(-1, UID3, -1) = " + gives;
            only(&and_then("0"), &and_then(EPERM));
        }
    }
}

/// Root in its own user namespace has no capability for the keys of others.
#[test]
fn root_of_another_namespace() {
    let then = |before: &str, gives: &str| {
        format!(
            "main  add_key(\"user\", \"key\", \"payload\", @s) = K1
             main  keyctl_chown(K1, UID2, -1) = 0
             {before}
             main  keyctl_setperm(K1, 0x3f3f0000) = {gives}"
        )
    };
    let (nothing, namespace) = ("main  keyctl_capabilities() = 0", "main  enter_user_namespace()");
    only(&then(nothing, "0"), &then(nothing, EACCES));
    only(&then(namespace, EACCES), &then(namespace, "0"));
}

/// A thread keyring keeps the group it was given when only the user changes.
#[test]
fn a_group_that_stays() {
    let shown = |group: &str| {
        format!(
            "main  keyctl_get_keyring_ID(@t, 1) = K1
             main  keyctl_chown(K1, -1, GID2) = 0
             main  setresuid(UID2, UID2, UID2) = 0
             main  keyctl_describe(K1) = \"keyring;UID2;{group};3f010000;_tid\""
        )
    };
    only(&shown("GID2"), &shown("GID"));
}

/// A persistent keyring is for its user, by the real or the effective id.
#[test]
fn persistent_keyrings_of_users() {
    let then = |ids: &str, user: &str, gives: &str| {
        format!(
            "main  setresuid({ids}) = 0
             main  keyctl_get_keyring_ID(@t, 1) = K1
             main  keyctl_get_persistent({user}, @t) = {gives}"
        )
    };
    for (user, gives, refused) in
        [("UID2", "K2", EPERM), ("UID3", "K2", EPERM), ("UID4", EPERM, "K2")]
    {
        only(&then("UID2, UID3, UID3", user, gives), &then("UID2, UID3, UID3", user, refused));
    }
}

/// A user namespace has its own persistent keyrings, only for users that it maps.
#[test]
fn persistent_keyrings_of_a_namespace() {
    let then = |user: &str, gives: &str| {
        format!(
            "main   keyctl_get_persistent(UID, @s) = K1
             main   fork() = child
             child  enter_user_namespace()
             child  keyctl_get_persistent({user}, @s) = {gives}"
        )
    };
    for user in ["UID", "-1"] {
        only(&then(user, "K2"), &then(user, "K1"));
    }
    allowed(&then("UID2", EINVAL));
    for gives in ["K2", EPERM] {
        refused_at_its_end(&then("UID2", gives));
    }
}

/// Without capabilities the filesystem user has to be one of the task's, and it has to be mapped.
#[test]
fn filesystem_users() {
    let then = |before: &str, id: &str, gives: &str| {
        format!("main  setresuid(-1, -1, UID2) = 0\nmain  {before}\nmain  setfsuid({id}) = {gives}")
    };
    let namespace = "enter_user_namespace()";
    let user = "setresuid(UID3, UID3, -1) = 0";
    for (before, may, may_not) in [(user, "UID2", "UID4"), (namespace, "UID", "UID2")] {
        only(&then(before, may, "0"), &then(before, may, EPERM));
        only(&then(before, may_not, EPERM), &then(before, may_not, "0"));
    }
}

/// A call that changes no group id may leave the filesystem group, as Linux 6.3 and newer do; another one does not.
#[test]
fn a_filesystem_group_and_a_call_that_changes_nothing() {
    let then = |call: &str, gives: &str| {
        format!(
            "main  setfsgid(GID2) = 0
             main  syscall_setresgid({call}) = 0
             main  add_key(\"keyring\", \"a\", NULL, @s) = K1
             main  keyctl_describe(K1) = \"keyring;UID;{gives};3f010000;a\""
        )
    };
    allowed(&then("GID, -1, GID", "GID2"));
    allowed(&then("GID, -1, GID", "GID"));
    only(&then("-1, GID, -1", "GID"), &then("-1, GID, -1", "GID2"));
}
