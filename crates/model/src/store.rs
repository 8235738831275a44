//! Things by number, with a way back: what a try has changed can be taken back.

use std::ops::Index;

/// Things by number. Between [`Store::begin`] and [`Store::undo`] it notes what was there before.
#[derive(Clone, Debug)]
pub(crate) struct Store<T> {
    things: Vec<T>,
    before: Vec<(usize, T)>,
    /// How many there were at the last [`Store::begin`].
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

    pub(crate) fn add(&mut self, thing: T) -> usize {
        self.things.push(thing);
        self.things.len() - 1
    }

    pub(crate) fn edit(&mut self, nth: usize) -> &mut T {
        if nth < self.len {
            self.before.push((nth, self.things[nth].clone()));
        }
        &mut self.things[nth]
    }

    /// Takes a thing out; the last one gets its number.
    pub(crate) fn take_out(&mut self, is_it: impl Fn(&T) -> bool) {
        let Some(nth) = self.things.iter().position(is_it) else { return };
        let Some(last) = self.things.pop() else { return };
        if self.things.len() < self.len {
            self.before.push((self.things.len(), last.clone()));
        }
        if nth < self.things.len() {
            *self.edit(nth) = last;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.things.len()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.things.iter()
    }
}

impl<T> Index<usize> for Store<T> {
    type Output = T;

    fn index(&self, nth: usize) -> &T {
        &self.things[nth]
    }
}

impl<T: PartialEq> PartialEq for Store<T> {
    fn eq(&self, other: &Store<T>) -> bool {
        self.things == other.things
    }
}
