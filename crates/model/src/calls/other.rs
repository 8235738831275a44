//! Operations that hardly concern thread and process keyrings.

use crate::laws::{Fact, KeySlot, Permission};
use crate::run::{Predicted, Prediction, Run, Stop};
use crate::world::{KeyId, KeyType};
use trace::Errno::*;

/// The shortest prime, in bytes. Kernel: `dh_check_params_length`.
const SHORTEST_PRIME: i64 = 1536 / 8;

impl Run<'_> {
    /// Succeeds and creates nothing. Kernel: `keyctl_capabilities`.
    pub(super) fn capabilities(&mut self) -> Prediction {
        self.fail_first_if(true, Fact::Capabilities, EOPNOTSUPP)?;
        if !self.event.args.is_empty() {
            let (buffer, is_mapped) = self.buffer(0)?;
            self.refuse_if(buffer > 0 && !is_mapped, Fact::CapabilitiesUnmapped, EFAULT)?;
        }
        Ok(Predicted::Any)
    }

    /// A keyring is not accepted as one of the numbers. Kernel: `keyctl_dh_compute`, `dh_data_from_key`.
    pub(super) fn dh_compute(&mut self) -> Prediction {
        if !self.is_configured(|config| &mut config.dh) {
            if !self.law(Fact::DhUnsupported) {
                self.lookup(self.key_arg(0)?, KeySlot::DhCompute)?;
            }
            return Err(Stop::Errno(EOPNOTSUPP));
        }
        let mut is_short = false;
        // Prime, base, private key: the kernel's order of lookups.
        for nth in [1, 2, 0] {
            let found = self.lookup(self.key_arg(nth)?, KeySlot::DhCompute);
            let readable = match found {
                // Possession does not stand in for the permission, as it does for KEYCTL_READ.
                Ok(found) => self.is_positive(found.key) && self.permits(found, Permission::Read),
                Err(Stop::Errno(_)) => false,
                Err(other) => return Err(other),
            };
            self.fail_if(!readable, Fact::DhErrno, ENOKEY)?;
            let key = found.map(|found| found.key)?;
            self.fail_if(self.key(key).kind != KeyType::User, Fact::DhErrno, EOPNOTSUPP)?;
            is_short |= nth == 1 && self.key(key).content.len() < SHORTEST_PRIME;
        }
        if is_short && !self.is_unknown() {
            return Err(Stop::Errno(EINVAL));
        }
        Ok(Predicted::Any)
    }

    fn is_positive(&mut self, key: KeyId) -> bool {
        self.invalid(key).is_none() && self.key(key).negative.is_none()
    }

    /// No type that this model knows has an asymmetric key. Kernel: `keyctl_pkey_params_get`.
    pub(super) fn pkey(&mut self) -> Prediction {
        if !self.is_configured(|config| &mut config.asymmetric) {
            return Err(Stop::Errno(EOPNOTSUPP));
        }
        self.lookup(self.key_arg(0)?, KeySlot::Pkey)?;
        Err(self.fail(Fact::PkeyType, EOPNOTSUPP))
    }
}
