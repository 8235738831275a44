//! What each place asks for, as the book's table shows it.

use model::Place;

#[test]
fn what_each_place_asks_for() {
    let line = |place: Place| {
        let made = if place.creates() { "makes" } else { "-" };
        format!("{}: {made} {}\n", place.words(), place.needs().join("/"))
    };
    let places: String = Place::ALL.into_iter().map(line).collect();
    assert_eq!(places, PLACES);
}

const PLACES: &str = "\
keyring of add_key: makes Write
destination of request_key: makes Write
KEYCTL_GET_KEYRING_ID: - Search
KEYCTL_UPDATE: - Write
KEYCTL_REVOKE: - Write/Setattr
KEYCTL_INVALIDATE: - Search
KEYCTL_CLEAR: makes Write
key of KEYCTL_LINK: makes Link
keyring of KEYCTL_LINK: makes Write
key of KEYCTL_UNLINK: - 
keyring of KEYCTL_UNLINK: - Write
key of KEYCTL_MOVE: makes Link
first keyring of KEYCTL_MOVE: - Write
second keyring of KEYCTL_MOVE: makes Write
keyring of KEYCTL_SEARCH: - Search
destination of KEYCTL_SEARCH: makes Write
KEYCTL_DESCRIBE: - View
KEYCTL_GET_SECURITY: - View
KEYCTL_READ: - 
KEYCTL_CHOWN: makes Setattr
KEYCTL_SETPERM: makes Setattr
KEYCTL_SET_TIMEOUT: makes Setattr
KEYCTL_RESTRICT_KEYRING: - Setattr
keyring of KEYCTL_GET_PERSISTENT: makes Write
KEYCTL_PKEY_…: - Search
KEYCTL_DH_COMPUTE: - 
";
