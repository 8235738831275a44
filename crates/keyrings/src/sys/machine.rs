//! What differs between architectures in the system calls that this crate issues itself.

use nix::libc;
use std::ffi::{c_int, c_long};

/// The first two arguments of clone(2), in the order in which this architecture takes them.
pub(super) fn clone_args(flags: c_int, stack: c_long) -> [c_long; 2] {
    if cfg!(target_arch = "s390x") { [stack, flags.into()] } else { [flags.into(), stack] }
}

macro_rules! calls_with_wide_ids {
    ($($name:ident = $plain:ident or $on_i386:ident;)*) => {$(
        pub(super) const $name: c_long = {
            #[cfg(target_arch = "x86")]
            let number = libc::$on_i386;
            #[cfg(not(target_arch = "x86"))]
            let number = libc::$plain;
            number
        };
    )*};
}

// The calls with the plain names have ids of 16 bits on i386.
calls_with_wide_ids! {
    SYS_SETRESUID = SYS_setresuid or SYS_setresuid32;
    SYS_SETRESGID = SYS_setresgid or SYS_setresgid32;
    SYS_SETGROUPS = SYS_setgroups or SYS_setgroups32;
}

/// The two words of a structure with 64 flags, each a bit field of one bit in C; the first flag is bit 0 of `flags`.
pub(super) fn bit_fields(flags: u64) -> [u32; 2] {
    // Where the most significant byte comes first, so does the most significant bit.
    let flags = if cfg!(target_endian = "big") { flags.reverse_bits() } else { flags };
    let [a, b, c, d, e, f, g, h] = flags.to_ne_bytes();
    [u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])]
}
