//! The examples' own databases, with more rows of the same kinds: queries take the time that they take over tables that
//! have grown for some years.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

/// Files in a folder of this run, which goes with it.
pub(crate) struct Databases {
    folder: PathBuf,
    /// Whether the tables stay as small as the examples make them.
    small: bool,
}

/// Rows of each kind in the large tables, as a multiple of the example's own.
pub(crate) const JOB_BOARD: u32 = 10;
pub(crate) const ARTICLES: u32 = 4;
pub(crate) const PAYROLL: u32 = 5;

/// Jobs that the mix with writes changes.
pub(crate) const CHANGED: u32 = 700;

impl Databases {
    pub(crate) fn new(small: bool) -> Self {
        let folder = std::env::temp_dir().join(format!("systems-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for databases");
        Self { folder, small }
    }

    /// Where the database of an example is.
    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.db"))
    }

    /// Makes it, once.
    pub(crate) async fn prepare(&self, id: &str) {
        let path = self.path(id);
        if path.exists() {
            return;
        }
        let url = format!("sqlite://{}", path.display());
        let times = |usual| if self.small { 1 } else { usual };
        let more = match id {
            "job-board" => {
                let db = job_board::db::Db::open(&url).await.expect("a database");
                db.close().await;
                job_board(times(JOB_BOARD))
            }
            "articles" => {
                let db = articles::db::Db::open(&url).await.expect("a database");
                db.close().await;
                articles(times(ARTICLES))
            }
            _ => {
                let db = payroll::db::Db::open(&url).await.expect("a database");
                db.close().await;
                payroll(times(PAYROLL))
            }
        };
        multiply(&path, more).await;
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

async fn multiply(path: &Path, statements: Vec<String>) {
    let options = SqliteConnectOptions::from_str(&format!("sqlite://{}", path.display()));
    let pool = SqlitePool::connect_with(options.expect("a path")).await;
    let pool = pool.expect("the database");
    let mut tx = pool.begin().await.expect("a transaction");
    for statement in statements {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)); // text of this file alone
        done.execute(&mut *tx).await.expect("more rows");
    }
    tx.commit().await.expect("a commit");
    let analyzed = sqlx::raw_sql("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);");
    analyzed.execute(&pool).await.expect("statistics");
    pool.close().await;
}

/// Copies the rows of a table so many times less one; `{n}` is the number of the copy, from 1.
fn copies(times: u32, into: &str, select: &str) -> String {
    format!(
        "WITH RECURSIVE copy(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < {last}) \
         INSERT INTO {into} {select} WHERE {times} > 1",
        last = times - 1
    )
}

fn job_board(times: u32) -> Vec<String> {
    vec![
        copies(
            times,
            "users (name, name_key, headline)",
            "SELECT name, name_key, headline FROM copy, users",
        ),
        copies(
            times,
            "follows",
            "SELECT follower_id + 1000 * n, followed_id + 1000 * n FROM copy, follows",
        ),
        copies(
            times,
            "jobs (company_id, posted_by, title, description, location, location_key, category, kind, salary_min, \
             salary_max, remote, status, created_at, updated_at)",
            "SELECT company_id, posted_by, title, description, location, location_key, category, kind, salary_min, \
             salary_max, remote, status, created_at, updated_at FROM copy, jobs",
        ),
        copies(
            times,
            "posts (author_id, title, body, published, created_at, updated_at)",
            "SELECT author_id, title, body, published, created_at, updated_at FROM copy, posts",
        ),
        format!(
            "UPDATE jobs SET posted_by = 1, status = 'open', category = CASE id % 7 {} END WHERE id <= {CHANGED}",
            crate::variants::CATEGORIES
                .iter()
                .enumerate()
                .map(|(number, name)| format!("WHEN {number} THEN '{name}'"))
                .collect::<Vec<_>>()
                .join(" ")
        ),
    ]
}

fn articles(times: u32) -> Vec<String> {
    vec![
        copies(
            times,
            "articles (id, author_id, slug, title, body, created_at, updated_at)",
            "SELECT id + 5000 * n, author_id, slug || '-' || n, title, body, created_at, updated_at FROM copy, articles",
        ),
        copies(
            times,
            "article_tags",
            "SELECT article_id + 5000 * n, tag FROM copy, article_tags",
        ),
    ]
}

fn payroll(times: u32) -> Vec<String> {
    vec![
        copies(
            times,
            "employees (id, code, factory, name, name_key, position, base_pay, hired, history)",
            "SELECT id + 1500 * n, 'R' || (id + 1500 * n), factory, name, name_key, position, base_pay, hired, history \
             FROM copy, employees",
        ),
        copies(
            times,
            "salaries",
            "SELECT employee_id + 1500 * n, month, base, overtime, deductions FROM copy, salaries",
        ),
    ]
}
