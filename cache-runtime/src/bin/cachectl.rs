//! `cachectl`: looks at a cache in Redis, removes from it, and finds out what is wrong with it. All of it is in
//! `cache_runtime::ctl`.

fn main() -> std::process::ExitCode {
    cache_runtime::ctl::run(std::env::args_os())
}
