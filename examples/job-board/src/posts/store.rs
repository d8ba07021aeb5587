//! The SQL of posts.

use sqlx::QueryBuilder;

use super::{Feed, NewPost, Post, PostChange};
use crate::db::{Db, Tx};
use crate::error::ApiError;
use crate::page::{Listing, Page};

/// One page of what `reader` may see, newest first: all that is published, and their own drafts.
pub async fn list(db: &Db, page: Page, reader: Option<i64>) -> Result<Listing<Post>, sqlx::Error> {
    let mut tx = db.snapshot().await?;
    // Nobody's id is NULL, and nothing is equal to NULL: an anonymous reader has no drafts.
    let items = QueryBuilder::new(SELECT_POST)
        .push(" WHERE p.published OR p.author_id = ")
        .push_bind(reader)
        .push(NEWEST_FIRST)
        .push_bind(page.limit)
        .push(" OFFSET ")
        .push_bind(page.skip)
        .build_query_as()
        .fetch_all(tx.counted())
        .await?;
    let total = sqlx::query_scalar("SELECT COUNT(*) FROM posts WHERE published OR author_id = ?")
        .bind(reader)
        .fetch_one(tx.counted())
        .await?;
    Ok(Listing::new(items, total, page))
}

/// One page of what a user has published, newest first; `None` if there is no such user.
pub async fn by_user(
    db: &Db,
    user_id: i64,
    page: Page,
) -> Result<Option<Listing<Post>>, sqlx::Error> {
    let mut tx = db.snapshot().await?;
    // A user without posts has a row here all the same, a user who is not there has none.
    let total = sqlx::query_scalar(
        "SELECT COUNT(p.id) FROM users u LEFT JOIN posts p ON p.author_id = u.id AND p.published \
         WHERE u.id = ? GROUP BY u.id",
    )
    .bind(user_id)
    .fetch_optional(tx.counted())
    .await?;
    let Some(total) = total else { return Ok(None) };
    let items = QueryBuilder::new(SELECT_POST)
        .push(" WHERE p.published AND p.author_id = ")
        .push_bind(user_id)
        .push(NEWEST_FIRST)
        .push_bind(page.limit)
        .push(" OFFSET ")
        .push_bind(page.skip)
        .build_query_as()
        .fetch_all(tx.counted())
        .await?;
    Ok(Some(Listing::new(items, total, page)))
}

/// The front page.
pub async fn feed(db: &Db) -> Result<Feed, sqlx::Error> {
    let mut tx = db.snapshot().await?;
    let latest = QueryBuilder::new(SELECT_POST)
        .push(" WHERE p.published")
        .push(NEWEST_FIRST)
        .push_bind(30)
        .build_query_as()
        .fetch_all(tx.counted())
        .await?;
    let authors = sqlx::query_as(
        "SELECT u.id, u.name, COUNT(*) AS posts FROM posts p JOIN users u ON u.id = p.author_id \
         WHERE p.published GROUP BY u.id ORDER BY posts DESC, u.id LIMIT 10",
    )
    .fetch_all(tx.counted())
    .await?;
    Ok(Feed { latest, authors })
}

/// Adds a post.
pub async fn create(db: &Db, author_id: i64, new: &NewPost) -> Result<Post, sqlx::Error> {
    let mut tx = db.write().await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO posts (author_id, title, body, published) VALUES (?, ?, ?, ?) RETURNING id",
    )
    .bind(author_id)
    .bind(&new.title)
    .bind(&new.body)
    .bind(new.published)
    .fetch_one(tx.counted())
    .await?;
    let post = written(&mut tx, id).await?;
    tx.commit().await?;
    Ok(post)
}

/// Changes a post of `user_id`.
///
/// # Errors
///
/// `404` if there is none that they may see, `403` if it is somebody else's.
pub async fn change(db: &Db, id: i64, user_id: i64, to: &PostChange) -> Result<Post, ApiError> {
    let mut tx = db.write().await?;
    check_author(&mut tx, id, user_id).await?;
    sqlx::query(
        "UPDATE posts SET title = COALESCE(?, title), body = COALESCE(?, body), \
         published = COALESCE(?, published), \
         updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = ?",
    )
    .bind(&to.title)
    .bind(&to.body)
    .bind(to.published)
    .bind(id)
    .execute(tx.counted())
    .await?;
    let post = written(&mut tx, id).await?;
    tx.commit().await?;
    Ok(post)
}

/// Deletes a post of `user_id`.
///
/// # Errors
///
/// `404` if there is none that they may see, `403` if it is somebody else's.
pub async fn delete(db: &Db, id: i64, user_id: i64) -> Result<(), ApiError> {
    let mut tx = db.write().await?;
    check_author(&mut tx, id, user_id).await?;
    sqlx::query("DELETE FROM posts WHERE id = ?")
        .bind(id)
        .execute(tx.counted())
        .await?;
    tx.commit().await?;
    Ok(())
}

async fn written(tx: &mut Tx, id: i64) -> Result<Post, sqlx::Error> {
    let mut query = QueryBuilder::new(SELECT_POST);
    query.push(" WHERE p.id = ").push_bind(id);
    query.build_query_as().fetch_one(tx.counted()).await
}

/// Somebody else's draft is not found, rather than forbidden: that it exists is nobody's business.
async fn check_author(tx: &mut Tx, id: i64, user_id: i64) -> Result<(), ApiError> {
    let row: Option<(i64, bool)> =
        sqlx::query_as("SELECT author_id, published FROM posts WHERE id = ?")
            .bind(id)
            .fetch_optional(tx.counted())
            .await?;
    match row {
        Some((author_id, _)) if author_id == user_id => Ok(()),
        Some((_, true)) => Err(ApiError::not_yours("post")),
        Some((_, false)) | None => Err(ApiError::not_found("post")),
    }
}

const SELECT_POST: &str = "SELECT p.id, p.author_id, u.name AS author, p.title, p.body, \
    p.published, p.created_at, p.updated_at FROM posts p JOIN users u ON u.id = p.author_id";

const NEWEST_FIRST: &str = " ORDER BY p.created_at DESC, p.id DESC LIMIT ";

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> NewPost {
        NewPost {
            title: "Unfinished".into(),
            body: "…".into(),
            published: false,
        }
    }

    #[tokio::test]
    async fn a_draft_is_its_authors_alone() -> Result<(), ApiError> {
        let db = Db::open("sqlite::memory:").await?;
        let page = Page { skip: 0, limit: 5 };
        let post = create(&db, 7, &draft()).await?;
        assert!(list(&db, page, Some(7)).await?.items.contains(&post));
        assert!(!list(&db, page, Some(8)).await?.items.contains(&post));
        assert!(!list(&db, page, None).await?.items.contains(&post));
        assert!(!feed(&db).await?.latest.contains(&post));
        assert!(
            by_user(&db, 7, page)
                .await?
                .is_some_and(|posts| !posts.items.contains(&post))
        );
        assert_eq!(
            delete(&db, post.id, 8).await,
            Err(ApiError::not_found("post"))
        );
        Ok(())
    }

    #[tokio::test]
    async fn a_change_leaves_the_rest() -> Result<(), ApiError> {
        let db = Db::open("sqlite::memory:").await?;
        let post = create(&db, 7, &draft()).await?;
        let publish = PostChange {
            published: Some(true),
            ..PostChange::default()
        };
        let changed = change(&db, post.id, 7, &publish).await?;
        assert_eq!(
            (changed.title, changed.body, changed.published),
            (post.title, post.body, true)
        );
        assert_eq!(
            change(&db, post.id, 8, &publish).await,
            Err(ApiError::not_yours("post"))
        );
        Ok(())
    }

    #[tokio::test]
    async fn nobody_differs_from_somebody_who_is_silent() -> Result<(), sqlx::Error> {
        let db = Db::open("sqlite::memory:").await?;
        sqlx::query("DELETE FROM posts WHERE author_id = 9")
            .execute(db.counted())
            .await?;
        let silent = by_user(&db, 9, Page::default()).await?;
        assert!(silent.is_some_and(|posts| posts.total == 0 && posts.items.is_empty()));
        assert_eq!(by_user(&db, 999_999, Page::default()).await?, None);
        Ok(())
    }
}
