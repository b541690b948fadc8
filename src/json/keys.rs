//! The keys of an object that have been read.

use std::{borrow::Cow, collections::HashSet};

/// Up to so many are compared one by one: making a set of a single key took a third of the time that a small document's
/// whole check took.
const FEW: usize = 8;

/// Escapes resolved, since `"a"` and `"\u0061"` are the same key.
#[derive(Default)]
pub(super) struct Keys<'t> {
    few: Vec<Cow<'t, str>>,
    /// All of them, once they are many.
    many: HashSet<Cow<'t, str>>,
}

impl<'t> Keys<'t> {
    pub(super) fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_empty()
    }

    /// Answers whether the key is new.
    pub(super) fn insert(&mut self, key: Cow<'t, str>) -> bool {
        if self.few.len() == FEW {
            self.many.extend(self.few.drain(..));
        }
        if !self.many.is_empty() {
            return self.many.insert(key);
        }
        let is_new = !self.few.contains(&key);
        if is_new {
            self.few.push(key);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW, Keys};

    #[test]
    fn a_key_is_new_once_be_they_few_or_many() {
        let mut keys = Keys::default();
        assert!(keys.is_empty());
        for n in 0..3 * FEW {
            assert!(keys.insert(n.to_string().into()), "{n} is new");
            assert!((0..=n).all(|known| !keys.insert(known.to_string().into())), "and all up to {n} are known");
            assert!(!keys.is_empty());
        }
    }
}
