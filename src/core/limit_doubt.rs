//! Whether a key's refusals have to do with how fast its requests come. Some providers refuse at
//! random, when they have too much to do: who slows down for those gets slower with each, and is
//! refused as often.
//!
//! At a steady pace that was measured nothing is refused by a limit. Where something is, nevertheless, a
//! pace four times as quick goes on trial: if more is granted in its time, rests included, there is no
//! limit to keep to.

/// So many requests go out at a steady pace, after which it may quicken…
pub const STEADY: u32 = 24;
/// …where each request that is refused for nothing costs no more than the next one's gap.
pub const STEADY_UNASKED: u32 = 6;

/// By how much the gap on trial is narrower.
const NARROWER: f64 = 4.0;

/// A trial ends with so many granted, or so many refusals before.
const GRANTED_ON_TRIAL: u64 = 12;
const REFUSED_ON_TRIAL: u32 = 3;

/// A trial is won if each grant took so much less time.
const WON_BY: f64 = 0.8;

/// Fewer grants at a steady pace, with fewer refusals, say nothing.
const TOO_FEW: u64 = 3;
const TOO_MANY: u32 = 3;

/// There is a limit after all where so many were refused, and a third of all.
const REFUSED_BY_LIMIT: u32 = 6;
const GRANTED_FOR_EACH: u64 = 2;

/// What counts as of late.
const LATE: u64 = 32;

/// What was granted and refused from some moment on.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub since: f64,
    pub granted: u64,
    pub refused: u32,
}

impl Run {
    pub fn from(since: f64) -> Self {
        Self { since, granted: 0, refused: 0 }
    }

    /// The seconds that each grant took until then.
    pub fn each(&self, until: f64) -> f64 {
        (until - self.since).max(0.0) / self.granted.max(1) as f64
    }
}

/// What is held of the key's limit.
#[derive(Debug)]
pub struct Doubt {
    belief: Belief,
    /// Refusals at a steady pace, and how many of them a trial takes: the more, the more were lost.
    unexplained: u32,
    patience: u32,
}

#[derive(Clone, Copy, Debug)]
enum Belief {
    Limit,
    /// What there was before the trial: the gap, and how long each grant took.
    OnTrial {
        gap: f64,
        each: f64,
    },
    Chance,
}

/// What a refusal means for the gap.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It is to be measured.
    Measure,
    /// Nothing as yet.
    Wait,
    /// It is so wide from now on; 0 is none.
    Is(f64),
}

impl Doubt {
    pub fn new() -> Self {
        Self { belief: Belief::Limit, unexplained: 0, patience: 1 }
    }

    /// Whether a gap is on trial, which stays as it is.
    pub fn is_on_trial(&self) -> bool {
        matches!(self.belief, Belief::OnTrial { .. })
    }

    /// Whether refusals are held to be mere chance.
    pub fn is_chance(&self) -> bool {
        matches!(self.belief, Belief::Chance)
    }

    /// Judges one more refusal of a run, which is over then.
    pub fn judge(&mut self, run: &mut Run, over: f64, gap: f64, is_steady: bool) -> Verdict {
        match self.belief {
            Belief::Limit if is_steady => self.unexplained(run, over, gap),
            Belief::Limit => Verdict::Measure,
            Belief::OnTrial { gap, each } => self.on_trial(run, over, gap, each),
            Belief::Chance => self.chance(run),
        }
    }

    fn unexplained(&mut self, run: &Run, over: f64, gap: f64) -> Verdict {
        if run.granted < TOO_FEW && run.refused < TOO_MANY {
            return Verdict::Wait;
        }
        self.unexplained += 1;
        if self.unexplained < self.patience {
            return Verdict::Measure;
        }
        self.belief = Belief::OnTrial { gap, each: run.each(over) };
        Verdict::Is(gap / NARROWER)
    }

    fn on_trial(&mut self, run: &Run, over: f64, gap: f64, each: f64) -> Verdict {
        let is_done = run.granted >= GRANTED_ON_TRIAL;
        if !is_done && run.refused < REFUSED_ON_TRIAL {
            return Verdict::Wait;
        }
        if is_done && run.each(over) < each * WON_BY {
            self.belief = Belief::Chance;
            return Verdict::Is(0.0);
        }
        self.believe();
        Verdict::Is(gap)
    }

    fn chance(&mut self, run: &mut Run) -> Verdict {
        if run.granted + u64::from(run.refused) > LATE {
            (run.granted, run.refused) = (run.granted / 2, run.refused / 2);
        }
        let is_much = u64::from(run.refused) * GRANTED_FOR_EACH >= run.granted;
        if run.refused < REFUSED_BY_LIMIT || !is_much {
            return Verdict::Wait;
        }
        self.believe();
        Verdict::Is(0.0)
    }

    /// There is a limit: so soon that will not be doubted again.
    fn believe(&mut self) {
        self.belief = Belief::Limit;
        self.unexplained = 0;
        self.patience = self.patience.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(granted: u64, refused: u32) -> Run {
        Run { since: 0.0, granted, refused }
    }

    #[test]
    fn what_is_refused_at_a_steady_pace_goes_on_trial() {
        let mut doubt = Doubt::new();
        assert_eq!(doubt.judge(&mut run(10, 1), 2.0, 0.2, false), Verdict::Measure);
        assert_eq!(doubt.judge(&mut run(2, 1), 0.4, 0.2, true), Verdict::Wait);
        assert_eq!(doubt.judge(&mut run(10, 1), 3.0, 0.2, true), Verdict::Is(0.05));
        assert_eq!(doubt.judge(&mut run(5, 2), 2.0, 0.05, false), Verdict::Wait);
        assert_eq!(doubt.judge(&mut run(15, 3), 2.5, 0.05, false), Verdict::Is(0.0));
        assert!(doubt.is_chance());
    }

    #[test]
    fn a_lost_trial_is_not_soon_repeated() {
        let mut doubt = Doubt::new();
        doubt.judge(&mut run(10, 1), 3.0, 0.2, true);
        assert_eq!(doubt.judge(&mut run(3, 3), 1.0, 0.05, false), Verdict::Is(0.2));
        assert_eq!(doubt.judge(&mut run(10, 1), 3.0, 0.2, true), Verdict::Measure);
        assert_eq!(doubt.judge(&mut run(10, 1), 3.0, 0.2, true), Verdict::Is(0.05));
        let as_before = doubt.judge(&mut run(12, 1), 3.0, 0.05, false);
        assert_eq!(as_before, Verdict::Is(0.2), "each took as long as before");
    }

    #[test]
    fn where_half_are_refused_there_is_a_limit_after_all() {
        let mut doubt = Doubt { belief: Belief::Chance, ..Doubt::new() };
        let mut few = run(100, 5);
        assert_eq!(doubt.judge(&mut few, 9.0, 0.0, false), Verdict::Wait);
        assert_eq!((few.granted, few.refused), (50, 2), "what is long past counts less");
        assert_eq!(doubt.judge(&mut run(10, 6), 9.0, 0.0, false), Verdict::Is(0.0));
        assert!(!doubt.is_chance());
    }
}
