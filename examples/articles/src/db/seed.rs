//! Some thousands of rows, the same on every machine: a generator with a fixed start, no network.

use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use crate::input::slug;

/// How many rows of each kind a new database holds.
const USERS: u64 = 500;
const ARTICLES: u64 = 5_000;

/// Fills the empty tables.
pub(super) async fn fill(tx: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut random = Random(0x6172_7469_636c_6573);
    users(tx, &mut random).await?;
    articles(tx, &mut random).await?;
    tags(tx, &mut random).await
}

async fn users(tx: &mut SqliteConnection, random: &mut Random) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = (0..USERS)
        .map(|_| {
            let name = format!("{} {}", random.pick(FIRST_NAMES), random.pick(LAST_NAMES));
            let about = format!("Writes about {}.", random.pick(SUBJECTS));
            (name, about)
        })
        .collect();
    let into = "INSERT INTO users (name, about) ";
    insert(tx, into, &rows, |row, (name, about)| {
        row.push_bind(name.clone()).push_bind(about.clone());
    })
    .await
}

async fn articles(tx: &mut SqliteConnection, random: &mut Random) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = (0..ARTICLES)
        .map(|number| {
            let author = 1 + random.below(USERS).cast_signed();
            (number, author, title(number), body(random))
        })
        .collect();
    let into = "INSERT INTO articles (author_id, slug, title, body, created_at, updated_at) ";
    insert(tx, into, &rows, |row, (number, author, title, body)| {
        let minutes = number * 90;
        row.push_bind(*author)
            .push_bind(slug(title))
            .push_bind(title.clone())
            .push_bind(body.clone());
        // Twice: nothing has been changed yet.
        for _ in 0..2 {
            row.push(format_args!(
                "strftime('%Y-%m-%dT%H:%M:%SZ', '2025-01-01', '+{minutes} minutes')"
            ));
        }
    })
    .await
}

/// A title for each number: its parts count like three digits, so that none comes twice.
fn title(number: u64) -> String {
    let approach = nth(APPROACHES, number);
    let number = number / APPROACHES.len() as u64;
    let subject = nth(SUBJECTS, number);
    let field = nth(FIELDS, number / SUBJECTS.len() as u64);
    format!("{approach} {subject} in {field}")
}

/// Four to twelve paragraphs.
fn body(random: &mut Random) -> String {
    let paragraphs: Vec<_> = (0..4 + random.below(9))
        .map(|_| {
            let sentences: Vec<_> = (0..5).map(|_| *random.pick(SENTENCES)).collect();
            sentences.join(" ")
        })
        .collect();
    paragraphs.join("\n\n")
}

/// One to four for each article.
async fn tags(tx: &mut SqliteConnection, random: &mut Random) -> Result<(), sqlx::Error> {
    let mut rows = Vec::new();
    for id in 1..=ARTICLES {
        for _ in 0..=random.below(4) {
            // Squaring leans towards the first: some subjects are written about more, as in life.
            let many = SUBJECTS.len() as u64;
            let place = random.below(many) * random.below(many) / many;
            rows.push((id.cast_signed(), slug(nth::<&str>(SUBJECTS, place))));
        }
    }
    // The same tag may have been drawn twice for an article.
    let into = "INSERT OR IGNORE INTO article_tags (article_id, tag) ";
    insert(tx, into, &rows, |row, (id, tag)| {
        row.push_bind(*id).push_bind(tag.clone());
    })
    .await
}

type Row<'a> = Separated<'a, Sqlite, &'static str>;

/// Inserts `rows`, many to a statement.
async fn insert<T>(
    tx: &mut SqliteConnection,
    into: &'static str,
    rows: &[T],
    mut bind: impl FnMut(&mut Row<'_>, &T),
) -> Result<(), sqlx::Error> {
    // SQLite takes 32,766 bound values at most; the widest row here has four.
    for chunk in rows.chunks(500) {
        QueryBuilder::new(into)
            .push_values(chunk, |mut row, value| bind(&mut row, value))
            .build()
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

/// SplitMix64: a dozen lines, and the same sequence wherever it runs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<T>(&mut self, from: &'static [T]) -> &'static T {
        nth(from, self.next())
    }
}

/// The entry that a number of any size stands for; `from` is one of the tables below, never empty.
fn nth<T>(from: &'static [T], number: u64) -> &'static T {
    let index = number % from.len() as u64;
    &from[usize::try_from(index).unwrap_or(0)]
}

const FIRST_NAMES: &[&str] = &[
    "Ada", "Bilal", "Chiara", "Dagny", "Emeka", "Farah", "Goran", "Hana", "Ilse", "João", "Katya",
    "Liam", "Mei", "Noor", "Óscar", "Priya", "Quinn", "Rosa", "Søren", "Tala", "Umut", "Vera",
];
const LAST_NAMES: &[&str] = &[
    "Abebe",
    "Brandt",
    "Castillo",
    "Dvořák",
    "Eriksen",
    "Fontaine",
    "García",
    "Haddad",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Rossi",
    "Silva",
];
const APPROACHES: &[&str] = &[
    "A short history of",
    "Against",
    "An evening with",
    "Beyond",
    "How we test",
    "In praise of",
    "Living with",
    "Measuring",
    "Teaching",
    "The limits of",
    "Three myths about",
    "What went wrong with",
];
const SUBJECTS: &[&str] = &[
    "accessibility",
    "backups",
    "caching",
    "code review",
    "compilers",
    "databases",
    "deadlines",
    "documentation",
    "error messages",
    "estimates",
    "feature flags",
    "full-text search",
    "incident reports",
    "load balancing",
    "maps",
    "message queues",
    "migrations",
    "pair programming",
    "passwords",
    "time zones",
    "translations",
    "typography",
    "version control",
    "weather data",
];
const FIELDS: &[&str] = &[
    "banking",
    "bus timetables",
    "energy trading",
    "farming",
    "film archives",
    "football",
    "hospitals",
    "lighthouses",
    "logistics",
    "museums",
    "music",
    "observatories",
    "payroll",
    "public libraries",
    "railways",
    "schools",
    "shipyards",
    "theatres",
    "tide tables",
    "town halls",
];
const SENTENCES: &[&str] = &[
    "The first version was written in a week and lasted for eleven years.",
    "Nobody had asked what happens when the clock goes back.",
    "We measured before we changed anything, and were wrong about the cause.",
    "What looked like a slow network was a lock held for too long.",
    "The people who use it every day had known for months.",
    "A plain table on paper turned out to be the best specification.",
    "It is easier to add a rule than to find out why one is there.",
    "On the third attempt we deleted more than we wrote.",
    "The numbers agreed, which should have made us suspicious.",
    "Since then every change comes with the question it answers.",
    "There is a photograph of the whiteboard; it explains nothing.",
    "We would do two things differently, and one of them again.",
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::Db;
    use super::*;

    #[tokio::test]
    async fn every_start_makes_the_same_rows() -> Result<(), sqlx::Error> {
        type Figures = (i64, i64, i64, i64, String);
        async fn figures() -> Result<Figures, sqlx::Error> {
            let db = Db::open("sqlite::memory:").await?;
            sqlx::query_as(
                "SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM articles), \
                 (SELECT COUNT(*) FROM article_tags), (SELECT SUM(length(body)) FROM articles), \
                 (SELECT title FROM articles WHERE id = 4321)",
            )
            .fetch_one(db.pool())
            .await
        }
        let first = figures().await?;
        assert_eq!((first.0, first.1), (500, 5_000));
        assert_eq!(first, figures().await?);
        Ok(())
    }

    #[test]
    fn titles_make_distinct_links() {
        let links: HashSet<_> = (0..ARTICLES).map(|number| slug(&title(number))).collect();
        assert_eq!(links.len() as u64, ARTICLES);
    }
}
