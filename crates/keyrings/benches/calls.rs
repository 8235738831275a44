//! What a helper call costs beside libkeyutils' own, without a record.
#![allow(unsafe_code)]

use criterion::Criterion;
use keyrings::*;
use rulebook::Timings;
use serde_json::Value;
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::fs;
use std::hint::black_box;
use std::path::Path;

/// The functions of libkeyutils that are compared, if it is installed.
struct Libkeyutils {
    get_keyring_id: extern "C" fn(i32, c_int) -> i32,
    read: extern "C" fn(i32, *mut c_char, usize) -> c_long,
}

impl Libkeyutils {
    fn load() -> Option<Libkeyutils> {
        // SAFETY: libkeyutils runs nothing on loading; the two functions have these types by its
        // header, keyutils.h.
        unsafe {
            let library = libc::dlopen(c"libkeyutils.so.1".as_ptr(), libc::RTLD_NOW);
            if library.is_null() {
                return None;
            }
            let find = |name: &CStr| libc::dlsym(library, name.as_ptr());
            let (id, read) = (find(c"keyctl_get_keyring_ID"), find(c"keyctl_read"));
            if id.is_null() || read.is_null() {
                return None;
            }
            Some(Libkeyutils {
                get_keyring_id: std::mem::transmute::<*mut c_void, extern "C" fn(i32, c_int) -> i32>(
                    id,
                ),
                read: std::mem::transmute::<
                    *mut c_void,
                    extern "C" fn(i32, *mut c_char, usize) -> c_long,
                >(read),
            })
        }
    }
}

fn calls(criterion: &mut Criterion) {
    let peer = Libkeyutils::load();
    if peer.is_none() {
        eprintln!("libkeyutils is not installed: only our own calls are timed");
    }
    let ring = keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, CREATE);
    let key = match ring.and_then(|ring| add_key("user", "bench", "payload", ring)) {
        Ok(key) => key,
        Err(error) => return eprintln!("nothing is timed: no key can be added here ({error:?})"),
    };

    let mut group = criterion.benchmark_group("keyctl_get_keyring_ID");
    group.bench_function("keyrings", |bencher| {
        bencher.iter(|| keyctl_get_keyring_ID(black_box(KEY_SPEC_PROCESS_KEYRING), NO_CREATE));
    });
    if let Some(peer) = &peer {
        let id = KEY_SPEC_PROCESS_KEYRING.0;
        group.bench_function("libkeyutils", |bencher| {
            bencher.iter(|| (peer.get_keyring_id)(black_box(id), 0));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("keyctl_read");
    let mut buffer = [0u8; 64];
    group.bench_function("keyrings", |bencher| {
        bencher.iter(|| keyctl_read(black_box(key), &mut buffer));
    });
    if let Some(peer) = &peer {
        group.bench_function("libkeyutils", |bencher| {
            bencher
                .iter(|| (peer.read)(black_box(key.0), buffer.as_mut_ptr().cast(), buffer.len()));
        });
    }
    group.finish();
}

fn main() {
    // `cargo test --all-targets` builds benches too and passes this.
    if std::env::args().any(|arg| arg == "--test" || arg == "--list") {
        return;
    }
    calls(&mut Criterion::default());
    let mut timings = Timings::new("cargo bench -p keyrings", "libkeyutils");
    for call in ["keyctl_get_keyring_ID", "keyctl_read"] {
        let nanoseconds = |of| median(call, of).map_or(String::new(), |ns| format!("{ns:.0} ns"));
        timings.row(call, nanoseconds("keyrings"), nanoseconds("libkeyutils"));
    }
    timings.finish("calls").expect("the results can be saved");
}

/// The median that criterion has stored, in nanoseconds.
fn median(call: &str, of: &str) -> Option<f64> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let file = target.join("criterion").join(call).join(of).join("new/estimates.json");
    let estimates: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
