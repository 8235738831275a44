//! What calls change of keys and of the links to them.

use crate::follow::Explainer;
use crate::state::{Done, KeyIx, Loss};
use crate::text::{Part, say};

impl Explainer {
    pub(crate) fn set_timeout(&mut self, key: KeyIx, done: Done, seconds: Option<i64>) {
        let (place, task) = done;
        let seconds = seconds.filter(|seconds| *seconds as u32 != 0);
        let state = self.state.key_mut(key);
        state.timeout = seconds.map(|seconds| (done, i64::from(seconds as u32)));
        state.timeout_lost = None;
        if let Some(seconds) = seconds {
            let parts = [Part::Task(task), Part::Number(seconds)];
            self.tell(key, say("{} set a timeout of {} s", parts), place, &[]);
        }
    }

    pub(crate) fn revoked(&mut self, key: KeyIx, done: Done) {
        self.state.key_mut(key).revoked = Some(done);
        let text = say("revoked by {}", [Part::Task(done.1)]);
        self.tell(key, text, done.0, &["keyring.revoked.reading"]);
        if self.is_keyring(key) {
            for link in self.state.clear(key) {
                self.unlinked(link, done);
            }
        }
    }

    /// A new payload removes a timeout.
    pub(crate) fn updated(&mut self, key: KeyIx, done: Done) {
        let state = self.state.key_mut(key);
        if let Some(((_, _), seconds)) = state.timeout.take() {
            state.timeout_lost = Some((done, seconds));
        }
    }

    /// Links a key to a keyring, and displaces one of the same name.
    pub(crate) fn put(&mut self, ring: Option<KeyIx>, key: KeyIx, done: Done) {
        let Some(ring) = ring.filter(|ring| *ring != key) else { return };
        if let Some(name) = self.state.key(key).name {
            let same = self.state.by_place.get(&(ring, name)).copied();
            if let Some(same) = same.filter(|same| *same != key) {
                self.state.unlink(ring, same);
                let parts = [Part::Task(done.1), Part::Key(key)];
                let text = say("{} displaced it by {} of the same name", parts);
                self.tell(same, text, done.0, &["keyring.link.displaced"]);
                self.unlinked(same, done);
            }
        }
        if !self.state.key(ring).links.contains(&key) {
            let text = say("linked to the {} by {}", [Part::Key(ring), Part::Task(done.1)]);
            self.tell(key, text, done.0, &[]);
        }
        self.state.link(ring, key);
        self.may_have_raced(key);
    }

    /// A link to a key was removed.
    pub(crate) fn unlinked(&mut self, key: KeyIx, (place, task): Done) {
        if self.state.is_kept(key) || self.state.key(key).lost.is_some() {
            return;
        }
        self.state.key_mut(key).lost = Some((place, Loss::Unlinked(task)));
        let text = say("nothing keeps it any more: the kernel destroys it", []);
        self.tell(key, text, place, &["keyring.link.last"]);
    }
}
