//! What a call takes of the store's buckets: a permit, and LLM tokens where they have a budget.

use std::sync::Arc;

use super::message::{Bucket, Request};
use super::store::Store;

/// What is taken, and of which buckets.
#[derive(Clone)]
pub(crate) struct Taken {
    pub(super) permit: Bucket,
    /// The LLM tokens' bucket, and how many.
    pub(super) budget: Option<(Bucket, f64)>,
    /// Whether each key has buckets of its own.
    pub(super) of_keys: bool,
}

impl Taken {
    /// Asks for it, or gives it back where `sign` is below 0.
    pub fn add_to(&self, request: Request, sign: f64) -> Request {
        let mut limits = self.permit.limit(sign);
        if let Some((bucket, amount)) = &self.budget {
            limits.extend([",", &bucket.limit(sign * amount)]);
        }
        request.member(self.member(), &format!("[{limits}]"))
    }

    fn member(&self) -> &'static str {
        if self.of_keys { "key_limits" } else { "limits" }
    }

    /// Where LLM tokens are settled that were taken with this key.
    pub fn budget_of(&self, store: &Arc<Store>, key: &str) -> Option<SharedBudget> {
        let (bucket, _) = self.budget.clone()?;
        Some(SharedBudget {
            store: store.clone(),
            key: key.to_owned(),
            bucket,
            member: self.member(),
        })
    }
}

/// The budget of LLM tokens that an attempt has taken from.
pub(crate) struct SharedBudget {
    store: Arc<Store>,
    key: String,
    bucket: Bucket,
    member: &'static str,
}

impl SharedBudget {
    /// Gives so many back, or takes them where it is less than none.
    pub fn settle(&self, amount: f64) {
        let request = Request::new("settle").text("key", &self.key);
        let limits = format!("[{}]", self.bucket.limit(-amount));
        self.store.tell(request.member(self.member, &limits).finish());
    }
}
