//! The two BPF programs: what they report about each task or open file, and their instructions.

use crate::btf::{Btf, Error};

/// What a program reports about: all words of one kind are numbers of 32 bits.
pub(crate) struct Source {
    /// The function of the kernel that calls the program for each task or open file.
    pub(crate) function: &'static str,
    /// Where the object is in the program's context, and its type.
    object: (i16, &'static str),
    /// What is reported, in this order.
    fields: &'static [Field],
}

/// One or more successive words.
enum Field {
    /// A word of the context.
    Context(i16),
    /// This number of words that begin at a member of the task.
    Task(&'static str, i16),
    /// A member of the object, through pointers; 0 where a pointer is null.
    Object(&'static [&'static str]),
}

/// Where a context has pointers to its `bpf_iter_meta` and its task: see `struct bpf_iter__task_file`.
const META: i16 = 0;
const TASK: i16 = 8;

/// The words of [`TASKS`] before the keyrings.
pub(crate) const COMM: std::ops::Range<usize> = 3..7;

/// All tasks: thread id, process id, exit state, name, then keyrings.
pub(crate) const TASKS: Source = Source {
    function: "bpf_iter_task",
    object: (TASK, "task_struct"),
    fields: &[
        Field::Task("pid", 1),
        Field::Task("tgid", 1),
        Field::Task("exit_state", 1),
        Field::Task("comm", 4),
        Field::Object(&["cred", "thread_keyring", "serial"]),
        Field::Object(&["cred", "process_keyring", "serial"]),
        Field::Object(&["cred", "session_keyring", "serial"]),
        Field::Object(&["real_cred", "thread_keyring", "serial"]),
        Field::Object(&["real_cred", "process_keyring", "serial"]),
        Field::Object(&["real_cred", "session_keyring", "serial"]),
        Field::Object(&["mm", "exe_file", "f_cred", "thread_keyring", "serial"]),
        Field::Object(&["mm", "exe_file", "f_cred", "process_keyring", "serial"]),
    ],
};

/// All open files, once for each table of descriptors: thread id, process id, descriptor, then the
/// opener's keyrings.
pub(crate) const FILES: Source = Source {
    function: "bpf_iter_task_file",
    object: (24, "file"),
    fields: &[
        Field::Task("pid", 1),
        Field::Task("tgid", 1),
        Field::Context(16),
        Field::Object(&["f_cred", "thread_keyring", "serial"]),
        Field::Object(&["f_cred", "process_keyring", "serial"]),
    ],
};

/// Registers: arguments and scratch, the program's own, the frame.
const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;
const CONTEXT: u8 = 6;
const THE_TASK: u8 = 7;
const OBJECT: u8 = 8;
const FRAME: u8 = 10;

/// `bpf_seq_write`
const SEQ_WRITE: i32 = 127;

impl Source {
    /// The number of words that are reported about each object.
    pub(crate) fn words(&self) -> usize {
        let words = self.fields.iter().map(|field| match field {
            Field::Task(_, words) => *words as usize,
            Field::Context(_) | Field::Object(_) => 1,
        });
        words.sum()
    }

    /// The program's instructions for a kernel with these types.
    pub(crate) fn assemble(&self, btf: &Btf) -> Result<Vec<u8>, Error> {
        let size = 4 * self.words() as i16;
        let mut code = Code::default();
        code.push(0xbf, CONTEXT, R1, 0, 0);
        code.load_or_end(THE_TASK, TASK);
        code.load_or_end(OBJECT, self.object.0);
        let mut slot = -size;
        for field in self.fields {
            match field {
                Field::Context(offset) => code.copy(CONTEXT, &[*offset], slot),
                Field::Object(path) => {
                    code.copy(OBJECT, &btf.path(self.object.1, path)?, slot);
                }
                Field::Task(member, words) => {
                    let first = btf.path("task_struct", &[member])?[0];
                    for word in 0..*words {
                        code.copy(THE_TASK, &[first + 4 * word], slot + 4 * word);
                    }
                    slot += 4 * (words - 1);
                }
            }
            slot += 4;
        }
        code.load(R1, CONTEXT, META);
        // The pointer to the `seq_file` is the first member of `bpf_iter_meta`.
        code.load(R1, R1, 0);
        code.push(0xbf, R2, FRAME, 0, 0);
        code.push(0x07, R2, 0, 0, (-size).into());
        code.push(0xb7, R3, 0, 0, size.into());
        code.push(0x85, 0, 0, 0, SEQ_WRITE);
        code.end();
        Ok(code.0)
    }
}

/// Instructions: see Documentation/bpf/standardization/instruction-set.rst.
#[derive(Default)]
struct Code(Vec<u8>);

impl Code {
    fn push(&mut self, operation: u8, to: u8, from: u8, offset: i16, number: i32) {
        let registers = if cfg!(target_endian = "big") { to << 4 | from } else { from << 4 | to };
        self.0.extend([operation, registers]);
        self.0.extend(offset.to_ne_bytes());
        self.0.extend(number.to_ne_bytes());
    }

    /// Loads a pointer.
    fn load(&mut self, to: u8, from: u8, offset: i16) {
        self.push(0x79, to, from, offset, 0);
    }

    /// Skips instructions if a register is 0.
    fn skip_if_zero(&mut self, register: u8, instructions: i16) {
        self.push(0x15, register, 0, instructions, 0);
    }

    /// Loads a pointer from the context; if it is null, as after the last object, reports nothing.
    fn load_or_end(&mut self, to: u8, offset: i16) {
        self.load(to, CONTEXT, offset);
        self.push(0x55, to, 0, 2, 0);
        self.end();
    }

    fn end(&mut self) {
        self.push(0xb7, R0, 0, 0, 0);
        self.push(0x95, 0, 0, 0, 0);
    }

    /// Copies the word at the end of a path to the frame, or 0 if a pointer on the path is null. Some
    /// kernels demand the comparison: `mm->exe_file` is null for kernel threads.
    fn copy(&mut self, from: u8, path: &[i16], slot: i16) {
        let Some((last, pointers)) = path.split_last() else { return };
        self.push(0x62, FRAME, 0, slot, 0);
        let mut base = from;
        for (nth, offset) in pointers.iter().enumerate() {
            self.load(R1, base, *offset);
            self.skip_if_zero(R1, 2 * (pointers.len() - nth - 1) as i16 + 2);
            base = R1;
        }
        self.push(0x61, R2, base, *last, 0);
        self.push(0x63, FRAME, R2, slot, 0);
    }
}
