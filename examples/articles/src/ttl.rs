//! How long each kind of answer stays fresh, in one place.
//!
//! The service's own writes remove what they make wrong, whatever these say. They bound how long an
//! entry may outlive a change that was made elsewhere: users are written by another service.

cache_runtime::ttl_names! {
    /// A page of articles.
    pub ARTICLES_LIST = "60s";
    /// One article, and which one a slug names.
    pub ARTICLES_DETAIL = "300s";
    /// A user.
    pub USERS = "600s";
    /// All tags, counted.
    pub TAGS = "300s";
}
