//! Factories, employees, two years of salaries, the same on every machine: a generator with a fixed start, no network.

use sqlx::{QueryBuilder, Sqlite};

use super::Tx;
use crate::text::fold;

/// How many rows of each kind a new database holds.
pub(super) const EMPLOYEES: u64 = 1_500;
pub(super) const USERS: u64 = 150;
const YEARS: [u32; 2] = [2024, 2025];

/// Fills the empty tables.
pub(super) async fn fill(tx: &mut Tx) -> Result<(), sqlx::Error> {
    let mut random = Random(0x7061_7972_6f6c_6c21);
    insert(
        tx,
        "INSERT INTO factories (code, name) ",
        FACTORIES,
        |row, (code, name)| {
            row.push_bind(*code).push_bind(*name);
        },
    )
    .await?;
    let pay = employees(tx, &mut random).await?;
    salaries(tx, &mut random, &pay).await?;
    rates(tx).await?;
    users(tx, &mut random).await
}

/// Returns what each earns a month.
async fn employees(tx: &mut Tx, random: &mut Random) -> Result<Vec<i64>, sqlx::Error> {
    let rows: Vec<_> = (1..=EMPLOYEES)
        .map(|number| {
            let name = format!("{} {}", random.pick(FIRST_NAMES), random.pick(LAST_NAMES));
            let history = format!(
                "{} in {}, {} years; {}, certified {}.",
                random.pick(POSITIONS).0,
                random.pick(CITIES),
                1 + random.below(12),
                random.pick(SKILLS),
                2005 + random.below(18)
            );
            let (position, least) = *random.pick(POSITIONS);
            let pay = least + 1_000 * random.below(80).cast_signed();
            let factory = random.pick(FACTORIES).0;
            let hired = format!("{}-{:02}-01", 2008 + random.below(16), 1 + random.below(12));
            (number, factory, name, position, pay, hired, history)
        })
        .collect();
    let into = "INSERT INTO employees (code, factory, name, name_key, position, base_pay, hired, history) ";
    insert(
        tx,
        into,
        &rows,
        |row, (number, factory, name, position, pay, hired, history)| {
            row.push_bind(format!("R{number:03}"))
                .push_bind(*factory)
                .push_bind(name.clone())
                .push_bind(fold(name))
                .push_bind(*position)
                .push_bind(*pay)
                .push_bind(hired.clone())
                .push_bind(history.clone());
        },
    )
    .await?;
    Ok(rows.into_iter().map(|(.., pay, _, _)| pay).collect())
}

async fn salaries(tx: &mut Tx, random: &mut Random, pay: &[i64]) -> Result<(), sqlx::Error> {
    let mut rows = Vec::new();
    for year in YEARS {
        for month in 1..=12 {
            for (id, base) in (1_i64..).zip(pay) {
                let overtime = base * random.below(25).cast_signed() / 100;
                rows.push((
                    id,
                    format!("{year}-{month:02}"),
                    *base,
                    overtime,
                    (base + overtime) * 15 / 100,
                ));
            }
        }
    }
    let into = "INSERT INTO salaries (employee_id, month, base, overtime, deductions) ";
    insert(
        tx,
        into,
        &rows,
        |row, (id, month, base, overtime, deductions)| {
            row.push_bind(*id)
                .push_bind(month.clone())
                .push_bind(*base)
                .push_bind(*overtime)
                .push_bind(*deductions);
        },
    )
    .await
}

async fn rates(tx: &mut Tx) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = YEARS
        .into_iter()
        .flat_map(|year| {
            RATES
                .iter()
                .map(move |(name, permille)| (year, *name, *permille))
        })
        .collect();
    insert(
        tx,
        "INSERT INTO rates (year, name, permille) ",
        &rows,
        |row, (year, name, permille)| {
            row.push_bind(*year).push_bind(*name).push_bind(*permille);
        },
    )
    .await
}

/// The first runs the office, the second does the accounts, the third looks up people; so do the others in turn.
async fn users(tx: &mut Tx, random: &mut Random) -> Result<(), sqlx::Error> {
    let people: Vec<_> = (0..USERS)
        .map(|_| {
            let name = format!("{} {}", random.pick(FIRST_NAMES), random.pick(LAST_NAMES));
            (name, random.pick(FACTORIES).0)
        })
        .collect();
    insert(
        tx,
        "INSERT INTO users (name, factory) ",
        &people,
        |row, (name, factory)| {
            row.push_bind(name.clone()).push_bind(*factory);
        },
    )
    .await?;
    let roles: Vec<_> = (0..USERS)
        .map(|number| (number + 1, nth(ROLES, number).0))
        .collect();
    insert(
        tx,
        "INSERT INTO user_roles (user_id, role) ",
        &roles,
        |row, (id, role)| {
            row.push_bind(id.cast_signed()).push_bind(*role);
        },
    )
    .await?;
    let granted: Vec<_> = ROLES
        .iter()
        .flat_map(|(role, permissions)| {
            permissions
                .iter()
                .map(move |permission| (*role, *permission))
        })
        .collect();
    let into = "INSERT INTO role_permissions (role, permission) ";
    insert(tx, into, &granted, |row, (role, permission)| {
        row.push_bind(*role).push_bind(*permission);
    })
    .await
}

type Row<'a> = sqlx::query_builder::Separated<'a, Sqlite, &'static str>;

/// Inserts `rows`, many to a statement.
async fn insert<T>(
    tx: &mut Tx,
    into: &'static str,
    rows: &[T],
    mut bind: impl FnMut(&mut Row<'_>, &T),
) -> Result<(), sqlx::Error> {
    // SQLite takes 32,766 bound values at most; the widest row here has eight.
    for chunk in rows.chunks(1_000) {
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

const FACTORIES: &[(&str, &str)] = &[
    ("nagoya", "Nagoya Castings"),
    ("hamamatsu", "Hamamatsu Gears"),
    ("osaka", "Osaka Assembly"),
    ("gunma", "Gunma Coatings"),
];
const ROLES: &[(&str, &[&str])] = &[
    (
        "office",
        &[
            "employees.read",
            "employees.write",
            "salaries.read",
            "payroll.run",
            "office.manage",
        ],
    ),
    (
        "accounts",
        &["employees.read", "salaries.read", "payroll.run"],
    ),
    ("reception", &["employees.read"]),
];
const RATES: &[(&str, i64)] = &[
    ("health insurance", 50),
    ("pension", 92),
    ("employment insurance", 6),
];
const POSITIONS: &[(&str, i64)] = &[
    ("Operator", 210_000),
    ("Welder", 240_000),
    ("Inspector", 250_000),
    ("Toolmaker", 270_000),
    ("Line leader", 310_000),
    ("Maintenance engineer", 330_000),
];
const SKILLS: &[&str] = &[
    "forklift licence",
    "crane licence",
    "quality control, grade 2",
    "Japanese, level N2",
    "dangerous goods, class 4",
];
const CITIES: &[&str] = &[
    "Curitiba",
    "Gifu",
    "Lima",
    "Maringá",
    "Cebu",
    "São Paulo",
    "Toyota",
    "Yokohama",
];
const FIRST_NAMES: &[&str] = &[
    "Akira", "Beatriz", "Carlos", "Daichi", "Emi", "Fernanda", "Goro", "Haruka", "Isabel", "João",
    "Kenji", "Luiza", "Mei", "Naoko", "Óscar", "Paulo", "Rosa", "Satoshi", "Tomoko", "Yuki",
];
const LAST_NAMES: &[&str] = &[
    "Abe",
    "Bautista",
    "Costa",
    "Endo",
    "Fujita",
    "Gonçalves",
    "Hayashi",
    "Inoue",
    "Kobayashi",
    "Lima",
    "Mori",
    "Nakamura",
    "Oliveira",
    "Pereira",
    "Reyes",
    "Sato",
    "Tanaka",
    "Ueda",
    "Watanabe",
    "Yamada",
];

#[cfg(test)]
mod tests {
    use super::super::Db;

    #[tokio::test]
    async fn every_start_makes_the_same_rows() -> Result<(), sqlx::Error> {
        async fn summary() -> Result<(i64, i64, i64, i64, String), sqlx::Error> {
            let db = Db::open("sqlite::memory:").await?;
            sqlx::query_as(
                "SELECT (SELECT COUNT(*) FROM employees), (SELECT COUNT(*) FROM users), \
                 (SELECT COUNT(*) FROM salaries), (SELECT SUM(base + overtime) FROM salaries), \
                 (SELECT name FROM employees WHERE code = 'R1234')",
            )
            .fetch_one(db.counted())
            .await
        }
        let first = summary().await?;
        assert_eq!((first.0, first.1, first.2), (1_500, 150, 36_000));
        assert_eq!(first, summary().await?);
        Ok(())
    }
}
