//! Sets of states: one bit per state in document order.

/// A set of states of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// An empty set with room for `count` states.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            words: vec![0; count.div_ceil(64)],
        }
    }

    pub(crate) fn contains(&self, index: u32) -> bool {
        let (word, bit) = place(index);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Adds a state; false when it was there.
    pub(crate) fn insert(&mut self, index: u32) -> bool {
        let (word, bit) = place(index);
        match self.words.get_mut(word) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn remove(&mut self, index: u32) {
        let (word, bit) = place(index);
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The first member at or after `from`.
    pub(crate) fn next(&self, from: u32) -> Option<u32> {
        let (index, bit) = place(from);
        let first = self.words.get(index)? & !(bit - 1);
        if first != 0 {
            return Some(member(index, first));
        }
        let later = self.words.iter().enumerate().skip(index + 1);
        later
            .filter(|(_, word)| **word != 0)
            .map(|(index, word)| member(index, *word))
            .next()
    }

    /// The last member at or before `from`.
    pub(crate) fn previous(&self, from: u32) -> Option<u32> {
        let (index, bit) = place(from);
        let last = self.words.get(index)? & (bit | (bit - 1));
        if last != 0 {
            return Some(highest(index, last));
        }
        let earlier = self.words.iter().enumerate().take(index).rev();
        earlier
            .filter(|(_, word)| **word != 0)
            .map(|(index, word)| highest(index, *word))
            .next()
    }

    /// True when a member lies in `from..=to`.
    pub(crate) fn any_within(&self, from: u32, to: u32) -> bool {
        self.next(from).is_some_and(|member| member <= to)
    }

    /// The members in document order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let mut from = Some(0);
        std::iter::from_fn(move || {
            let member = self.next(from?)?;
            from = member.checked_add(1);
            Some(member)
        })
    }
}

fn place(index: u32) -> (usize, u64) {
    let word = usize::try_from(index / 64).unwrap_or(usize::MAX);
    (word, 1 << (index % 64))
}

fn member(index: usize, word: u64) -> u32 {
    u32::try_from(index * 64)
        .unwrap_or(u32::MAX)
        .saturating_add(word.trailing_zeros())
}

fn highest(index: usize, word: u64) -> u32 {
    u32::try_from(index * 64)
        .unwrap_or(u32::MAX)
        .saturating_add(63 - word.leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_order() {
        let mut bits = Bits::new(200);
        for index in [199, 3, 64, 63, 0] {
            assert!(bits.insert(index));
        }
        assert!(!bits.insert(3));
        assert!(!bits.insert(1_000));
        bits.remove(0);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [3, 63, 64, 199]);
        assert_eq!((bits.next(65), bits.next(200)), (Some(199), None));
        assert_eq!((bits.previous(198), bits.previous(2)), (Some(64), None));
        assert!(bits.any_within(60, 63) && !bits.any_within(65, 198));
        bits.clear();
        assert!(bits.is_empty());
    }
}
