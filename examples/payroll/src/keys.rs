//! The keys, in one place: what an entry is called says what it is about, whose it is, and what removes it.
//!
//! | key | holds | built by |
//! |---|---|---|
//! | `user:123` | a user | [`CacheKey::user`] |
//! | `user:123:roles` | what they are | [`CacheKey::user_roles`] |
//! | `user:123:permissions` | what they may do | [`CacheKey::user_permissions`] |
//! | `user:123:draft:hire` | a form they have not sent | [`draft`] |
//! | `user:list:p1:pp20` | a page of users | [`CacheKey::list_paginated`] |
//! | `employee:list:p1:pp20` | a page of employees | [`CacheKey::list_paginated`] |
//! | `employee:search:<hash>:l50` | who was found | [`CacheKey::search`] |
//! | `employee:rirekisho:R001` | a résumé | [`rirekisho`] |
//! | `dashboard:summary:123` | a user's dashboard | [`CacheKey::dashboard`] |
//! | `salary:R001:12` | what somebody earned in so many months | a template |
//! | `payroll:nagoya:2025-07` | a factory's payroll of a month | a template |
//!
//! The names of rates and factories are automatic: the function's path and its arguments.

use cache_runtime::CacheKey;

use crate::codes::EmployeeCode;
use crate::drafts::Form;

/// `employee:rirekisho:R001`.
pub fn rirekisho(code: &EmployeeCode) -> CacheKey {
    CacheKey::of("employee:rirekisho").segment(code)
}

/// `user:123:draft:hire`: below the user, so that whatever removes the user's entries removes it too.
pub fn draft(user_id: i64, form: Form) -> CacheKey {
    CacheKey::user(user_id)
        .segment("draft")
        .segment(form.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_read_as_the_table_says() -> Result<(), &'static str> {
        let code = EmployeeCode::try_from("r001".to_owned())?;
        assert_eq!(rirekisho(&code).as_str(), "employee:rirekisho:R001");
        assert_eq!(draft(123, Form::Hire).as_str(), "user:123:draft:hire");
        Ok(())
    }
}
