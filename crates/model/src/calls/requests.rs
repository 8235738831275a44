//! request_key(2) and KEYCTL_SEARCH, with upcalls.

use super::add::A_LINK;
use crate::laws::{Fact, KeySlot, Permission};
use crate::lookup::KeyArg;
use crate::run::{Attempt, Run, Stop};
use crate::search::{Ref, Wanted};
use crate::world::{Content, Expiry, Id, KeyId, KeyType, Request};
use trace::Errno::{self, *};

/// The result of an upcall.
enum HandlerResult<'a> {
    /// The key gets this payload.
    Payload(&'a str),
    /// The key is negative with this error. The handler also links it in the session keyring, or not.
    Negative(Errno, bool),
}

/// What the configuration of keyutils does for a key. For others it has no handler.
fn handler_result<'a>(kind: KeyType, description: &str, callout: &'a str) -> HandlerResult<'a> {
    if kind != KeyType::User {
        return HandlerResult::Negative(ENOKEY, false);
    }
    if description.starts_with("debug:loop:") && !callout.is_empty() {
        return HandlerResult::Payload(callout);
    }
    match (description.starts_with("debug:"), callout) {
        (true, "negate") => HandlerResult::Negative(ENOKEY, true),
        (true, "rejected") => HandlerResult::Negative(EKEYREJECTED, true),
        (true, "expired") => HandlerResult::Negative(EKEYEXPIRED, true),
        (true, "revoked") => HandlerResult::Negative(EKEYREVOKED, true),
        _ => HandlerResult::Negative(ENOKEY, false),
    }
}

/// The lifetime of a negative key, in seconds.
const NEGATIVE: u32 = 30;

impl Run<'_> {
    pub(super) fn request_key(&mut self) -> Attempt<KeyId> {
        let kind = self.text(0)?;
        let description = self.text(1)?.ok_or(Stop::Errno(EFAULT))?;
        let (callout, destination) = (self.text(2)?, self.key_arg(3)?);
        let task = self.task;
        let own = |request: &&Request| request.requestor == task;
        let begun = self.world.requests.iter().find(own).copied();
        if let Some(request) = begun {
            return self.end_request(request);
        }
        self.request(kind, description, callout, destination)
    }

    /// Kernel: `__do_sys_request_key`, `request_key_and_link`.
    pub(super) fn request(
        &mut self,
        kind: Option<&str>,
        description: &str,
        callout: Option<&str>,
        destination: KeyArg,
    ) -> Attempt<KeyId> {
        let kind = self.type_name(kind)?;
        if let Some(found) = self.found_without_destination(kind, description, destination) {
            return Ok(found);
        }
        let destination = self.destination(destination, KeySlot::RequestKeyDestination)?;
        let Some(kind) = KeyType::named(kind) else {
            if self.is_unknown() {
                return self.open_key_for(destination);
            }
            return Err(self.fail(Fact::UnknownTypeOfRequest, ENOKEY));
        };
        let cred = self.cred().clone();
        match self.search_all(&cred, &Wanted::Like(kind, description, true)) {
            // It waits until the key is instantiated.
            Ok(found) if self.key(found.key).constructing => Err(Stop::Never),
            Ok(found) => self.link_found(found, destination),
            Err(EAGAIN) => {
                let callout = match callout {
                    Some(callout) => callout,
                    None if self.law(Fact::NoCalloutNoUpcall) => return Err(Stop::Errno(ENOKEY)),
                    None => "",
                };
                self.upcall(kind, description, callout, destination)
            }
            Err(errno) => Err(Stop::Errno(errno)),
        }
    }

    /// What a wrong model finds before it would create the destination.
    fn found_without_destination(
        &mut self,
        kind: &str,
        description: &str,
        destination: KeyArg,
    ) -> Option<KeyId> {
        let KeyArg::Own(own) = destination else { return None };
        if self.own(own).is_some() || self.is_unknown() {
            return None;
        }
        let wanted = Wanted::Like(KeyType::named(kind)?, description, true);
        let found = self.search_all(&self.cred().clone(), &wanted).ok()?;
        (!self.law(Fact::HitCreates)).then_some(found.key)
    }

    /// A destination keyring, which may be left out.
    pub(super) fn destination(&mut self, arg: KeyArg, slot: KeySlot) -> Attempt<Option<KeyId>> {
        match arg {
            KeyArg::None => Ok(None),
            arg => Ok(Some(self.lookup(arg, slot)?.key)),
        }
    }

    fn link_found(&mut self, found: Ref, destination: Option<KeyId>) -> Attempt<KeyId> {
        let default = self.cred().thread.or(self.cred().session);
        let destination = match destination {
            None if default.is_some() && !self.law(Fact::SearchNoLinkByDefault) => default,
            destination => destination,
        };
        if let Some(destination) = destination {
            if !self.permits(found, Permission::Link) && self.law(Fact::FoundNeedsLink) {
                return Err(self.fail(Fact::PermissionErrno, EACCES));
            }
            let is_restricted = self.key(destination).restricted.is_some();
            if is_restricted && !self.law(Fact::RestrictedDestination) {
                self.put_link(destination, found.key);
            } else if self.law(Fact::FoundIsLinked) {
                self.link(destination, found.key)?;
            }
        }
        Ok(found.key)
    }

    /// Asks user space to instantiate a key. Kernel: `construct_key_and_link`.
    fn upcall(
        &mut self,
        kind: KeyType,
        description: &str,
        callout: &str,
        destination: Option<KeyId>,
    ) -> Attempt<KeyId> {
        self.refuse_if(kind == KeyType::Keyring, Fact::UpcallOfKeyring, EPERM)?;
        if self.is_unknown() {
            return self.upcall_unknown(destination);
        }
        let destination = match destination {
            Some(destination) => destination,
            None => self.default_destination()?,
        };
        let uid = self.cred().user.filesystem;
        if self.key(destination).kind != KeyType::Keyring {
            if !self.has_room(uid, 1, description.len() as i64 + 1) {
                return Err(Stop::Errno(EDQUOT));
            }
            return Err(self.fail(Fact::UpcallNotAKeyring, ENOTDIR));
        }
        // The session keyring of the helper links the user keyrings, which are created for it.
        self.user_keyrings();
        self.fail_if(self.key(destination).revoked, Fact::UpcallRevoked, EKEYREVOKED)?;
        let same = self.begin_link(destination, kind, description)?;
        let is_counted = same.is_none() && self.key(destination).payer == Some(uid);
        let link = if is_counted { A_LINK } else { 0 };
        let bytes = description.len() as i64 + 1 + link;
        self.refuse_if(!self.has_room(uid, 1, bytes), Fact::UpcallNeedsQuota, EDQUOT)?;
        let helper = self.session_of_helper(uid);
        let is_helped = self.has_room(uid, 1, bytes + helper);
        let takes_links = self.cred().session.is_none_or(|session| self.helper_links_to(session));
        let (payload, negative) = match handler_result(kind, description, callout) {
            HandlerResult::Payload(payload)
                if self.has_room(uid, 1, bytes + helper + payload.len() as i64) =>
            {
                (if self.law(Fact::UpcallPayload) { payload } else { "" }, None)
            }
            HandlerResult::Negative(errno, by_handler)
                if is_helped && (takes_links || !by_handler) =>
            {
                ("", Some((errno, by_handler)))
            }
            _ => ("", Some((ENOKEY, false))),
        };
        let new = self.new_of_type(kind, description, payload);
        let key = self.new_key(new);
        let Some((errno, by_handler)) = negative else {
            self.put_link(destination, key);
            return Ok(key);
        };
        if self.law(Fact::UpcallNegative) {
            self.negate(key, errno, NEGATIVE);
            self.put_link(destination, key);
            if let Some(session) = self.cred().session
                && by_handler
                && (self.key(session).payer != Some(uid) || self.has_room(uid, 0, helper + A_LINK))
            {
                self.put_link(session, key);
            }
        }
        Err(self.fail(Fact::UpcallUnhandled, if is_helped { errno } else { EDQUOT }))
    }

    /// Whether the helper, which possesses what the requestor does, can link a key to the session keyring.
    /// Where it cannot, nothing instantiates the key. Kernel: `keyctl_reject_key`.
    fn helper_links_to(&self, session: KeyId) -> bool {
        let keyring = self.key(session);
        let needed = Permission::Search as u32 | Permission::Write as u32;
        let is_valid = !keyring.revoked && !keyring.invalidated && keyring.expiry != Expiry::Passed;
        is_valid && keyring.restricted.is_none() && keyring.perm >> 24 & needed == needed
    }

    pub(super) fn negate(&mut self, key: KeyId, errno: Errno, seconds: u32) {
        let key = self.world.keys.edit(key);
        key.constructing = false;
        key.content = Content::Nothing;
        key.negative = Some(errno);
        key.expiry = Expiry::In(seconds);
    }

    /// The charge for the session keyring of the helper with its link to the authority, in bytes: its
    /// name is `_req.` and a serial number of one to ten digits. Kernel: `call_sbin_request_key`.
    fn session_of_helper(&mut self, uid: Id) -> i64 {
        let is_limited = !self.has_room(uid, 0, i64::MAX);
        if is_limited {
            "_req.1".len() as i64 + 1 + A_LINK + self.choices.choose(10) as i64
        } else {
            0
        }
    }

    /// Where an upcall links its key if no destination is given. Kernel: `construct_get_dest_keyring`.
    pub(super) fn default_destination(&mut self) -> Attempt<KeyId> {
        let cred = self.cred().clone();
        if let (Some(authority), 0 | 7) = (cred.authority, cred.destination)
            && self.law(Fact::NestedDestination)
        {
            let at = Ref { key: authority.destination, possessed: true };
            if !self.permits(at, Permission::Write) && !self.law(Fact::NestedWithoutWrite) {
                return Err(Stop::Errno(EACCES));
            }
            return Ok(authority.destination);
        }
        let setting = if self.law(Fact::UpcallSetting) { cred.destination } else { 0 };
        let thread = cred.thread.filter(|_| self.law(Fact::UpcallDefaultThread));
        let process = cred.process.filter(|_| self.law(Fact::UpcallDefaultProcess));
        let session = cred.session.filter(|_| self.law(Fact::UpcallDefaultSession));
        let found = match setting {
            2 => process.or(session),
            3 => session,
            4 => Some(self.user_keyrings().user),
            5 => Some(self.user_keyrings().session),
            _ => thread.or(process).or(session),
        };
        let key = found.unwrap_or_else(|| self.user_keyrings().session);
        let at = Ref { key, possessed: true };
        if !self.permits(at, Permission::Write) && self.law(Fact::UpcallNeedsWrite) {
            return Err(Stop::Errno(EACCES));
        }
        Ok(key)
    }

    pub(super) fn keyctl_search(&mut self) -> Attempt<KeyId> {
        let (source, kind) = (self.key_arg(0)?, self.text(1)?);
        let description = self.text(2)?.ok_or(Stop::Errno(EFAULT))?;
        let destination = self.key_arg(3)?;
        self.search_args(source, kind, description, destination)
    }

    /// Kernel: `keyctl_keyring_search`.
    pub(super) fn search_args(
        &mut self,
        source: KeyArg,
        kind: Option<&str>,
        description: &str,
        destination: KeyArg,
    ) -> Attempt<KeyId> {
        let kind = self.type_name(kind)?;
        let source = self.lookup(source, KeySlot::SearchSource)?;
        let destination = self.destination(destination, KeySlot::SearchDestination)?;
        let Some(kind) = KeyType::named(kind) else {
            return match self.is_unknown() {
                true => self.open_key_for(destination),
                false => Err(Stop::Errno(ENOKEY)),
            };
        };
        let cred = self.cred().clone();
        let wanted = Wanted::Like(kind, description, false);
        let mut found = self.search(source, &wanted, &cred);
        if found.is_err() && !self.law(Fact::SearchOfOne) {
            found = self.search_all(&cred, &wanted);
        }
        match found {
            Ok(found) => self.link_found(found, destination),
            Err(errno) if errno != EAGAIN && self.law(Fact::SearchUnsoundErrno) => {
                Err(Stop::Errno(errno))
            }
            Err(_) => Err(Stop::Errno(ENOKEY)),
        }
    }
}
