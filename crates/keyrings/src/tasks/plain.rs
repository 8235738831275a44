//! Values that travel between tasks.

use crate::sys::shared::{WORDS, Words};

/// A value that can travel to another task, in another process or program: as numbers, without a
/// reference into the memory it comes from.
///
/// ```
/// use keyrings::{Parcel, Plain};
///
/// struct Point { x: i32, y: i32 }
///
/// impl Plain for Point {
///     fn pack(self, parcel: &mut Parcel) {
///         (self.x, self.y).pack(parcel);
///     }
///
///     fn unpack(parcel: &mut Parcel) -> Option<Point> {
///         Plain::unpack(parcel).map(|(x, y)| Point { x, y })
///     }
/// }
/// ```
pub trait Plain: Sized + 'static {
    /// Adds the value to a parcel.
    fn pack(self, parcel: &mut Parcel);

    /// Takes the value out of a parcel that [`Plain::pack`] filled; `None` if it holds something else.
    fn unpack(parcel: &mut Parcel) -> Option<Self>;
}

/// What travels with an order: at most 64 words of 64 bits.
#[derive(Debug)]
pub struct Parcel {
    words: Words,
    /// Words that were packed or unpacked so far.
    at: usize,
}

impl Parcel {
    fn with(words: Words) -> Parcel {
        Parcel { words, at: 0 }
    }

    /// Adds a word. What does not fit is counted and left out, and the order is refused.
    pub fn push(&mut self, word: u64) {
        if let Some(place) = self.words.get_mut(self.at) {
            *place = word;
        }
        self.at += 1;
    }

    /// Takes out the next word.
    pub fn pop(&mut self) -> Option<u64> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }
}

/// The words of a value; `None` if it is too long for a parcel.
pub(crate) fn packed(value: impl Plain) -> Option<Words> {
    let mut parcel = Parcel::with([0; WORDS]);
    value.pack(&mut parcel);
    (parcel.at <= parcel.words.len()).then_some(parcel.words)
}

/// The value that these words are.
pub(crate) fn unpacked<T: Plain>(words: &Words) -> Option<T> {
    T::unpack(&mut Parcel::with(*words))
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Plain for $number {
            fn pack(self, parcel: &mut Parcel) {
                parcel.push(self as u64);
            }

            fn unpack(parcel: &mut Parcel) -> Option<$number> {
                Some(parcel.pop()? as $number)
            }
        }
    )*};
}
numbers!(u8, i32, u32, i64, u64, usize);

impl Plain for bool {
    fn pack(self, parcel: &mut Parcel) {
        parcel.push(self.into());
    }

    fn unpack(parcel: &mut Parcel) -> Option<bool> {
        Some(parcel.pop()? != 0)
    }
}

macro_rules! tuples {
    ($(($($value:ident),*);)*) => {$(
        #[allow(non_snake_case, unused_variables)]
        impl<$($value: Plain),*> Plain for ($($value,)*) {
            fn pack(self, parcel: &mut Parcel) {
                let ($($value,)*) = self;
                $($value.pack(parcel);)*
            }

            #[allow(clippy::unused_unit)]
            fn unpack(parcel: &mut Parcel) -> Option<($($value,)*)> {
                Some(($($value::unpack(parcel)?,)*))
            }
        }
    )*};
}
tuples! {
    ();
    (A, B);
    (A, B, C);
    (A, B, C, D);
}

impl<T: Plain, const N: usize> Plain for [T; N] {
    fn pack(self, parcel: &mut Parcel) {
        self.into_iter().for_each(|value| value.pack(parcel));
    }

    fn unpack(parcel: &mut Parcel) -> Option<[T; N]> {
        let values: Option<Vec<T>> = (0..N).map(|_| T::unpack(parcel)).collect();
        values?.try_into().ok()
    }
}

/// Text of at most 504 bytes.
impl Plain for String {
    fn pack(self, parcel: &mut Parcel) {
        self.len().pack(parcel);
        for chunk in self.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            parcel.push(u64::from_ne_bytes(word));
        }
    }

    fn unpack(parcel: &mut Parcel) -> Option<String> {
        let len = usize::unpack(parcel)?;
        let words: Option<Vec<u64>> = (0..len.div_ceil(8)).map(|_| parcel.pop()).collect();
        let mut bytes: Vec<u8> = words?.into_iter().flat_map(u64::to_ne_bytes).collect();
        bytes.truncate(len);
        String::from_utf8(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_way_up_to_the_last_word() {
        let value = (-1, true, [u32::MAX, 7], ("é".repeat(16), -5i64));
        assert_eq!(packed(value.clone()).and_then(|words| unpacked(&words)), Some(value));
        let longest = "x".repeat(504);
        assert_eq!(packed(longest.clone()).and_then(|words| unpacked(&words)), Some(longest));
        assert_eq!(packed("x".repeat(505)), None, "one byte too long");
        assert_eq!(packed([0u64; WORDS + 1]), None);
        assert_eq!(unpacked::<String>(&[u64::MAX; WORDS]), None, "no such text");
    }
}
