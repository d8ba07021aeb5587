//! The SQL of users.

use sqlx::QueryBuilder;

use super::{Access, Grants, Role, User};
use crate::db::{Db, Tx};
use crate::error::ApiError;
use crate::page::{Listing, Page};

/// One page of the users.
pub async fn list(db: &Db, page: Page) -> Result<Listing<User>, sqlx::Error> {
    let mut tx = db.snapshot().await?;
    let mut rows = QueryBuilder::new(SELECT_USER);
    rows.push(" ORDER BY u.id LIMIT ")
        .push_bind(page.per_page)
        .push(" OFFSET ")
        .push_bind(page.offset());
    let items = rows.build_query_as().fetch_all(tx.counted()).await?;
    let total = sqlx::query_scalar("SELECT COUNT(*) FROM users")
        .fetch_one(tx.counted())
        .await?;
    Ok(Listing::new(items, total, page))
}

/// One user.
pub async fn find(db: &Db, id: i64) -> Result<Option<User>, sqlx::Error> {
    let mut query = QueryBuilder::new(SELECT_USER);
    query.push(" WHERE u.id = ").push_bind(id);
    query.build_query_as().fetch_optional(db.counted()).await
}

/// A user's roles, and what each grants.
///
/// # Errors
///
/// `404` if there is no such user.
pub async fn roles(db: &Db, id: i64) -> Result<Vec<Role>, ApiError> {
    let mut tx = db.snapshot().await?;
    if session_in(&mut tx, id).await?.is_none() {
        return Err(ApiError::not_found("user"));
    }
    let granted: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT r.role, p.permission FROM user_roles r LEFT JOIN role_permissions p ON p.role = r.role \
         WHERE r.user_id = ? ORDER BY r.role, p.permission",
    )
    .bind(id)
    .fetch_all(tx.counted())
    .await?;
    let mut roles: Vec<Role> = Vec::new();
    for (name, permission) in granted {
        match roles.last_mut().filter(|role| role.name == name) {
            Some(role) => role.permissions.extend(permission),
            None => roles.push(Role {
                name,
                permissions: permission.into_iter().collect(),
            }),
        }
    }
    Ok(roles)
}

/// What a user's requests are checked against.
pub async fn access(db: &Db, id: i64) -> Result<Option<Access>, sqlx::Error> {
    let mut tx = db.snapshot().await?;
    let Some(session) = session_in(&mut tx, id).await? else {
        return Ok(None);
    };
    let permissions = sqlx::query_scalar(
        "SELECT DISTINCT p.permission FROM user_roles r JOIN role_permissions p ON p.role = r.role \
         WHERE r.user_id = ? ORDER BY p.permission",
    )
    .bind(id)
    .fetch_all(tx.counted())
    .await?;
    Ok(Some(Access {
        session,
        permissions,
    }))
}

/// The number of a user's session.
pub async fn session(db: &Db, id: i64) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(SELECT_SESSION)
        .bind(id)
        .fetch_optional(db.counted())
        .await
}

/// Makes every cookie of a user one from before.
///
/// # Errors
///
/// `404` if there is no such user.
pub async fn end_sessions(db: &Db, id: i64) -> Result<(), ApiError> {
    let done = sqlx::query("UPDATE users SET session = session + 1 WHERE id = ?")
        .bind(id)
        .execute(db.counted())
        .await?;
    if done.rows_affected() == 0 {
        return Err(ApiError::not_found("user"));
    }
    Ok(())
}

/// Makes a role grant this, and nothing else.
///
/// # Errors
///
/// `404` if there is no such role.
pub async fn grant(db: &Db, role: String, grants: Grants) -> Result<Role, ApiError> {
    let mut tx = db.write().await?;
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM user_roles WHERE role = ?)")
        .bind(&role)
        .fetch_one(tx.counted())
        .await?;
    if !known {
        return Err(ApiError::not_found("role"));
    }
    sqlx::query("DELETE FROM role_permissions WHERE role = ?")
        .bind(&role)
        .execute(tx.counted())
        .await?;
    for permission in &grants.permissions {
        sqlx::query("INSERT INTO role_permissions (role, permission) VALUES (?, ?)")
            .bind(&role)
            .bind(permission)
            .execute(tx.counted())
            .await?;
    }
    tx.commit().await?;
    Ok(Role {
        name: role,
        permissions: grants.permissions,
    })
}

async fn session_in(tx: &mut Tx, id: i64) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(SELECT_SESSION)
        .bind(id)
        .fetch_optional(tx.counted())
        .await
}

const SELECT_USER: &str =
    "SELECT u.id, u.name, f.name AS factory FROM users u JOIN factories f ON f.code = u.factory";
const SELECT_SESSION: &str = "SELECT session FROM users WHERE id = ?";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reset_raises_one_users_session() -> Result<(), ApiError> {
        let db = Db::open("sqlite::memory:").await?;
        end_sessions(&db, 1).await?;
        assert_eq!(session(&db, 1).await?, Some(2));
        assert_eq!(session(&db, 10).await?, Some(1));
        assert_eq!(
            end_sessions(&db, 9_999).await,
            Err(ApiError::not_found("user"))
        );
        Ok(())
    }

    #[tokio::test]
    async fn a_role_that_grants_nothing_is_still_one() -> Result<(), ApiError> {
        let db = Db::open("sqlite::memory:").await?;
        let nothing = Grants {
            permissions: Vec::new(),
        };
        grant(&db, "reception".into(), nothing.clone()).await?;
        assert_eq!(roles(&db, 3).await?[0].permissions, [""; 0]);
        assert_eq!(
            access(&db, 3).await?.map(|access| access.permissions),
            Some(Vec::new())
        );
        let unknown = grant(&db, "wizard".into(), nothing).await;
        assert_eq!(unknown.err(), Some(ApiError::not_found("role")));
        Ok(())
    }
}
