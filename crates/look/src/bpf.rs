//! Loads the iterators and reads what they report.

use crate::btf::{self, Btf};
use crate::missing::{self, Missing};
use crate::program::{COMM, FILES, Source, TASKS};
use crate::sys;
use crate::tasks::{Answer, Held, Lost, PinningFile, Process, Thread};
use keyrings::KeySerial;
use nix::errno::Errno;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;

/// `EXIT_DEAD`: the task is being removed.
const DEAD: u32 = 0x10;

/// All processes and the keyrings of their threads, by process id, without stopping any.
///
/// A task that ends meanwhile is left out. The answer is not of one instant: the kernel visits the tasks one
/// after another.
///
/// # Errors
///
/// Everything that this system lacks for it.
///
/// # References
///
/// bpf(2), credentials(7); Documentation/bpf/bpf_iterators.rst; `task_seq_show`, `task_file_seq_show`
pub fn observe() -> Result<BTreeMap<i32, Process>, Vec<Missing>> {
    let mut missing = missing::beforehand();
    let types = fs::read(btf::VMLINUX);
    if let Err(error) = &types {
        missing.push(Missing::Types(format!("cannot be read ({error})")));
    }
    let Ok(types) = types else { return Err(missing) };
    if !missing.is_empty() {
        return Err(missing);
    }
    let read = || {
        let types = Btf::parse(types).map_err(unknown_types)?;
        // Files first: a keyring that a file refers to and that no task has afterwards is lost.
        Ok((records(&FILES, &types)?, records(&TASKS, &types)?))
    };
    let (files, tasks) = read().map_err(|it| vec![it])?;
    Ok(assemble(&files, &tasks))
}

fn unknown_types(error: btf::Error) -> Missing {
    Missing::Types(format!("is of no use ({error})"))
}

/// Runs an iterator once; its words, object by object.
fn records(source: &Source, types: &Btf) -> Result<Vec<Vec<u32>>, Missing> {
    let function = types.function(source.function).map_err(unknown_types)?;
    let code = source.assemble(types).map_err(unknown_types)?;
    let program = load(&code, function).map_err(|errno| {
        let mut log = vec![0; 1 << 16];
        let _ = sys::load_iterator(&code, function, &mut log);
        Missing::Call("BPF_PROG_LOAD", errno, last_complaint(&log))
    })?;
    let call = |command| move |errno| Missing::Call(command, errno, String::new());
    let link = sys::link(&program).map_err(call("BPF_LINK_CREATE"))?;
    let iterator = sys::iterator(&link).map_err(call("BPF_ITER_CREATE"))?;
    let mut bytes = Vec::new();
    File::from(iterator).read_to_end(&mut bytes).map_err(|error| {
        let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        Missing::Call("an iterator's read(2)", errno, String::new())
    })?;
    let words: Vec<u32> = bytes
        .chunks_exact(4)
        .map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]))
        .collect();
    Ok(words.chunks_exact(source.words()).map(<[u32]>::to_vec).collect())
}

/// The verifier gives up with `EAGAIN` when a signal arrives, such as the end of a child.
fn load(code: &[u8], function: u32) -> nix::Result<OwnedFd> {
    let mut loaded = sys::load_iterator(code, function, &mut []);
    for _ in 0..100 {
        if loaded.as_ref().err() != Some(&Errno::EAGAIN) {
            break;
        }
        loaded = sys::load_iterator(code, function, &mut []);
    }
    loaded
}

/// The verifier's reason: the last line of its log that is not a statistic.
fn last_complaint(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let lines = text.trim_end_matches('\0').lines();
    let complaint = lines.rev().find(|line| !line.starts_with("processed ")).unwrap_or_default();
    complaint.escape_default().to_string()
}

/// Assigns what was reported to processes.
fn assemble(files: &[Vec<u32>], tasks: &[Vec<u32>]) -> BTreeMap<i32, Process> {
    let alive = || tasks.iter().filter(|task| task[2] & DEAD == 0);
    let owned: HashSet<u32> = alive()
        .flat_map(|task| [task[7], task[8], task[9], task[10], task[11], task[12]])
        .collect();
    let lost = |thread: u32, process: u32| {
        let lost = |serial: u32| {
            (serial != 0 && !owned.contains(&serial)).then_some(KeySerial(serial as i32))
        };
        let lost = Lost { thread: lost(thread), process: lost(process) };
        (lost.thread.is_some() || lost.process.is_some()).then_some(lost)
    };
    let mut processes: BTreeMap<i32, Process> = BTreeMap::new();
    for task in alive() {
        let pid = task[1] as i32;
        let process = processes.entry(pid).or_default();
        let thread = thread(task);
        if process.threads.is_empty() || thread.tid == pid {
            process.comm.clone_from(&thread.comm);
        }
        process.pid = pid;
        process.threads.push(thread);
        process.program = process.program.or_else(|| lost(task[13], task[14]));
    }
    // A process whose main thread has ended reports its files once for each other thread.
    let mut seen: BTreeSet<&[u32]> = BTreeSet::new();
    for file in files {
        let Some(process) = processes.get_mut(&(file[1] as i32)) else { continue };
        let Some(lost) = lost(file[3], file[4]) else { continue };
        if seen.insert(&file[1..]) {
            let (tid, fd) = (file[0] as i32, file[2]);
            let name = fs::read_link(format!("/proc/{tid}/fd/{fd}"));
            let name = name.ok().map(|name| name.to_string_lossy().into_owned());
            process.files.push(PinningFile { tid, fd, name, lost });
        }
    }
    for process in processes.values_mut() {
        process.threads.sort_by_key(|thread| thread.tid);
    }
    processes
}

fn thread(task: &[u32]) -> Thread {
    let held = |at: usize| Held {
        thread: Answer::from(task[at]),
        process: Answer::from(task[at + 1]),
        session: Answer::from(task[at + 2]),
    };
    let comm: Vec<u8> = task[COMM].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let comm = comm.split(|byte| *byte == 0).next().unwrap_or_default();
    Thread {
        tid: task[0] as i32,
        comm: String::from_utf8_lossy(comm).into_owned(),
        ended: task[2] != 0,
        held: held(7),
        real: (task[7..10] != task[10..13]).then(|| held(10)),
    }
}
