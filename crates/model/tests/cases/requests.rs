//! request_key(2) with an upcall.

use crate::{EDQUOT, ENOKEY, allowed, refused_at_its_end};

/// The handler for keys that are to be tested with gives the error that the callout asks for, and links
/// the negative key in the session keyring as well.
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
        allowed(&then("debug:key", error, "{K1}"));
        refused_at_its_end(&then("debug:key", error, "{}"));
        for (_, other) in errors.iter().filter(|(_, other)| *other != error) {
            refused_at_its_end(&request("debug:key", other));
        }
        allowed(&then("other:key", ENOKEY, "{}"));
        refused_at_its_end(&then("other:key", ENOKEY, "{K1}"));
    }
}

/// A user whose quota is full but for 16 bytes and so many more, with a keyring `K2`.
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

/// A key that an upcall is to make counts with its link before there is an upcall; the helper's session
/// counts for the same user then, and without room for it the key is left negative.
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
    // Eleven letters with their end, and the link: 16 bytes.
    allowed(&then(0, 11, EDQUOT, "{K5}"));
    refused_at_its_end(&then(0, 11, EDQUOT, "{}"));
    allowed(&then(0, 12, EDQUOT, "{}"));
    refused_at_its_end(&then(0, 12, EDQUOT, "{K5}"));
    // The session's name has a serial number of one to ten digits.
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

/// What the handler does has to fit beside the helper's session: the payload, or the link in the session
/// keyring.
#[test]
fn room_for_the_handler() {
    let request = |callout: &str, gives: &str| {
        format!("main  request_key(\"user\", \"debug:loop:\", \"{callout}\", K2) = {gives}")
    };
    // 16 bytes for the key and its link, up to 20 for the session.
    let payload = |more: usize, gives: &str| full(more, &request("12345678", gives));
    allowed(&payload(28, "K5"));
    refused_at_its_end(&payload(28, ENOKEY));
    allowed(&payload(18, ENOKEY));
    refused_at_its_end(&payload(18, "K5"));

    let link = |more: usize, links: &str| {
        let request = format!(
            "main  request_key(\"user\", \"debug:1user\", \"negate\", K2) = {ENOKEY}
             main  keyctl_read(K2) = {{K5}}
             main  keyctl_read(@s) = {links}"
        );
        full(more, &request)
    };
    allowed(&link(24, "{K1, K2, K5}"));
    refused_at_its_end(&link(24, "{K1, K2}"));
    allowed(&link(14, "{K1, K2}"));
    refused_at_its_end(&link(14, "{K1, K2, K5}"));
    // Where there is no helper, it does not matter what it would have been asked for.
    let again = |gives: &str| {
        let request = "main  request_key(\"user\", \"debug:1user\", \"rejected\", K2) = ";
        full(10, &format!("{request}{EDQUOT}\n{request}{gives}"))
    };
    allowed(&again(ENOKEY));
    refused_at_its_end(&again("-1 EKEYREJECTED (Key was rejected by service)"));
    // The session keyring is another user's here, who has room.
    let user =
        |links: &str| "main  setresuid(UID2, UID2, UID2) = 0\n".to_owned() + &link(14, links);
    allowed(&user("{K1, K2, K5}"));
    refused_at_its_end(&user("{K1, K2}"));
}

/// A key that takes the place of one that has expired takes its link as well.
#[test]
fn room_for_an_upcall_in_the_place_of_a_key() {
    // This gives back 8 bytes, and one for each letter; nine letters with their end count 10.
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
        allowed(&then(letters, links));
        refused_at_its_end(&then(letters, others));
    }
}
