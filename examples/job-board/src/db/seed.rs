//! Some thousands of rows, the same on every machine: a generator with a fixed start, no network.

use sqlx::{QueryBuilder, Sqlite};

use super::Tx;
use crate::jobs::{Category, JobType, Status};
use crate::text::fold;

/// How many rows of each kind a new database holds.
pub(super) const USERS: u64 = 1_000;
pub(super) const FOLLOWS_PER_USER: u64 = 8;
pub(super) const COMPANIES: u64 = 200;
pub(super) const JOBS: u64 = 5_000;
pub(super) const POSTS: u64 = 3_000;

/// Fills the empty tables.
pub(super) async fn fill(tx: &mut Tx) -> Result<(), sqlx::Error> {
    let mut random = Random(0x6a6f_6220_626f_6172);
    users(tx, &mut random).await?;
    follows(tx, &mut random).await?;
    companies(tx).await?;
    jobs(tx, &mut random).await?;
    posts(tx, &mut random).await
}

async fn users(tx: &mut Tx, random: &mut Random) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = (1..=USERS)
        .map(|_| {
            let name = format!("{} {}", random.pick(FIRST_NAMES), random.pick(LAST_NAMES));
            let headline = format!("{} {}", random.pick(LEVELS), random.pick(ROLES).0);
            (name, headline)
        })
        .collect();
    insert(
        tx,
        "INSERT INTO users (name, name_key, headline) ",
        &rows,
        |row, (name, headline)| {
            row.push_bind(name.clone())
                .push_bind(fold(name))
                .push_bind(headline.clone());
        },
    )
    .await
}

async fn follows(tx: &mut Tx, random: &mut Random) -> Result<(), sqlx::Error> {
    let mut rows = Vec::new();
    for follower in 1..=USERS {
        for _ in 0..FOLLOWS_PER_USER {
            // Squaring leans towards the first users: some are followed by many, as in life.
            let followed = 1 + random.below(USERS) * random.below(USERS) / USERS;
            if followed != follower {
                rows.push((follower, followed));
            }
        }
    }
    let into = "INSERT OR IGNORE INTO follows (follower_id, followed_id) ";
    insert(tx, into, &rows, |row, &(follower, followed)| {
        row.push_bind(follower.cast_signed())
            .push_bind(followed.cast_signed());
    })
    .await
}

async fn companies(tx: &mut Tx) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = (0..COMPANIES).map(company).collect();
    insert(
        tx,
        "INSERT INTO companies (name, name_key) ",
        &rows,
        |row, name| {
            row.push_bind(name.clone()).push_bind(fold(name));
        },
    )
    .await
}

/// A name for each number: stem and suffix count like two digits, so that none comes twice.
fn company(number: u64) -> String {
    let stem = nth(STEMS, number);
    let suffix = nth(SUFFIXES, number / STEMS.len() as u64);
    format!("{stem} {suffix}")
}

async fn jobs(tx: &mut Tx, random: &mut Random) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = (0..JOBS)
        .map(|number| SeedJob::new(number, random))
        .collect();
    let into = "INSERT INTO jobs (company_id, posted_by, title, description, location, location_key, \
                category, kind, salary_min, salary_max, remote, status, created_at, updated_at) ";
    insert(tx, into, &rows, |row, job| {
        row.push_bind(job.company_id)
            .push_bind(job.posted_by)
            .push_bind(job.title.clone())
            .push_bind(job.description.clone())
            .push_bind(job.location)
            .push_bind(fold(job.location))
            .push_bind(job.category)
            .push_bind(job.kind)
            .push_bind(job.salary_min)
            .push_bind(job.salary_min + job.salary_span)
            .push_bind(job.remote)
            .push_bind(job.status);
        created(row, job.hour * 60);
        created(row, job.hour * 60);
    })
    .await
}

struct SeedJob {
    company_id: i64,
    posted_by: i64,
    title: String,
    description: String,
    location: &'static str,
    category: Category,
    kind: JobType,
    salary_min: u32,
    salary_span: u32,
    remote: bool,
    status: Status,
    hour: u64,
}

impl SeedJob {
    fn new(number: u64, random: &mut Random) -> Self {
        let (role, category) = *random.pick(ROLES);
        let level = *random.pick(LEVELS);
        let location = *random.pick(LOCATIONS);
        let first = random.pick(SKILLS);
        let second = random.pick(SKILLS);
        Self {
            company_id: 1 + random.below(COMPANIES).cast_signed(),
            posted_by: 1 + random.below(USERS).cast_signed(),
            title: format!("{level} {role}"),
            description: format!(
                "You know {first} and {second}, write plainly, and finish what you start. \
                 Our team in {location} works on {}.",
                random.pick(THEMES)
            ),
            location,
            category,
            kind: *random.pick(KINDS),
            salary_min: 30_000 + 1_000 * u32::try_from(random.below(70)).unwrap_or(0),
            salary_span: 5_000 + 1_000 * u32::try_from(random.below(30)).unwrap_or(0),
            remote: random.below(3) == 0,
            // Nine in ten are open, as on a board that is looked after.
            status: if random.below(10) == 0 {
                Status::Closed
            } else {
                Status::Open
            },
            hour: number,
        }
    }
}

async fn posts(tx: &mut Tx, random: &mut Random) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = (0..POSTS)
        .map(|number| {
            let author = 1 + random.below(USERS).cast_signed();
            let title = format!(
                "What {} taught me about {}",
                random.pick(SKILLS),
                random.pick(THEMES)
            );
            let body = format!(
                "After a year with {} at {} I would do two things differently.",
                random.pick(SKILLS),
                company(random.below(COMPANIES))
            );
            // One in twelve is still a draft, which only its author may see.
            (author, title, body, random.below(12) != 0, number)
        })
        .collect();
    let into = "INSERT INTO posts (author_id, title, body, published, created_at, updated_at) ";
    insert(
        tx,
        into,
        &rows,
        |row, (author, title, body, published, number)| {
            row.push_bind(*author)
                .push_bind(title.clone())
                .push_bind(body.clone())
                .push_bind(*published);
            created(row, number * 90);
            created(row, number * 90);
        },
    )
    .await
}

type Row<'a> = sqlx::query_builder::Separated<'a, Sqlite, &'static str>;

/// A moment so many minutes into 2025, as SQL.
fn created(row: &mut Row<'_>, minutes: u64) {
    row.push(format_args!(
        "strftime('%Y-%m-%dT%H:%M:%SZ', '2025-01-01', '+{minutes} minutes')"
    ));
}

/// Inserts `rows`, many to a statement.
async fn insert<T>(
    tx: &mut Tx,
    into: &'static str,
    rows: &[T],
    mut bind: impl FnMut(&mut Row<'_>, &T),
) -> Result<(), sqlx::Error> {
    // SQLite takes 32,766 bound values at most; the widest row here has twelve.
    for chunk in rows.chunks(500) {
        QueryBuilder::new(into)
            .push_values(chunk, |mut row, value| bind(&mut row, value))
            .build()
            .execute(tx.counted())
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
    "Tanaka",
    "Weber",
    "Yılmaz",
];
const LEVELS: &[&str] = &["Junior", "Senior", "Lead", "Principal", "Associate"];
const ROLES: &[(&str, Category)] = &[
    ("Rust Engineer", Category::Engineering),
    ("Backend Engineer", Category::Engineering),
    ("Frontend Engineer", Category::Engineering),
    ("Site Reliability Engineer", Category::Engineering),
    ("Data Analyst", Category::Data),
    ("Machine Learning Engineer", Category::Data),
    ("Product Designer", Category::Design),
    ("UX Researcher", Category::Design),
    ("Product Manager", Category::Product),
    ("Account Executive", Category::Sales),
    ("Content Strategist", Category::Marketing),
    ("Payroll Specialist", Category::Operations),
];
const LOCATIONS: &[&str] = &[
    "Amsterdam",
    "Berlin",
    "København",
    "Lisboa",
    "London",
    "Nairobi",
    "New York",
    "Osaka",
    "São Paulo",
    "Toronto",
    "Warszawa",
    "Zürich",
];
const KINDS: &[JobType] = &[
    JobType::FullTime,
    JobType::FullTime,
    JobType::FullTime,
    JobType::PartTime,
    JobType::Contract,
    JobType::Internship,
];
const SKILLS: &[&str] = &[
    "Rust",
    "SQL",
    "Kubernetes",
    "TypeScript",
    "Figma",
    "Python",
    "distributed systems",
    "statistics",
    "negotiation",
    "technical writing",
    "accessibility",
    "incident response",
];
const THEMES: &[&str] = &[
    "payments",
    "patient records",
    "route planning",
    "energy trading",
    "public libraries",
    "fraud detection",
    "music streaming",
    "crop forecasts",
    "customs declarations",
    "caching",
];
const STEMS: &[&str] = &[
    "Alder", "Basalt", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Iris", "Juniper",
    "Kestrel", "Lumen", "Meridian", "Nimbus", "Orchard", "Pioneer", "Quarry", "Ridge", "Summit",
    "Tundra",
];
const SUFFIXES: &[&str] = &[
    "Labs",
    "Systems",
    "Health",
    "Logistics",
    "Energy",
    "Games",
    "Foods",
    "Analytics",
    "Works",
    "Bank",
];

#[cfg(test)]
mod tests {
    use super::super::Db;
    use super::*;

    #[tokio::test]
    async fn every_start_makes_the_same_rows() -> Result<(), sqlx::Error> {
        async fn summary() -> Result<(i64, i64, i64, i64, String), sqlx::Error> {
            let db = Db::open("sqlite::memory:").await?;
            sqlx::query_as(
                "SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM jobs), \
                 (SELECT COUNT(*) FROM posts), (SELECT SUM(salary_min) FROM jobs), \
                 (SELECT title FROM jobs WHERE id = 4321)",
            )
            .fetch_one(db.counted())
            .await
        }
        let first = summary().await?;
        assert_eq!((first.0, first.1, first.2), (1_000, 5_000, 3_000));
        assert_eq!(first, summary().await?);
        Ok(())
    }

    #[test]
    fn company_names_are_distinct() {
        let names: std::collections::HashSet<_> = (0..COMPANIES).map(company).collect();
        assert_eq!(names.len() as u64, COMPANIES);
    }
}
