//! Lists in the placeholders of `invalidates` and `tags`: each element counts.

use std::time::Duration;

use cache_runtime::testing::{self, Scope};
use cache_runtime::{CacheConfig, assert_bypass, assert_hit, assert_miss, cache, cached};
use cache_tests::{FaultProxy, RedisServer};

#[cached(ttl = "1h", key = "row:<id>")]
async fn row(id: u32) -> u32 {
    id
}

#[cached(ttl = "1h", key = "rows:<ids>")]
async fn rows(ids: Vec<u32>) -> Vec<u32> {
    ids
}

#[cached(ttl = "1h", key = "cell:<row>:<column>")]
async fn cell(row: u32, column: String) -> u32 {
    row + column.len() as u32
}

#[cached(invalidates = ["row:<ids>", "rows:<ids>"])]
async fn change(ids: Vec<u32>) {}

#[cached(invalidates = "row:<ids>")]
async fn change_some(ids: Option<&[u32]>) {}

#[cached(invalidates = "cell:<rows>:<columns>")]
async fn change_cells(rows: [u32; 2], columns: &[String]) {}

#[cached(invalidates = "cell:<rows>:<result>")]
async fn change_column(rows: Vec<u32>, column: &str) -> Result<Vec<String>, String> {
    match column {
        "" => Err("no column".to_owned()),
        column => Ok(vec![column.to_owned()]),
    }
}

#[cached(ttl = "1h", key = "spot:<t>:<place>")]
async fn spot(t: u32, place: (i32, i32)) -> u32 {
    t
}

#[cached(ttl = "1h", key = "spots:<t>:<places>")]
async fn spots(t: u32, places: Vec<(i32, i32)>) -> u32 {
    t
}

#[cached(invalidates = ["spot:<t>:<place>", "spots:<t>:<places>"])]
async fn change_spots(t: Vec<u32>, place: (i32, i32), places: Vec<(i32, i32)>) {}

#[cached(ttl = "1h", key = "tagged:<id>", tags = ["t:<x>:<y>"], skip(x, y))]
async fn tagged(id: u32, x: Vec<u32>, y: Vec<u32>) -> u32 {
    id
}

#[cached(ttl = "1h", key = "by_result:<id>", tags = ["r:<result>:<result>"])]
async fn tagged_by_result(id: u32) -> Vec<u32> {
    (0..id).collect()
}

#[cached(invalidates = "row:<ids>")]
async fn never(ids: Vec<u32>) {
    std::future::pending::<()>().await;
}

#[cached(ttl = "1h", key = "article:<id>", tags = ["author:<authors>", "label:<result>"], skip(authors))]
async fn article(id: u32, authors: Vec<u32>) -> Vec<String> {
    vec![format!("label {id}"), "shared".to_owned()]
}

async fn fill(ids: std::ops::Range<u32>) {
    for id in ids {
        assert_miss!(row(id));
    }
}

#[tokio::test]
async fn a_removal_by_a_list_takes_the_entry_of_each_element_and_that_of_the_list() {
    testing::scope(async {
        fill(1..5).await;
        assert_miss!(rows(vec![1, 2]));
        assert_miss!(rows(vec![1, 3]));
        change(vec![1, 2]).await;
        assert_miss!(row(1));
        assert_miss!(row(2));
        assert_miss!(rows(vec![1, 2]));
        assert_hit!(row(3));
        assert_hit!(rows(vec![1, 3]));
        change_some(Some(&[3])).await;
        assert_miss!(row(3));
        change_some(Some(&[])).await;
        change_some(None).await;
        for id in 1..5 {
            assert_hit!(row(id));
        }
    })
    .await;
}

#[tokio::test]
async fn of_several_lists_every_combination_counts() {
    testing::scope(async {
        let columns = ["a:b", "c d", "Zoë"].map(str::to_owned);
        for row in 1..4 {
            for column in &columns {
                assert_miss!(cell(row, column.clone()));
            }
        }
        change_cells([1, 3], &columns[..2]).await;
        for row in 1..4 {
            for (at, column) in columns.iter().enumerate() {
                match row != 2 && at < 2 {
                    true => assert_miss!(cell(row, column.clone())),
                    false => assert_hit!(cell(row, column.clone())),
                };
            }
        }
    })
    .await;
}

/// Beside a list, a tuple or another list may stand in a key as a whole.
#[tokio::test]
async fn a_whole_list_counts_beside_the_elements_of_another() {
    testing::scope(async {
        for t in 1..4 {
            assert_miss!(spot(t, (3, 4)));
            assert_miss!(spots(t, vec![(3, 4)]));
        }
        change_spots(vec![1, 2], (3, 4), vec![(3, 4)]).await;
        for t in 1..3 {
            assert_miss!(spot(t, (3, 4)));
            assert_miss!(spots(t, vec![(3, 4)]));
        }
        assert_hit!(spot(3, (3, 4)));
        assert_hit!(spots(3, vec![(3, 4)]));
    })
    .await;
}

#[tokio::test]
async fn with_more_tags_than_an_entry_can_carry_nothing_is_stored() {
    testing::scope(async {
        let list = |length| (0..length).collect::<Vec<u32>>();
        assert_miss!(tagged(1, list(98), list(98)));
        assert_hit!(tagged(1, list(98), list(98)));
        assert_bypass!(tagged(2, list(100), list(100)));
        assert_bypass!(tagged(2, list(100_000), list(100_000)));
        assert_miss!(tagged_by_result(98));
        assert_hit!(tagged_by_result(98));
        assert_miss!(tagged_by_result(100));
        assert_miss!(tagged_by_result(100));
    })
    .await;
}

/// The list is an argument, which the body takes, and the other one is known only afterwards.
#[tokio::test]
async fn a_list_is_kept_for_after_the_body() {
    testing::scope(async {
        for row in 1..4 {
            assert_miss!(cell(row, "x".to_owned()));
        }
        change_column(vec![1, 2], "").await.unwrap_err();
        assert_hit!(cell(1, "x".to_owned()));
        change_column(vec![1, 2], "x").await.unwrap();
        assert_miss!(cell(1, "x".to_owned()));
        assert_miss!(cell(2, "x".to_owned()));
        assert_hit!(cell(3, "x".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn more_elements_than_a_pattern_may_have_remove_everything_with_the_text_before() {
    testing::scope(async {
        fill(0..3).await;
        assert_miss!(cell(1, "x".to_owned()));
        change((1..128).collect()).await;
        assert_hit!(row(0));
        assert_miss!(row(1));
        change((1..129).collect()).await;
        assert_miss!(row(0));
        assert_hit!(cell(1, "x".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_goes_away_removes_each_element_too() {
    let scope = Scope::new();
    scope.run(fill(1..4)).await;
    let writer = scope.spawn(never(vec![1, 2]));
    tokio::task::yield_now().await;
    writer.abort();
    assert!(writer.await.unwrap_err().is_cancelled());
    scope
        .run(async {
            assert_miss!(row(1));
            assert_miss!(row(2));
            assert_hit!(row(3));
        })
        .await;
}

#[tokio::test]
async fn an_entry_carries_a_tag_for_each_element() {
    testing::scope(async {
        for tag in ["author:7", "author:8", "label:label%201", "label:shared"] {
            assert_miss!(article(1, vec![7, 8]));
            assert_hit!(article(1, vec![7, 8]));
            let removed = cache()
                .invalidate_pattern(&format!("#{tag}"))
                .await
                .unwrap();
            assert_eq!(removed.removed, 1, "{tag}");
        }
        assert_miss!(article(1, vec![7, 8]));
        cache().invalidate_pattern("#author:9").await.unwrap();
        assert_hit!(article(1, vec![7, 8]));
    })
    .await;
}

#[tokio::test]
async fn other_processes_hear_of_each_element() {
    for round_trip in [0, 5, 40] {
        let server = RedisServer::start();
        let proxy = FaultProxy::in_front_of(&server);
        proxy.set_round_trip(Duration::from_millis(round_trip));
        let scope = || {
            let config = CacheConfig::default().redis_url(proxy.url());
            Scope::with(config.budget(Duration::from_secs(10))).unwrap()
        };
        a_reader_hears_of_each_element(scope(), scope()).await;
    }
}

async fn a_reader_hears_of_each_element(writer: Scope, reader: Scope) {
    reader
        .run(async {
            // A refresh waits until other processes can read its value.
            for id in 1..4 {
                row::refresh(id).await;
            }
            article::refresh(2, vec![1, 2]).await;
        })
        .await;
    writer.run(change(vec![1, 2])).await;
    let tagged = writer
        .cache()
        .invalidate_pattern("#author:2")
        .await
        .unwrap();
    assert_eq!(tagged.removed, 1);
    reader
        .run(async {
            assert_miss!(row(1));
            assert_miss!(row(2));
            assert_hit!(row(3));
            assert_miss!(article(2, vec![1, 2]));
        })
        .await;
}
