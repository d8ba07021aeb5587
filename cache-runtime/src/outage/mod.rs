//! Between "with Redis" and "without": which of the two holds, and what waits for Redis meanwhile. This knows time and the
//! memory of this process, and not the client of Redis.

pub(crate) mod breaker;
pub(crate) mod journal;
mod journal_file;
pub(crate) mod switch;
