use cache_runtime::cached;

struct User {
    id: u64,
}

type Visitor = Option<User>;

#[cached(key = "feed:<user.id>")]
async fn feed(user: Visitor) -> u64 {
    user.map_or(0, |user| user.id)
}

#[cached(key = "menu:<user.0.id>")]
async fn menu(user: (Option<User>, u64)) -> u64 {
    user.1
}

#[cached(key = "page:<user.name()>")]
async fn page(user: Option<User>) -> u64 {
    user.map_or(0, |user| user.id)
}

fn main() {}
