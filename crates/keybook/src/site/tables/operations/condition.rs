//! What decides where a request has several answers.

/// When a request has an answer that is not the only one.
pub(super) fn condition(request: &str, answer: &str) -> Option<&'static str> {
    let found = CONDITIONS.iter().find(|(of, it, _)| *it == answer && request.starts_with(of));
    found.map(|(.., words)| *words)
}

/// Conditions by the beginning of the request and the answer. The first that matches counts.
pub(super) const CONDITIONS: &[(&str, &str, &str)] = &[
    ("add_key", "EACCES", "the key exists and grants no Write"),
    ("add_key", "EPERM", "X is restricted"),
    ("add_key", "EDQUOT", "no quota is left"),
    ("add_key", "EDQUOT, created", "no quota is left"),
    ("keyctl_chown", "EACCES", "not the caller’s to give"),
    ("keyctl_chown", "EACCES, created", "not the caller’s to give"),
    ("keyctl_chown", "EINVAL", "the id is not mapped"),
    ("keyctl_dh_compute", "EOPNOTSUPP", "the kernel is built without it"),
    ("keyctl_get_persistent", "EINVAL", "the id is not mapped"),
    ("keyctl_link(K, X)", "EACCES", "the key grants no Link"),
    ("keyctl_link(K, X)", "EDEADLK", "K is X"),
    ("keyctl_link(K, X)", "EDQUOT", "no quota is left"),
    ("keyctl_link(K, X)", "ENOKEY, created", "no such key"),
    ("keyctl_link(K, X)", "EPERM", "X is restricted"),
    ("keyctl_link(X", "EACCES", "K grants no Write"),
    ("keyctl_link(X, X)", "EDQUOT", "no quota is left"),
    ("keyctl_link(X", "ENOKEY", "no such keyring K"),
    ("keyctl_link(X", "ENOTDIR", "K is no keyring"),
    ("keyctl_move(X", "EDEADLK", "the new K is below X"),
    ("keyctl_move(X", "EDQUOT, created", "no quota is left"),
    ("keyctl_move(X", "EPERM, created", "the new K is restricted"),
    ("keyctl_move(X", "ENOENT, created", "no such link"),
    ("keyctl_move(X", "ENOKEY, created", "no such keyring K"),
    ("keyctl_move(X", "ENOTDIR", "the new K is no keyring"),
    ("keyctl_move(K, X, K", "ENOTDIR", "the new K is no keyring"),
    ("keyctl_move(K, X, X", "EACCES", "the key grants no Link"),
    ("keyctl_move(K, X, X", "EKEYREVOKED", "the key is revoked"),
    ("keyctl_move", "EACCES", "the other keyring grants no Write, or the key no Link"),
    ("keyctl_move", "ENOENT", "no such link"),
    ("keyctl_move", "ENOENT, created", "no such link"),
    ("keyctl_move", "ENOKEY", "no such K"),
    ("keyctl_restrict_keyring", "EEXIST", "restricted before"),
    ("keyctl_search(K", "EACCES", "K grants no Search, or the key no Link"),
    ("keyctl_search(K", "ENOKEY", "no such keyring K"),
    ("keyctl_search(K", "ENOKEY, created", "no such key"),
    ("keyctl_search(X", "EACCES", "the key grants no Search"),
    ("keyctl_search(X", "EKEYEXPIRED", "the key has expired"),
    ("keyctl_search(X", "EKEYREVOKED", "the key is revoked"),
    ("keyctl_search(X", "ENOKEY", "no such key"),
    ("keyctl_setperm", "EACCES", "X is another user’s"),
    ("keyctl_unlink", "ENOENT", "no such link"),
    ("keyctl_unlink", "ENOTDIR", "K is no keyring"),
    ("request_key", "EACCES", "the key grants no Link"),
    ("request_key", "ENOKEY", "no such key"),
    ("request_key", "ENOKEY, created", "no such key"),
];
