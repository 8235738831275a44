//! Session keyrings, and the keyrings of users.

use crate::{EDQUOT, ENOKEY, EPERM, allowed, only};

/// The conditions on a parent for KEYCTL_SESSION_TO_PARENT.
#[test]
fn a_session_for_the_parent() {
    let then = |parent: &str, child: &str, gives: &str| {
        format!(
            "main   {parent}
             main   fork() = child
             child  {child}
             child  keyctl_join_session_keyring(NULL) = K1
             child  keyctl_session_to_parent() = {gives}"
        )
    };
    let nothing = "keyctl_capabilities() = 0";
    let user = "setresuid(UID2, UID2, UID2) = 0";
    for (parent, child, gives, other) in [
        (nothing, nothing, "0", EPERM),
        ("pthread_create() = thread", nothing, EPERM, "0"),
        // The parent's session keyring belongs to another user.
        ("keyctl_chown(@s, UID2, -1) = 0", nothing, EPERM, "0"),
        // It belongs to the child's user, but the parent runs as another.
        ("keyctl_chown(@s, UID2, -1) = 0", user, EPERM, "0"),
        (nothing, "setresgid(GID2, GID2, GID2) = 0", EPERM, "0"),
        // The parent could become another group again.
        ("setresgid(-1, -1, GID2) = 0", nothing, EPERM, "0"),
    ] {
        only(&then(parent, child, gives), &then(parent, child, other));
    }
}

/// The children of a thread that has ended get another thread of its process as their parent.
#[test]
fn a_session_for_another_parent() {
    let then = |thread: &str, gives: &str| {
        format!(
            "main    pthread_create() = thread
             thread  fork() = child
             {thread}
             child   keyctl_join_session_keyring(NULL) = K1
             child   keyctl_session_to_parent() = {gives}"
        )
    };
    let (nothing, ends) = ("thread  keyctl_capabilities() = 0", "thread  pthread_exit()");
    only(&then(ends, "0"), &then(ends, EPERM));
    only(&then(nothing, EPERM), &then(nothing, "0"));
}

/// A named session keyring is charged its name and the byte that ends it.
#[test]
fn room_for_a_session() {
    let then = |letters: usize, gives: &str| {
        format!(
            "main  add_key(\"keyring\", \"hoard\", NULL, @s) = K1
             main  add_key(\"keyring\", \"ring\", NULL, @s) = K2
             main  add_key(\"user\", \"one\", \"12345678\", K2) = K3
             main  use_up_bytes(K1) = 0
             main  keyctl_unlink(K3, K2) = 0
             main  wait_for_the_collector()
             main  keyctl_join_session_keyring(\"{}\") = {gives}",
            "x".repeat(letters)
        )
    };
    only(&then(15, "K4"), &then(15, EDQUOT));
    only(&then(16, EDQUOT), &then(16, "K4"));
}

/// Each user has its own `@u`.
#[test]
fn keyrings_of_users() {
    let then = |child: &str, gives: &str| {
        format!(
            "main   keyctl_get_keyring_ID(@u, 0) = K1
             main   fork() = child
             child  {child}
             child  keyctl_get_keyring_ID(@u, 0) = {gives}"
        )
    };
    let (nothing, user) = ("keyctl_capabilities() = 0", "setresuid(UID2, UID2, UID2) = 0");
    for (child, gives, other) in [(nothing, "K1", "K2"), (user, "K2", "K1")] {
        only(&then(child, gives), &then(child, other));
    }
}

/// Neither user keyring is found while one of them is unusable. One that was invalidated is replaced.
#[test]
fn unusable_user_keyrings() {
    let then = |call: &str, gives: &str| {
        format!(
            "main  keyctl_get_keyring_ID(@u, 0) = K1
             main  keyctl_get_keyring_ID(@us, 0) = K2
             main  {call} = 0
             main  keyctl_get_keyring_ID(@u, 0) = {gives}"
        )
    };
    for call in ["keyctl_revoke(@us)", "keyctl_setperm(@us, 0x370000)"] {
        only(&then(call, ENOKEY), &then(call, "K1"));
    }
    allowed(&then("keyctl_setperm(@us, 0x3f0000)", "K1"));
    for (call, gives, never) in
        [("keyctl_invalidate(@us)", "K1", "K3"), ("keyctl_invalidate(@u)", "K3", "K1")]
    {
        only(&then(call, gives), &then(call, never));
        allowed(&then(call, ENOKEY));
    }
}

/// A caller without a session keyring gets one: its user's, or a new one from a call that creates keyrings.
#[test]
fn a_caller_without_a_session_keyring() {
    let then = |rest: &str| {
        format!(
            "main  begin_without_session_keyring() = 0
             main  enter_user_namespace()
             {rest}"
        )
    };
    // `@us` links to `@u`, and a new session keyring to nothing.
    let read = |creates: &str, gives: &str| {
        then(&format!(
            "main  keyctl_get_keyring_ID(@s, {creates}) = K1
             main  keyctl_read(@s) = {gives}"
        ))
    };
    only(&read("0", "{K2}"), &read("0", "{}"));
    only(&read("1", "{}"), &read("1", "{K2}"));
    // The user session keyring is no obstacle to a new one.
    let twice = |again: &str| {
        then(&format!(
            "main  keyctl_get_keyring_ID(@us, 0) = K1
             main  keyctl_get_keyring_ID(@s, 0) = K1
             main  keyctl_get_keyring_ID(@s, 1) = {again}"
        ))
    };
    only(&twice("K2"), &twice("K1"));
    // The user session keyring is searched before it is anybody's session keyring.
    let found = |gives: &str| {
        then(&format!(
            "main  add_key(\"user\", \"key\", \"1\", @u) = K1
             main  request_key(\"user\", \"key\", NULL, 0) = {gives}"
        ))
    };
    only(&found("K1"), &found("-1 ENOKEY (Required key not available)"));
}

/// The program that a request for a key starts searches the requestor's keyrings once it has assumed the
/// authority to instantiate the key.
#[test]
fn a_program_that_a_request_starts() {
    let then = |assumes: &str, rest: &str| {
        format!(
            "starter  add_key(\"user\", \"other\", \"1\", @s) = K1
             starter  upcall() = main
             main     key_to_instantiate() = K2
             {assumes}
             main     {rest}"
        )
    };
    let assumes = "main  keyctl_assume_authority(K2) = K9";
    let nothing = "main  keyctl_get_keyring_ID(@t, 0) = -1 ENOKEY (Required key not available)";
    let request = |key: &str| format!("request_key(\"user\", \"other\", NULL, 0) = {key}");
    let missing = request("-1 ENOKEY (Required key not available)");
    only(&then(assumes, &request("K1")), &then(assumes, &missing));
    only(&then(nothing, &missing), &then(nothing, &request("K1")));
    // The destination of the request is the requestor's session keyring.
    let id = |gives: &str| format!("keyctl_read(KEY_SPEC_REQUESTOR_KEYRING) = {gives}");
    only(&then(assumes, &id("{K1, K2}")), &then(assumes, &id("{}")));
    let again = format!("{assumes}\nmain  keyctl_assume_authority(0) = 0");
    only(&then(&again, &missing), &then(&again, &request("K1")));
}

/// A request refers to the session keyring with which its program began, even if that has joined another.
#[test]
fn the_first_session_of_a_program() {
    let then = |gives: &str| {
        format!(
            "starter  upcall() = main
             main     keyctl_get_keyring_ID(@s, 0) = K1
             main     keyctl_join_session_keyring(NULL) = K2
             main     wait_for_the_collector()
             main     keyctl_describe(K1) = {gives}"
        )
    };
    only(&then("\"keyring;UID;GID;3f030000;_req.7\""), &then(ENOKEY));
}

/// `@s` of a caller without a session keyring is found as `@us` is: not while one of the user keyrings is unusable.
#[test]
fn no_session_and_an_unusable_user_keyring() {
    let then = |user: &str, session: &str| {
        format!(
            "main  begin_without_session_keyring() = 0
             main  enter_user_namespace()
             main  {user}
             main  keyctl_describe(@s) = {session}"
        )
    };
    let shown = "\"keyring;UID;65534;1f3f0000;_uid_ses.0\"";
    for unusable in ["keyctl_revoke(@u) = 0", "keyctl_setperm(@u, 0x37000000) = 0"] {
        only(&then(unusable, ENOKEY), &then(unusable, shown));
    }
    let usable = "keyctl_setperm(@u, 0x3f000000) = 0";
    only(&then(usable, shown), &then(usable, ENOKEY));
}

/// A user session keyring that is the caller's session keyring is no obstacle to a new one, even once it was invalidated and replaced.
#[test]
fn a_session_keyring_that_was_the_users() {
    let then = |gives: &str| {
        format!(
            "main  begin_without_session_keyring() = 0
             main  enter_user_namespace()
             main  keyctl_invalidate(@s) = 0
             main  keyctl_get_keyring_ID(@u, 0) = K1
             main  add_key(\"user\", \"a\", \"payload\", @s) = {gives}"
        )
    };
    only(&then("K2"), &then(ENOKEY));
}

/// Joining the session keyring that the caller has returns no serial number.
#[test]
fn joining_the_same_session() {
    let then = |gives: &str| {
        format!(
            "main  keyctl_join_session_keyring(\"one\") = K1
             main  keyctl_setperm(@s, 0x3f080000) = 0
             main  keyctl_join_session_keyring(\"one\") = {gives}"
        )
    };
    only(&then("0"), &then("K1"));
}

/// A persistent keyring that is revoked is replaced, one that is not is found.
#[test]
fn a_persistent_keyring_again() {
    let then = |between: &str, gives: &str| {
        format!(
            "main  keyctl_get_persistent(UID, @s) = K1
             main  {between}
             main  keyctl_get_persistent(UID, @s) = {gives}"
        )
    };
    let (nothing, revoked) = ("keyctl_capabilities() = 0", "keyctl_revoke(K1) = 0");
    only(&then(nothing, "K1"), &then(nothing, "K2"));
    only(&then(revoked, "K2"), &then(revoked, "K1"));
}

/// The search for an authority that nobody has fails where it may not look.
#[test]
fn an_authority_where_the_session_may_not_be_searched() {
    let then = |gives: &str| {
        format!(
            "main  add_key(\"user\", \"a\", \"payload\", @s) = K1
             main  keyctl_setperm(@s, 0x37000000) = 0
             main  keyctl_assume_authority(K1) = {gives}"
        )
    };
    only(&then(crate::EACCES), &then(ENOKEY));
}

/// A request does not see the user session keyring of a caller without a session while that may not be searched.
#[test]
fn a_request_without_a_session() {
    let then = |mask: &str, gives: &str| {
        format!(
            "main  begin_without_session_keyring() = 0
             main  enter_user_namespace()
             main  add_key(\"user\", \"a\", \"payload\", @us) = K1
             main  keyctl_setperm(@us, {mask}) = 0
             main  request_key(\"user\", \"a\", NULL, 0) = {gives}"
        )
    };
    only(&then("0x37000000", ENOKEY), &then("0x37000000", crate::EACCES));
    only(&then("0x3f000000", "K1"), &then("0x3f000000", ENOKEY));
}

/// The keyrings of users last as long as something holds credentials in their namespace, or in one within it.
#[test]
fn user_keyrings_of_a_namespace() {
    let then = |within: &str, gives: &str| {
        format!(
            "main   fork() = child
             child  enter_user_namespace()
             child  keyctl_get_keyring_ID(@u, 0) = K1
             {within}
             main   wait_for_the_collector()
             main   keyctl_describe(K1) = {gives}"
        )
    };
    let line = "\"keyring;UID;65534;1f3f0000;_uid.0\"";
    let ends = |name: &str| {
        format!(
            "{name}  exit(0)
             main   waitpid({name}) = {name}"
        )
    };
    let (child, inner) = (ends("child"), ends("inner"));
    let of = |last: &str| [&format!("child  {last} = inner"), &child, last].join("\n");
    // It may have ended, and the kernel frees it in its own time.
    for gives in [line, ENOKEY] {
        allowed(&then(&child, gives));
    }
    for lasting in ["child  keyctl_capabilities() = 0", "child  exit(0)"] {
        only(&then(lasting, line), &then(lasting, ENOKEY));
    }
    let (fork, within) = (of("fork()"), of("clone(CLONE_NEWUSER)"));
    for first in [&fork, &within] {
        let first = first.rsplit_once('\n').map_or("", |(first, _)| first);
        only(&then(first, line), &then(first, ENOKEY));
        allowed(&then(&format!("{first}\n{inner}"), ENOKEY));
    }
}
