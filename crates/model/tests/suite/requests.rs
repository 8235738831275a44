//! request_key(2) with an upcall.

use crate::{EDQUOT, ENOKEY, allowed, only, refused_at_its_end};

/// The handler for test keys rejects with the error that the callout names, and also links the negative
/// key in the session keyring.
#[test]
fn errors_that_are_asked_for() {
    let errors = [
        ("negate", ENOKEY),
        ("rejected", "-1 EKEYREJECTED (Key was rejected by service)"),
        ("expired", "-1 EKEYEXPIRED (Key has expired)"),
        ("revoked", "-1 EKEYREVOKED (Key has been revoked)"),
    ];
    for (callout, error) in errors {
        let request = |description: &str, gives: &str| {
            format!("main  request_key(\"user\", \"{description}\", \"{callout}\", @t) = {gives}")
        };
        let then = |description: &str, gives: &str, links: &str| {
            format!("{}\nmain  keyctl_read(@s) = {links}", request(description, gives))
        };
        only(&then("debug:key", error, "{K1}"), &then("debug:key", error, "{}"));
        for (_, other) in errors.iter().filter(|(_, other)| *other != error) {
            refused_at_its_end(&request("debug:key", other));
        }
        only(&then("other:key", ENOKEY, "{}"), &then("other:key", ENOKEY, "{K1}"));
    }
}

/// A user with 16 bytes of quota left, and `more`, and a keyring `K2`.
fn full(more: usize, then: &str) -> String {
    format!(
        "main  add_key(\"keyring\", \"hoard\", NULL, @s) = K1
             main  add_key(\"keyring\", \"ring\", NULL, @s) = K2
             main  add_key(\"user\", \"one\", \"12345678{}\", K2) = K3
             main  keyctl_get_keyring_ID(@u, 0) = K4
             main  use_up_bytes(K1) = 0
             main  keyctl_unlink(K3, K2) = 0
             main  wait_for_the_collector()
             {then}",
        "9".repeat(more)
    )
}

/// The key and its link are charged before the upcall, then the helper's session keyring to the same
/// user; without room for that the key becomes negative.
#[test]
fn room_for_an_upcall() {
    let request = |letters: usize, gives: &str| {
        format!(
            "main  request_key(\"user\", \"{}\", \"callout\", K2) = {gives}",
            "x".repeat(letters)
        )
    };
    let then = |more, letters, gives: &str, links: &str| {
        let request = request(letters, gives);
        full(more, &format!("{request}\nmain  keyctl_read(K2) = {links}"))
    };
    // Eleven letters, the byte that ends them, and the link: 16 bytes.
    only(&then(0, 11, EDQUOT, "{K5}"), &then(0, 11, EDQUOT, "{}"));
    only(&then(0, 12, EDQUOT, "{}"), &then(0, 12, EDQUOT, "{K5}"));
    // The name of the session keyring has a serial number of one to ten digits.
    for (more, gives) in
        [(10, &[EDQUOT][..]), (11, &[EDQUOT, ENOKEY]), (19, &[EDQUOT, ENOKEY]), (20, &[ENOKEY])]
    {
        for error in [EDQUOT, ENOKEY] {
            if gives.contains(&error) {
                let again = request(11, ENOKEY);
                allowed(&format!("{}\n{again}", then(more, 11, error, "{K5}")));
            } else {
                refused_at_its_end(&full(more, &request(11, error)));
            }
        }
    }
}

/// The quota has to have room for the helper's session keyring and for what the handler adds: the payload,
/// or the link in the session keyring.
#[test]
fn room_for_the_handler() {
    let request = |callout: &str, gives: &str| {
        format!("main  request_key(\"user\", \"debug:loop:\", \"{callout}\", K2) = {gives}")
    };
    // 16 bytes for the key and its link, up to 20 for the session keyring.
    let payload = |more: usize, gives: &str| full(more, &request("12345678", gives));
    only(&payload(28, "K5"), &payload(28, ENOKEY));
    only(&payload(18, ENOKEY), &payload(18, "K5"));

    let link = |more: usize, links: &str| {
        let request = format!(
            "main  request_key(\"user\", \"debug:1user\", \"negate\", K2) = {ENOKEY}
             main  keyctl_read(K2) = {{K5}}
             main  keyctl_read(@s) = {links}"
        );
        full(more, &request)
    };
    only(&link(24, "{K1, K2, K5}"), &link(24, "{K1, K2}"));
    only(&link(14, "{K1, K2}"), &link(14, "{K1, K2, K5}"));
    // Without a helper the callout doesn't matter.
    let again = |gives: &str| {
        let request = "main  request_key(\"user\", \"debug:1user\", \"rejected\", K2) = ";
        full(10, &format!("{request}{EDQUOT}\n{request}{gives}"))
    };
    only(&again(ENOKEY), &again("-1 EKEYREJECTED (Key was rejected by service)"));
    // Here the session keyring is charged to another user, who has room.
    let user =
        |links: &str| "main  setresuid(UID2, UID2, UID2) = 0\n".to_owned() + &link(14, links);
    only(&user("{K1, K2, K5}"), &user("{K1, K2}"));
}

/// A key that replaces an expired one replaces its link as well.
#[test]
fn room_for_an_upcall_in_the_place_of_a_key() {
    // This frees 8 bytes and one for each letter. Nine letters and the byte that ends them are 10.
    let then = |letters: &str, links: &str| {
        format!(
            "main  add_key(\"keyring\", \"hoard\", NULL, @s) = K1
             main  add_key(\"keyring\", \"ring\", NULL, @s) = K2
             main  add_key(\"user\", \"one\", \"{letters}\", K2) = K3
             main  add_key(\"user\", \"xxxxxxxxx\", \"payload\", K2) = K4
             main  keyctl_set_timeout(K4, 1) = 0
             main  wait_until(K4) = -1 EKEYEXPIRED (Key has expired)
             main  keyctl_get_keyring_ID(@u, 0) = K5
             main  use_up_bytes(K1) = 0
             main  keyctl_unlink(K3, K2) = 0
             main  wait_for_the_collector()
             main  request_key(\"user\", \"xxxxxxxxx\", \"callout\", K2) = {EDQUOT}
             main  keyctl_read(K2) = {links}"
        )
    };
    for (letters, links, others) in [("12", "{K6}", "{K4}"), ("1", "{K4}", "{K6}")] {
        only(&then(letters, links), &then(letters, others));
    }
}
