//! What answers tell of shared accounts, in any order in which keys are used.

use proptest::collection::vec;
use proptest::prelude::*;

use super::accounts::{accounts, in_use, tell};
use super::*;
use crate::core::tests::trials::a_thousand;

/// Twelve minutes of nine requests: of which key each is, and whether it is somebody else's.
fn requests(foreign: f64) -> impl Strategy<Value = Vec<Vec<(usize, bool)>>> {
    vec(vec((0..2_usize, prop::bool::weighted(foreign)), 9), 12)
}

/// Tells of requests where each key has the account that is named for it.
fn all_told(minutes: &[Vec<(usize, bool)>], account_of: [usize; 2]) -> Vec<Option<String>> {
    let (mut pool, ids) = in_use(pool(&["key-a", "key-b", "key-c"]));
    for (minute, requests) in (1..).zip(minutes) {
        let mut left = [9, 9];
        for &(key, is_foreign) in requests {
            let left = &mut left[account_of[key]];
            *left -= 1;
            if !is_foreign {
                tell(&mut pool, &ids, minute, &[(key, *left)]);
            }
        }
    }
    accounts(&pool)
}

proptest! {
    #![proptest_config(a_thousand())]

    #[test]
    fn one_account_is_found_out_in_whatever_order_its_keys_are_used(minutes in requests(0.03)) {
        let found = all_told(&minutes, [0, 0]);
        prop_assert!(found[0].is_some() && found[0] == found[1] && found[2].is_none());
    }

    #[test]
    fn two_accounts_are_not_taken_for_one(minutes in requests(0.2)) {
        prop_assert_eq!(all_told(&minutes, [0, 1]), [None, None, None]);
    }
}
