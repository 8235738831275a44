//! Programs to look at. Each prints lines of numbers, and ends when its standard input ends.

use keyrings::{
    CREATE, KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_THREAD_KEYRING, KeySerial, keyctl_get_keyring_ID,
    keyctl_revoke,
};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::unistd::gettid;
use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{Read, Write, stdin};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub fn run(program: &str, args: &[String]) -> ExitCode {
    match program {
        "pool" => pool(),
        "thread-keyring" => thread_keyring(),
        "lost-file" => lost_file(),
        "kept-file" => kept_file(),
        "execve" => execve(),
        "wait" => wait_for_the_end(),
        "main-thread-ends" => main_thread_ends(),
        "revoked" => revoked(),
        "many" => many(),
        "work" => return work(),
        "short-lived" => short_lived(),
        "filtered" => filtered(),
        "vfork" => vfork(),
        "asker" => asker(args[0].parse().unwrap()),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

fn process_keyring() -> i32 {
    keyctl_get_keyring_ID(KEY_SPEC_PROCESS_KEYRING, CREATE).unwrap().0
}

fn own_thread_keyring() -> i32 {
    keyctl_get_keyring_ID(KEY_SPEC_THREAD_KEYRING, CREATE).unwrap().0
}

fn tid() -> i32 {
    gettid().as_raw()
}

fn wait_for_the_end() {
    stdin().lock().read_to_end(&mut Vec::new()).unwrap();
}

/// A thread that does one thing when told to, reports a number, and waits.
struct Worker {
    tid: i32,
    orders: mpsc::Sender<fn() -> i32>,
    results: mpsc::Receiver<i32>,
    _handle: JoinHandle<()>,
}

impl Worker {
    fn start() -> Worker {
        let (orders, received) = mpsc::channel::<fn() -> i32>();
        let (send, results) = mpsc::channel();
        let work = move || {
            send.send(tid()).unwrap();
            received.iter().for_each(|order| send.send(order()).unwrap());
        };
        let handle = thread::spawn(work);
        Worker { tid: results.recv().unwrap(), orders, results, _handle: handle }
    }

    fn order(&self, order: fn() -> i32) -> i32 {
        self.orders.send(order).unwrap();
        self.results.recv().unwrap()
    }
}

/// Two threads exist before the process keyring: one creates another, one stays without. Two come later.
/// Prints main, two sharers, the shared keyring; then the thread with its own, and that; then the one without.
fn pool() {
    let [own, without] = [Worker::start(), Worker::start()];
    let shared = process_keyring();
    let later = [Worker::start(), Worker::start()];
    let its = own.order(process_keyring);
    println!("{} {} {} {shared}", tid(), later[0].tid, later[1].tid);
    println!("{} {its}", own.tid);
    println!("{}", without.tid);
    wait_for_the_end();
}

/// One of two threads has a thread keyring. Prints it, and its keyring.
fn thread_keyring() {
    let worker = Worker::start();
    let its = worker.order(own_thread_keyring);
    println!("{} {its}", worker.tid);
    wait_for_the_end();
}

/// A thread with both keyrings opens a file and ends. Prints the descriptor, `@t` and `@p`.
fn lost_file() {
    let opened = thread::spawn(|| {
        let (t, p) = (own_thread_keyring(), process_keyring());
        (File::open("/dev/null").unwrap().into_raw_fd(), t, p)
    });
    let (fd, t, p) = opened.join().unwrap();
    println!("{fd} {t} {p}");
    wait_for_the_end();
}

/// The same, while the thread lives on.
fn kept_file() {
    let worker = Worker::start();
    worker.order(own_thread_keyring);
    let fd = worker.order(|| File::open("/dev/null").unwrap().into_raw_fd());
    println!("{fd}");
    wait_for_the_end();
}

/// Creates both keyrings, and runs another program. Prints `@t` and `@p`.
fn execve() {
    println!("{} {}", own_thread_keyring(), process_keyring());
    let error = super::driver::command("wait", &[]).exec();
    panic!("{error}");
}

/// The main thread creates both keyrings and a thread, and ends. Prints `@t` and `@p`.
fn main_thread_ends() {
    let keyrings = (own_thread_keyring(), process_keyring());
    let main = tid();
    thread::spawn(move || {
        // The kernel says when the main thread has become a zombie.
        let status = format!("/proc/{main}/task/{main}/stat");
        while !std::fs::read_to_string(&status).unwrap().contains(") Z ") {
            thread::yield_now();
        }
        println!("{} {}", keyrings.0, keyrings.1);
        wait_for_the_end();
        std::process::exit(0);
    });
    end_this_thread();
}

#[expect(unsafe_code, reason = "no library ends a main thread alone")]
fn end_this_thread() -> ! {
    // SAFETY: nothing of this thread is used afterwards.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("the thread has ended")
}

/// Creates a process keyring and revokes it. Prints it.
fn revoked() {
    let keyring = process_keyring();
    keyctl_revoke(KeySerial(keyring)).unwrap();
    println!("{keyring}");
    wait_for_the_end();
}

/// A thousand threads share a process keyring, and each has a thread keyring. Prints the former.
fn many() {
    own_thread_keyring();
    let shared = process_keyring();
    let started = Arc::new(Barrier::new(1000));
    for _ in 0..999 {
        let started = started.clone();
        thread::spawn(move || {
            started.wait();
            loop {
                thread::park();
            }
        });
    }
    started.wait();
    println!("{shared}");
    wait_for_the_end();
}

/// Steps of a generator of random numbers, in integer and floating-point registers.
fn steps(mut state: u64, sum: f64) -> (u64, f64) {
    let mut sum = sum;
    for _ in 0..10_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sum = sum * 0.5 + (state >> 40) as f64;
    }
    (state, sum)
}

/// Threads that compute, sleep, read, and handle signals: a wrong register shows in a wrong result. Exits with
/// 0 if everything was correct, and prints a number when they have begun.
fn work() -> ExitCode {
    let stop = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicU64::new(0));
    let begin = |work: fn() -> bool| {
        let (stop, rounds) = (stop.clone(), rounds.clone());
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if !work() {
                    return false;
                }
                rounds.fetch_add(1, Ordering::Relaxed);
            }
            true
        })
    };
    install(Signal::SIGUSR2, ignore);
    allow_any_tracer();
    let computes = || steps(1, 0.0) == std::hint::black_box(steps)(1, 0.0);
    let sleeps = || {
        let begun = Instant::now();
        thread::sleep(Duration::from_micros(300));
        begun.elapsed() >= Duration::from_micros(300)
    };
    let reads = || {
        let (mut read, mut write) = std::io::pipe().unwrap();
        let writer = thread::spawn(move || write.write_all(b"0123456789").unwrap());
        let mut text = String::new();
        read.read_to_string(&mut text).unwrap();
        writer.join().unwrap();
        text == "0123456789"
    };
    let workers = [begin(computes), begin(computes), begin(sleeps), begin(reads), signals(&stop)];
    println!("{}", tid());
    // Blocks in read(2), which must be restarted.
    wait_for_the_end();
    stop.store(true, Ordering::Relaxed);
    let correct = workers.map(|worker| worker.join().unwrap_or(false));
    if correct == [true; 5] && rounds.load(Ordering::Relaxed) > 0 {
        ExitCode::SUCCESS
    } else {
        eprintln!("{correct:?}");
        ExitCode::FAILURE
    }
}

/// A thread that sends a blocked signal to itself and waits for it with sigsuspend(2): none may be lost.
fn signals(stop: &Arc<AtomicBool>) -> JoinHandle<bool> {
    static HANDLED: AtomicU64 = AtomicU64::new(0);
    extern "C" fn handle(_: c_int) {
        HANDLED.fetch_add(1, Ordering::SeqCst);
    }
    let stop = stop.clone();
    thread::spawn(move || {
        install(Signal::SIGUSR1, handle);
        let mut blocked = SigSet::thread_get_mask().unwrap();
        let open = blocked;
        blocked.add(Signal::SIGUSR1);
        blocked.thread_set_mask().unwrap();
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            raise(Signal::SIGUSR1).unwrap();
            sent += 1;
            // Another signal ends sigsuspend(2) as well.
            while HANDLED.load(Ordering::SeqCst) != sent {
                suspend(&open);
            }
            if SigSet::thread_get_mask().unwrap() != blocked {
                return false;
            }
        }
        true
    })
}

extern "C" fn ignore(_: c_int) {}

#[expect(unsafe_code, reason = "a handler can do what it must not")]
fn install(signal: Signal, handler: extern "C" fn(c_int)) {
    let handler = SigHandler::Handler(handler);
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler only adds to an atomic number.
    unsafe { sigaction(signal, &action) }.unwrap();
}

/// The asker is no parent of this process, which Yama demands of an ordinary user.
#[expect(unsafe_code, reason = "nix has no PR_SET_PTRACER")]
fn allow_any_tracer() {
    // SAFETY: takes numbers only. It fails where there is no Yama.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY, 0, 0, 0) };
}

#[expect(unsafe_code, reason = "nix has no sigsuspend")]
fn suspend(mask: &SigSet) {
    // SAFETY: the kernel only reads the mask.
    unsafe { libc::sigsuspend(mask.as_ref()) };
}

/// Threads that begin and end without pause. Prints a number when they have begun.
fn short_lived() {
    for _ in 0..4 {
        thread::spawn(|| {
            loop {
                thread::spawn(own_thread_keyring).join().unwrap();
            }
        });
    }
    println!("{}", tid());
    wait_for_the_end();
    std::process::exit(0);
}

/// A thread with a seccomp filter, which would kill it for keyctl(2). Prints its id.
fn filtered() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let worker = Worker::start();
    worker.order(|| {
        let calls = [(libc::SYS_keyctl, vec![])].into();
        let (allow, kill) = (SeccompAction::Allow, SeccompAction::KillProcess);
        let architecture = std::env::consts::ARCH.try_into().unwrap();
        let filter = SeccompFilter::new(calls, allow, kill, architecture).unwrap();
        seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
        0
    });
    println!("{}", worker.tid);
    wait_for_the_end();
}

/// A thread that waits for its child, as after vfork(2), until the input ends. Prints its id.
fn vfork() {
    let worker = Worker::start();
    let (read, mut write) = std::io::pipe().unwrap();
    let fd = read.as_raw_fd();
    INPUT.store(fd, Ordering::SeqCst);
    worker.orders.send(wait_for_child).unwrap();
    println!("{}", worker.tid);
    wait_for_the_end();
    // The child has a copy of both ends, so closing one would not end its read(2).
    write.write_all(b"x").unwrap();
    worker.results.recv().unwrap();
}

static INPUT: AtomicI32 = AtomicI32::new(-1);

#[expect(unsafe_code, reason = "no library has vfork(2)")]
fn wait_for_child() -> i32 {
    extern "C" fn child(_: *mut c_void) -> c_int {
        let mut byte = 0u8;
        // SAFETY: the kernel writes at most one byte.
        unsafe { libc::read(INPUT.load(Ordering::SeqCst), (&raw mut byte).cast(), 1) };
        0
    }
    let mut stack = vec![0u128; 1 << 12];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack grows down from its end, and lives until the child has ended, as the call waits for it.
    unsafe {
        let top = stack.as_mut_ptr_range().end.cast();
        let pid = libc::clone(child, top, flags, std::ptr::null_mut());
        libc::waitpid(pid, std::ptr::null_mut(), 0)
    }
}

/// Asks the threads of a process over and over. Prints a line after each time.
fn asker(pid: i32) {
    loop {
        let asked = look::stop_and_ask(pid).unwrap().unwrap();
        println!("{}", asked.threads.len());
    }
}
