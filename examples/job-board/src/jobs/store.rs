//! The SQL of jobs.

use sqlx::{QueryBuilder, Sqlite};

use super::{Job, JobFilter, NewJob};
use crate::db::{Db, Tx};
use crate::error::ApiError;
use crate::page::{Listing, Page};
use crate::text::fold;

/// One page of the jobs that `filter` lets through, newest first.
pub async fn list(db: &Db, page: Page, filter: &JobFilter) -> Result<Listing<Job>, sqlx::Error> {
    let mut tx = db.snapshot().await?;
    let mut rows = QueryBuilder::new(SELECT_JOB);
    narrow(&mut rows, filter);
    rows.push(" ORDER BY j.created_at DESC, j.id DESC LIMIT ")
        .push_bind(page.limit)
        .push(" OFFSET ")
        .push_bind(page.skip);
    let items = rows.build_query_as().fetch_all(tx.counted()).await?;

    let mut count = QueryBuilder::new("SELECT COUNT(*) FROM jobs j");
    narrow(&mut count, filter);
    let total = count.build_query_scalar().fetch_one(tx.counted()).await?;
    Ok(Listing::new(items, total, page))
}

/// One job.
pub async fn find(db: &Db, id: i64) -> Result<Option<Job>, sqlx::Error> {
    let mut query = QueryBuilder::new(SELECT_JOB);
    query.push(" WHERE j.id = ").push_bind(id);
    query.build_query_as().fetch_optional(db.counted()).await
}

/// Adds a job, and its company if this is the first we hear of it: both or neither, once `tx` is committed.
pub async fn create(tx: &mut Tx, posted_by: i64, new: &NewJob) -> Result<Job, sqlx::Error> {
    let company_id = company(tx, &new.company).await?;
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO jobs (company_id, posted_by, title, description, location, location_key, \
         category, kind, salary_min, salary_max, remote, status) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(company_id)
    .bind(posted_by)
    .bind(&new.title)
    .bind(&new.description)
    .bind(&new.location)
    .bind(fold(&new.location))
    .bind(new.category)
    .bind(new.kind)
    .bind(new.salary_min)
    .bind(new.salary_max)
    .bind(new.remote)
    .bind(new.status)
    .fetch_one(tx.counted())
    .await?;
    written(tx, id).await
}

/// Replaces a job of `user_id`.
///
/// # Errors
///
/// `404` if there is none, `403` if it is somebody else's.
pub async fn replace(db: &Db, id: i64, user_id: i64, new: &NewJob) -> Result<Job, ApiError> {
    let mut tx = db.write().await?;
    check_owner(&mut tx, id, user_id).await?;
    let company_id = company(&mut tx, &new.company).await?;
    sqlx::query(
        "UPDATE jobs SET company_id = ?, title = ?, description = ?, location = ?, \
         location_key = ?, category = ?, kind = ?, salary_min = ?, salary_max = ?, remote = ?, \
         status = ?, updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = ?",
    )
    .bind(company_id)
    .bind(&new.title)
    .bind(&new.description)
    .bind(&new.location)
    .bind(fold(&new.location))
    .bind(new.category)
    .bind(new.kind)
    .bind(new.salary_min)
    .bind(new.salary_max)
    .bind(new.remote)
    .bind(new.status)
    .bind(id)
    .execute(tx.counted())
    .await?;
    let job = written(&mut tx, id).await?;
    tx.commit().await?;
    Ok(job)
}

/// Deletes a job of `user_id`.
///
/// # Errors
///
/// `404` if there is none, `403` if it is somebody else's.
pub async fn delete(db: &Db, id: i64, user_id: i64) -> Result<(), ApiError> {
    let mut tx = db.write().await?;
    check_owner(&mut tx, id, user_id).await?;
    sqlx::query("DELETE FROM jobs WHERE id = ?")
        .bind(id)
        .execute(tx.counted())
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Appends the conditions of `filter` to a query over `jobs j`.
fn narrow(query: &mut QueryBuilder<Sqlite>, filter: &JobFilter) {
    query.push(" WHERE j.status = ").push_bind(filter.status);
    if let Some(location) = &filter.location {
        query
            .push(" AND j.location_key = ")
            .push_bind(location.clone());
    }
    if let Some(category) = filter.category {
        query.push(" AND j.category = ").push_bind(category);
    }
    if let Some(kind) = filter.kind {
        query.push(" AND j.kind = ").push_bind(kind);
    }
    if let Some(salary) = filter.salary {
        query.push(" AND j.salary_max >= ").push_bind(salary);
    }
    if let Some(remote) = filter.remote {
        query.push(" AND j.remote = ").push_bind(remote);
    }
    if let Some(search) = &filter.search {
        query
            .push(" AND j.id IN (SELECT rowid FROM jobs_text WHERE jobs_text MATCH ")
            .push_bind(every_word(search))
            .push(")");
    }
}

/// `rust "lead"` as the text index asks for it: every word, each quoted, so that nothing a reader
/// types is taken for an operator.
fn every_word(search: &str) -> String {
    search
        .split_whitespace()
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The number of the company of this name, which is added if need be.
async fn company(tx: &mut Tx, name: &str) -> Result<i64, sqlx::Error> {
    // `DO NOTHING` would return no row for a company that is there already.
    sqlx::query_scalar(
        "INSERT INTO companies (name, name_key) VALUES (?, ?) \
         ON CONFLICT (name_key) DO UPDATE SET name_key = excluded.name_key RETURNING id",
    )
    .bind(name)
    .bind(fold(name))
    .fetch_one(tx.counted())
    .await
}

async fn written(tx: &mut Tx, id: i64) -> Result<Job, sqlx::Error> {
    let mut query = QueryBuilder::new(SELECT_JOB);
    query.push(" WHERE j.id = ").push_bind(id);
    query.build_query_as().fetch_one(tx.counted()).await
}

async fn check_owner(tx: &mut Tx, id: i64, user_id: i64) -> Result<(), ApiError> {
    let owner: Option<i64> = sqlx::query_scalar("SELECT posted_by FROM jobs WHERE id = ?")
        .bind(id)
        .fetch_optional(tx.counted())
        .await?;
    match owner {
        None => Err(ApiError::not_found("job")),
        Some(owner) if owner != user_id => Err(ApiError::not_yours("job")),
        Some(_) => Ok(()),
    }
}

const SELECT_JOB: &str = "SELECT j.id, c.name AS company, j.posted_by, j.title, j.description, \
    j.location, j.category, j.kind, j.salary_min, j.salary_max, j.remote, j.status, j.created_at, \
    j.updated_at FROM jobs j JOIN companies c ON c.id = j.company_id";

#[cfg(test)]
mod tests {
    use super::super::{Category, JobType, Status};
    use super::*;

    async fn jobs(filter: JobFilter) -> Result<Listing<Job>, sqlx::Error> {
        let db = Db::open("sqlite::memory:").await?;
        list(
            &db,
            Page {
                skip: 0,
                limit: 100,
            },
            &filter,
        )
        .await
    }

    #[tokio::test]
    async fn filters_narrow_together() -> Result<(), sqlx::Error> {
        let all = jobs(JobFilter::default()).await?;
        let found = jobs(JobFilter {
            search: Some("rust engineer".into()),
            location: Some("zürich".into()),
            category: Some(Category::Engineering),
            kind: Some(JobType::FullTime),
            salary: Some(60_000),
            remote: Some(false),
            status: Status::Open,
        })
        .await?;
        assert!(
            0 < found.total && found.total < all.total,
            "{} of {}",
            found.total,
            all.total
        );
        assert_eq!(found.items.len() as i64, found.total.min(100));
        for job in &found.items {
            let text = format!("{} {}", job.title, job.description).to_lowercase();
            assert!(text.contains("rust") && text.contains("engineer"), "{text}");
            assert_eq!((job.location.as_str(), job.remote), ("Zürich", false));
            assert_eq!(
                (job.category, job.kind),
                (Category::Engineering, JobType::FullTime)
            );
            assert!(job.salary_max >= 60_000);
        }
        Ok(())
    }

    #[tokio::test]
    async fn pages_follow_one_another() -> Result<(), sqlx::Error> {
        let db = Db::open("sqlite::memory:").await?;
        let filter = JobFilter::default();
        let both = list(&db, Page { skip: 0, limit: 20 }, &filter).await?;
        let first = list(&db, Page { skip: 0, limit: 10 }, &filter).await?;
        let second = list(
            &db,
            Page {
                skip: 10,
                limit: 10,
            },
            &filter,
        )
        .await?;
        assert_eq!([first.items, second.items].concat(), both.items);
        let beyond = list(
            &db,
            Page {
                skip: 90_000,
                limit: 10,
            },
            &filter,
        )
        .await?;
        assert_eq!((beyond.items.len(), beyond.total), (0, both.total));
        Ok(())
    }

    #[tokio::test]
    async fn no_search_text_is_an_operator() -> Result<(), sqlx::Error> {
        for search in [
            "rust\"",
            "a OR b",
            "title:rust",
            "rust*",
            "NEAR(a b)",
            "-",
            "- x",
            "c++",
            "(",
            "^a",
        ] {
            let filter = JobFilter {
                search: Some(search.into()),
                ..JobFilter::default()
            };
            jobs(filter).await?;
        }
        assert_eq!(every_word("say \"hi\""), "\"say\" \"\"\"hi\"\"\"");
        Ok(())
    }

    fn new_job(company: &str) -> NewJob {
        NewJob {
            company: company.into(),
            title: "Lighthouse keeper".into(),
            description: "Keep the lamp burning.".into(),
            location: "Skagen".into(),
            category: Category::Operations,
            kind: JobType::Contract,
            salary_min: 40_000,
            salary_max: 50_000,
            remote: true,
            status: Status::Open,
        }
    }

    async fn created(db: &Db, new: &NewJob) -> Result<Job, sqlx::Error> {
        let mut tx = db.write().await?;
        let job = create(&mut tx, 1, new).await?;
        tx.commit().await?;
        Ok(job)
    }

    #[tokio::test]
    async fn the_text_index_follows_every_write() -> Result<(), ApiError> {
        let db = Db::open("sqlite::memory:").await?;
        let page = Page::default();
        let search = |text: &str| JobFilter {
            search: Some(text.into()),
            ..JobFilter::default()
        };
        let (lamp, anchor) = (search("lamp"), search("anchor"));

        let job = created(&db, &new_job("Skagen Fyr")).await?;
        assert_eq!(
            list(&db, page, &lamp).await?.items,
            std::slice::from_ref(&job)
        );

        let changed = NewJob {
            description: "Weigh the anchor.".into(),
            ..new_job("Skagen Fyr")
        };
        replace(&db, job.id, 1, &changed).await?;
        assert_eq!(list(&db, page, &lamp).await?.total, 0);
        assert_eq!(list(&db, page, &anchor).await?.total, 1);

        delete(&db, job.id, 1).await?;
        assert_eq!(list(&db, page, &anchor).await?.total, 0);
        assert_eq!(find(&db, job.id).await?, None);
        Ok(())
    }

    #[tokio::test]
    async fn a_company_is_added_once() -> Result<(), sqlx::Error> {
        let db = Db::open("sqlite::memory:").await?;
        created(&db, &new_job("Skagen Fyr")).await?;
        let second = created(&db, &new_job("skagen FYR")).await?;
        assert_eq!(second.company, "Skagen Fyr");
        Ok(())
    }

    #[tokio::test]
    async fn only_the_author_may_write() -> Result<(), ApiError> {
        let db = Db::open("sqlite::memory:").await?;
        let job = created(&db, &new_job("Skagen Fyr")).await?;
        let theirs = replace(&db, job.id, 2, &new_job("Mine now")).await;
        assert_eq!(theirs, Err(ApiError::not_yours("job")));
        assert_eq!(
            delete(&db, job.id, 2).await,
            Err(ApiError::not_yours("job"))
        );
        assert_eq!(
            delete(&db, i64::MAX, 2).await,
            Err(ApiError::not_found("job"))
        );
        assert_eq!(find(&db, job.id).await?, Some(job));
        Ok(())
    }
}
