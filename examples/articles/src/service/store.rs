//! The SQL.

use sqlx::{SqliteConnection, SqliteExecutor};

use super::ServiceError;
use crate::article::{Article, NewArticle, Summary, TagCount, Tags, Text, User};
use crate::db::Db;
use crate::input;
use crate::page::{Listing, Page};

/// One page, newest first. Rows and total are read from one state of the data.
pub(super) async fn list(db: &Db, page: Page) -> Result<Listing<Summary>, sqlx::Error> {
    let mut tx = db.snapshot().await?;
    let items = sqlx::query_as(
        "SELECT a.id, a.slug, a.title, substr(a.body, 1, 160) AS opening, u.name AS author, \
         COALESCE((SELECT group_concat(tag, ',' ORDER BY tag) FROM article_tags \
                   WHERE article_id = a.id), '') AS tags, a.created_at \
         FROM articles a JOIN users u ON u.id = a.author_id \
         ORDER BY a.created_at DESC, a.id DESC LIMIT ? OFFSET ?",
    )
    .bind(page.limit)
    .bind(page.skip)
    .fetch_all(&mut *tx)
    .await?;
    let total = sqlx::query_scalar("SELECT COUNT(*) FROM articles")
        .fetch_one(&mut *tx)
        .await?;
    Ok(Listing {
        items,
        total,
        skip: page.skip,
        limit: page.limit,
    })
}

/// One article.
pub(super) async fn find(
    db: impl SqliteExecutor<'_>,
    id: i64,
) -> Result<Option<Article>, sqlx::Error> {
    sqlx::query_as(
        "SELECT a.id, a.slug, a.title, a.body, a.author_id, u.name AS author, \
         COALESCE((SELECT group_concat(tag, ',' ORDER BY tag) FROM article_tags \
                   WHERE article_id = a.id), '') AS tags, a.created_at, a.updated_at \
         FROM articles a JOIN users u ON u.id = a.author_id WHERE a.id = ?",
    )
    .bind(id)
    .fetch_optional(db)
    .await
}

/// The number of the article of this name.
pub(super) async fn number(db: &Db, slug: &str) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM articles WHERE slug = ?")
        .bind(slug)
        .fetch_optional(db.pool())
        .await
}

/// One user.
pub(super) async fn user(db: &Db, id: i64) -> Result<Option<User>, sqlx::Error> {
    sqlx::query_as("SELECT id, name, about FROM users WHERE id = ?")
        .bind(id)
        .fetch_optional(db.pool())
        .await
}

/// All tags, the most used first.
pub(super) async fn tags(db: &Db) -> Result<Vec<TagCount>, sqlx::Error> {
    sqlx::query_as(
        "SELECT t.tag, COUNT(*) AS articles, MAX(a.created_at) AS latest \
         FROM article_tags t JOIN articles a ON a.id = t.article_id \
         GROUP BY t.tag ORDER BY articles DESC, t.tag",
    )
    .fetch_all(db.pool())
    .await
}

/// Adds an article.
pub(super) async fn create(db: &Db, new: &NewArticle) -> Result<Article, ServiceError> {
    let mut tx = db.write().await?;
    let inserted = sqlx::query_scalar(
        "INSERT INTO articles (author_id, slug, title, body) VALUES (?, ?, ?, ?) RETURNING id",
    )
    .bind(new.author_id)
    .bind(input::slug(&new.title))
    .bind(&new.title)
    .bind(&new.body)
    .fetch_one(&mut *tx)
    .await;
    let id: i64 = inserted.map_err(refused)?;
    tag(&mut tx, id, &new.tags).await?;
    let article = written(&mut tx, id).await?;
    tx.commit().await?;
    Ok(article)
}

/// The rules of the tables, in the words of the service.
fn refused(error: sqlx::Error) -> ServiceError {
    match error.as_database_error() {
        Some(rule) if rule.is_unique_violation() => ServiceError::TitleTaken,
        Some(rule) if rule.is_foreign_key_violation() => ServiceError::NoSuchAuthor,
        _ => error.into(),
    }
}

/// Changes an article.
pub(super) async fn update(db: &Db, id: i64, text: &Text) -> Result<Article, ServiceError> {
    let mut tx = db.write().await?;
    let changed = sqlx::query(
        "UPDATE articles SET title = ?, body = ?, \
         updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = ?",
    )
    .bind(&text.title)
    .bind(&text.body)
    .bind(id)
    .execute(&mut *tx)
    .await?;
    if changed.rows_affected() == 0 {
        return Err(ServiceError::NoSuchArticle);
    }
    tag(&mut tx, id, &text.tags).await?;
    let article = written(&mut tx, id).await?;
    tx.commit().await?;
    Ok(article)
}

/// Deletes an article, and returns what it was. Its tags go with it.
pub(super) async fn delete(db: &Db, id: i64) -> Result<Article, ServiceError> {
    let mut tx = db.write().await?;
    let article = written(&mut tx, id).await?;
    sqlx::query("DELETE FROM articles WHERE id = ?")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(article)
}

/// Gives an article these tags and no others.
async fn tag(tx: &mut SqliteConnection, id: i64, tags: &Tags) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM article_tags WHERE article_id = ?")
        .bind(id)
        .execute(&mut *tx)
        .await?;
    for tag in &tags.0 {
        sqlx::query("INSERT INTO article_tags (article_id, tag) VALUES (?, ?)")
            .bind(id)
            .bind(tag)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

async fn written(tx: &mut SqliteConnection, id: i64) -> Result<Article, ServiceError> {
    find(tx, id).await?.ok_or(ServiceError::NoSuchArticle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(title: &str, tags: &[&str]) -> NewArticle {
        NewArticle {
            author_id: 3,
            title: title.into(),
            body: "They burn.".into(),
            tags: Tags(tags.iter().map(|&tag| tag.to_owned()).collect()),
        }
    }

    #[tokio::test]
    async fn pages_follow_one_another() -> Result<(), sqlx::Error> {
        let db = Db::open("sqlite::memory:").await?;
        let page = async |skip, limit| list(&db, Page { skip, limit }).await;
        let both = page(0, 20).await?;
        let (first, second) = (page(0, 10).await?, page(10, 10).await?);
        assert_eq!([first.items, second.items].concat(), both.items);
        let beyond = page(90_000, 10).await?;
        assert_eq!((beyond.items.len(), beyond.total), (0, both.total));
        Ok(())
    }

    #[tokio::test]
    async fn tags_follow_every_write() -> Result<(), ServiceError> {
        let db = Db::open("sqlite::memory:").await?;
        let articles = async |tag: &str| -> Result<i64, sqlx::Error> {
            let all = tags(&db).await?;
            let one = all.iter().find(|row| row.tag == tag);
            Ok(one.map_or(0, |row| row.articles))
        };
        let article = create(&db, &new("On lamps", &["lamps", "light"])).await?;
        assert_eq!(article.tags.0, ["lamps", "light"]);
        assert_eq!((articles("lamps").await?, articles("light").await?), (1, 1));

        let text = Text {
            title: "On wicks".into(),
            body: "They do, too.".into(),
            tags: Tags(vec!["light".into(), "wicks".into()]),
        };
        let changed = update(&db, article.id, &text).await?;
        assert_eq!(
            (changed.slug.as_str(), changed.title.as_str()),
            ("on-lamps", "On wicks")
        );
        assert_eq!((articles("lamps").await?, articles("wicks").await?), (0, 1));

        delete(&db, article.id).await?;
        assert_eq!(articles("light").await?, 0);
        Ok(())
    }

    #[tokio::test]
    async fn what_is_refused_leaves_nothing_behind() -> Result<(), ServiceError> {
        let db = Db::open("sqlite::memory:").await?;
        create(&db, &new("On lamps", &["lamps"])).await?;
        let total = async || list(&db, Page::default()).await.map(|page| page.total);
        let before = total().await?;

        let same_link = create(&db, &new("On: LAMPS", &["other"])).await;
        assert_eq!(same_link, Err(ServiceError::TitleTaken));
        let nobody = NewArticle {
            author_id: 999_999,
            ..new("On ghosts", &[])
        };
        assert_eq!(create(&db, &nobody).await, Err(ServiceError::NoSuchAuthor));
        let gone = delete(&db, 999_999).await;
        assert_eq!(gone, Err(ServiceError::NoSuchArticle));
        assert_eq!(total().await?, before);
        Ok(())
    }
}
