use cache_runtime::{Cache, cached, cached_defaults};

struct Context {
    reads: Cache,
}

#[cached_defaults(cache = ctx.reads)]
mod jobs {
    use super::*;

    #[cached(key = "job:<id>", skip(ctx))]
    pub(super) async fn job(ctx: &Context, id: u64) -> u64 {
        id
    }

    #[cached(key = "size")]
    pub(super) async fn size() -> u64 {
        1
    }
}

fn main() {}
