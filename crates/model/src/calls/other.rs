//! Operations that hardly concern thread and process keyrings.

use crate::laws::{Fact, Place};
use crate::run::{Given, Gives, Run, Stop};

impl Run<'_> {
    /// Succeeds, and makes nothing. Kernel: `keyctl_capabilities`.
    pub(super) fn capabilities(&mut self) -> Gives {
        if self.law(Fact::Capabilities) { Ok(Given::Any) } else { Err(Stop::Errno("EOPNOTSUPP")) }
    }

    /// As a kernel without CONFIG_KEY_NOTIFICATIONS answers it.
    pub(super) fn watch_key(&mut self) -> Gives {
        let named = self.named(0)?;
        if !self.law(Fact::WatchUnsupported) {
            self.lookup_or_make(&named, Place::Describe, true)?;
        }
        Err(Stop::Errno("EOPNOTSUPP"))
    }

    /// No keyring is one of its numbers. Kernel: `keyctl_dh_compute`, `dh_data_from_key`.
    pub(super) fn dh_compute(&mut self) -> Gives {
        let supported = match self.world.config.dh {
            Some(supported) => supported,
            None => {
                let supported = self.either();
                self.world.config.dh = Some(supported);
                supported
            }
        };
        if !supported {
            return Err(Stop::Errno("EOPNOTSUPP"));
        }
        // Private key, prime, base; they are looked up in another order.
        for nth in [1, 2, 0] {
            let named = self.named(nth)?;
            let found = self.lookup(&named, Place::DhCompute);
            let readable = match found {
                Ok(found) => self.unsound(found.key).is_none() && self.may_read(found),
                Err(Stop::Errno(_)) => false,
                Err(other) => return Err(other),
            };
            if !readable {
                return Err(self.fail(Fact::DhErrno, "ENOKEY"));
            }
            let key = found.map(|found| found.key)?;
            if self.key(key).kind == crate::world::Type::Keyring {
                return Err(self.fail(Fact::DhErrno, "EOPNOTSUPP"));
            }
        }
        Ok(Given::Any)
    }

    /// No type that this model knows has an asymmetric key. Kernel: `keyctl_pkey_params_get`.
    pub(super) fn pkey(&mut self) -> Gives {
        let named = self.named(0)?;
        self.lookup(&named, Place::Pkey)?;
        Err(self.fail(Fact::PkeyType, "EOPNOTSUPP"))
    }
}
