//! The users of this office: what they are, and what they may do.

pub mod routes;
pub mod store;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::extract::Canonical;
use crate::session::PERMISSIONS;

/// A user as the API shows one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
pub struct User {
    /// Their number.
    pub id: i64,
    /// Their name.
    pub name: String,
    /// The name of the factory they work at.
    pub factory: String,
}

/// A role, and what it grants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Sorted.
    pub permissions: Vec<String>,
}

/// What every request of a user is checked against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Access {
    /// The number that their cookie must hold.
    pub session: i64,
    /// What their roles grant, sorted.
    pub permissions: Vec<String>,
}

impl Access {
    /// Is this permission among theirs?
    pub fn permits(&self, permission: &str) -> bool {
        self.permissions.iter().any(|granted| granted == permission)
    }
}

/// What a role shall grant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// All of them; what is not here is taken away.
    pub permissions: Vec<String>,
}

impl Canonical for Grants {
    fn canonical(mut self) -> Result<Self, ApiError> {
        self.permissions.sort();
        self.permissions.dedup();
        let known = |permission: &String| PERMISSIONS.contains(&permission.as_str());
        if self.permissions.iter().all(known) {
            Ok(self)
        } else {
            let problem = format!("may hold {}", PERMISSIONS.join(", "));
            Err(ApiError::invalid("permissions", problem))
        }
    }
}
