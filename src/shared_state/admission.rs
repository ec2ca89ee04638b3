//! How a call gets its turn where processes share their limits: it asks the store until it is granted a
//! permit and a key. While there is no answer, this process keeps to its own share, or the call fails.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::SharedStateError;
use super::lease::RemoteLease;
use super::message::{Answer, Reason, Request};
use super::store::{Share, Store};
use super::taken::{SharedBudget, Taken};
use crate::acquire::too_late;
use crate::call::Call;
use crate::clocks::Alarm;
use crate::core::key::LabelledKey;
use crate::core::key_pool::{KeyId, NoKey};
use crate::core::key_slot::KeyState;
use crate::error::Error;
use crate::events::{Event, WaitFor};
use crate::exchange::Engine;
use crate::key_lease::KeyLease;
use crate::platform::boxed;

/// While all keys rest, so often is it looked whether somebody has added one.
const LOOKS_FOR_KEYS: Duration = Duration::from_secs(1);

/// A call's place in the store's lines, given up when it is dropped.
struct Place<'a> {
    store: &'a Arc<Store>,
    ticket: Option<String>,
    /// What it was last told to wait for.
    told: Option<Reason>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.store.tell(Request::new("leave").text("ticket", &ticket).finish());
        }
    }
}

/// What comes next.
enum Next {
    /// It is this call's turn.
    Send(KeyLease),
    /// To look again after so long.
    Look(Duration),
}

/// What was asked for.
struct Asked {
    /// Keys, by their names.
    keys: Vec<(String, KeyId)>,
    taken: Taken,
    /// What was spent while there was no answer.
    share: Option<Share>,
}

impl Engine {
    /// Waits until an attempt may be sent, and takes the key for it.
    pub async fn admitted_by_all(
        &self,
        store: &Arc<Store>,
        call: &mut Call,
    ) -> Result<KeyLease, Error> {
        let mut place = Place { store, ticket: None, told: None };
        loop {
            self.may_send(call).map_err(|failure| self.error(&call.course, failure))?;
            if !store.is_up() {
                self.goes_on_without(store, call, None)?;
                match self.admitted_by_share(store, call).await? {
                    Some(lease) => return Ok(lease),
                    None => continue,
                }
            }
            let next = match self.pool.ready_keys(&call.course.model) {
                Err(none) => self.look_for_key(call, &mut place, none)?,
                Ok(keys) => {
                    let (asked, request) = self.question(call, &place, keys);
                    let answer = store.ask(request, asked.taken.clone()).await;
                    self.heed(call, &mut place, asked, answer)?
                }
            };
            let look = match next {
                Next::Send(lease) => return Ok(lease),
                Next::Look(look) => look,
            };
            let mut alarm = Alarm::new(self.runtime(), self.now() + look);
            poll_fn(|cx| alarm.poll(cx)).await;
        }
    }

    /// Whether a call may go on without an answer.
    fn goes_on_without(
        &self,
        store: &Store,
        call: &Call,
        cause: Option<SharedStateError>,
    ) -> Result<(), Error> {
        store.failure(cause).map_err(|error| error.with_attempts(call.course.record.attempts()))
    }

    fn question(
        &self,
        call: &Call,
        place: &Place<'_>,
        ready: Vec<(KeyId, Arc<LabelledKey>)>,
    ) -> (Asked, String) {
        let store = place.store;
        let named = |(id, key): (KeyId, Arc<LabelledKey>)| (self.pool.fingerprint(&key.key), id);
        let asked = Asked {
            keys: ready.into_iter().map(named).collect(),
            taken: store.taken(call),
            share: store.take_share(&call.course.model),
        };
        let request = store.request("ask");
        let request = if store.of_keys { request.member("limits", "[]") } else { request };
        let request = asked.taken.add_to(request, 1.0);
        let request = request.texts("keys", asked.keys.iter().map(|(name, _)| &**name));
        let mut request = request.seconds("ttl", store.options.lease_ttl);
        if let Some(spent) = asked.share.as_ref().map(Share::spent).filter(|it| *it > 0.0) {
            request = request.member("spent", &format!("[{}]", asked.taken.permit.limit(spent)));
        }
        if let Some(ticket) = &place.ticket {
            request = request.text("ticket", ticket);
        }
        let counts = [
            ("priority", i64::from(call.priority)),
            ("per_key", store.most_per_key.map_or(0, i64::from)),
            ("per_pool", store.most.map_or(0, i64::from)),
        ];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count != 0) {
            request = request.number(name, count as f64);
        }
        if let Some(deadline) = call.deadline() {
            request = request.seconds("patience", deadline - self.now());
        }
        (asked, request.finish())
    }

    /// Does as the store says.
    fn heed(
        &self,
        call: &mut Call,
        place: &mut Place<'_>,
        asked: Asked,
        answer: Result<Answer, SharedStateError>,
    ) -> Result<Next, Error> {
        match answer {
            Ok(Answer::Granted { key, lease }) => {
                place.ticket = None;
                let budget = asked.taken.budget_of(place.store, &key);
                let lease = RemoteLease::new(place.store.clone(), lease, asked.taken);
                let chosen = asked.keys.iter().find(|(name, _)| *name == key);
                self.leased(call, chosen.map(|(_, id)| *id), (lease, budget))
            }
            Ok(Answer::Wait { length, look, reason, ticket }) => {
                place.ticket = ticket;
                let none = match reason {
                    Reason::Key(KeyState::Dead) => Some(NoKey::Dead),
                    Reason::Key(KeyState::Exhausted) => {
                        Some(NoKey::Exhausted(Some(self.now() + length)))
                    }
                    Reason::Key(_) => Some(NoKey::CoolingUntil(self.now() + length)),
                    Reason::Tokens | Reason::Slot => None,
                };
                match none {
                    Some(none) => {
                        self.look_for_key(call, place, none)?;
                    }
                    None if place.ticket.is_none() => {
                        return Err(self.past_the_timeout(call, length));
                    }
                    None => self.tells(call, place, reason, length),
                }
                Ok(Next::Look(look))
            }
            Ok(Answer::Done) => Ok(Next::Look(Duration::ZERO)), // which is no answer to this
            Err(error) => {
                place.store.put_back(asked.share);
                self.goes_on_without(place.store, call, Some(error))?;
                Ok(Next::Look(Duration::ZERO))
            }
        }
    }

    /// Takes the key that was chosen, if it may still be used and there is still any use in it.
    fn leased(
        &self,
        call: &Call,
        key: Option<KeyId>,
        (remote, budget): (RemoteLease, Option<SharedBudget>),
    ) -> Result<Next, Error> {
        if let Err(failure) = self.may_send(call) {
            remote.unused();
            return Err(self.error(&call.course, failure));
        }
        match key.and_then(|id| self.pool.lease_key(id, &call.course.model)) {
            Some(mut lease) => {
                let besides = lease.besides();
                besides.remote = Some(remote);
                besides.reserved =
                    budget.and_then(|budget| Some(call.asked.as_ref()?.reserved_of_all(budget)));
                Ok(Next::Send(lease))
            }
            None => {
                remote.unused();
                Ok(Next::Look(Duration::ZERO))
            }
        }
    }

    /// Waits for a key, if one is to be hoped for in time.
    fn look_for_key(
        &self,
        call: &mut Call,
        place: &mut Place<'_>,
        none: NoKey,
    ) -> Result<Next, Error> {
        let wait = match none {
            NoKey::CoolingUntil(until) => until - self.now(),
            _ => Duration::MAX,
        };
        if self.is_too_long(call, wait) || self.goes_elsewhere(call, wait) {
            return Err(self.no_key(call, none));
        }
        self.tells(call, place, Reason::Key(KeyState::Cooling), wait);
        Ok(Next::Look(wait.min(LOOKS_FOR_KEYS)))
    }

    /// Tells that the call waits, once for each reason.
    fn tells(&self, call: &mut Call, place: &mut Place<'_>, reason: Reason, planned: Duration) {
        if place.told.replace(reason) != Some(reason) {
            let (reason, planned) = match reason {
                Reason::Tokens => (WaitFor::Token, Some(planned)),
                Reason::Key(_) => (WaitFor::Key, Some(planned)),
                Reason::Slot => (WaitFor::Concurrency, None), // nobody knows
            };
            call.course.record.tell(Event::Waits { reason, planned });
            call.waited = true;
        }
    }

    fn past_the_timeout(&self, call: &Call, wait: Duration) -> Error {
        let retry_at = self.runtime().unix_time().checked_add(wait);
        if let Some(failure) = call.failures.last() {
            return self.error(&call.course, failure.clone()).with_retry_at(retry_at);
        }
        too_late(wait).with_retry_at(retry_at).with_attempts(call.course.record.attempts())
    }

    /// The local way, by this process's own share; `None` if the store answers again first.
    async fn admitted_by_share(
        &self,
        store: &Arc<Store>,
        call: &mut Call,
    ) -> Result<Option<KeyLease>, Error> {
        let mut answers_again = store.answers_again();
        if store.is_up() {
            return Ok(None);
        }
        let share = store.share(&call.course.model, &call.bucket)?;
        let whole = std::mem::replace(&mut call.bucket, share);
        let whole_budget = match &mut call.asked {
            Some(asked) => {
                let share = store.share_of_budget(&call.course.model, &asked.bucket)?;
                Some(std::mem::replace(&mut asked.bucket, share))
            }
            None => None,
        };
        let admitted = {
            let mut admitted = boxed(self.admitted(call));
            poll_fn(|cx| match admitted.as_mut().poll(cx) {
                Poll::Ready(lease) => Poll::Ready(Some(lease)),
                Poll::Pending => Pin::new(&mut answers_again).poll(cx).map(|()| None),
            })
            .await
        };
        (call.bucket, call.place) = (whole, None);
        if let (Some(asked), Some(whole)) = (&mut call.asked, whole_budget) {
            asked.bucket = whole;
        }
        let lease = admitted.transpose()?;
        if lease.is_some() {
            store.took(&call.course.model);
        }
        Ok(lease)
    }
}
