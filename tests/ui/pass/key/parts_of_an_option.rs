#![deny(warnings)]

use axum::Extension;
use cache_runtime::cached;

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Name {
    first: String,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct User {
    id: u32,
    name: Name,
}

impl User {
    fn initial(&self) -> Option<char> {
        self.name.first.chars().next()
    }
}

#[cached(ttl = "1m", key = "feed:<user.id>:<user.name.first>", tags = ["user:<user.id>"])]
async fn feed(user: Option<User>) -> Vec<u32> {
    user.into_iter().map(|user| user.id).collect()
}

#[cached(ttl = "1m", key = "borrowed:<user.name.first.len()>:<page.unwrap_or(1)>")]
async fn borrowed(user: Option<&User>, page: Option<u32>) -> String {
    format!("{user:?}{page:?}")
}

#[cached(ttl = "1m", key = "by_reference:<user.name.first>")]
async fn by_reference(user: &Option<User>) -> String {
    format!("{user:?}")
}

#[cached(ttl = "1m", key = "extension:<user.id>")]
async fn extension(Extension(user): Extension<Option<User>>) -> Option<char> {
    user.as_ref().and_then(User::initial)
}

#[cached(invalidates = ["feed:<user.id>:", "#user:<user.id>"])]
async fn leave(user: std::option::Option<User>) -> Option<u32> {
    user.map(|user| user.id)
}

fn main() {
    let _ = leave;
    let user = |id| User {
        id,
        name: Name {
            first: "Zoe".to_owned(),
        },
    };
    assert_eq!(feed::key(Some(user(7))).as_str(), "feed:7:Zoe");
    let (none, some) = (feed::key(None), feed::key(Some(user(0))));
    assert_ne!(none, some);
    assert_eq!(borrowed::key(Some(&user(1)), None).as_str(), "borrowed:3:1");
}
