//! Arenas with typed indices and an undo log: changes made while one path is tried can be taken back.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Index;

/// The index of a `T` in its [`Store`].
pub(crate) struct Idx<T>(usize, PhantomData<fn() -> T>);

impl<T> Idx<T> {
    /// The index of what is added first.
    pub(crate) const FIRST: Idx<T> = Idx::at(0);

    pub(crate) const fn at(nth: usize) -> Idx<T> {
        Idx(nth, PhantomData)
    }

    /// The number of things before it.
    pub(crate) fn nth(self) -> usize {
        self.0
    }
}

// Derived, these would require the same of `T`.

impl<T> Clone for Idx<T> {
    fn clone(&self) -> Idx<T> {
        *self
    }
}

impl<T> Copy for Idx<T> {}

impl<T> Default for Idx<T> {
    fn default() -> Idx<T> {
        Idx::FIRST
    }
}

impl<T> PartialEq for Idx<T> {
    fn eq(&self, other: &Idx<T>) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Idx<T> {}

impl<T> PartialOrd for Idx<T> {
    fn partial_cmp(&self, other: &Idx<T>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Idx<T> {
    fn cmp(&self, other: &Idx<T>) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T> fmt::Debug for Idx<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An arena. Between [`Store::begin`] and [`Store::undo`] it notes what was there before.
#[derive(Clone, Debug)]
pub(crate) struct Store<T> {
    things: Vec<T>,
    before: Vec<(usize, T)>,
    /// Its length at the last [`Store::begin`].
    len: usize,
}

impl<T> Default for Store<T> {
    fn default() -> Store<T> {
        Store { things: Vec::new(), before: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Store<T> {
    /// From here on changes can be taken back.
    pub(crate) fn begin(&mut self) {
        self.before.clear();
        self.len = self.things.len();
    }

    /// Takes back all changes since [`Store::begin`].
    pub(crate) fn undo(&mut self) {
        self.things.truncate(self.len);
        while let Some((nth, thing)) = self.before.pop() {
            match self.things.get_mut(nth) {
                Some(place) => *place = thing,
                None => self.things.push(thing),
            }
        }
    }

    /// Whether nothing has changed since [`Store::begin`].
    pub(crate) fn is_unchanged(&self) -> bool {
        self.before.is_empty() && self.things.len() == self.len
    }

    pub(crate) fn add(&mut self, thing: T) -> Idx<T> {
        self.things.push(thing);
        Idx::at(self.things.len() - 1)
    }

    pub(crate) fn edit(&mut self, Idx(nth, _): Idx<T>) -> &mut T {
        if nth < self.len && !self.before.iter().any(|(noted, _)| *noted == nth) {
            self.before.push((nth, self.things[nth].clone()));
        }
        &mut self.things[nth]
    }

    /// Removes the first thing like this; the last one gets its index.
    pub(crate) fn take_out(&mut self, is_it: impl Fn(&T) -> bool) {
        let Some(nth) = self.position(is_it) else { return };
        let Some(last) = self.things.pop() else { return };
        if self.things.len() < self.len {
            self.before.push((self.things.len(), last.clone()));
        }
        if nth.0 < self.things.len() {
            *self.edit(nth) = last;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.things.len()
    }

    /// The index of what is added next.
    pub(crate) fn next(&self) -> Idx<T> {
        Idx::at(self.things.len())
    }

    pub(crate) fn position(&self, is_it: impl Fn(&T) -> bool) -> Option<Idx<T>> {
        self.things.iter().position(is_it).map(Idx::at)
    }

    /// The indices of all things, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Idx<T>> + use<T> {
        (0..self.things.len()).map(Idx::at)
    }

    pub(crate) fn get(&self, Idx(nth, _): Idx<T>) -> Option<&T> {
        self.things.get(nth)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.things.iter()
    }
}

impl<T> Index<Idx<T>> for Store<T> {
    type Output = T;

    fn index(&self, Idx(nth, _): Idx<T>) -> &T {
        &self.things[nth]
    }
}

impl<T: PartialEq> PartialEq for Store<T> {
    fn eq(&self, other: &Store<T>) -> bool {
        self.things == other.things
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_undone() {
        let mut store = Store::default();
        for thing in [10, 20, 30] {
            store.add(thing);
        }
        let before = store.clone();
        let acts: [fn(&mut Store<i32>); 6] = [
            |store| *store.edit(Idx::at(1)) = 21,
            |store| *store.edit(Idx::at(2)) = 31,
            |store| {
                let new = store.add(40);
                *store.edit(new) = 41;
            },
            |store| store.take_out(|thing| *thing == 10),
            |store| store.take_out(|thing| *thing == 30),
            |store| {
                store.take_out(|thing| *thing == 20);
                *store.edit(Idx::at(1)) = 31;
                let new = store.add(50);
                *store.edit(new) = 51;
                store.take_out(|thing| *thing == 10);
            },
        ];
        for act in acts {
            store.begin();
            act(&mut store);
            assert!(store != before);
            store.undo();
            assert!(store == before, "{store:?}");
        }
    }
}
