//! P4 with an outbox: a removal that was due after a commit survives the crash of its process.
//!
//! Each promise is tried in SQLite and in Postgres. The process that crashes is this very program, started again for the one
//! test that does what its input says.

mod child;
mod crash;
mod crowd;
mod edges;
mod normal;
mod outage;
mod place;
mod postgres_server;

use self::place::{Kind, Place};

/// Tries each promise in both databases. Where Postgres is not installed, those in it are skipped.
macro_rules! promises {
    ($($of:ident::$promise:ident),* $(,)?) => {
        mod in_sqlite {
            $(#[tokio::test]
            async fn $promise() {
                super::in_place(super::$of::$promise::<sqlx::Sqlite>).await;
            })*
        }

        mod in_postgres {
            $(#[tokio::test]
            async fn $promise() {
                super::in_place(super::$of::$promise::<sqlx::Postgres>).await;
            })*
        }
    };
}

promises! {
    crash::without_an_outbox_a_crash_after_the_commit_leaves_a_stale_value,
    crash::a_removal_survives_a_crash_between_the_commit_and_the_removal,
    crash::a_removal_of_a_transaction_survives_a_crash_in_the_midst_of_it,
    crash::removals_of_a_deferred_scope_survive_a_crash,
    crash::a_drainer_makes_what_a_crash_has_left,
    crash::names_of_any_text_survive_a_crash,
    normal::a_transaction_removes_at_once_and_leaves_no_row,
    normal::a_rollback_removes_nothing_and_leaves_no_row,
    normal::a_panic_or_a_dropped_transaction_rolls_back_and_removes_nothing,
    normal::a_commit_that_fails_is_followed_by_the_removals,
    normal::whoever_drops_a_recorded_removal_makes_it,
    normal::removals_after_the_record_of_a_scope_are_made_too,
    normal::what_has_committed_is_removed_whatever_surrounds_it,
    outage::rows_stay_while_redis_is_down_and_go_when_it_is_back,
    outage::a_removal_that_is_only_queued_keeps_its_row,
    outage::a_transaction_dropped_after_its_commit_keeps_its_row,
    crowd::two_drainers_at_once_make_all_removals,
    crowd::a_drain_that_hangs_keeps_no_row_from_others,
    crowd::ten_thousand_rows_are_drained,
    crowd::many_transactions_at_once_leave_no_row,
    edges::young_rows_are_left_to_their_process,
    edges::rows_of_another_namespace_are_left_alone,
    edges::a_row_that_cannot_be_read_is_set_aside_and_blocks_no_other,
    edges::an_id_is_never_used_twice,
    edges::tables_can_be_made_by_all_processes_at_once,
    edges::a_drainer_ends_with_its_cache,
    edges::without_redis_nothing_is_recorded_or_drained,
}

async fn in_place<DB: Kind, F: Future<Output = ()>>(promise: impl FnOnce(Place<DB>) -> F) {
    if let Some(place) = Place::open().await {
        promise(place).await;
    }
}
