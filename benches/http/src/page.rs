//! A page of 30 jobs, about 8 KB of JSON, which the service answers with.
//!
//! It depends on nothing but group, page and the version of the group, so that an answer can be checked byte by byte.
//! `service.py` makes the same bytes.

use serde::{Deserialize, Serialize};

pub const GROUPS: u32 = 100;
pub const PAGES: u32 = 100;
pub const KEYS: u32 = GROUPS * PAGES;
const ROWS: u32 = 30;

const TITLES: [&str; 7] = [
    "Senior Systems Engineer",
    "Data Analyst, Logistics",
    "Site Reliability Engineer",
    "Backend Developer (Rust)",
    "Head of Customer Support",
    "Machine Learning Engineer",
    "Technical Writer, Platform",
];
const PLACES: [&str; 5] = [
    "Copenhagen, Denmark",
    "Lisbon, Portugal",
    "Toronto, Canada",
    "Remote, Europe",
    "Nairobi, Kenya",
];
const TAGS: [&str; 6] = ["rust", "postgres", "remote", "senior", "linux", "oncall"];

#[derive(Clone, Serialize, Deserialize)]
pub struct Page {
    /// First, so that a client finds it without reading the rest.
    pub version: u32,
    pub group: u32,
    pub page: u32,
    pub rows: Vec<Row>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Row {
    pub id: u32,
    pub title: String,
    pub company: String,
    pub location: String,
    pub salary: Salary,
    pub tags: Vec<String>,
    pub created: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Salary {
    pub from: u32,
    pub to: u32,
    pub currency: String,
}

impl Page {
    pub fn new(group: u32, page: u32, version: u32) -> Self {
        let rows = (0..ROWS).map(|row| Row::new((group * PAGES + page) * ROWS + row, version));
        Self {
            version,
            group,
            page,
            rows: rows.collect(),
        }
    }

    pub fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a page is JSON")
    }
}

impl Row {
    fn new(id: u32, version: u32) -> Self {
        let n = id * 7919 % 100_003 + version;
        let pick = |words: &[&str], n: u32| words[n as usize % words.len()].to_owned();
        Self {
            id,
            title: pick(&TITLES, n),
            company: format!("Company number {}", n % 9973),
            location: pick(&PLACES, n),
            salary: Salary {
                from: 40_000 + n % 30_000,
                to: 80_000 + n % 50_000,
                currency: "EUR".to_owned(),
            },
            tags: (0..4).map(|tag| pick(&TAGS, n + tag)).collect(),
            created: format!(
                "2026-{:02}-{:02}T{:02}:{:02}:00Z",
                n % 12 + 1,
                n % 28 + 1,
                n % 24,
                n % 60
            ),
        }
    }
}
