//! How many requests are open at once: per key and overall, now and at most.

use std::collections::BTreeMap;

use crate::record::key_label;

/// Open requests, with no key as a key of its own.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    keys: BTreeMap<Option<String>, Count>,
    overall: Count,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    open: usize,
    peak: usize,
}

impl Count {
    fn enter(&mut self) {
        self.open += 1;
        self.peak = self.peak.max(self.open);
    }

    fn leave(&mut self) {
        self.open = self.open.saturating_sub(1);
    }

    fn forget_peak(&mut self) {
        self.peak = self.open;
    }
}

impl Traffic {
    /// A request comes; says how many its key has open now.
    pub(crate) fn enter(&mut self, key: Option<&str>) -> usize {
        self.overall.enter();
        let count = self.keys.entry(key.map(str::to_owned)).or_default();
        count.enter();
        count.open
    }

    /// A request has ended.
    pub(crate) fn leave(&mut self, key: Option<&str>) {
        self.overall.leave();
        if let Some(count) = self.keys.get_mut(&key.map(str::to_owned)) {
            count.leave();
        }
    }

    /// Starts the peaks again from what is open now.
    pub(crate) fn forget_peaks(&mut self) {
        self.overall.forget_peak();
        self.keys.retain(|_, count| count.open > 0);
        self.keys.values_mut().for_each(Count::forget_peak);
    }

    /// All open requests.
    pub(crate) fn open(&self) -> usize {
        self.overall.open
    }

    /// The most that were open at once.
    pub(crate) fn peak(&self) -> usize {
        self.overall.peak
    }

    /// The most that one key had open at once, by the key or by its label. Of several keys with
    /// the same label the busiest counts.
    pub(crate) fn peak_of(&self, key_or_label: &str) -> usize {
        if let Some(count) = self.keys.get(&Some(key_or_label.to_owned())) {
            return count.peak;
        }
        self.peaks()
            .filter(|(label, _)| label == key_or_label)
            .map(|(_, peak)| peak)
            .max()
            .unwrap_or(0)
    }

    /// Every key's label and peak.
    pub(crate) fn peaks(&self) -> impl Iterator<Item = (String, usize)> {
        self.keys.iter().map(|(key, count)| (key_label(key.as_deref()), count.peak))
    }
}
