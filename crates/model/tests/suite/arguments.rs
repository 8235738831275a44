//! Arguments that the kernel refuses before it looks for a key or an authority.

use crate::{EINVAL, ENOKEY, EPERM, allowed, only, refused_at_its_end};

const EOPNOTSUPP: &str = "-1 EOPNOTSUPP (Operation not supported on transport endpoint)";
const ENOENT: &str = "-1 ENOENT (No such file or directory)";

/// An errno or a payload that no call accepts comes before the missing authority.
#[test]
fn instantiating_without_an_authority() {
    for (call, gives, refused) in [
        ("keyctl_reject(0, 30, UnknownErrno, @t)", EINVAL, EPERM),
        ("keyctl_reject(0, 30, ENOKEY, @t)", EPERM, EINVAL),
        ("keyctl_instantiate(0, [1048576, bytes], @t)", EINVAL, EPERM),
        ("keyctl_instantiate(0, [1048575, bytes], @t)", EPERM, EINVAL),
        ("keyctl_negate(0, 30, @t)", EPERM, EINVAL),
    ] {
        only(&format!("main  {call} = {gives}"), &format!("main  {call} = {refused}"));
    }
}

/// Of a key's id, and of a default destination, the kernel uses the low 32 bits.
#[test]
fn numbers_of_64_bits() {
    for (call, gives, refused) in [
        ("keyctl_get_keyring_ID(-4294967299, 0)", "K1", EINVAL),
        ("keyctl_get_keyring_ID(-4294967305, 0)", EINVAL, ENOKEY),
        ("keyctl_get_keyring_ID(4294967296, 0)", EINVAL, ENOKEY),
        ("keyctl_get_keyring_ID(4294967297, 0)", ENOKEY, EINVAL),
        ("keyctl_set_reqkey_keyring(4294967297)", "0", EINVAL),
        ("keyctl_set_reqkey_keyring(4294967304)", EINVAL, "0"),
    ] {
        only(&format!("main  {call} = {gives}"), &format!("main  {call} = {refused}"));
    }
}

/// A restriction needs a type, and a type a restriction; the types of the book have no restrictions.
#[test]
fn restrictions_of_a_type() {
    let restrict = |args: &str, gives: &str| {
        format!(
            "main  keyctl_get_keyring_ID(@t, 1) = K1
             main  keyctl_restrict_keyring(K1, {args}) = {gives}"
        )
    };
    for (args, gives, refused) in [
        ("NULL, \"x\"", EINVAL, "0"),
        ("\"user\", NULL", EINVAL, ENOENT),
        ("\"user\", \"x\"", ENOENT, EINVAL),
        ("\"no-such-type\", \"x\"", ENOKEY, "0"),
        ("NULL, NULL", "0", EINVAL),
    ] {
        only(&restrict(args, gives), &restrict(args, refused));
    }
    let absent = |gives: &str| format!("main  keyctl_restrict_keyring(@t, NULL, \"x\") = {gives}");
    only(&absent(ENOKEY), &absent(EINVAL));
}

/// KEYCTL_UPDATE accepts a page, and looks at the length first.
#[test]
fn an_update_of_more_than_a_page() {
    let update =
        |length: u32, gives: &str| format!("main  keyctl_update(@t, [{length}, bytes]) = {gives}");
    only(&update(4097, EINVAL), &update(4097, ENOKEY));
    only(&update(4096, ENOKEY), &update(4096, EINVAL));
}

/// A traced thread stays a zombie until its tracer waits for it or ends.
#[test]
fn the_end_of_a_traced_thread() {
    let then = |trace: &str, end: &str, shown: &str| {
        format!(
            "main    pthread_create() = thread
             main    fork() = tracer
             {trace}
             thread  keyctl_get_keyring_ID(@t, 1) = K1
             thread  pthread_exit()
             {end}
             main    wait_for_the_collector()
             main    keyctl_get_keyring_ID(K1, 0) = {shown}"
        )
    };
    let traced = "tracer  ptrace(PTRACE_SEIZE, thread) = 0";
    let nothing = "main    keyctl_capabilities() = 0";
    let eacces = "-1 EACCES (Permission denied)";
    only(&then(traced, nothing, eacces), &then(traced, nothing, ENOKEY));
    only(&then(nothing, nothing, ENOKEY), &then(nothing, nothing, eacces));
    for end in ["tracer  waitpid(thread, __WALL) = thread", "tracer  exit(0)"] {
        only(&then(traced, end, ENOKEY), &then(traced, end, eacces));
    }
}

/// Pieces of a payload are refused before the authority if they cannot be read or are too long together.
#[test]
fn the_pieces_of_a_payload() {
    let then = |pieces: &str, gives: &str| {
        format!("main  keyctl_instantiate_iov(@t, [{pieces}], 0) = {gives}")
    };
    let efault = "-1 EFAULT (Bad address)";
    only(&then("unmapped, 1, pieces", efault), &then("unmapped, 1, pieces", EPERM));
    let (most, more) = ("[1048568, bytes], \"payload\"", "[1048569, bytes], \"payload\"");
    only(&then(most, EPERM), &then(most, EINVAL));
    only(&then(more, EINVAL), &then(more, EPERM));
}

/// What a kernel was built without stays so.
#[test]
fn operations_that_a_kernel_lacks() {
    for (call, gives) in
        [("keyctl_pkey_query(@t, \"\")", ENOKEY), ("keyctl_get_persistent(-1, @t)", "K1")]
    {
        let then =
            |first: &str, second: &str| format!("main  {call} = {first}\nmain  {call} = {second}");
        allowed(&then(EOPNOTSUPP, EOPNOTSUPP));
        allowed(&then(gives, gives));
        refused_at_its_end(&then(gives, EOPNOTSUPP));
    }
}

/// KEYCTL_DH_COMPUTE requires the permission to read its keys; possession does not stand in for it.
#[test]
fn numbers_that_may_not_be_read() {
    let then = |mask: &str, gives: &str| {
        format!(
            "main  keyctl_dh_compute(@t, @t, @t) = {ENOKEY}
             main  keyctl_setperm(@s, {mask}) = 0
             main  keyctl_dh_compute(@t, @s, @t) = {gives}"
        )
    };
    only(&then("0x0", ENOKEY), &then("0x0", EOPNOTSUPP));
    only(&then("0x3f000000", EOPNOTSUPP), &then("0x3f000000", ENOKEY));
}

/// KEYCTL_DH_COMPUTE refuses a prime of fewer than 1536 bits.
#[test]
fn a_prime_that_is_too_short() {
    let then = |bytes: usize, gives: &str| {
        format!(
            "main  keyctl_dh_compute(@t, @t, @t) = {ENOKEY}
             main  add_key(\"user\", \"prime\", \"{}\", @s) = K1
             main  keyctl_dh_compute(K1, K1, K1) = {gives}",
            "p".repeat(bytes)
        )
    };
    let refused = "-1 EINVAL (Invalid argument)";
    only(&then(191, refused), &then(191, "192"));
    allowed(&then(192, "192"));
}
