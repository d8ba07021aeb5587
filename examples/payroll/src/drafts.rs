//! Forms that somebody has begun and not sent, kept for a quarter of an hour: the cache by hand.
//!
//! No attribute fits, because nothing is computed. And no table is wanted: whoever loses a draft types it again. So the
//! cache is all the store there is, and what empties it (a restart without Redis, a clear) takes the drafts along.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::{Json, Router, routing};
use cache_runtime::{cache, ttl};
use serde::{Deserialize, Serialize};

use crate::AppState;
use crate::error::ApiError;
use crate::extract::{At, Body, Canonical};
use crate::keys;
use crate::session::SignedIn;

/// `/api/drafts/{form}`.
pub fn routes() -> Router<AppState> {
    Router::new().route(
        "/api/drafts/{form}",
        routing::get(read).put(keep).delete(discard),
    )
}

/// A form, as far as it has been filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// What stands in each field.
    pub fields: BTreeMap<String, String>,
}

impl Canonical for Draft {
    fn canonical(self) -> Result<Self, ApiError> {
        Ok(self)
    }
}

async fn read(SignedIn(user_id): SignedIn, At(form): At<Form>) -> Result<Json<Draft>, ApiError> {
    let draft = cache().get(keys::draft(user_id, form)).await;
    draft.map(Json).ok_or_else(|| ApiError::not_found("draft"))
}

/// `201` for a new one, `204` where it replaces one.
async fn keep(
    SignedIn(user_id): SignedIn,
    At(form): At<Form>,
    Body(draft): Body<Draft>,
) -> Result<StatusCode, ApiError> {
    let key = keys::draft(user_id, form);
    let was_there = cache().exists(key.clone()).await;
    cache()
        .set(key, &draft, &ttl::USER_CONTEXT)
        .await
        .map_err(|error| ApiError::invalid("fields", error.to_string()))?;
    Ok(if was_there {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::CREATED
    })
}

async fn discard(SignedIn(user_id): SignedIn, At(form): At<Form>) -> Result<StatusCode, ApiError> {
    let done = cache().delete(keys::draft(user_id, form)).await;
    // While Redis is away nobody can count what it holds; the removal is noted and done later.
    if done.removed == 0 && done.is_durable() {
        return Err(ApiError::not_found("draft"));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The forms there are: a stranger's word does not become a key.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Form {
    Hire,
    Terms,
    Correction,
}

impl Form {
    /// As paths and keys spell it. (The form itself as a part of a key would be `$hire`: a variant is no mere text.)
    pub fn name(self) -> &'static str {
        match self {
            Self::Hire => "hire",
            Self::Terms => "terms",
            Self::Correction => "correction",
        }
    }
}
