use tokio::time::Instant;

use super::*;

struct Nothing;

impl HeldLease for Nothing {
    fn give_up(self) {}
}

fn lead(flights: &Arc<Flights<Nothing>>) -> Lead<Nothing> {
    match flights.join(&CacheKey::new("k"), &[], &[]) {
        Joined::Lead(lead) => lead,
        _ => panic!("nobody else leads"),
    }
}

fn waiter(flights: &Arc<Flights<Nothing>>) -> Waiter<Nothing> {
    match flights.join(&CacheKey::new("k"), &[], &[]) {
        Joined::Wait(waiter) => waiter,
        _ => panic!("a flight stands"),
    }
}

#[tokio::test]
async fn who_comes_after_a_push_joins_but_does_not_share_what_was_read_before_it() {
    let flights = Flights::new(8, Duration::ZERO);
    let reading = lead(&flights);
    let before = waiter(&flights);
    reading.flight().forget_pushes();
    flights.pushed("k");
    let after = waiter(&flights);
    assert!(!reading.flight().may_fill(&[]));
    reading.found(Outcome::Value(None));
    assert!(matches!(before.wait().await, Waited::Shared(_)));
    assert!(matches!(after.wait().await, Waited::Again(_)));

    let reading = lead(&flights);
    flights.pushed("k");
    let after = waiter(&flights);
    reading.begin();
    reading.settle(Outcome::Value(None), false);
    assert!(
        matches!(after.wait().await, Waited::Shared(_)),
        "this load began later"
    );
}

#[tokio::test]
async fn a_reader_that_has_asked_redis_itself_shares_later_loads_and_nothing_else() {
    let value = || Outcome::Value(None);
    let flights = Flights::new(8, Duration::ZERO);
    let reading = lead(&flights);
    let waiter_for_any = waiter(&flights);
    let waiter_for_load = waiter(&flights);
    reading.found(value());
    assert!(matches!(waiter_for_any.wait().await, Waited::Shared(_)));
    assert!(
        matches!(waiter_for_load.wait_for_load().await, Waited::Again(_)),
        "the reply may be older"
    );

    let loading = lead(&flights);
    let before = waiter(&flights);
    loading.begin();
    let during = waiter(&flights);
    loading.settle(value(), true);
    assert!(matches!(before.wait_for_load().await, Waited::Shared(_)));
    assert!(
        matches!(during.wait_for_load().await, Waited::Again(_)),
        "the store may have been removed"
    );
}

#[test]
fn a_leader_that_was_taken_for_dead_fills_no_memory() {
    let flights = Flights::new(8, Duration::ZERO);
    let first = lead(&flights);
    let dead = (0..9).any(|_| first.flight().pulse().is_found_dead_by_supervisor());
    assert!(dead);
    let second = lead(&flights);
    flights.pushed("k");
    assert!(!second.flight().may_fill(&[]));
    assert!(
        !first.flight().may_fill(&[]),
        "the push has not found this one"
    );
}

#[tokio::test(start_paused = true)]
async fn the_time_for_which_only_the_verdict_was_out_is_told() {
    let flights = Flights::new(8, Duration::ZERO);
    let leader = lead(&flights);
    leader.begin();
    let late = tokio::spawn(waiter(&flights).wait());
    tokio::time::sleep(Duration::from_secs(1)).await;
    leader.loaded(Outcome::Value(None));
    tokio::time::sleep(Duration::from_millis(30)).await;
    leader.settle(Outcome::Value(None), false);
    let Ok(Waited::Again(verdict)) = late.await else {
        panic!("no verdict, no value");
    };
    assert_eq!(
        verdict,
        Duration::from_millis(30),
        "and not the load's time"
    );
}

#[tokio::test]
async fn a_result_that_cannot_be_shared_tells_whether_it_was_a_failure() {
    for (outcome, failure) in [(Outcome::Unshared, false), (Outcome::Failed, true)] {
        let flights = Flights::new(8, Duration::ZERO);
        let leader = lead(&flights);
        let waits = waiter(&flights);
        leader.begin();
        leader.settle(outcome, false);
        assert!(matches!(waits.wait().await, Waited::Alone(_, failed) if failed == failure));
    }
}

/// A flight whose load has failed, so that all callers take turns.
async fn flight_of_turns(flights: &Arc<Flights<Nothing>>) -> Arc<Flight<Nothing>> {
    let leader = lead(flights);
    let waits = waiter(flights);
    leader.begin();
    leader.settle(Outcome::Failed, true);
    match waits.wait().await {
        Waited::Alone(flight, _) => flight,
        _ => panic!("the error cannot be shared"),
    }
}

#[tokio::test(start_paused = true)]
async fn turns_that_never_end_hold_up_no_other() {
    let flights = Flights::new(8, Duration::ZERO);
    let flight = flight_of_turns(&flights).await;
    let mut stuck = Vec::new();
    for _ in 0..SIDE_BY_SIDE {
        stuck.push(flight.turn().await.expect("nobody has found a value"));
    }
    // Two waiting callers that are no longer polled: a turn that becomes free is offered to them, and they do not take
    // it.
    let mut unpolled = [Box::pin(flight.turn()), Box::pin(flight.turn())];
    for waits in &mut unpolled {
        let polled = tokio::time::timeout(Duration::from_millis(1), waits).await;
        assert!(polled.is_err(), "all turns are taken");
    }
    let began = Instant::now();
    let others = (0..10).map(|_| {
        let flight = flight.clone();
        tokio::spawn(async move { flight.turn().await.is_ok() })
    });
    for other in others.collect::<Vec<_>>() {
        let turn = tokio::time::timeout(Duration::from_secs(60), other).await;
        assert!(turn.expect("a turn").unwrap());
    }
    let few = STUCK * (1 + unpolled.len() as u32);
    assert!(began.elapsed() <= few, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn bodies_that_take_long_are_joined_by_one_more_at_a_time() {
    let flights = Flights::new(8, Duration::ZERO);
    let flight = flight_of_turns(&flights).await;
    let running = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        let (flight, running) = (flight.clone(), running.clone());
        tokio::spawn(async move {
            let _turn = flight.turn().await;
            running.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        });
    }
    for more in 0..5 {
        tokio::time::sleep(STUCK / 2).await;
        assert_eq!(running.load(Ordering::SeqCst), SIDE_BY_SIDE + more);
        tokio::time::sleep(STUCK / 2 + Duration::from_millis(1)).await;
    }
}

fn leader_with_open_tag(flights: &Arc<Flights<Nothing>>) -> Lead<Nothing> {
    match flights.join(&CacheKey::new("k"), &[], &["author:".into()]) {
        Joined::Lead(lead) => lead,
        _ => panic!("nobody else leads"),
    }
}

#[tokio::test]
async fn a_tag_that_the_result_does_not_carry_disturbs_no_load() {
    let flights = Flights::new(8, Duration::ZERO);
    let leader = leader_with_open_tag(&flights);
    leader.begin();
    flights.retire(&Pattern::tag("author:7"), None);
    flights.retire(&Pattern::tag("editor:7"), None);
    let flight = leader.flight();
    let _joined = waiter(&flights);
    assert!(!flight.was_removed(&["author:8".into()]));
    assert!(flight.may_fill(&["author:8".into(), "editor:7".into()]));
    assert!(flight.was_removed(&["author:7".into()]));
    assert!(!flight.may_fill(&["author:7".into()]));
}

#[tokio::test]
async fn what_was_removed_before_a_load_began_does_not_disturb_it() {
    let flights = Flights::new(8, Duration::ZERO);
    let leader = leader_with_open_tag(&flights);
    flights.retire(&Pattern::tag("author:7"), None);
    leader.begin();
    assert!(!leader.flight().was_removed(&["author:7".into()]));
}

#[tokio::test]
async fn more_suspects_than_a_flight_notes_retire_it() {
    let flights = Flights::new(8, Duration::ZERO);
    let leader = leader_with_open_tag(&flights);
    leader.begin();
    for id in 0..POSSIBLE_REMOVALS {
        flights.retire(&Pattern::tag(format!("author:{id}")), None);
    }
    assert!(!leader.flight().was_removed(&["author:x".into()]));
    flights.retire(&Pattern::tag("author:one-more"), None);
    assert!(leader.flight().is_retired());
}

#[tokio::test]
async fn who_comes_after_a_suspected_removal_does_not_share_what_was_read_before_it() {
    let flights = Flights::new(8, Duration::ZERO);
    let reading = leader_with_open_tag(&flights);
    flights.retire(&Pattern::tag("author:7"), None);
    let after = waiter(&flights);
    reading.found(Outcome::Value(None));
    assert!(matches!(after.wait().await, Waited::Again(_)));
}
