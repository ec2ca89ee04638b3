//! The caps: never more requests under way at once than there is room for, in all and on each key.

use super::Case;
use crate::trace::Event;

pub fn judge(case: &Case) {
    let (in_all, on_each) = case.scenario.most;
    let mut under_way = vec![0; case.scenario.keys.len()];
    for event in &case.trace.events {
        match *event {
            Event::Started(attempt) => {
                let key = case.trace.attempts[attempt].key;
                under_way[key] += 1;
                let all: u32 = under_way.iter().sum();
                assert!(in_all.is_none_or(|most| all <= most), "{all} requests at once");
                let here = under_way[key];
                assert!(on_each.is_none_or(|most| here <= most), "{here} at once on key {key}");
            }
            Event::Ended(attempt) => under_way[case.trace.attempts[attempt].key] -= 1,
            _ => {}
        }
    }
}
