//! The cast of a program: which tasks there are at each step, and what they can do.

use crate::Operation;
use crate::program::{Act, Step};

/// So many tasks a program has at most.
pub(crate) const MOST_TASKS: usize = 8;

/// The tasks of a program, as its steps make and end them.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    tasks: Vec<Member>,
    processes: Vec<Process>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    process: usize,
    alive: bool,
    /// It can have its whole process exit; a thread of the C library ends alone.
    serves: bool,
}

#[derive(Clone, Copy, Debug)]
struct Process {
    parent: usize,
    has_file: bool,
    /// It may run as another user, who may not be able to run this executable; or its first thread has
    /// ended, by which alone `/proc/self/exe` leads to it.
    stuck: bool,
}

/// The process of `main`, which neither ends, nor takes up another program, nor becomes another user: it
/// holds the end of the whole.
const FIRST: usize = 0;

impl Cast {
    /// `main` alone.
    pub(crate) fn new() -> Cast {
        Cast {
            tasks: vec![Member { process: FIRST, alive: true, serves: false }],
            processes: vec![Process { parent: FIRST, has_file: false, stuck: false }],
        }
    }

    /// The numbers of the tasks that live.
    pub(crate) fn living(&self) -> impl Iterator<Item = u8> {
        self.tasks.iter().zip(0..).filter(|(member, _)| member.alive).map(|(_, nth)| nth)
    }

    /// The process of a task, by its number.
    pub(crate) fn process(&self, task: u8) -> usize {
        self.tasks[usize::from(task)].process
    }

    /// The task that waits for the end of a task's process: one of its parent's, or else `main`, which
    /// adopts orphans.
    pub(crate) fn reaper(&self, task: u8) -> u8 {
        let parent = self.processes[self.process(task)].parent;
        self.living().find(|other| self.process(*other) == parent).unwrap_or(0)
    }

    /// Has a task do something, if that makes sense; tells whether it does.
    pub(crate) fn play(&mut self, Step { task, act }: Step) -> bool {
        let Some(&Member { process, alive: true, serves }) = self.tasks.get(usize::from(task))
        else {
            return false;
        };
        let room = self.tasks.len() < MOST_TASKS;
        match act {
            Act::Do(Operation::BecomeOther | Operation::Effective(_)) => {
                let fits = process != FIRST;
                self.processes[process].stuck |= fits;
                fits
            }
            // The parent of `main` is no part of the program, and is not to be changed by it.
            Act::Do(Operation::SessionToParent) => process != FIRST,
            Act::Do(_) => true,
            Act::Spawn | Act::Exec if self.processes[process].stuck => false,
            Act::Fork | Act::Clone | Act::Clone3 | Act::Spawn => {
                if room {
                    // A new program has none of the files, as they are closed on execve.
                    let has_file = self.processes[process].has_file && act != Act::Spawn;
                    let new = self.processes.len();
                    let stuck = self.processes[process].stuck;
                    self.processes.push(Process { parent: process, has_file, stuck });
                    self.tasks.push(Member { process: new, alive: true, serves: true });
                }
                room
            }
            Act::Thread => {
                if room {
                    self.tasks.push(Member { process, alive: true, serves: false });
                }
                room
            }
            Act::Vfork(operation) | Act::CloneVm(operation) => {
                let fits = room && operation.fits_shared_memory();
                if fits {
                    // It has come and gone.
                    self.tasks.push(Member { process: FIRST, alive: false, serves: false });
                }
                fits
            }
            Act::Exec => {
                if process == FIRST {
                    return false;
                }
                self.end(process);
                self.tasks[usize::from(task)] = Member { process, alive: true, serves: true };
                self.processes[process].has_file = false;
                true
            }
            Act::Exit => {
                let fits = process != FIRST && serves;
                if fits {
                    self.end(process);
                }
                fits
            }
            Act::Leave => {
                let fits = task != 0;
                if fits {
                    self.tasks[usize::from(task)].alive = false;
                    self.processes[process].stuck |= serves;
                }
                fits
            }
            Act::Open | Act::Close => {
                let has_file = &mut self.processes[process].has_file;
                let fits = *has_file == (act == Act::Close);
                if fits {
                    *has_file = !*has_file;
                }
                fits
            }
        }
    }

    /// Ends all tasks of a process.
    fn end(&mut self, process: usize) {
        for member in self.tasks.iter_mut().filter(|member| member.process == process) {
            member.alive = false;
        }
    }
}
