//! What a kernel may do in one way or another, as the time at which its collector runs.

/// The choices of one try, and the way to the next one.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    /// What was chosen of how many, in the order of the questions.
    chosen: Vec<(usize, usize)>,
    asked: usize,
}

impl Fate {
    /// One of `of` ways, `0..of`; over all tries, each of them.
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

    /// Nothing was asked in this try, and none came before.
    pub(crate) fn is_only(&self) -> bool {
        self.chosen.is_empty()
    }

    /// Goes on to the choices of the next try; false if each was tried.
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
