//! The endpoints of articles and their tags.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router, routing};

use super::AppState;
use super::error::ApiError;
use super::extract::{Body, Id, Params, Slug};
use crate::article::{Article, NewArticle, Text};
use crate::page::Page;
use crate::service::ArticleService;

/// Everything under `/articles`, and `/tags`.
pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/articles", routing::get(list).post(create))
        .route(
            "/articles/{id}",
            routing::get(detail).put(update).delete(delete),
        )
        .route("/articles/by-slug/{slug}", routing::get(by_slug))
        .route("/tags", routing::get(tags))
}

async fn list(
    State(service): State<ArticleService>,
    Params(page): Params<Page>,
) -> Result<Response, ApiError> {
    let articles = service.list(page).await?;
    Ok(Json(&*articles).into_response())
}

async fn detail(
    State(service): State<ArticleService>,
    Id(id): Id,
) -> Result<Json<Article>, ApiError> {
    let article = service.article(id).await?;
    article.map(Json).ok_or(ApiError::not_found("article"))
}

/// Two cached calls. The second shares its entry with `/articles/{id}`, and with it every removal.
async fn by_slug(
    State(service): State<ArticleService>,
    Slug(slug): Slug,
) -> Result<Json<Article>, ApiError> {
    let id = service.number(&slug).await?;
    let id = id.ok_or(ApiError::not_found("article"))?;
    detail(State(service), Id(id)).await
}

async fn tags(State(service): State<ArticleService>) -> Result<Response, ApiError> {
    let tags = service.tags().await?;
    Ok(Json(&*tags).into_response())
}

async fn create(
    State(service): State<ArticleService>,
    Body(new): Body<NewArticle>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Article>), ApiError> {
    let article = service.create(new).await?;
    let location = (header::LOCATION, format!("/articles/{}", article.id));
    Ok((StatusCode::CREATED, [location], Json(article)))
}

async fn update(
    State(service): State<ArticleService>,
    Id(id): Id,
    Body(text): Body<Text>,
) -> Result<Json<Article>, ApiError> {
    Ok(Json(service.update(id, text).await?))
}

async fn delete(State(service): State<ArticleService>, Id(id): Id) -> Result<StatusCode, ApiError> {
    service.delete(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
