//! How long each kind of answer stays fresh, in one place.
//!
//! Freshness after a write does not depend on these: a write removes what it made wrong. They bound
//! how long an entry may outlive changes that nobody told us of, and how much a quiet key costs.

cache_runtime::ttl_names! {
    /// A page of jobs, or one job.
    pub JOBS = "120s";
    /// The overview: four aggregates over all jobs.
    pub JOBS_STATS = "300s";
    /// A page of users, as one reader sees it.
    pub USERS_LIST = "180s";
    /// A page of posts, as one reader sees it; edges keep the public ones as long.
    pub POSTS_LIST = "30s";
    /// A page of one author's posts.
    pub POSTS_USER = "60s";
    /// The front page.
    pub FEED = "30s";
}
