//! Looking at every entry, and putting them there.

use std::time::Duration;

use cache_runtime::Cache;
use tokio::task::JoinSet;

use super::Orders;
use crate::acts;
use crate::body::world;
use crate::catalogue::{Family, View};
use crate::clock;
use crate::functions;
use crate::names::Row;
use crate::plan::Plan;
use crate::reads::look;

/// Longer than a push may take.
const PUSHED: Duration = Duration::from_millis(400);

/// Values that are put into Redis at the same time, by one process.
const AT_ONCE: u32 = 32;

/// Every entry, all at once; once more, for what memory holds now; and again when every push must have arrived, for loads
/// of the first look may have removed something, too.
pub(super) async fn sweep(plan: &Plan) {
    for pause in [Duration::ZERO, Duration::ZERO, PUSHED] {
        tokio::time::sleep(pause).await;
        let looks = plan
            .families
            .iter()
            .map(|(family, _)| look(*family, acts::rows_to_look_at(plan.rows)));
        looks.collect::<JoinSet<_>>().join_all().await;
    }
}

/// This process's share of all rows of [`Family::Bulk`], put there by hand: that is quicker than loads. Nobody removes
/// anything meanwhile, so it need not be proved that they are current.
pub(super) async fn fill(orders: &Orders, cache: &'static Cache) {
    let (places, place) = (orders.plan.processes as u32, orders.place as u32);
    let mut puts = JoinSet::new();
    for lane in 0..AT_ONCE {
        let mine = (0..orders.plan.rows)
            .filter(move |id| id % places == place && id / places % AT_ONCE == lane);
        puts.spawn(async move {
            for id in mine {
                put(cache, id).await;
            }
        });
    }
    puts.join_all().await;
}

async fn put(cache: &Cache, id: u32) {
    let world = world();
    let view = View {
        id,
        version: 1,
        author: 1,
        began: clock::now(),
        process: world.process,
        tenant: world.tenant,
    };
    let key = functions::bulk::key(Row(id));
    let life = Duration::from_nanos(Family::Bulk.life().unwrap_or(0));
    cache
        .set(key, &view, life)
        .await
        .expect("a value that can be stored");
}
