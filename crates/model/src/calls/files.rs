//! Files and sockets, which refer to the credentials that opened them.

use crate::laws::Fact;
use crate::run::{Attempt, Predicted, Prediction, Run, Stop};
use crate::world::{CredId, File, Interpreter, MemoryId, SpaceId, TableId, TaskId};
use trace::{Errno::EPERM, Value};

impl Run<'_> {
    fn table(&self) -> TableId {
        self.world.groups[self.group()].files
    }

    pub(super) fn memory(&self) -> MemoryId {
        self.world.groups[self.group()].memory
    }

    fn add_file(&mut self, peer: Option<CredId>, outlives_execve: bool) {
        self.add_file_about(None, peer, outlives_execve);
    }

    fn add_file_about(
        &mut self,
        thread: Option<TaskId>,
        peer: Option<CredId>,
        outlives_execve: bool,
    ) {
        let own = self.cred_id();
        let opener = if self.law(Fact::FileHolds) { Some(own) } else { None };
        let peer = peer.filter(|_| self.law(Fact::PeerHolds));
        let is_zero = self.event.args == [Value::text("/dev/zero"), Value::word("O_RDWR")];
        let table = self.table();
        self.world.tables.edit(table).push(File {
            opener,
            peer,
            thread,
            outlives_execve,
            is_zero,
            is_loop: false,
            polls: false,
            personalities: Vec::new(),
            interpreter: None,
        });
    }

    pub(super) fn open(&mut self, outlives_execve: bool) -> Prediction {
        self.add_file(None, outlives_execve);
        Ok(Predicted::word("file"))
    }

    /// binfmt_misc opens the interpreter now, or when a program begins. Kernel: `bm_register_write`.
    pub(super) fn register_interpreter(&mut self) -> Attempt {
        let binfmt_misc = self.one_file()?;
        let interpreter = if self.word_or_text(1)?.contains('F') {
            let own = self.cred_id();
            Interpreter::Opened(self.law(Fact::RegistrationHolds).then_some(own))
        } else {
            Interpreter::ByPath
        };
        let table = self.table();
        let files = self.world.tables.edit(table);
        if let Some(nth) = files.iter().rposition(|file| *file == binfmt_misc) {
            files[nth].interpreter = Some(interpreter);
        }
        Ok(())
    }

    /// What runs a foreign file in the caller's process.
    pub(super) fn interpreter(&self) -> Option<Interpreter> {
        self.world.tables[self.table()].iter().find_map(|file| file.interpreter)
    }

    /// A perf event refers to the thread that it measures, also once that has ended.
    pub(super) fn perf_event_open(&mut self) -> Prediction {
        let name = self.word_or_text(0)?;
        let Some(task) = self.world.task(name) else {
            return self.expected(0, "a task");
        };
        let thread = self.law(Fact::PerfEventHolds).then_some(task);
        self.add_file_about(thread, None, false);
        Ok(Predicted::word("file"))
    }

    pub(super) fn pair(&mut self, are_sockets: bool) -> Prediction {
        let peer = if are_sockets { Some(self.cred_id()) } else { None };
        self.add_file(peer, false);
        self.add_file(peer, false);
        let file = Predicted::word("file");
        Ok(Predicted::List(vec![file.clone(), file]))
    }

    /// Kernel: `unix_listen`, which remembers who listens.
    pub(super) fn listen(&mut self) -> Prediction {
        if !self.event.args.is_empty() {
            let socket = self.one_file()?;
            let own = self.cred_id();
            self.world.config.listener = Some(own);
            let table = self.table();
            let holds = self.law(Fact::ListenerHolds);
            let sockets = self.world.tables.edit(table);
            if let Some(nth) = sockets.iter().rposition(|file| *file == socket) {
                sockets[nth].peer = Some(own).filter(|_| holds);
            }
            return Ok(Predicted::Int(0));
        }
        self.world.config.listener = Some(self.cred_id());
        self.open(false)
    }

    pub(super) fn connect(&mut self) -> Prediction {
        let client = self.cred_id();
        self.world.waiting.add((client, false));
        let listener = self.world.config.listener;
        self.add_file(listener, false);
        Ok(Predicted::word("file"))
    }

    pub(super) fn accept(&mut self) -> Prediction {
        let Some(nth) = self.world.waiting.position(|(_, taken)| !taken) else {
            return Err(Stop::Never);
        };
        let (client, taken) = self.world.waiting.edit(nth);
        *taken = true;
        let client = *client;
        self.add_file(Some(client), false);
        Ok(Predicted::word("file"))
    }

    /// One of the caller's open files. The trace calls all of them `file`.
    pub(super) fn one_file(&mut self) -> Attempt<File> {
        self.one_of(false)
    }

    fn one_of(&mut self, are_loops: bool) -> Attempt<File> {
        let mut files: Vec<File> = Vec::new();
        for file in self.world.tables[self.table()].iter().rev() {
            if file.is_loop == are_loops && !files.contains(file) {
                files.push(file.clone());
            }
        }
        self.any_of(&files).ok_or(Stop::Never)
    }

    pub(super) fn close(&mut self) -> Attempt {
        let file = self.one_file()?;
        if self.law(Fact::ClosedFileDoesNotHold) {
            self.close_one(&file);
        }
        Ok(())
    }

    fn close_one(&mut self, file: &File) {
        let table = self.table();
        let files = self.world.tables.edit(table);
        if let Some(nth) = files.iter().rposition(|open| open == file) {
            files.remove(nth);
        }
    }

    pub(super) fn send_descriptor(&mut self) -> Attempt {
        let file = self.one_file()?;
        self.world.sent.add((file, false));
        Ok(())
    }

    pub(super) fn receive_descriptor(&mut self) -> Prediction {
        let Some(nth) = self.world.sent.position(|(_, taken)| !taken) else {
            return Err(Stop::Never);
        };
        let (file, taken) = self.world.sent.edit(nth);
        *taken = true;
        let mut file = file.clone();
        if !self.law(Fact::FileHoldsInOther) {
            file.opener = None;
        }
        let table = self.table();
        self.world.tables.edit(table).push(file);
        Ok(Predicted::word("file"))
    }

    /// Kernel: `io_sq_offload_create`, if the instance is polled; `io_uring_create`, if only the caller submits.
    pub(super) fn io_uring_setup(&mut self) -> Prediction {
        let [is_single, polls] = ["IORING_SETUP_SINGLE_ISSUER", "IORING_SETUP_SQPOLL"]
            .map(|flag| self.event.args == [Value::word(flag)]);
        let submitter = (is_single && self.law(Fact::SubmitterHolds)).then_some(self.task);
        self.add_file_about(submitter, None, false);
        let table = self.table();
        if let Some(file) = self.world.tables.edit(table).last_mut() {
            file.polls = polls;
        }
        Ok(Predicted::word("file"))
    }

    /// A request opens a file with the credentials of its personality, of the thread that polls the instance,
    /// or of the caller. Kernel: `io_openat2`.
    pub(super) fn io_uring_open(&mut self) -> Prediction {
        let uring = self.one_file()?;
        let nth = self.int(1)?;
        let opener = if nth > 0 && self.law(Fact::PersonalityOpens) {
            let nth = usize::try_from(nth - 1).unwrap_or(usize::MAX);
            *uring.personalities.get(nth).ok_or(Stop::Never)?
        } else if uring.polls && self.law(Fact::PollerOpens) {
            uring.opener
        } else {
            Some(self.cred_id())
        };
        self.add_file(None, false);
        let table = self.table();
        if let Some(file) = self.world.tables.edit(table).last_mut() {
            file.opener = opener.filter(|_| file.opener.is_some());
        }
        Ok(Predicted::word("file"))
    }

    /// A loop device refers to the file behind it. Kernel: `loop_configure`.
    pub(super) fn attach_loop_device(&mut self) -> Prediction {
        let behind = self.one_file()?.opener.filter(|_| self.law(Fact::LoopHolds));
        self.add_file(None, false);
        let table = self.table();
        if let Some(device) = self.world.tables.edit(table).last_mut() {
            (device.peer, device.is_loop) = (behind, true);
        }
        Ok(Predicted::word("device"))
    }

    /// Kernel: `lo_release`.
    pub(super) fn detach_loop_device(&mut self) -> Attempt {
        let device = self.one_of(true)?;
        self.close_one(&device);
        Ok(())
    }

    /// Kernel: `replace_mm_exe_file`.
    pub(super) fn replace_exe_file(&mut self) -> Attempt {
        let file = self.one_file()?;
        // In another namespace, it counts what the caller may do there, which a trace does not show.
        let is_elsewhere = self.cred().space != SpaceId::FIRST;
        if !self.is_capable() && (!is_elsewhere || self.either()) {
            return Err(Stop::Errno(EPERM));
        }
        let memory = self.memory();
        if self.law(Fact::ExeFileIsReplaced) {
            self.world.memories.edit(memory).program = file.opener;
        }
        Ok(())
    }

    /// An io_uring instance refers to the credentials that are registered with it. Kernel:
    /// `io_register_personality`.
    pub(super) fn io_uring_register(&mut self) -> Prediction {
        let registered = self.one_file()?;
        let table = self.table();
        let is_it = |file: &File| *file == registered;
        let Some(nth) = self.world.tables[table].iter().rposition(is_it) else {
            return Err(Stop::Never);
        };
        let holds = self.law(Fact::PersonalityHolds);
        let own = self.cred_id();
        if self.word_or_text(1)? == "IORING_REGISTER_PERSONALITY" {
            let all = &mut self.world.tables.edit(table)[nth].personalities;
            all.push(holds.then_some(own));
            return Ok(Predicted::Int(all.len() as i64));
        }
        let number = usize::try_from(self.int(2)? - 1).unwrap_or(usize::MAX);
        let goes = self.law(Fact::PersonalityGoes);
        match self.world.tables.edit(table)[nth].personalities.get_mut(number) {
            Some(personality) if goes => *personality = None,
            Some(_) => {}
            None => return Err(Stop::Never),
        }
        Ok(Predicted::Int(0))
    }
}
