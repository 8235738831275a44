//! Files, sockets and mappings: what refers to the credentials of who opened it.

use crate::laws::Fact;
use crate::run::{Given, Gives, Run, Step, Stop};
use crate::world::{CredId, File};

impl Run<'_> {
    fn table(&self) -> usize {
        self.world.groups[self.world.tasks[self.task].group].files
    }

    fn memory(&self) -> usize {
        self.world.groups[self.world.tasks[self.task].group].memory
    }

    fn add_file(&mut self, peer: Option<CredId>, outlives_execve: bool) {
        let own = self.cred_id();
        let opener = if self.law(Fact::FileHolds) { Some(own) } else { None };
        let peer = peer.filter(|_| self.law(Fact::PeerHolds));
        let table = self.table();
        self.world.tables.edit(table).push(File { opener, peer, outlives_execve });
    }

    pub(super) fn open(&mut self, outlives_execve: bool) -> Gives {
        self.add_file(None, outlives_execve);
        Ok(Given::Word("file".to_owned()))
    }

    pub(super) fn pair(&mut self, are_sockets: bool) -> Gives {
        let peer = if are_sockets { Some(self.cred_id()) } else { None };
        self.add_file(peer, false);
        self.add_file(peer, false);
        let file = Given::Word("file".to_owned());
        Ok(Given::List(vec![file.clone(), file]))
    }

    pub(super) fn listen(&mut self) -> Gives {
        self.world.config.listener = Some(self.cred_id());
        self.open(false)
    }

    pub(super) fn connect(&mut self) -> Gives {
        let client = self.cred_id();
        self.world.waiting.add((client, false));
        let listener = self.world.config.listener;
        self.add_file(listener, false);
        Ok(Given::Word("file".to_owned()))
    }

    pub(super) fn accept(&mut self) -> Gives {
        let Some(nth) = self.world.waiting.iter().position(|(_, taken)| !taken) else {
            return Err(Stop::Never);
        };
        let (client, taken) = self.world.waiting.edit(nth);
        *taken = true;
        let client = *client;
        self.add_file(Some(client), false);
        Ok(Given::Word("file".to_owned()))
    }

    /// One of the caller's open files: the trace does not say which, as all are called `file`.
    fn one_file(&mut self) -> Step<File> {
        let mut files: Vec<File> = Vec::new();
        for file in self.world.tables[self.table()].iter().rev() {
            if !files.contains(file) {
                files.push(file.clone());
            }
        }
        if files.is_empty() {
            return Err(Stop::Never);
        }
        let nth = self.fate.choose(files.len());
        Ok(files.swap_remove(nth))
    }

    pub(super) fn close(&mut self) -> Gives {
        let file = self.one_file()?;
        let table = self.table();
        if self.law(Fact::ClosedFileDoesNotHold) {
            let files = self.world.tables.edit(table);
            if let Some(nth) = files.iter().rposition(|open| *open == file) {
                files.remove(nth);
            }
        }
        Ok(Given::Int(0))
    }

    pub(super) fn send_descriptor(&mut self) -> Gives {
        let file = self.one_file()?;
        self.world.sent.add((file, false));
        Ok(Given::Int(0))
    }

    pub(super) fn receive_descriptor(&mut self) -> Gives {
        let Some(nth) = self.world.sent.iter().position(|(_, taken)| !taken) else {
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
        Ok(Given::Word("file".to_owned()))
    }

    /// A mapping refers to its file, and a library is opened for it.
    pub(super) fn map(&mut self) -> Gives {
        let (name, opener) = if self.event.call == "mmap" {
            ("mapping", self.one_file()?.opener)
        } else {
            ("library", Some(self.cred_id()))
        };
        let memory = self.memory();
        if let Some(opener) = opener
            && self.law(Fact::MappingHolds)
        {
            self.world.memories.edit(memory).mapped.push((name.into(), opener));
        }
        Ok(Given::Word(name.to_owned()))
    }

    pub(super) fn unmap(&mut self) -> Gives {
        let name = if self.event.call == "munmap" { "mapping" } else { "library" };
        let memory = self.memory();
        let all = &self.world.memories[memory].mapped;
        let mapped: Vec<usize> = (0..all.len()).rev().filter(|nth| &*all[*nth].0 == name).collect();
        if !mapped.is_empty() {
            let nth = mapped[self.fate.choose(mapped.len())];
            self.world.memories.edit(memory).mapped.remove(nth);
        }
        Ok(Given::Int(0))
    }
}
