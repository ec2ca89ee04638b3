//! A map by name, kept in order in one list: found in O(log n), changed by moving what stands behind.
//! The maps of the standard library are many times as much code, which the wasm file would carry.

use std::sync::Arc;

/// Values by name, in the order of the names.
#[derive(Clone, Debug)]
pub struct Names<V>(Vec<(Arc<str>, V)>);

impl<V> Names<V> {
    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&V> {
        self.place(name).ok().map(|at| &self.0[at].1)
    }

    /// Gives a name its value; false, and the value is the new one, if it had one.
    pub fn insert(&mut self, name: Arc<str>, value: V) -> bool {
        match self.place(&name) {
            Ok(at) => {
                self.0[at].1 = value;
                false
            }
            Err(at) => {
                self.0.insert(at, (name, value));
                true
            }
        }
    }

    /// Forgets a name.
    pub fn remove(&mut self, name: &str) {
        if let Ok(at) = self.place(name) {
            self.0.remove(at);
        }
    }

    /// Forgets all but those whose values will do.
    pub fn retain(&mut self, will_do: impl Fn(&V) -> bool) {
        self.0.retain(|(_, value)| will_do(value));
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &V)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }
}

impl<V> Default for Names<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_replaced_and_forgotten_in_order() {
        let mut names = Names::default();
        for (value, name) in ["c", "a", "b", "a"].into_iter().enumerate() {
            assert_eq!(names.insert(name.into(), value), value < 3);
        }
        let all = |names: &Names<usize>| -> Vec<(String, usize)> {
            names.iter().map(|(name, value)| (name.to_string(), *value)).collect()
        };
        assert_eq!(all(&names), [("a".into(), 3), ("b".into(), 2), ("c".into(), 0)]);
        names.remove("b");
        names.remove("x");
        names.retain(|value| *value > 0);
        assert_eq!((all(&names), names.len()), (vec![("a".into(), 3)], 1));
        assert_eq!((names.get("a"), names.get("c")), (Some(&3), None));
    }
}
