//! Handlers whose answers are stored as text.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get as on_get;
use axum::{Json, Router};
use cache_runtime::cached;
use cache_runtime::http::{CacheLayer, CachedJson};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::service::Service;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) id: u32,
    pub(super) title: String,
}

/// That many rows.
pub(super) fn rows(count: u32) -> Vec<Row> {
    let row = |id| Row {
        id,
        title: format!("row number {id} of a table"),
    };
    (0..count).map(row).collect()
}

pub(super) fn json(count: u32) -> String {
    serde_json::to_string(&rows(count)).unwrap()
}

pub(super) fn behind(service: &Service, layer: CacheLayer) -> Router {
    routes().layer(layer).with_state(service.clone())
}

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/rows/{count}", on_get(list))
        .route("/counted", on_get(counted))
        .route("/found/{id}", on_get(found))
        .route("/checked/{id}", on_get(checked))
        .route("/nan", on_get(nan))
        .route("/unserializable", on_get(unserializable))
        .route("/own-etag", on_get(own_etag))
        .route("/response/{count}", on_get(response))
        .route("/as-before", on_get(as_before))
        .route("/as-text", on_get(as_text))
}

#[cached(ttl = "60s", key = "rows:<count>", cache = service.cache, public)]
pub(super) async fn list(
    State(service): State<Service>,
    Path(count): Path<u32>,
) -> CachedJson<Vec<Row>> {
    service.run();
    CachedJson::new(rows(count))
}

/// How often a [`Counted`] was written and read.
pub(super) static WRITTEN: AtomicU32 = AtomicU32::new(0);
pub(super) static READ: AtomicU32 = AtomicU32::new(0);

/// Only one test may use it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counted(pub(super) u32);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WRITTEN.fetch_add(1, SeqCst);
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READ.fetch_add(1, SeqCst);
        u32::deserialize(deserializer).map(Self)
    }
}

#[cached(ttl = "60s", key = "counted", cache = service.cache)]
pub(super) async fn counted(State(service): State<Service>) -> CachedJson<Counted> {
    CachedJson::new(Counted(service.run()))
}

/// A row that exists if its number is even.
#[cached(ttl = "60s", none_ttl = "5s", key = "found:<id>", cache = service.cache)]
pub(super) async fn found(
    State(service): State<Service>,
    Path(id): Path<u32>,
) -> CachedJson<Option<Row>> {
    service.run();
    let title = String::new();
    CachedJson::new((id % 2 == 0).then_some(Row { id, title }))
}

/// Stored if the row's number is below ten, with a tag of the row; a failure if it is above a hundred.
#[cached(
    ttl = "60s",
    key = "checked:<id>",
    when = |row| row.id < 10,
    tags = "title:<result.title>",
    cache = service.cache
)]
pub(super) async fn checked(
    State(service): State<Service>,
    Path(id): Path<u32>,
) -> Result<CachedJson<Row>, StatusCode> {
    service.run();
    let title = format!("t{id}");
    if id > 100 {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(CachedJson::new(Row { id, title }))
}

#[cached(ttl = "60s", key = "nan", cache = service.cache)]
pub(super) async fn nan(State(service): State<Service>) -> CachedJson<(u32, f64)> {
    CachedJson::new((service.run(), f64::NAN))
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Unserializable;

impl Serialize for Unserializable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it has no JSON"))
    }
}

#[cached(ttl = "60s", key = "unserializable", cache = service.cache)]
pub(super) async fn unserializable(State(service): State<Service>) -> CachedJson<Unserializable> {
    service.run();
    CachedJson::new(Unserializable)
}

/// A handler that is not cached itself, and sets an `ETag` of its own.
async fn own_etag(State(service): State<Service>) -> impl IntoResponse {
    let rows = list(State(service), Path(100)).await;
    ([(header::ETAG, "\"mine\"")], rows)
}

#[cached(ttl = "60s", key = "response:<count>", cache = service.cache)]
async fn response(State(service): State<Service>, Path(count): Path<u32>) -> Response {
    service.run();
    Json(rows(count)).into_response()
}

/// The same key and value as [`as_text`].
#[cached(ttl = "60s", key = "deployed", cache = service.cache)]
pub(super) async fn as_before(State(service): State<Service>) -> Json<Vec<Row>> {
    service.run();
    Json(rows(50))
}

#[cached(ttl = "60s", key = "deployed", cache = service.cache)]
pub(super) async fn as_text(State(service): State<Service>) -> CachedJson<Vec<Row>> {
    service.run();
    CachedJson::new(rows(50))
}
