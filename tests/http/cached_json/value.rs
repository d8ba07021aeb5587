//! The value in an answer: what the function's options see of it, and what a service that asks for it gets.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use cache_runtime::cached;
use cache_runtime::http::{CacheLayer, CachedJson};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::time::advance;

use super::get;
use super::handlers::{Row, behind, checked, list, rows};
use crate::service::Service;

#[tokio::test]
async fn a_service_gets_the_value_when_it_asks() {
    let service = Service::new();
    for _ in 0..2 {
        let answer = list(State(service.clone()), Path(5)).await;
        assert_eq!(answer.value().unwrap(), &rows(5));
        // The same value, not decoded again.
        assert!(std::ptr::eq(
            answer.value().unwrap(),
            answer.value().unwrap()
        ));
        assert_eq!(answer.clone().into_inner().unwrap(), rows(5));
        assert_eq!(answer.into_inner().unwrap(), rows(5));
    }
    assert_eq!(service.runs.load(SeqCst), 1);
}

#[tokio::test]
async fn options_about_the_result_see_the_value() {
    let service = Service::new();
    let call = async |id| checked(State(service.clone()), Path(id)).await;
    let runs = || service.runs.load(SeqCst);
    for id in [1, 1, 2, 2] {
        assert_eq!(call(id).await.unwrap().value().unwrap().id, id);
    }
    assert_eq!(runs(), 2, "`when` lets both be stored");
    for _ in 0..2 {
        assert_eq!(call(50).await.unwrap().value().unwrap().id, 50);
    }
    assert_eq!(runs(), 4, "`when` lets this not be stored");
    for _ in 0..2 {
        assert_eq!(call(101).await.unwrap_err(), StatusCode::NOT_FOUND);
    }
    assert_eq!(runs(), 6, "nor is an error");

    service.cache.invalidate_tag("title:t1").await;
    call(1).await.unwrap();
    call(2).await.unwrap();
    assert_eq!(runs(), 7, "the tag names the first row only");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_as_long_as_none_ttl_says() {
    let service = Service::new();
    let app = behind(&service, CacheLayer::new());
    for _ in 0..2 {
        assert_eq!(get(&app, "/found/1", &[]).await.body, "null");
        assert_eq!(
            get(&app, "/found/2", &[]).await.decoded(),
            r#"{"id":2,"title":""}"#
        );
    }
    assert_eq!(service.runs.load(SeqCst), 2);
    advance(Duration::from_secs(6)).await;
    assert_eq!(get(&app, "/found/1", &[]).await.body, "null");
    assert_eq!(get(&app, "/found/2", &[]).await.header("x-cache"), "HIT");
    assert_eq!(service.runs.load(SeqCst), 3);
}

/// `null` in place of NaN is what `Json` sends, too. Stored, it could not be read back.
#[tokio::test]
async fn what_json_cannot_represent_is_sent_and_not_stored() {
    let app = behind(&Service::new(), CacheLayer::new());
    for run in 1..=2 {
        let answer = get(&app, "/nan", &[]).await;
        assert_eq!(answer.decoded(), format!("[{run},null]"));
        assert_eq!(answer.header("x-cache"), "MISS");
    }
}

#[tokio::test]
async fn an_error_of_serialize_is_answered_as_by_json_and_not_stored() {
    use axum::response::IntoResponse as _;

    let service = Service::new();
    let app = behind(&service, CacheLayer::new());
    for run in 1..=2 {
        let answer = get(&app, "/unserializable", &[]).await;
        let plain = axum::Json(super::handlers::Unserializable).into_response();
        assert_eq!(answer.status, plain.status());
        let type_of = plain.headers().get("content-type");
        assert_eq!(answer.headers.get("content-type"), type_of);
        let text = axum::body::to_bytes(plain.into_body(), usize::MAX)
            .await
            .unwrap();
        assert_eq!(answer.body, text);
        assert_eq!(service.runs.load(SeqCst), run);
    }
}

/// Writes any number, and reads only even ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Even(u32);

impl<'de> Deserialize<'de> for Even {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        if number % 2 == 1 {
            return Err(serde::de::Error::custom(format!("{number} is odd")));
        }
        Ok(Self(number))
    }
}

#[cached(ttl = "60s", key = "even:<number>", cache = service.cache, skip(service))]
async fn even(service: &Service, number: u32) -> CachedJson<Even> {
    service.run();
    CachedJson::new(Even(number))
}

/// The text is as good as before. Only who wants the value is told, without a part of it.
#[tokio::test]
async fn a_text_that_its_own_type_does_not_read_is_an_error_for_who_asks_for_the_value() {
    let service = Service::new();
    assert_eq!(
        even(&service, 7).await.into_inner().unwrap(),
        Even(7),
        "not decoded"
    );
    let hit = even(&service, 7).await;
    assert_eq!(service.runs.load(SeqCst), 1);
    assert_eq!(hit.json().unwrap(), "7");
    let error = hit.value().unwrap_err();
    assert!(error.is_codec());
    let text = error.to_string();
    assert!(
        text.contains("Even` cannot be read") && !text.contains('7'),
        "{text}"
    );
    assert!(hit.into_inner().is_err());
    even(&service, 8).await;
    assert_eq!(even(&service, 8).await.into_inner().unwrap(), Even(8));
}

#[cached(ttl = "60s", key = "outer:<id>", tags = "title:<result.title>", cache = service.cache, skip(service))]
async fn outer(service: &Service, id: u32) -> CachedJson<Row> {
    let row = checked(State(service.clone()), Path(id)).await;
    row.unwrap_or_else(|_| CachedJson::from(rows(1).remove(0)))
}

#[tokio::test]
async fn a_function_that_returns_another_s_hit_sees_its_value_in_its_tags() {
    let service = Service::new();
    checked(State(service.clone()), Path(3)).await.unwrap();
    outer(&service, 3).await;
    assert!(service.cache.exists("outer:3").await);
    service.cache.invalidate_tag("title:t3").await;
    assert!(!service.cache.exists("outer:3").await);
}
