use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A history that is sampled by hand.
struct Sampled {
    history: History,
    began: Instant,
    now: Duration,
    sample: Sample,
}

impl Sampled {
    fn new() -> Self {
        let (history, began) = (History::default(), Instant::now());
        history.turn(true, began, Sample::default);
        Self {
            history,
            began,
            now: Duration::ZERO,
            sample: Sample::default(),
        }
    }

    /// Changes the counters, and takes a sample some time later.
    fn after(&mut self, time: Duration, change: impl FnOnce(&mut Sample)) {
        change(&mut self.sample);
        self.now += time;
        self.history
            .take(self.began + self.now, || self.sample.clone());
    }

    fn misses(&self, range: Range) -> (u64, Option<u64>) {
        let view = self.history.view(range).unwrap();
        let misses = |period: &Period| period.sum().of(Kind::Misses);
        (misses(&view.current), view.previous.as_ref().map(misses))
    }

    fn events(&self) -> Vec<(&'static str, u64)> {
        let events = self.history.view(Range::Day).unwrap().events;
        let told = |event: &Event| (event.what.name(), event.count);
        events.iter().map(told).collect()
    }
}

#[tokio::test]
async fn a_day_of_samples_is_told_in_every_range_with_the_period_before() {
    let mut sampled = Sampled::new();
    assert_eq!(sampled.misses(Range::Hour), (0, None));
    // One miss in each of 49 hours' two seconds, and ten in those of the last hour.
    let seconds = 49 * 3_600;
    for second in (0..seconds).step_by(2) {
        let some = if second >= seconds - 3_600 { 10 } else { 1 };
        sampled.after(EVERY, |sample| sample.stats.misses += some);
    }
    let in_an_hour = 1_800;
    assert_eq!(sampled.misses(Range::QuarterHour), (4_500, Some(4_500)));
    assert_eq!(
        sampled.misses(Range::Hour),
        (10 * in_an_hour, Some(in_an_hour))
    );
    assert_eq!(
        sampled.misses(Range::SixHours),
        (15 * in_an_hour, Some(6 * in_an_hour))
    );
    assert_eq!(
        sampled.misses(Range::Day),
        (33 * in_an_hour, Some(24 * in_an_hour))
    );
    for range in Range::ALL {
        let view = sampled.history.view(range).unwrap();
        assert!(view.current.points.iter().all(Option::is_some), "{range:?}");
        let told = view.current.step * view.current.points.len() as u32;
        assert_eq!((told, view.current.from + told), (range.length(), view.now));
    }
    let kept = sampled.history.kept.lock();
    let kept = kept.as_ref().unwrap();
    let slots: u64 = WHOLE.iter().map(|resolution| resolution.slots).sum();
    assert_eq!(slots, 948);
    let held = format!("{:?}", kept.whole).matches("Point {").count() as u64;
    assert_eq!(held, slots, "and no more is held");
}

#[tokio::test]
async fn a_sample_that_comes_late_is_spread_and_not_lost() {
    let mut sampled = Sampled::new();
    sampled.after(MINUTE * 10, |sample| sample.stats.misses = 600);
    let view = sampled.history.view(Range::Hour).unwrap();
    let misses = |point: &Option<Point>| point.as_ref().map(|point| point.figures.of(Kind::Misses));
    let each: Vec<_> = view.current.points.iter().map(misses).collect();
    assert_eq!(each, vec![Some(10); 60]);
}

#[tokio::test]
async fn what_was_counted_before_the_history_began_is_not_in_it() {
    let history = History::default();
    let old = Sample {
        stats: CacheStats {
            misses: 1_000,
            ..CacheStats::default()
        },
        functions: vec![(
            "f",
            Figures::new(
                &CacheStats {
                    misses: 7,
                    ..CacheStats::default()
                },
                Times::default(),
                Times::default(),
            ),
        )],
        ..Sample::default()
    };
    let began = Instant::now();
    history.turn(true, began, || old.clone());
    history.take(began + EVERY, || old);
    let view = history.view(Range::Hour).unwrap();
    assert!(view.current.sum().are_zero());
    assert!(history.functions(Range::Hour)[0].current.sum().are_zero());
    assert!(history.is_on());
    history.turn(false, began, Sample::default);
    assert!(history.view(Range::Hour).is_none() && !history.is_on());
}

#[tokio::test]
async fn a_sampler_that_nobody_drives_is_replaced() {
    let (history, began) = (History::default(), Instant::now());
    history.turn(true, began, Sample::default);
    let started = std::cell::Cell::new(0);
    let keep_sampling = |now| {
        history.keep_sampling(now, || {
            started.set(started.get() + 1);
            tokio::spawn(std::future::pending())
        });
        started.get()
    };
    assert_eq!(keep_sampling(began), 1);
    assert_eq!(keep_sampling(began + 2 * EVERY), 1, "a sample is due");
    assert_eq!(keep_sampling(began + 5 * EVERY), 2, "three are missing");
}

#[tokio::test]
async fn functions_have_lines_of_their_own_and_no_more_than_their_bound() {
    let called = |misses| {
        let stats = CacheStats {
            misses,
            ..CacheStats::default()
        };
        Figures::new(&stats, Times::default(), Times::default())
    };
    let slot = FUNCTION[0].step;
    let mut sampled = Sampled::new();
    sampled.after(slot, |sample| {
        sample.functions = vec![("a", called(3)), ("b", called(5))];
    });
    sampled.after(slot, |sample| {
        sample.functions = vec![("a", called(4)), ("b", called(5))];
    });
    let functions = sampled.history.functions(Range::Hour);
    let of = |name: &str| {
        functions
            .iter()
            .find(|function| function.name == name)
            .unwrap()
    };
    let misses = |name: &str| {
        let points = of(name).current.points.iter();
        points
            .map(|point| point.as_ref().map(|point| point.figures.of(Kind::Misses)))
            .collect::<Vec<_>>()
    };
    assert_eq!(misses("a"), [Some(3), Some(1)]);
    assert_eq!(
        misses("b"),
        [Some(5), None],
        "what did not happen takes no memory"
    );

    let names: Vec<&'static str> = (0..200).map(|n| &*format!("f{n}").leak()).collect();
    sampled.after(MINUTE, |sample| {
        sample.functions = names.iter().map(|name| (*name, called(1))).collect();
    });
    assert_eq!(sampled.history.functions(Range::Hour).len(), FUNCTIONS);
}

#[tokio::test]
async fn events_are_read_from_what_has_changed() {
    let breaker = |closed, closings| vec![Breaker { closed, closings }];
    let mut sampled = Sampled::new();
    sampled.after(EVERY, |sample| sample.breakers = breaker(false, 0));
    assert_eq!(sampled.events(), []);
    sampled.after(MINUTE, |sample| sample.breakers = breaker(true, 1));
    assert_eq!(sampled.events(), [("breaker-closed", 1)]);
    sampled.after(MINUTE, |sample| {
        sample.breakers = breaker(false, 1);
        sample.stats.queued = 2;
        sample.gauges.journal = 2;
    });
    sampled.after(MINUTE, |sample| {
        sample.breakers = breaker(true, 2);
        sample.gauges.journal = 0;
        sample.stats.ledger_losses = 1;
    });
    // Between two samples it was lost and found.
    sampled.after(MINUTE, |sample| sample.breakers = breaker(true, 3));
    let mut expected = vec![
        ("breaker-closed", 1),
        ("breaker-opened", 1),
        ("removals-queued", 2),
        ("ledger-lost", 1),
        ("breaker-closed", 1),
        ("journal-replayed", 1),
        ("breaker-opened", 1),
        ("breaker-closed", 1),
    ];
    assert_eq!(sampled.events(), expected);
    sampled
        .history
        .note(sampled.began + sampled.now, Happened::Cleared);
    expected.push(("cleared", 1));
    assert_eq!(sampled.events(), expected);
    // A range has only its own.
    sampled.after(HOUR, |_| ());
    assert_eq!(sampled.history.view(Range::QuarterHour).unwrap().events, []);
}

#[test]
fn breakers_that_open_again_are_told_in_order() {
    let (open, closed) = (
        |closings| Breaker {
            closed: false,
            closings,
        },
        |closings| Breaker {
            closed: true,
            closings,
        },
    );
    for (before, now, expected) in [
        (open(0), open(0), (0, 0, 0)),
        (open(0), closed(1), (0, 1, 0)),
        (open(0), open(1), (0, 1, 1)),
        (closed(1), closed(1), (0, 0, 0)),
        (closed(1), open(1), (1, 0, 0)),
        (closed(1), closed(2), (1, 1, 0)),
        (closed(1), open(2), (1, 1, 1)),
    ] {
        assert_eq!(changes(&[before], &[now]), expected, "{before:?} {now:?}");
    }
    assert_eq!(changes(&[], &[open(0)]), (0, 0, 0));
}
