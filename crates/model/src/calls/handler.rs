//! The program that request_key(2) starts, and the authority to instantiate the key.

use crate::run::{Predicted, Prediction, Run, Stop};
use crate::search::Wanted;
use crate::world::{Authority, Content, Cred, Group, Key, KeyId, KeyType, Memory};
use trace::Errno::{self, *};

impl Run<'_> {
    /// A task requests a key, for which the kernel starts a program. Kernel: `call_sbin_request_key`.
    pub(super) fn begin_handler(&mut self) -> Prediction {
        let requestor = self.cred_id();
        let Some(destination) = self.cred().session else {
            return Err(Stop::Unknown("a requestor with a session keyring".to_owned()));
        };
        let target =
            Key { kind: KeyType::User, content: Content::Nothing, ..self.a_key(0x3f01_0000) };
        let target = self.new_key(target);
        let key =
            Key { kind: KeyType::Authority, content: Content::Nothing, ..self.a_key(0x0b01_0000) };
        let key = self.new_key(key);
        self.world.authorities.add(Authority { key, target, requestor, destination });
        let session = Key { payer: Some(0), ..self.a_key(0x3f03_0000) };
        let session = self.new_key(session);
        self.put_link(session, key);
        self.put_link(destination, target);

        // Its default destination is the thread keyring. Kernel: `prepare_kernel_cred`.
        let cred = Cred {
            space: self.cred().space,
            session: Some(session),
            destination: 1,
            ..Cred::default()
        };
        let memory = self.world.memories.add(Memory::default());
        let files = self.world.tables.add(Vec::new());
        let leader = self.world.tasks.next();
        let group =
            Group { leader, parent: None, call: None, memory, files, reaped_at_once: false };
        let name = self.new_name();
        self.add_process(name, cred, group);
        Ok(Predicted::word(name))
    }

    /// A key of root, which no quota counts.
    fn a_key(&self, perm: u32) -> Key {
        Key { payer: None, numbered: true, ..Key::keyring("_req", 0, 0, perm) }
    }

    /// The key that the program is to instantiate, which is its second argument.
    pub(super) fn key_to_instantiate(&mut self) -> Prediction {
        match self.world.authorities.iter().last() {
            Some(authority) => Ok(Predicted::Key(authority.target)),
            None => Err(Stop::Never),
        }
    }

    /// The authority to instantiate a key, if the caller finds it. Kernel: `key_get_instantiation_authkey`.
    pub(super) fn authority_of(&mut self, target: KeyId) -> Option<Authority> {
        let authority = self.world.authorities.iter().find(|it| it.target == target).copied()?;
        let cred = self.cred().clone();
        self.search_all(&cred, &Wanted::Key(authority.key)).ok().map(|_| authority)
    }

    /// The error of the search for an authority that the caller does not have: its keyrings may not be searchable either.
    pub(super) fn errno_without_authority(&mut self) -> Errno {
        let cred = self.cred().clone();
        match self.search_all(&cred, &Wanted::Authority) {
            Err(EACCES) => EACCES,
            _ => ENOKEY,
        }
    }

    pub(super) fn assume(&mut self, authority: Option<Authority>) {
        let mut cred = self.cred().clone();
        cred.authority = authority;
        self.commit(self.task, cred);
    }
}
