//! The program that request_key(2) starts, and the authority to instantiate the key.

use super::add::LONGEST_OF_USER;
use crate::laws::{Fact, KeySlot};
use crate::lookup::KeyArg;
use crate::run::{Attempt, Predicted, Prediction, Run, Stop, show_id};
use crate::search::Wanted;
use crate::world::{Authority, Content, Cred, Group, Key, KeyId, KeyType, Memory, Request};
use trace::Errno::{self, *};
use trace::Value;

/// The lifetime of a key that its program has not instantiated, in seconds.
const ABANDONED: u32 = 60;

impl Run<'_> {
    /// A task requests a key, for which the kernel starts a program. Kernel: `call_sbin_request_key`.
    pub(super) fn begin_handler(&mut self) -> Prediction {
        if !self.event.args.is_empty() {
            return self.begin_request();
        }
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
        self.put_link(destination, target);
        self.start_program(Authority { key, target, requestor, destination });
        Ok(Predicted::word(self.new_name()))
    }

    /// Starts the program that finds the authorization key in its session keyring. Kernel: `prepare_kernel_cred`.
    fn start_program(&mut self, authority: Authority) {
        let session = Key { payer: Some(0), ..self.a_key(0x3f03_0000) };
        let session = self.new_key(session);
        self.put_link(session, authority.key);
        let own = self.cred().clone();
        let mut cred = Cred {
            space: own.space,
            session: Some(session),
            destination: if self.law(Fact::ProgramDefault) { 1 } else { own.destination },
            ..Cred::default()
        };
        if !self.law(Fact::ProgramOwnsNothing) {
            (cred.thread, cred.process) = (own.thread, own.process);
        }
        if !self.law(Fact::ProgramSession) {
            cred.session = own.session;
        }
        let memory = self.world.memories.add(Memory::default());
        let files = self.world.tables.add(Vec::new());
        let leader = self.world.tasks.next();
        let group =
            Group { leader, parent: None, call: None, memory, files, reaped_at_once: false };
        let program = self.add_process(self.new_name(), cred, group);
        let program = self.world.tasks[program].group;
        let request =
            Request { requestor: self.task, authority, program, session, is_killed: false };
        self.world.authorities.add(authority);
        self.world.requests.add(request);
    }

    /// A key of root, which no quota counts.
    fn a_key(&self, perm: u32) -> Key {
        Key { payer: None, numbered: true, ..Key::keyring("_req", 0, 0, perm) }
    }

    /// A task requests a key by a call that returns later. Kernel: `construct_key_and_link`.
    fn begin_request(&mut self) -> Prediction {
        let (kind, description) = (self.text(0)?, self.text(1)?.ok_or(Stop::Never)?);
        let (callout, destination) = (self.text(2)?.unwrap_or_default(), self.key_arg(3)?);
        let kind = KeyType::named(self.type_name(kind)?);
        let destination = self.destination(destination, KeySlot::RequestKeyDestination)?;
        let Some(kind) = kind.filter(|kind| *kind != KeyType::Keyring && !self.is_unknown()) else {
            return Err(Stop::Unknown("a request for a key of a known type".to_owned()));
        };
        let cred = self.cred().clone();
        if self.search_all(&cred, &Wanted::Like(kind, description, true)) != Err(EAGAIN) {
            return Err(Stop::Never);
        }
        let destination = match destination {
            Some(destination) => destination,
            None => self.default_destination()?,
        };
        self.user_keyrings();
        let refuses =
            self.key(destination).restricted.is_some() && !self.law(Fact::RestrictedTakesRequested);
        if self.key(destination).revoked || refuses {
            return Err(Stop::Never);
        }
        self.begin_link(destination, kind, description)?;
        let new = self.new_of_type(kind, description, "");
        let target = self.new_key(Key { content: Content::Nothing, constructing: true, ..new });
        if self.law(Fact::ConstructionIsLinked) {
            self.put_link(destination, target);
        }
        let callout = if self.law(Fact::CalloutIsPayload) { callout } else { "" };
        let content = Content::Payload(callout.into());
        let token = Key { kind: KeyType::Authority, content, ..self.a_key(0x0b01_0000) };
        let key = self.new_key(token);
        let requestor = match cred.authority {
            Some(outer) if self.law(Fact::NestedRequestor) => outer.requestor,
            _ => self.cred_id(),
        };
        self.start_program(Authority { key, target, requestor, destination });
        Ok(Predicted::word(self.new_name()))
    }

    /// Such a request returns once its program has ended. Kernel: `call_sbin_request_key`.
    pub(super) fn end_request(&mut self, request: Request) -> Attempt<KeyId> {
        if !self.world.is_over(request.program) {
            return Err(Stop::Never);
        }
        self.world.requests.take_out(|other| *other == request);
        let Authority { key, target, .. } = request.authority;
        if self.key(target).constructing {
            self.world.keys.edit(key).invalidated = true;
            if !self.law(Fact::AbandonedKeepsAuthority) {
                self.world.keys.edit(key).revoked = true;
            }
            if self.law(Fact::AbandonedIsNegative) {
                self.negate(target, ENOKEY, ABANDONED);
            }
            return Err(Stop::Errno(ENOKEY));
        }
        if self.law(Fact::RequestEndsAuthority) {
            self.world.keys.edit(key).revoked = true;
        }
        if request.is_killed && !self.law(Fact::StatusIsIgnored) {
            return Err(Stop::Errno(ENOKEY));
        }
        if self.invalid(target).is_some() && self.law(Fact::RequestOfUnusable) {
            return Err(Stop::Errno(ENOKEY));
        }
        let negative = self.key(target).negative;
        match negative {
            Some(errno) if self.law(Fact::RequestErrno) => Err(Stop::Errno(errno)),
            Some(_) => Err(Stop::Errno(ENOKEY)),
            None => Ok(target),
        }
    }

    /// The request for which the kernel started the caller.
    pub(super) fn own_request(&self) -> Option<Request> {
        let own = self.group();
        self.world.requests.iter().find(|request| request.program == own).copied()
    }

    /// The key that the program is to instantiate, which is its second argument.
    pub(super) fn key_to_instantiate(&mut self) -> Prediction {
        let own = self.own_request().map(|request| request.authority);
        match own.or_else(|| self.world.authorities.iter().last().copied()) {
            Some(authority) => Ok(Predicted::Key(authority.target)),
            None => Err(Stop::Never),
        }
    }

    /// The arguments of the program.
    pub(super) fn argv(&mut self) -> Prediction {
        let Some(request) = self.own_request() else { return Err(Stop::Never) };
        let cred = self.world.cred(request.requestor).clone();
        let keyrings = [cred.thread, cred.process, cred.session];
        let are_named = self.law(Fact::ProgramArguments);
        let keyrings = keyrings.map(|key| match key {
            Some(key) if are_named => Predicted::Key(key),
            _ => Predicted::Int(0),
        });
        let ids = [("UID", cred.user.filesystem), ("GID", cred.group.filesystem)];
        let ids = ids.map(|(name, id)| Predicted::Word(show_id(name, id)));
        let first =
            [Predicted::Text("create".to_owned()), Predicted::Key(request.authority.target)];
        Ok(Predicted::List(first.into_iter().chain(ids).chain(keyrings).collect()))
    }

    /// Instantiates or rejects the key that the caller has assumed the authority for.
    pub(super) fn instantiate_by(&mut self, authority: Authority, ring: KeyArg) -> Prediction {
        if self.key(authority.key).revoked {
            return Err(Stop::Errno(EKEYREVOKED));
        }
        let target = match self.key_arg(0)? {
            KeyArg::Serial(Some(key))
                if key == authority.target || !self.law(Fact::AuthorityOfOneKey) =>
            {
                key
            }
            _ => return Err(Stop::Errno(EPERM)),
        };
        let ring = self.ring(ring, authority)?;
        let negative = self.negative_result()?;
        let payload = if negative.is_none() { self.whole_payload()? } else { String::new() };
        if negative.is_none() && !(1..=LONGEST_OF_USER).contains(&payload.len()) {
            return Err(Stop::Errno(EINVAL));
        }
        if let Some(ring) = ring {
            let (kind, description) = (self.key(target).kind, self.key(target).description.clone());
            self.takes_links(ring)?;
            self.begin_link(ring, kind, &description)?;
            self.refuse_if(
                self.key(ring).restricted.is_some(),
                Fact::InstantiateRestricted,
                EPERM,
            )?;
        }
        if !self.key(target).constructing {
            return Err(Stop::Unknown("a key under construction".to_owned()));
        }
        match negative {
            Some((errno, seconds)) => self.negate(target, errno, seconds),
            None => {
                let expiry = self.key(target).expiry;
                self.update_payload(target, &payload)?;
                let key = self.world.keys.edit(target);
                (key.constructing, key.expiry) = (false, expiry);
            }
        }
        if let Some(ring) = ring {
            self.put_link(ring, target);
        }
        self.world.keys.edit(authority.key).invalidated = true;
        if self.law(Fact::InstantiateEndsAuthority) {
            self.assume(None);
        }
        Ok(Predicted::Int(0))
    }

    /// The errno and the timeout of KEYCTL_NEGATE and KEYCTL_REJECT.
    fn negative_result(&self) -> Attempt<Option<(Errno, u32)>> {
        let errno = match (self.event.call.as_str(), self.event.args.get(2)) {
            ("keyctl_negate", _) => ENOKEY,
            ("keyctl_reject", Some(Value::Word(word))) => {
                match Errno::ALL.iter().find(|errno| errno.name() == word) {
                    Some(errno) => *errno,
                    None => return Err(Stop::Unknown("an errno of the rules".to_owned())),
                }
            }
            _ => return Ok(None),
        };
        Ok(Some((errno, u32::try_from(self.int(1)?).unwrap_or(u32::MAX))))
    }

    /// The payload of KEYCTL_INSTANTIATE, or of KEYCTL_INSTANTIATE_IOV in pieces.
    fn whole_payload(&self) -> Attempt<String> {
        let text = |value: &Value| match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        let whole = match self.arg(1)? {
            Value::List(pieces) => pieces.iter().map(text).collect::<Option<String>>(),
            value => text(value),
        };
        whole.map_or_else(|| self.expected(1, "a short payload"), Ok)
    }

    /// The keyring that receives the key. Kernel: `get_instantiation_keyring`.
    fn ring(&mut self, named: KeyArg, authority: Authority) -> Attempt<Option<KeyId>> {
        let destination = Some(authority.destination);
        match named {
            KeyArg::None if self.law(Fact::RingNone) => Ok(None),
            KeyArg::None => Ok(destination),
            KeyArg::Serial(_) => {
                let ring = self.lookup(named, KeySlot::LinkKeyring)?.key;
                Ok(Some(ring).filter(|_| self.law(Fact::RingBySerial)))
            }
            KeyArg::Authority => Err(Stop::Errno(EINVAL)),
            KeyArg::Invalid => Err(Stop::Errno(ENOKEY)),
            _ => Ok(destination.filter(|_| self.law(Fact::RingBySpecialId))),
        }
    }

    /// The authority to instantiate a key, if the caller finds it. Kernel: `key_get_instantiation_authkey`.
    pub(crate) fn authority_of(&mut self, target: KeyId) -> Option<Authority> {
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
