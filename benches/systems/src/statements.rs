//! How many SQL statements the process has run: all of them, also those of loads in the background.
//!
//! sqlx tells of each statement as an event, which this counts. `BEGIN` and `COMMIT` are none.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry;

static RUN: AtomicU64 = AtomicU64::new(0);

/// Begins to count. Once in a process.
pub(crate) fn count() {
    tracing::subscriber::set_global_default(registry().with(Counter)).expect("the first");
}

/// Since [`count`].
pub(crate) fn run() -> u64 {
    RUN.load(Relaxed)
}

struct Counter;

fn is_statement(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "sqlx::query"
}

impl<S: Subscriber> Layer<S> for Counter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match is_statement(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_statement(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if is_statement(event.metadata()) {
            RUN.fetch_add(1, Relaxed);
        }
    }
}
