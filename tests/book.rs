//! The guide in `docs/book`. rustdoc compiles the programs of its pages, and runs those that need no server.
//!
//! A page that is missing here is found by `documents::every_page_of_the_guide_is_in_its_summary_and_compiled`.

macro_rules! pages {
    ($($page:ident = $file:literal;)*) => {
        $(
            #[doc = include_str!(concat!("../docs/book/src/", $file))]
            mod $page {}
        )*
    };
}

pages! {
    introduction = "introduction.md";
    quickstart = "quickstart.md";
    from_cache_aside = "from-cache-aside.md";
    usual_pattern = "usual-pattern.md";
    keys = "keys.md";
    invalidation = "invalidation.md";
    axum_page = "axum.md"; // `axum` is the crate
    sync = "sync.md";
    existing_application = "existing-application.md";
    testing = "testing.md";
    outages = "outages.md";
    operations = "operations.md";
    faq = "faq.md";
    migrating = "migrating.md";
    comparison = "comparison.md";
}
