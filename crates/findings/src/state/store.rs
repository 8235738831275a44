//! How the state is read and changed.

use super::{Class, Done, Key, KeyIx, NameIx, Own, Proc, ProcIx, State, Task, TaskIx};
use std::collections::{BTreeSet, HashMap};

impl State {
    pub fn key(&self, ix: KeyIx) -> &Key {
        &self.keys[ix.0 as usize]
    }

    pub fn key_mut(&mut self, ix: KeyIx) -> &mut Key {
        &mut self.keys[ix.0 as usize]
    }

    pub fn has_tasks(&self) -> bool {
        !self.tasks.is_empty()
    }

    pub fn procs(&self) -> impl Iterator<Item = ProcIx> + use<> {
        (0..self.procs.len() as u32).map(ProcIx)
    }

    pub fn task(&self, ix: TaskIx) -> &Task {
        &self.tasks[ix.0 as usize]
    }

    pub fn task_mut(&mut self, ix: TaskIx) -> &mut Task {
        &mut self.tasks[ix.0 as usize]
    }

    pub fn proc(&self, ix: ProcIx) -> &Proc {
        &self.procs[ix.0 as usize]
    }

    pub fn proc_mut(&mut self, ix: ProcIx) -> &mut Proc {
        &mut self.procs[ix.0 as usize]
    }

    pub fn name(&self, ix: NameIx) -> &(Vec<u8>, bool) {
        &self.names[ix.0 as usize]
    }

    pub fn keys(&self) -> impl Iterator<Item = KeyIx> + use<> {
        (0..self.keys.len() as u32).map(KeyIx)
    }

    pub fn intern(&mut self, name: &(Vec<u8>, bool)) -> NameIx {
        if let Some(ix) = self.name_of.get(name) {
            return *ix;
        }
        let ix = NameIx(self.names.len() as u32);
        self.names.push(name.clone());
        self.name_of.insert(name.clone(), ix);
        ix
    }

    pub fn add_key(&mut self, class: Class, made: Option<Done>) -> KeyIx {
        let ix = KeyIx(self.keys.len() as u32);
        self.keys.push(Key {
            serial: None,
            class,
            name: None,
            made,
            user: None,
            complete: made.is_some(),
            links: BTreeSet::new(),
            parents: Vec::new(),
            revoked: None,
            invalidated: None,
            restricted: false,
            timeout: None,
            timeout_lost: None,
            mask: None,
            lost: None,
            used: false,
            holders: Vec::new(),
            had_by: 0,
            pinned: 0,
            story: Vec::new(),
        });
        ix
    }

    pub fn add_task(&mut self, task: Task) -> TaskIx {
        let ix = TaskIx(self.tasks.len() as u32);
        self.by_pid.insert(task.pid, ix);
        let proc = self.proc_mut(task.proc);
        proc.tasks.push(ix);
        proc.threads += 1;
        self.tasks.push(task);
        ix
    }

    pub fn add_proc(&mut self, pid: u32) -> ProcIx {
        let ix = ProcIx(self.procs.len() as u32);
        self.procs.push(Proc {
            pid,
            program: None,
            former: None,
            asked: false,
            execve: None,
            parent: None,
            tasks: Vec::new(),
            threads: 0,
            files: HashMap::new(),
            pinned: Vec::new(),
            may_use: None,
        });
        ix
    }

    /// Names a key by its serial number. A number that another key had is this key's from now on.
    pub fn set_serial(&mut self, key: KeyIx, serial: i32) {
        self.key_mut(key).serial = Some(serial);
        self.by_serial.insert(serial, key);
    }

    pub fn set_name(&mut self, key: KeyIx, kind: NameIx, description: NameIx) {
        if self.key(key).name.is_none() {
            self.key_mut(key).name = Some((kind, description));
            self.by_name.entry((kind, description)).or_default().push(key);
        }
    }

    pub fn link(&mut self, ring: KeyIx, key: KeyIx) {
        if self.key_mut(ring).links.insert(key) {
            self.key_mut(key).parents.push(ring);
            if let Some(name) = self.key(key).name {
                self.by_place.insert((ring, name), key);
            }
        }
    }

    pub fn unlink(&mut self, ring: KeyIx, key: KeyIx) {
        if self.key_mut(ring).links.remove(&key) {
            self.orphan(ring, key);
        }
    }

    fn orphan(&mut self, ring: KeyIx, key: KeyIx) {
        self.key_mut(key).parents.retain(|other| *other != ring);
        if let Some(name) = self.key(key).name
            && self.by_place.get(&(ring, name)) == Some(&key)
        {
            self.by_place.remove(&(ring, name));
        }
    }

    /// Takes all links from a keyring.
    pub fn clear(&mut self, ring: KeyIx) -> Vec<KeyIx> {
        let links = std::mem::take(&mut self.key_mut(ring).links);
        for key in &links {
            self.orphan(ring, *key);
        }
        self.key_mut(ring).complete = true;
        links.into_iter().collect()
    }

    /// Whether something is known or may be that keeps a key.
    pub fn is_kept(&self, key: KeyIx) -> bool {
        self.kept(key, 8)
    }

    fn kept(&self, ix: KeyIx, depth: usize) -> bool {
        let key = self.key(ix);
        match key.class {
            Class::Session | Class::User | Class::UserSession => return true,
            Class::Unknown => return true,
            Class::Key if key.made.is_none() && key.lost.is_none() => return true,
            Class::Thread | Class::Process | Class::Key => {}
        }
        !key.holders.is_empty()
            || key.pinned > 0
            || (depth > 0 && key.parents.iter().any(|parent| self.kept(*parent, depth - 1)))
    }

    /// Whether a keyring of a task leads to a key: `None` if the log does not tell. The links to a key that was created in
    /// the log are all known.
    pub fn reaches(&self, task: TaskIx, key: KeyIx) -> Option<bool> {
        let task = self.task(task);
        let owns = [task.thread.key(), task.process.key(), Some(task.session)];
        let mut unknown = task.thread == Own::Unknown || task.process == Own::Unknown;
        let (mut todo, mut seen) = (vec![key], Vec::new());
        while let Some(at) = todo.pop() {
            if owns.contains(&Some(at)) {
                return Some(true);
            }
            if seen.contains(&at) {
                continue;
            }
            seen.push(at);
            let key = self.key(at);
            unknown |= key.made.is_none()
                && !matches!(key.class, Class::Session | Class::Thread | Class::Process);
            todo.extend(&key.parents);
        }
        if unknown { None } else { Some(false) }
    }
}
