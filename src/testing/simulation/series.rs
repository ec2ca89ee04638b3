//! A run as a few hundred points: however long it takes, it is looked at neither too seldom nor too
//! often.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::books::Books;
use super::report::{Series, rounded};
use crate::lock::lock;
use crate::platform::Runtime;

const FIRST_STEP: Duration = Duration::from_millis(10);
/// With more points than this every other one goes, and the steps are twice as long.
const MOST_POINTS: usize = 400;

/// What is seen at a moment; counts are those since the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    time: Duration,
    bucket: f64,
    in_flight: u64,
    queue: u64,
    answered: u64,
    sent: u64,
    refused: u64,
}

impl Point {
    pub(super) fn of(time: Duration, bucket: f64, books: &Books) -> Self {
        let (in_flight, queue) = (books.in_flight, books.queue());
        let (answered, sent, refused) = (books.answered, books.requests, books.refused);
        Self { time, bucket, in_flight, queue, answered, sent, refused }
    }
}

/// Looks again and again, for as long as it is polled.
pub(super) async fn look_on(
    runtime: Arc<dyn Runtime>,
    look: impl Fn() -> Point,
    points: Arc<Mutex<Vec<Point>>>,
) {
    let mut step = FIRST_STEP;
    loop {
        let point = look();
        let is_full = {
            let mut points = lock(&points);
            points.push(point);
            points.len() > MOST_POINTS
        };
        if is_full {
            step *= 2;
            let mut number = 0;
            lock(&points).retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
        runtime.sleep(step).await;
    }
}

/// The points in lists, counts as rates.
pub(super) fn series(points: &[Point]) -> Series {
    let mut series = Series::default();
    let mut before: Option<&Point> = None;
    for point in points {
        let seconds = before.map_or(0.0, |before| (point.time - before.time).as_secs_f64());
        if before.is_some() && seconds == 0.0 {
            continue;
        }
        let rate = |count: fn(&Point) -> u64| {
            before.map_or(0.0, |before| rounded((count(point) - count(before)) as f64 / seconds))
        };
        series.time.push(rounded(point.time.as_secs_f64()));
        series.bucket.push(rounded(point.bucket));
        series.in_flight.push(point.in_flight);
        series.queue.push(point.queue);
        series.answered.push(rate(|point| point.answered));
        series.sent.push(rate(|point| point.sent));
        series.refused.push(rate(|point| point.refused));
        before = Some(point);
    }
    series
}
