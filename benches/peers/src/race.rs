//! The race: a reader has read the row and is held up before it stores; a writer changes the row, invalidates, and has its
//! acknowledgement; the reader goes on and stores. Is what is read then stale?

use std::time::Duration;

use tokio::time::timeout;

use crate::peers::{
    At, Handle, Kind, Removal, cached_memory, cached_redis, moka, multi_tier, ours,
};
use crate::row::Row;
use crate::server::Server;
use crate::table::{NOT_OFFERED, Table};

const TIMES: u32 = 5;

/// An invalidation that has not come back by then waits for the load.
const PROMPT: Duration = Duration::from_millis(500);

/// A late reader that has not come back by then waits for the load, too.
const JOINED: Duration = Duration::from_millis(100);

const KINDS: [Kind; 7] = [
    ours::REDIS,
    ours::MEMORY,
    moka::MOKA,
    cached_memory::BY_KEY,
    cached_memory::WHOLE,
    cached_redis::CLIENT_SIDE,
    multi_tier::MULTI_TIER,
];

#[derive(Clone, Copy)]
struct Race {
    name: &'static str,
    removal: Removal,
    /// The writer is another process.
    apart: bool,
    /// A second reader comes after the acknowledgement, while the first is still held.
    late: bool,
}

const RACES: [Race; 7] = [
    race("by key", Removal::Key),
    race("by prefix", Removal::Prefix),
    race("by tag", Removal::Tag),
    race("everything", Removal::Everything),
    Race {
        late: true,
        ..race("by key, and a reader who comes after it", Removal::Key)
    },
    Race {
        apart: true,
        ..race("by key, from another process", Removal::Key)
    },
    Race {
        apart: true,
        ..race("by prefix, from another process", Removal::Prefix)
    },
];

const fn race(name: &'static str, removal: Removal) -> Race {
    Race {
        name,
        removal,
        apart: false,
        late: false,
    }
}

enum Verdict {
    Fresh,
    /// Fresh because the invalidation came back only after the load.
    Waited,
    Stale,
    NotOffered,
    Failed(String),
}

/// True if ours was fresh throughout.
pub async fn run() -> bool {
    let mut table = Table::new(KINDS.map(|kind| kind.name).to_vec());
    let mut columns = Vec::new();
    for kind in KINDS {
        columns.push(column(kind).await);
    }
    let mut kept = true;
    for (at, race) in RACES.iter().enumerate() {
        let cells: Vec<String> = columns.iter().map(|column| column[at].clone()).collect();
        kept &= cells[0] == "fresh" && (cells[1] == "fresh" || race.apart);
        table.row(race.name, cells);
    }
    table.print(&format!("The race ({TIMES} times each)"));
    kept
}

async fn column(kind: Kind) -> Vec<String> {
    let server = Server::start();
    let reader = (kind.connect)(server.url()).await.expect("a cache");
    let other = (kind.connect)(server.url()).await.expect("a cache");
    // Both have met Redis before it counts.
    for handle in [&reader, &other] {
        let at = At { group: 0, id: 0 };
        handle.read(at, Row::open(0)).await.expect("a value");
    }
    let mut cells = Vec::new();
    for (number, race) in (1_u32..).zip(RACES) {
        let mut verdicts = Vec::new();
        for id in 0..TIMES {
            if race.apart && !kind.shared {
                verdicts.push(Verdict::NotOffered);
                continue;
            }
            let writer = if race.apart { &other } else { &reader };
            let mut verdict = Verdict::NotOffered;
            for attempt in 0..5 {
                let at = At {
                    group: number,
                    id: id + attempt * TIMES,
                };
                verdict = once(race, at, &reader, writer).await;
                if !matches!(verdict, Verdict::Failed(_)) {
                    break;
                }
            }
            verdicts.push(verdict);
        }
        cells.push(cell(&verdicts));
    }
    cells
}

async fn once(race: Race, at: At, reader: &Handle, writer: &Handle) -> Verdict {
    let row = Row::gated(1);
    let read = |handle: &Handle| {
        let (handle, row) = (handle.clone(), row.clone());
        tokio::spawn(async move { handle.read(at, row).await })
    };
    let mut load = read(reader);
    tokio::select! {
        () = row.is_being_read() => {}
        // On a busy machine a peer's own time-out can come before the body: then there was no race.
        ended = &mut load => return Verdict::Failed(format!("no load: {ended:?}")),
    }

    row.change(2);
    let mut removal = tokio::spawn({
        let writer = writer.clone();
        async move { writer.remove(race.removal, at).await }
    });
    let prompt = timeout(PROMPT, &mut removal).await;
    let waited = prompt.is_err();
    let mut late = None;
    if race.late && !waited {
        let mut reading = read(reader);
        late = Some(match timeout(JOINED, &mut reading).await {
            Ok(value) => value,
            Err(_) => {
                row.let_go();
                reading.await
            }
        });
    }
    row.let_go();
    let removed = match prompt {
        Ok(removed) => removed,
        Err(_) => removal.await,
    };
    let loaded = load.await;

    match removed {
        Ok(None) => return Verdict::NotOffered,
        Ok(Some(Err(error))) => return Verdict::Failed(error),
        Ok(Some(Ok(_))) => {}
        Err(error) => return Verdict::Failed(error.to_string()),
    }
    if !matches!(loaded, Ok(Ok(_))) {
        return Verdict::Failed("the load".into());
    }
    let mut fresh = late.is_none_or(|value| matches!(value, Ok(Ok(2))));
    // Again and again for a moment, so that a store in the background cannot come after the last look.
    for _ in 0..5 {
        for handle in [reader, writer] {
            fresh &= matches!(handle.read(at, row.clone()).await, Ok(2));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match (fresh, waited) {
        (false, _) => Verdict::Stale,
        (true, true) => Verdict::Waited,
        (true, false) => Verdict::Fresh,
    }
}

fn cell(verdicts: &[Verdict]) -> String {
    let stale = verdicts
        .iter()
        .filter(|verdict| matches!(verdict, Verdict::Stale))
        .count();
    if let Some(Verdict::Failed(error)) = verdicts
        .iter()
        .find(|verdict| matches!(verdict, Verdict::Failed(_)))
    {
        return format!("error: {error}");
    }
    match verdicts.first() {
        Some(Verdict::NotOffered) | None => NOT_OFFERED.into(),
        _ if stale == verdicts.len() => "**STALE**".into(),
        _ if stale > 0 => format!("**STALE** {stale} of {}", verdicts.len()),
        Some(Verdict::Waited) => "fresh; waits for the load".into(),
        _ => "fresh".into(),
    }
}
