//! request_key(2) and KEYCTL_SEARCH, with upcalls.

use super::add::A_LINK;
use crate::laws::{Fact, LINK, Place, WRITE};
use crate::lookup::Named;
use crate::run::{Given, Gives, Run, Step, Stop};
use crate::search::{Ref, Wanted};
use crate::world::{Content, Expiry, Id, KeyId, Type};

/// What comes of an upcall.
enum Answer {
    /// The key gets this payload.
    Payload(String),
    /// The key is negative with this error, and linked in the session keyring as well if the handler
    /// links it.
    Negative(&'static str, bool),
}

/// What the configuration that comes with keyutils does for a key. For others it has no handler.
fn answer(kind: &Type, description: &str, callout: &str) -> Answer {
    if *kind != Type::User {
        return Answer::Negative("ENOKEY", false);
    }
    if description.starts_with("debug:loop:") && !callout.is_empty() {
        return Answer::Payload(callout.to_owned());
    }
    match (description.starts_with("debug:"), callout) {
        (true, "negate") => Answer::Negative("ENOKEY", true),
        (true, "rejected") => Answer::Negative("EKEYREJECTED", true),
        (true, "expired") => Answer::Negative("EKEYEXPIRED", true),
        (true, "revoked") => Answer::Negative("EKEYREVOKED", true),
        _ => Answer::Negative("ENOKEY", false),
    }
}

/// How long a negative key lasts, in seconds.
const NEGATIVE: u32 = 30;

impl Run<'_> {
    pub(super) fn request_key(&mut self) -> Gives {
        let kind = self.text(0)?.map(str::to_owned);
        let Some(description) = self.text(1)?.map(str::to_owned) else {
            return Err(Stop::Errno("EFAULT"));
        };
        let callout = self.text(2)?.map(str::to_owned);
        let destination = self.named(3)?;
        let key = self.request(kind.as_deref(), &description, callout.as_deref(), &destination)?;
        Ok(Given::Key(key))
    }

    /// Kernel: `__do_sys_request_key`, `request_key_and_link`.
    pub(super) fn request(
        &mut self,
        kind: Option<&str>,
        description: &str,
        callout: Option<&str>,
        destination: &Named,
    ) -> Step<KeyId> {
        let kind = self.type_of(kind)?;
        let destination = match destination {
            Named::None => None,
            named => Some(self.lookup(named, Place::RequestKeyDestination)?.key),
        };
        let Some(kind) = Type::named(&kind) else {
            return Err(self.fail(Fact::UnknownTypeOfRequest, "ENOKEY"));
        };
        let cred = self.cred().clone();
        match self.search_all(&cred, &Wanted::Like(&kind, description, true)) {
            Ok(found) => {
                self.link_found(found, destination)?;
                Ok(found.key)
            }
            Err("EAGAIN") => {
                let callout = match callout {
                    Some(callout) => callout,
                    None if self.law(Fact::NoCalloutNoUpcall) => return Err(Stop::Errno("ENOKEY")),
                    None => "",
                };
                self.upcall(&kind, description, callout, destination)
            }
            Err(errno) => Err(Stop::Errno(errno)),
        }
    }

    fn link_found(&mut self, found: Ref, destination: Option<KeyId>) -> Step {
        let destination = match destination {
            Some(destination) => destination,
            None => {
                let default = self.cred().thread.or(self.cred().session);
                match default {
                    Some(default) if !self.law(Fact::SearchNoLinkByDefault) => default,
                    _ => return Ok(()),
                }
            }
        };
        if !self.permits(found, LINK) && self.law(Fact::FoundNeedsLink) {
            return Err(self.fail(Fact::PermissionErrno, "EACCES"));
        }
        if self.law(Fact::FoundIsLinked) { self.link(destination, found.key) } else { Ok(()) }
    }

    /// Has the kernel ask user space to make a key. Kernel: `construct_key_and_link`.
    fn upcall(
        &mut self,
        kind: &Type,
        description: &str,
        callout: &str,
        destination: Option<KeyId>,
    ) -> Step<KeyId> {
        if *kind == Type::Keyring && self.law(Fact::UpcallOfKeyring) {
            return Err(Stop::Errno("EPERM"));
        }
        let destination = match destination {
            Some(destination) => destination,
            None => self.default_destination()?,
        };
        // The helper's session holds the user keyrings, which are made for it.
        self.user_keyrings();
        if self.key(destination).revoked {
            return Err(self.fail(Fact::UpcallRevoked, "EKEYREVOKED"));
        }
        let uid = self.cred().fsuid;
        let bytes = description.len() as i64 + 1;
        let same = self.begin_link(destination, kind, description)?;
        let is_counted = same.is_none() && self.key(destination).payer == Some(uid);
        let link = if is_counted { A_LINK } else { 0 };
        if !self.has_room(uid, 1, bytes + link) {
            return Err(Stop::Errno("EDQUOT"));
        }
        let helper = self.session_of_helper(uid);
        let is_helped = self.has_room(uid, 1, bytes + link + helper);
        let answer = match answer(kind, description, callout) {
            Answer::Payload(payload)
                if self.has_room(uid, 1, bytes + link + helper + payload.len() as i64) =>
            {
                Answer::Payload(payload)
            }
            Answer::Negative(errno, by_handler) if is_helped => Answer::Negative(errno, by_handler),
            _ => Answer::Negative("ENOKEY", false),
        };
        let payload = match &answer {
            Answer::Payload(payload) if self.law(Fact::UpcallPayload) => payload.clone(),
            _ => String::new(),
        };
        let new = self.new_of_type(kind.clone(), description.to_owned(), payload);
        let key = self.new_key(new);
        let Answer::Negative(errno, by_handler) = answer else {
            self.put_link(destination, key);
            return Ok(key);
        };
        if self.law(Fact::UpcallNegative) {
            let negative = self.world.keys.edit(key);
            negative.content = Content::Nothing;
            negative.negative = Some(errno);
            negative.expiry = Expiry::In(NEGATIVE);
            self.put_link(destination, key);
            if let Some(session) = self.cred().session
                && by_handler
                && (self.key(session).payer != Some(uid) || self.has_room(uid, 0, helper + A_LINK))
            {
                self.put_link(session, key);
            }
        }
        let errno = if is_helped { errno } else { "EDQUOT" };
        Err(self.fail(Fact::UpcallUnhandled, errno))
    }

    /// What the session keyring of the helper counts, in bytes, with its link to the authority: its name
    /// is `_req.` and a serial number of one to ten digits. Kernel: `call_sbin_request_key`.
    fn session_of_helper(&mut self, uid: Id) -> i64 {
        let is_limited = !self.has_room(uid, 0, i64::MAX);
        if is_limited {
            "_req.1".len() as i64 + 1 + A_LINK + self.fate.choose(10) as i64
        } else {
            0
        }
    }

    /// Where an upcall links its key if nothing else is said. Kernel: `construct_get_dest_keyring`.
    fn default_destination(&mut self) -> Step<KeyId> {
        let cred = self.cred().clone();
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
        if !self.permits(at, WRITE) && self.law(Fact::UpcallNeedsWrite) {
            return Err(Stop::Errno("EACCES"));
        }
        Ok(key)
    }

    pub(super) fn keyctl_search(&mut self) -> Gives {
        let source = self.named(0)?;
        let kind = self.text(1)?.map(str::to_owned);
        let Some(description) = self.text(2)?.map(str::to_owned) else {
            return Err(Stop::Errno("EFAULT"));
        };
        let destination = self.named(3)?;
        let key = self.search_named(&source, kind.as_deref(), &description, &destination)?;
        Ok(Given::Key(key))
    }

    /// Kernel: `keyctl_keyring_search`.
    pub(super) fn search_named(
        &mut self,
        source: &Named,
        kind: Option<&str>,
        description: &str,
        destination: &Named,
    ) -> Step<KeyId> {
        let kind = self.type_of(kind)?;
        let source = self.lookup(source, Place::SearchSource)?;
        let destination = match destination {
            Named::None => None,
            named => Some(self.lookup(named, Place::SearchDestination)?.key),
        };
        let Some(kind) = Type::named(&kind) else {
            return Err(Stop::Errno("ENOKEY"));
        };
        let cred = self.cred().clone();
        let wanted = Wanted::Like(&kind, description, false);
        let mut found = self.search(source, &wanted, &cred);
        if found.is_err() && !self.law(Fact::SearchOfOne) {
            found = self.search_all(&cred, &wanted);
        }
        match found {
            Ok(found) => {
                self.link_found(found, destination)?;
                Ok(found.key)
            }
            Err("EAGAIN") => Err(Stop::Errno("ENOKEY")),
            Err(errno) if self.law(Fact::SearchUnsoundErrno) => Err(Stop::Errno(errno)),
            Err(_) => Err(Stop::Errno("ENOKEY")),
        }
    }
}
