//! Tags that an expression gives: as many as there are.

use cache_runtime::{Tag, cache, cached};
use tokio::sync::Semaphore;

use super::ran;

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Post {
    run: u32,
    labels: Vec<String>,
}

#[cached(key = "labelled:<id>", tags = &labels, skip(labels))]
async fn labelled(id: u32, labels: Vec<String>) -> Post {
    Post {
        run: ran(14) + id,
        labels,
    }
}

#[tokio::test]
async fn a_list_of_any_length_tags_an_entry() {
    let load = async |id, labels: &[&str]| {
        let labels = labels.iter().map(ToString::to_string).collect();
        labelled(id, labels).await.run
    };
    assert_eq!(load(0, &["red", "light blue"]).await, 1);
    assert_eq!(load(10, &[]).await, 12);
    cache().invalidate_tag("light blue").await;
    assert_eq!(load(0, &["red"]).await, 3);
    cache().invalidate_tag("red").await;
    assert_eq!(load(0, &[]).await, 4);
    assert_eq!(load(10, &[]).await, 12);
}

#[cached(
    key = "tagged_late:<id>",
    tags = result.labels.iter().map(|label| Tag::of("late").segment(label)).chain([Tag::of("id").segment(&id)])
)]
async fn tagged_late(id: u32) -> Result<Post, String> {
    Ok(Post {
        run: ran(15),
        labels: vec!["a:b".into(), id.to_string()],
    })
}

#[cached(invalidates = "#late:<label>")]
async fn relabel(label: &str) {
    let _ = label;
}

#[tokio::test]
async fn a_result_tells_its_own_tags() {
    let run = async |id| tagged_late(id).await.unwrap().run;
    assert_eq!((run(1).await, run(1).await, run(2).await), (1, 1, 2));
    relabel("1").await;
    assert_eq!((run(1).await, run(2).await), (3, 2));
    relabel("a:b").await;
    assert_eq!((run(1).await, run(2).await), (4, 5));
    cache().invalidate_tag("id:2").await;
    assert_eq!((run(1).await, run(2).await), (4, 6));
}

static BEGUN: Semaphore = Semaphore::const_new(0);
static MAY_END: Semaphore = Semaphore::const_new(0);

#[cached(key = "tagged_slowly:<id>", tags = &result.labels)]
async fn tagged_slowly(id: u32) -> Post {
    BEGUN.add_permits(1);
    MAY_END.acquire().await.unwrap().forget();
    Post {
        run: ran(16) + id,
        labels: vec!["slow".into()],
    }
}

#[tokio::test]
async fn a_tag_that_is_removed_before_the_result_tells_it_is_not_stored() {
    for (removed, runs) in [("another", (1, 1)), ("slow", (2, 3))] {
        cache().delete("tagged_slowly:0").await;
        let load = tokio::spawn(tagged_slowly(0));
        BEGUN.acquire().await.unwrap().forget();
        cache().invalidate_tag(removed).await;
        MAY_END.add_permits(1);
        let first = load.await.unwrap().run;
        MAY_END.add_permits(1);
        assert_eq!((first, tagged_slowly(0).await.run), runs, "{removed}");
        // Whatever the second call did not need.
        MAY_END.forget_permits(1);
    }
}

#[cached(key = "article_of:<id>", tags = ["written_by:<result.run>"])]
async fn article_of(id: u32) -> Post {
    Post {
        run: ran(17) + id,
        labels: Vec::new(),
    }
}

#[cached(invalidates = "#written_by:<author>")]
async fn rewrite(author: u32) {
    let _ = author;
}

#[tokio::test]
async fn inside_a_transaction_what_may_carry_a_tag_that_is_due_is_neither_read_nor_stored() {
    assert_eq!(article_of(0).await.run, 1);
    let rolled_back = cache_runtime::deferred(async {
        rewrite(1).await;
        // The rows as the transaction sees them.
        assert_eq!(article_of(0).await.run, 2);
        assert_eq!(article_of(10).await.run, 13);
        assert!(!cache().exists("article_of:0").await);
        Err::<(), ()>(())
    });
    assert!(rolled_back.await.is_err());
    assert_eq!(article_of(0).await.run, 1, "as it was");
    assert_eq!(article_of(10).await.run, 14, "not what nobody committed");
}
