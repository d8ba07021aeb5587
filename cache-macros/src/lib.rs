//! The `#[cached]` attribute. Use it through `cache_runtime`, which re-exports it.
