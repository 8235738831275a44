//! Backtracking over the non-deterministic choices of a kernel, such as when its garbage collector runs.

/// The choices along one path, and the way to the next path.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    /// Each choice and its number of alternatives, in order.
    chosen: Vec<(usize, usize)>,
    asked: usize,
}

impl Choices {
    /// Chooses one of `0..of`; over all paths, each of them.
    pub(crate) fn choose(&mut self, of: usize) -> usize {
        if of == 1 {
            return 0;
        }
        if self.asked == self.chosen.len() {
            self.chosen.push((0, of));
        }
        self.asked += 1;
        self.chosen[self.asked - 1].0
    }

    /// Whether this is the only path.
    pub(crate) fn is_only(&self) -> bool {
        self.chosen.is_empty()
    }

    /// The same path, to take it again.
    pub(crate) fn again(&self) -> Choices {
        Choices { chosen: self.chosen[..self.asked].to_vec(), asked: 0 }
    }

    /// Goes on to the next path; false if there is none.
    pub(crate) fn next(&mut self) -> bool {
        self.chosen.truncate(self.asked);
        self.asked = 0;
        while let Some((last, of)) = self.chosen.pop() {
            if last + 1 < of {
                self.chosen.push((last + 1, of));
                return true;
            }
        }
        false
    }
}
