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

    pub(crate) fn get(&self, nth: usize) -> Option<&T> {
        self.things.get(nth)
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
            |store| *store.edit(1) = 21,
            |store| *store.edit(2) = 31,
            |store| {
                let new = store.add(40);
                *store.edit(new) = 41;
            },
            |store| store.take_out(|thing| *thing == 10),
            |store| store.take_out(|thing| *thing == 30),
            |store| {
                store.take_out(|thing| *thing == 20);
                *store.edit(1) = 31;
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
