//! The SQL of users.

use sqlx::{QueryBuilder, Sqlite};

use super::{Followed, User, UserFilter};
use crate::db::{Db, Tx};
use crate::error::ApiError;
use crate::page::{Listing, Page};

/// One page of the users, most followed first, as `reader` sees them.
pub async fn list(
    db: &Db,
    page: Page,
    filter: &UserFilter,
    reader: Option<i64>,
) -> Result<Listing<User>, sqlx::Error> {
    let mut tx = db.snapshot().await?;
    let mut rows = QueryBuilder::new(
        "SELECT u.id, u.name, u.headline, \
         (SELECT COUNT(*) FROM follows WHERE followed_id = u.id) AS followers, \
         (SELECT COUNT(*) FROM follows WHERE follower_id = u.id) AS following, \
         EXISTS (SELECT 1 FROM follows WHERE followed_id = u.id AND follower_id = ",
    );
    // For nobody this compares with NULL, which is never equal: `followed` is false.
    rows.push_bind(reader).push(") AS followed FROM users u");
    narrow(&mut rows, filter);
    rows.push(" ORDER BY followers DESC, u.id LIMIT ")
        .push_bind(page.limit)
        .push(" OFFSET ")
        .push_bind(page.skip);
    let items = rows.build_query_as().fetch_all(tx.counted()).await?;

    let mut count = QueryBuilder::new("SELECT COUNT(*) FROM users u");
    narrow(&mut count, filter);
    let total = count.build_query_scalar().fetch_one(tx.counted()).await?;
    Ok(Listing::new(items, total, page))
}

/// Whether there is such a user.
pub async fn exists(db: &Db, id: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(USER_EXISTS)
        .bind(id)
        .fetch_one(db.counted())
        .await
}

/// Makes `follower` follow `followed`, or no longer; doing it twice changes nothing.
///
/// # Errors
///
/// `404` if there is no such user, `400` for oneself.
pub async fn follow(db: &Db, follower: i64, followed: i64, on: bool) -> Result<Followed, ApiError> {
    if follower == followed {
        return Err(ApiError::invalid("id", "is your own"));
    }
    let mut tx = db.write().await?;
    let known: bool = sqlx::query_scalar(USER_EXISTS)
        .bind(followed)
        .fetch_one(tx.counted())
        .await?;
    if !known {
        return Err(ApiError::not_found("user"));
    }
    let change = if on {
        "INSERT OR IGNORE INTO follows (follower_id, followed_id) VALUES (?, ?)"
    } else {
        "DELETE FROM follows WHERE follower_id = ? AND followed_id = ?"
    };
    sqlx::query(change)
        .bind(follower)
        .bind(followed)
        .execute(tx.counted())
        .await?;
    let followers = followers(&mut tx, followed).await?;
    tx.commit().await?;
    Ok(Followed {
        user_id: followed,
        followed: on,
        followers,
    })
}

async fn followers(tx: &mut Tx, id: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT COUNT(*) FROM follows WHERE followed_id = ?")
        .bind(id)
        .fetch_one(tx.counted())
        .await
}

fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &UserFilter) {
    if let Some(search) = &filter.search {
        query
            .push(" WHERE u.name_key LIKE ")
            .push_bind(containing(search))
            .push(" ESCAPE '\\'");
    }
}

/// A `LIKE` pattern for any text with `part` in it, where `%` and `_` are themselves.
fn containing(part: &str) -> String {
    let escaped = part
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{escaped}%")
}

const USER_EXISTS: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE id = ?)";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn follow_is_seen_by_the_follower_alone() -> Result<(), ApiError> {
        let db = Db::open("sqlite::memory:").await?;
        let page = Page {
            skip: 0,
            limit: 100,
        };
        let seen_by = async |reader| -> Result<Option<User>, ApiError> {
            let users = list(&db, page, &UserFilter::default(), reader).await?;
            Ok(users.items.into_iter().find(|user| user.id == 3))
        };
        follow(&db, 900, 3, false).await?;
        let before = seen_by(None).await?.map(|user| user.followers);

        let followed = follow(&db, 900, 3, true).await?;
        let again = follow(&db, 900, 3, true).await?;
        assert_eq!(followed, again);
        assert_eq!(Some(followed.followers), before.map(|count| count + 1));
        assert!(seen_by(Some(900)).await?.is_some_and(|user| user.followed));
        assert!(seen_by(None).await?.is_some_and(|user| !user.followed));
        Ok(())
    }

    #[tokio::test]
    async fn whom_one_cannot_follow() -> Result<(), ApiError> {
        let db = Db::open("sqlite::memory:").await?;
        assert!(follow(&db, 1, 1, true).await.is_err());
        assert_eq!(
            follow(&db, 1, 999_999, true).await,
            Err(ApiError::not_found("user"))
        );
        Ok(())
    }

    #[tokio::test]
    async fn wildcards_are_letters() -> Result<(), sqlx::Error> {
        let db = Db::open("sqlite::memory:").await?;
        let total = async |search: &str| {
            let filter = UserFilter {
                search: Some(search.into()),
            };
            list(&db, Page::default(), &filter, None)
                .await
                .map(|users| users.total)
        };
        assert_eq!(
            (total("%").await?, total("_").await?, total("\\").await?),
            (0, 0, 0)
        );
        assert!(total("dvořák").await? > 0);
        Ok(())
    }
}
