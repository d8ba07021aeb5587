//! The endpoints of posts: one path that is both public and personal, and the front page.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::{Json, Router, routing};
use cache_runtime::cached;
use cache_runtime::http::CacheLayer;

use super::{Feed, NewPost, Post, PostChange, store};
use crate::AppState;
use crate::db::Db;
use crate::error::ApiError;
use crate::extract::{Body, Id, Params};
use crate::page::{Listing, Page};
use crate::session::{Reader, SignedIn};
use crate::ttl::{FEED, POSTS_LIST, POSTS_USER};
use crate::warm::{Warming, warming};

/// Everything under `/api/posts`, and the feed.
pub fn routes() -> Router<AppState> {
    // Edges may keep what a function says is for everyone, and for as long as its own entry lives.
    let edges = CacheLayer::new().cache_control();
    Router::new()
        .route("/api/feed", routing::get(feed).layer(edges.clone()))
        .route("/api/posts", routing::get(list).layer(edges).post(create))
        .route(
            "/api/posts/{id}",
            routing::put(replace).patch(change).delete(delete),
        )
        .route("/api/posts/user/{user_id}", routing::get(by_user))
}

/// The same path for everybody, but not the same answer. A personal one says for itself that not even the reader's browser
/// may use it again unasked: authors look for their drafts right after they have written them.
async fn list(
    State(db): State<Db>,
    Params(page): Params<Page>,
    Reader(user_id): Reader,
) -> Result<(Option<[(HeaderName, &'static str); 1]>, Json<Listing<Post>>), ApiError> {
    let posts = posts_for(&db, page, user_id).await?;
    let personal = user_id.map(|_| [(header::CACHE_CONTROL, "private, no-cache")]);
    Ok((personal, Json(posts)))
}

/// What is cached is the page; the headers round it are made for each answer. `public` and `vary` are what the layer tells
/// edges: without `Vary: Cookie` on the public answer, one that has it would hand it to signed-in readers too.
///
/// An anonymous reader is `None`, which the key spells `~`, and shares one entry with all others like
/// them. With an id in its place the entry, drafts and all, belongs to that reader alone.
///
/// `stale` says here what `stale-while-revalidate` says to edges: once a page has expired, nobody waits
/// for the next. A write still shows at once, because what it removes is not served, stale or not.
// cache-map: reads posts
#[cached(
    ttl = POSTS_LIST,
    key = "posts:list:<page.skip>:<page.limit>:<user_id>",
    stale = "60s",
    public = user_id.is_none(),
    vary = "cookie",
    skip(db)
)]
async fn posts_for(db: &Db, page: Page, user_id: Option<i64>) -> Result<Listing<Post>, ApiError> {
    Ok(store::list(db, page, user_id).await?)
}

// cache-map: reads posts
#[cached(ttl = POSTS_USER, key = "posts:user:<user_id>:<page.skip>:<page.limit>")]
async fn by_user(
    State(db): State<Db>,
    Id(user_id): Id,
    Params(page): Params<Page>,
) -> Result<Json<Listing<Post>>, ApiError> {
    let posts = store::by_user(&db, user_id, page).await?;
    posts.map(Json).ok_or_else(|| ApiError::not_found("user"))
}

/// The front page: nobody waits for it, and while the database is broken it is the last one that was whole.
// cache-map: reads posts
#[cached(ttl = FEED, key = "feed:global", stale = "60s", stale_on_error = "1h", public)]
async fn feed(State(db): State<Db>) -> Result<Json<Feed>, ApiError> {
    Ok(Json(store::feed(&db).await?))
}

/// What visitors ask for first, for [`crate::warm`].
pub(crate) fn first_pages(db: &Db) -> impl Iterator<Item = Warming> {
    let pages = Page::first(3).map(|page| {
        let (key, db) = (posts_for::key(page, None), db.clone());
        warming(key, async move { posts_for(&db, page, None).await })
    });
    let feed = warming(feed::key(), feed(State(db.clone())));
    pages.chain([feed])
}

// cache-map: writes posts
#[cached(invalidates = ["posts:list:", "posts:user:<user_id>", "feed:global"])]
async fn create(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Body(new): Body<NewPost>,
) -> Result<(StatusCode, Json<Post>), ApiError> {
    let post = store::create(&db, user_id, &new).await?;
    Ok((StatusCode::CREATED, Json(post)))
}

/// Only authors may change a post, so `user_id` would do; what was written is the better witness.
// cache-map: writes posts
#[cached(invalidates = ["posts:list:", "posts:user:<result.author_id>", "feed:global"])]
async fn replace(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
    Body(new): Body<NewPost>,
) -> Result<Json<Post>, ApiError> {
    Ok(Json(store::change(&db, id, user_id, &new.into()).await?))
}

// cache-map: writes posts
#[cached(invalidates = ["posts:list:", "posts:user:<result.author_id>", "feed:global"])]
async fn change(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
    Body(change): Body<PostChange>,
) -> Result<Json<Post>, ApiError> {
    Ok(Json(store::change(&db, id, user_id, &change).await?))
}

// cache-map: writes posts
#[cached(invalidates = ["posts:list:", "posts:user:<user_id>", "feed:global"])]
async fn delete(
    State(db): State<Db>,
    SignedIn(user_id): SignedIn,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    store::delete(&db, id, user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
