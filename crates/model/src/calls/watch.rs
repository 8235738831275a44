//! Watches: what a notification pipe reports. The pipe of a trace is one as soon as the trace has created one.

use crate::laws::{Fact, KeySlot};
use crate::run::{Attempt, Predicted, Prediction, Run, Stop};
use crate::world::{KeyId, Report, Watch};
use trace::Errno::*;
use trace::Value;

/// The number that ends a watch.
const END: i64 = -1;
/// The largest number of a watch.
const LARGEST: i64 = 0xff;

impl Run<'_> {
    /// Kernel: `keyctl_watch_key`, or without CONFIG_KEY_NOTIFICATIONS nothing.
    pub(super) fn watch_key(&mut self) -> Prediction {
        let arg = self.key_arg(0)?;
        if !self.is_configured(|config| &mut config.notifications) {
            if !self.law(Fact::WatchUnsupported) {
                self.lookup_or_create(arg, KeySlot::Watch, true)?;
            }
            return Err(Stop::Errno(EOPNOTSUPP));
        }
        let number = self.int(2)?;
        let is_wrong = !(END..=LARGEST).contains(&number);
        self.refuse_if(is_wrong, Fact::WatchNumberFirst, EINVAL)?;
        let key = self.lookup(arg, KeySlot::Watch)?.key;
        if is_wrong {
            return Err(Stop::Errno(EINVAL));
        }
        let is_pipe = self.world.config.notifies && matches!(self.arg(1)?, Value::Word(_));
        self.fail_if(!is_pipe, Fact::WatchNeedsPipe, EINVAL)?;
        if number == END {
            self.end_watch(key)?;
        } else {
            self.refuse_if(self.is_watched(key), Fact::WatchOnce, EBUSY)?;
            let beginner = if self.law(Fact::WatchHolds) { Some(self.cred_id()) } else { None };
            self.world.watches.add(Watch { key, beginner });
        }
        Ok(Predicted::Int(0))
    }

    fn end_watch(&mut self, key: KeyId) -> Attempt {
        self.fail_if(!self.is_watched(key), Fact::WatchMissing, EBADSLT)?;
        self.report(key, Fact::ReportsEnd, "removed", None);
        self.stop_watching(key);
        Ok(())
    }

    pub(crate) fn is_watched(&self, key: KeyId) -> bool {
        self.world.watches.iter().any(|watch| watch.key == key)
    }

    pub(crate) fn stop_watching(&mut self, key: KeyId) {
        self.world.watches.take_out(|watch| watch.key == key);
    }

    /// Kernel: `watch_queue_init`.
    pub(super) fn notification_pipe(&mut self) -> Prediction {
        self.world.config.notifies = true;
        self.pair(false)
    }

    /// Everything that was reported since the last time.
    pub(super) fn notifications(&mut self) -> Prediction {
        let words = |Report { key, what, other }: &Report| {
            let other = other.map(Predicted::Key);
            let words = [Some(Predicted::Key(*key)), Some(Predicted::word(what)), other];
            Predicted::List(words.into_iter().flatten().collect())
        };
        let all = self.world.reports.iter().map(words).collect();
        while self.world.reports.len() > 0 {
            self.world.reports.take_out(|_| true);
        }
        Ok(Predicted::List(all))
    }

    /// Notes what a watch of the key reports. Kernel: `notify_key`.
    pub(crate) fn report(
        &mut self,
        key: KeyId,
        law: Fact,
        what: &'static str,
        other: Option<KeyId>,
    ) {
        if self.is_watched(key) && self.law(law) {
            self.world.reports.add(Report { key, what, other });
        }
    }

    /// Notes a new mask, owner or timeout.
    pub(crate) fn report_change(&mut self, key: KeyId) {
        self.report(key, Fact::ReportsChange, "changed", None);
    }

    /// Notes a new payload, which concerns no keyring that links the key.
    pub(crate) fn report_update(&mut self, key: KeyId) {
        self.report(key, Fact::ReportsNoContents, "updated", None);
        for Watch { key: keyring, .. } in self.world.watches.iter().copied().collect::<Vec<_>>() {
            if self.key(keyring).links().contains(&key) && !self.law(Fact::ReportsNoContents) {
                self.world.reports.add(Report { key: keyring, what: "updated", other: None });
            }
        }
    }
}
