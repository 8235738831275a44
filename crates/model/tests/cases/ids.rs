//! Users and groups: which a task has, and what it may do by them.

use crate::{EACCES, EINVAL, EPERM, allowed, refused_at_its_end};

/// A thread keyring begins with the real user and group; an id of -1 leaves the one that was.
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

/// The capabilities of root go with the effective user, and come back with it.
#[test]
fn capabilities_that_come_back() {
    let then = |ids: &str, gives: &str| {
        format!(
            "main  setresuid({ids}) = 0
             main  setresuid(-1, UID3, -1) = {gives}"
        )
    };
    let is_capable = "UID2, UID, UID2";
    allowed(&then(is_capable, "0"));
    refused_at_its_end(&then(is_capable, EPERM));
    for ids in ["UID, UID2, UID2", "UID2, UID2, UID", "UID2, UID2, UID2"] {
        allowed(&then(ids, EPERM));
        refused_at_its_end(&then(ids, "0"));
        let back = |gives: &str| then(ids, EPERM) + "\nmain  setresuid(-1, UID, -1) = " + gives;
        if ids == "UID2, UID2, UID2" {
            allowed(&back(EPERM));
            refused_at_its_end(&back("0"));
        } else {
            let and_then = |gives: &str| back("0") + "\nmain  setresuid(-1, UID3, -1) = " + gives;
            allowed(&and_then("0"));
            refused_at_its_end(&and_then(EPERM));
        }
    }
}

/// In a user namespace of its own, root has no power over the keys of others.
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
    allowed(&then(nothing, "0"));
    refused_at_its_end(&then(nothing, EACCES));
    allowed(&then(namespace, EACCES));
    refused_at_its_end(&then(namespace, "0"));
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
    allowed(&shown("GID2"));
    refused_at_its_end(&shown("GID"));
}

/// Who may have a persistent keyring: its user, by the real id or the effective one.
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
        allowed(&then("UID2, UID3, UID3", user, gives));
        refused_at_its_end(&then("UID2, UID3, UID3", user, refused));
    }
}

/// A user namespace has persistent keyrings of its own, and none of users that it does not map.
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
        allowed(&then(user, "K2"));
        refused_at_its_end(&then(user, "K1"));
    }
    allowed(&then("UID2", EINVAL));
    for gives in ["K2", EPERM] {
        refused_at_its_end(&then("UID2", gives));
    }
}

/// A filesystem user is one of those that the task has, if it is not root; and one of those that its
/// namespace maps.
#[test]
fn filesystem_users() {
    let then = |before: &str, id: &str, gives: &str| {
        format!("main  setresuid(-1, -1, UID2) = 0\nmain  {before}\nmain  setfsuid({id}) = {gives}")
    };
    let namespace = "enter_user_namespace()";
    let user = "setresuid(UID3, UID3, -1) = 0";
    for (before, may, may_not) in [(user, "UID2", "UID4"), (namespace, "UID", "UID2")] {
        allowed(&then(before, may, "0"));
        refused_at_its_end(&then(before, may, EPERM));
        allowed(&then(before, may_not, EPERM));
        refused_at_its_end(&then(before, may_not, "0"));
    }
}
