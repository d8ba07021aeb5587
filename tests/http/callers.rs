//! Whose answers may be kept for requests with `Authorization`: the types in the key decide.

use std::convert::Infallible;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::routing::get as on_get;
use axum::{Extension, Json};
use cache_runtime::http::CacheLayer;
use cache_runtime::{CacheKey, IdentifiesCaller, cached};

use crate::client::send;
use crate::service::{Reader, Service};

/// What is asked for: no framework's extractor, and no user either.
struct Wanted(u32);

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(1))
    }
}

mod marked {
    use super::{FromRequestParts, IdentifiesCaller, Infallible, Parts, Reader};

    /// A name that axum uses for plain data of the request.
    pub(super) struct Query(pub(super) String);

    impl IdentifiesCaller for Query {}

    impl<S: Send + Sync> FromRequestParts<S> for Query {
        type Rejection = Infallible;

        async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
            let Ok(reader) = Reader::from_request_parts(parts, state).await;
            Ok(Self(reader.name()))
        }
    }
}

mod unmarked {
    use super::{FromRequestParts, Infallible, Parts};

    /// A name that reads as if it told who asks.
    pub(super) struct CurrentUser(pub(super) u32);

    impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
        type Rejection = Infallible;

        async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
            Ok(Self(1))
        }
    }
}

type Visitor = Reader;

#[derive(Clone)]
struct Tenant(u32);

impl IdentifiesCaller for Tenant {}

#[cached(ttl = "60s", key = "wanted:<wanted>", cache = service.cache)]
async fn wanted(State(service): State<Service>, Wanted(wanted): Wanted) -> Json<u32> {
    let _ = wanted;
    Json(service.run())
}

#[cached(ttl = "60s", key = "sounds-like:<user>", cache = service.cache)]
async fn sounds_like(
    State(service): State<Service>,
    unmarked::CurrentUser(user): unmarked::CurrentUser,
) -> Json<u32> {
    let _ = user;
    Json(service.run())
}

/// As who asks for a page of it: the user is an argument, and not in the key.
#[cached(ttl = "60s", key = "left-out:<wanted>", skip(reader), cache = service.cache)]
async fn left_out(
    State(service): State<Service>,
    Wanted(wanted): Wanted,
    Reader(reader): Reader,
) -> Json<u32> {
    let _ = (wanted, reader);
    Json(service.run())
}

#[cached(ttl = "60s", key = "named:<who>", cache = service.cache)]
async fn named_otherwise(
    State(service): State<Service>,
    marked::Query(who): marked::Query,
) -> Json<u32> {
    let _ = who;
    Json(service.run())
}

#[cached(ttl = "60s", key = "alias:<reader>", cache = service.cache)]
async fn alias(State(service): State<Service>, Reader(reader): Visitor) -> Json<u32> {
    let _ = reader;
    Json(service.run())
}

#[cached(ttl = "60s", key = "tenant:<tenant>", cache = service.cache)]
async fn of_tenant(
    State(service): State<Service>,
    Extension(Tenant(tenant)): Extension<Tenant>,
) -> Json<u32> {
    let _ = tenant;
    Json(service.run())
}

/// An automatic key, which holds every argument.
#[cached(ttl = "60s", cache = service.cache)]
async fn automatic(State(service): State<Service>, Reader(reader): Reader) -> Json<u32> {
    let _ = reader;
    Json(service.run())
}

/// Its key is an expression.
#[cached(ttl = "60s", key = CacheKey::of("computed").segment(&reader), cache = service.cache)]
async fn computed(State(service): State<Service>, Reader(reader): Reader) -> Json<u32> {
    let _ = reader;
    Json(service.run())
}

/// Not a handler: what a handler calls. Its answer is one all the same.
struct Account {
    tenant: u32,
    service: Service,
}

impl IdentifiesCaller for Account {}

impl Account {
    #[cached(ttl = "60s", key = "account:<self.tenant>", cache = self.service.cache)]
    async fn page(&self) -> Json<u32> {
        Json(self.service.run())
    }
}

async fn of_account(State(service): State<Service>) -> Json<u32> {
    Account { tenant: 7, service }.page().await
}

/// Its bounds say that whatever it is tells who asks.
#[cached(ttl = "60s", skip(service), cache = service.cache)]
async fn of_any<U>(service: &Service, user: &U) -> Json<u32>
where
    U: serde::Serialize + IdentifiesCaller + Sync,
{
    let _ = user;
    Json(service.run())
}

#[derive(serde::Serialize)]
struct Token(u32);

impl IdentifiesCaller for Token {}

async fn generic(State(service): State<Service>) -> Json<u32> {
    of_any(&service, &Token(7)).await
}

/// No bound says so, though the value at hand does; and of a type without a name nothing can be asked.
#[cached(ttl = "60s", skip(service), cache = service.cache)]
async fn of_unbound<U: serde::Serialize + Sync>(service: &Service, user: &U) -> Json<u32> {
    let _ = user;
    Json(service.run())
}

#[cached(ttl = "60s", skip(service), cache = service.cache)]
async fn of_nameless(service: &Service, user: &(impl serde::Serialize + Sync)) -> Json<u32> {
    let _ = user;
    Json(service.run())
}

async fn unbound(State(service): State<Service>) -> Json<u32> {
    of_unbound(&service, &Token(7)).await
}

async fn nameless(State(service): State<Service>) -> Json<u32> {
    of_nameless(&service, &Token(7)).await
}

#[tokio::test]
async fn only_a_marked_type_in_the_key_tells_who_asks() {
    let app = Router::new()
        .route("/wanted", on_get(wanted))
        .route("/sounds-like", on_get(sounds_like))
        .route("/left-out", on_get(left_out))
        .route("/named-otherwise", on_get(named_otherwise))
        .route("/alias", on_get(alias))
        .route("/of-tenant", on_get(of_tenant))
        .route("/automatic", on_get(automatic))
        .route("/computed", on_get(computed))
        .route("/of-account", on_get(of_account))
        .route("/generic", on_get(generic))
        .route("/unbound", on_get(unbound))
        .route("/nameless", on_get(nameless))
        .layer(Extension(Tenant(7)))
        .layer(CacheLayer::new())
        .with_state(Service::new());
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let answer = send(&app, Method::GET, path, headers).await;
        answer.header("x-cache")
    };
    let bearer = [("authorization", "Bearer a")];
    for path in [
        "/wanted",
        "/sounds-like",
        "/left-out",
        "/unbound",
        "/nameless",
    ] {
        for _ in 0..2 {
            assert_eq!(ask(path, &bearer).await, "BYPASS", "{path}");
        }
        // Without credentials nothing is at stake.
        assert_eq!(ask(path, &[]).await, "MISS", "{path}");
        assert_eq!(ask(path, &[]).await, "HIT", "{path}");
    }
    for path in [
        "/named-otherwise",
        "/alias",
        "/of-tenant",
        "/automatic",
        "/computed",
        "/of-account",
        "/generic",
    ] {
        assert_eq!(ask(path, &bearer).await, "MISS", "{path}");
        assert_eq!(ask(path, &bearer).await, "HIT", "{path}");
    }
}

/// The key of `wanted` does not say who asks, so a refresh for one caller must not store an answer for all.
#[tokio::test]
async fn a_refresh_for_a_caller_who_is_not_in_the_key_stores_nothing() {
    let service = Service::new();
    let refresh = |State(service): State<Service>| wanted::refresh(State(service), Wanted(1));
    let app = Router::new()
        .route("/", on_get(wanted))
        .route("/refresh", on_get(refresh))
        .layer(CacheLayer::new())
        .with_state(service);
    let before = send(&app, Method::GET, "/", &[]).await.body;
    let own = send(
        &app,
        Method::GET,
        "/refresh",
        &[("authorization", "Bearer a")],
    )
    .await;
    assert_ne!(own.body, before);
    let told = own.header("cache-status");
    assert!(told.contains("detail=credentials"), "{told}");
    let after = send(&app, Method::GET, "/", &[]).await;
    assert_eq!(
        (after.header("x-cache"), after.body),
        ("HIT".to_owned(), before)
    );
}
