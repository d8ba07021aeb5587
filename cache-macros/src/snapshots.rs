//! Generated code for typical functions, formatted. `UPDATE_EXPECT=1 cargo test -p cache-macros` rewrites
//! it.

use expect_test::{Expect, expect};
use proc_macro2::TokenStream;
use quote::quote;

use crate::cached_impl;

#[test]
fn a_read() {
    check(
        quote!(
            ttl = "list",
            key = "jobs:list:<skip>:<limit>",
            companions = false
        ),
        quote! {
            async fn list_jobs(skip: u32, limit: u32) -> Result<Vec<Job>, DbError> {
                db.list(skip, limit).await
            }
        },
        expect![[r#"
            async fn list_jobs(skip: u32, limit: u32) -> Result<Vec<Job>, DbError> {
                static __SITE: Site = Site::new(concat!(module_path!(), "::list_jobs"))
                    .key(Template::new(&["jobs:list:", ":", ""]))
                    .ttl(Ttl::Named(&ttl::LIST));
                let call = __SITE
                    .call()
                    .key(&[&skip, &limit])
                    .of(instance!("list_jobs"))
                    .holds_caller(identify_caller!(u32));
                read(
                        call,
                        CanBeCached::demanded(
                            Innermost::<
                                Result<Vec<Job>, DbError>,
                            >::innermost(kind!(Result < Vec < Job >, DbError >)),
                        ),
                        always,
                        no_result_patterns,
                        move || async move {
                            if let Some(returned) = stated::<Result<Vec<Job>, DbError>>() {
                                return returned;
                            }
                            db.list(skip, limit).await
                        },
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn a_ttl_of_the_value() {
    check(
        quote!(ttl = |token| token.lives, key = "token", companions = false),
        quote! {
            async fn token() -> Token {
                issue().await
            }
        },
        expect![[r#"
            async fn token() -> Token {
                static __SITE: Site = Site::new(concat!(module_path!(), "::token"))
                    .key(Template::new(&["token"]))
                    .ttl_of_value();
                let call = __SITE.call().key(&[]).of(instance!("token"));
                read(
                        call,
                        CanBeCached::demanded(Innermost::<Token>::innermost(kind!(Token))),
                        always,
                        move |result, patterns| {
                            patterns.ttl(lifetime_of(result, |token| token.lives));
                        },
                        move || async move {
                            if let Some(returned) = stated::<Token>() {
                                return returned;
                            }
                            issue().await
                        },
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn a_write() {
    check(
        quote!(invalidates = ["jobs:list:", "job:<id>", "#author:<result.author>:<id>"]),
        quote! {
            pub async fn save(State(db): State<Db>, id: u64, job: Job) -> Result<Json<Job>, ApiError> {
                db.save(id, job).await
            }
        },
        expect![[r##"
            pub async fn save(
                State(db): State<Db>,
                id: u64,
                job: Job,
            ) -> Result<Json<Job>, ApiError> {
                static __SITE: Site = Site::new(concat!(module_path!(), "::save"))
                    .invalidates(
                        &[
                            PatternTemplate::new(&["jobs:list:"]),
                            PatternTemplate::new(&["job:", ""]),
                            PatternTemplate::new(&["#author:", ":", ""]),
                        ],
                    );
                let call = __SITE.call().invalidates(1, &[&id]);
                write(
                        call,
                        kind_of_write!(Result < Json < Job >, ApiError >),
                        {
                            let text_0 = KeyText::of(&id);
                            move |result, patterns| {
                                patterns.invalidates(2, &[&result.author, &text_0]);
                            }
                        },
                        move || async move {
                            if let Some(returned) = stated::<Result<Json<Job>, ApiError>>() {
                                return returned;
                            }
                            db.save(id, job).await
                        },
                    )
                    .await
            }
        "##]],
    );
}

#[test]
fn a_read_and_a_write_that_are_not_async() {
    check(
        quote!(ttl = "1h", key = "rate:<currency>", companions = false),
        quote! {
            fn rate(currency: &str) -> Result<f64, Unknown> {
                let rate = table().get(currency)?;
                Ok(*rate)
            }
        },
        expect![[r#"
            fn rate(currency: &str) -> Result<f64, Unknown> {
                static __SITE: Site = Site::new(concat!(module_path!(), "::rate"))
                    .key(Template::new(&["rate:", ""]))
                    .ttl(Ttl::Fixed(time::Duration::from_secs(3600)));
                let call = __SITE.call().key(&[&currency]).of(instance!("rate"));
                read_blocking(
                    call,
                    CanBlock::<
                        Result<f64, Unknown>,
                    >::demanded(
                        CanBeCached::demanded(
                            Innermost::<
                                Result<f64, Unknown>,
                            >::innermost(kind!(Result < f64, Unknown >)),
                        ),
                    ),
                    always,
                    no_result_patterns,
                    move || {
                        if let Some(returned) = stated::<Result<f64, Unknown>>() {
                            return returned;
                        }
                        let rate = table().get(currency)?;
                        Ok(*rate)
                    },
                )
            }
        "#]],
    );
    check(
        quote!(invalidates = "rate:<currency>"),
        quote! {
            fn change_rate(currency: &str, rate: f64) {
                table().set(currency, rate);
            }
        },
        expect![[r#"
            fn change_rate(currency: &str, rate: f64) {
                static __SITE: Site = Site::new(concat!(module_path!(), "::change_rate"))
                    .invalidates(&[PatternTemplate::new(&["rate:", ""])]);
                let call = __SITE.call().invalidates(0, &[&currency]);
                write_blocking(
                    call,
                    kind_of_write!(()),
                    no_result_patterns,
                    move || {
                        if let Some(returned) = stated::<()>() {
                            return returned;
                        }
                        table().set(currency, rate);
                    },
                );
            }
        "#]],
    );
}

#[test]
fn a_read_with_companions() {
    check(
        quote!(key = "job:<id>", skip(db)),
        quote! {
            pub async fn load(db: &Db, id: u64) -> Option<Job> { db.load(id).await }
        },
        expect![[r#"
            pub async fn load(db: &Db, id: u64) -> Option<Job> {
                let call = __companions_of_load__in_an_impl_say_companions_false::load::__site()
                    .call()
                    .key(&[&id])
                    .holds_caller(identify_caller!(u64));
                read(
                        call,
                        CanBeCached::demanded(
                            Innermost::<Option<Job>>::innermost(kind!(Option < Job >)),
                        ),
                        always,
                        no_result_patterns,
                        move || async move {
                            if let Some(returned) = stated::<Option<Job>>() {
                                return returned;
                            }
                            db.load(id).await
                        },
                    )
                    .await
            }
            #[doc(hidden)]
            #[allow(
                dead_code,
                unused_imports,
                non_camel_case_types,
                unreachable_pub,
                unused_mut,
                unused_variables,
                clippy::all,
                clippy::redundant_clone
            )]
            mod __companions_of_load__in_an_impl_say_companions_false {
                ///The companions of the function `load`: the key of its entries, and operations on them.
                pub enum load {}
            }
            #[allow(
                dead_code,
                unused_imports,
                non_camel_case_types,
                unreachable_pub,
                unused_mut,
                unused_variables,
                clippy::all,
                clippy::redundant_clone
            )]
            pub use __companions_of_load__in_an_impl_say_companions_false::*;
            #[allow(
                dead_code,
                unused_imports,
                non_camel_case_types,
                unreachable_pub,
                unused_mut,
                unused_variables,
                clippy::all,
                clippy::redundant_clone
            )]
            impl __companions_of_load__in_an_impl_say_companions_false::load {
                #[doc(hidden)]
                fn __site() -> &'static Site {
                    static __SITE: Site = Site::new(concat!(module_path!(), "::load"))
                        .key(Template::new(&["job:", ""]));
                    &__SITE
                }
                /**The key under which a call with these arguments is cached.

            A companion of `load`.*/
                #[must_use]
                pub fn key(id: u64) -> CacheKey {
                    Self::__site().call().key(&[&id]).into_key()
                }
                /**Removes the entry of a call with these arguments.

            A companion of `load`.*/
                pub fn invalidate(id: u64) -> impl future::Future<Output = Invalidation> {
                    Self::__site().call().key(&[&id]).invalidate()
                }
                /**Removes the entries of all calls, and all other entries whose keys have the same beginning.

            A companion of `load`.*/
                pub fn invalidate_all() -> impl future::Future<Output = Invalidation> {
                    Self::__site().call().invalidate_all()
                }
                /**Runs the body now and stores its result, whether or not an entry exists.

            A companion of `load`.*/
                pub fn refresh(db: &Db, id: u64) -> impl future::Future<Output = Option<Job>> {
                    refresh(Self::__site(), load(db, id))
                }
                /**Runs the body without the cache: nothing is read, stored or removed.

            A companion of `load`.*/
                pub fn uncached(db: &Db, id: u64) -> impl future::Future<Output = Option<Job>> {
                    uncached(Self::__site(), load(db, id))
                }
            }
        "#]],
    );
}

#[test]
fn a_boxed_method_with_an_automatic_key() {
    check(
        quote!(ttl = 90),
        quote! {
            fn load<'a>(&'a self, id: u64) -> Pin<Box<dyn Future<Output = Job> + Send + 'a>> {
                Box::pin(async move {
                    let job = self.db.load(id).await;
                    job
                })
            }
        },
        expect![[r#"
            fn load<'a>(&'a self, id: u64) -> Pin<Box<dyn Future<Output = Job> + Send + 'a>> {
                Box::pin(async move {
                    static __SITE: Site = Site::new(concat!(module_path!(), "::load"))
                        .key(Template::new(&[concat!(module_path!(), "::load", ":"), ""]))
                        .ttl(Ttl::Fixed(time::Duration::from_secs(90)));
                    let call = __SITE
                        .call()
                        .key(&[&id])
                        .within(instance!("load"), module_path!())
                        .holds_caller(identify_caller!(u64));
                    read(
                            call,
                            CanBeCached::demanded(Innermost::<Job>::innermost(kind!(Job))),
                            always,
                            no_result_patterns,
                            move || async move {
                                if let Some(returned) = stated::<Job>() {
                                    return returned;
                                }
                                let job = self.db.load(id).await;
                                job
                            },
                        )
                        .await
                })
            }
        "#]],
    );
}

#[test]
fn a_put_of_what_has_no_name() {
    check(
        quote!(
            put,
            key = CacheKey::user(user.id),
            ttl = SOON,
            crate = my::runtime
        ),
        quote! {
            async fn save(user: User) -> impl IntoResponse { Json(user) }
        },
        expect![[r#"
            async fn save(user: User) -> impl IntoResponse {
                let call = __companions_of_save__in_an_impl_say_companions_false::save::__site()
                    .call()
                    .key_expr(CacheKey::user(user.id))
                    .ttl(my::runtime::__private::lifetime(&SOON));
                let body = move || async move {
                    if let Some(returned) = my::runtime::__private::stated::<_>() {
                        return returned;
                    }
                    Json(user)
                };
                my::runtime::__private::put(
                        call,
                        my::runtime::__private::CanBeCached::demanded(
                            my::runtime::__private::innermost_of_result(
                                &body,
                                my::runtime::__private::kind!(of & body),
                            ),
                        ),
                        my::runtime::__private::always,
                        my::runtime::__private::no_result_patterns,
                        body,
                    )
                    .await
            }
            #[doc(hidden)]
            #[allow(
                dead_code,
                unused_imports,
                non_camel_case_types,
                unreachable_pub,
                unused_mut,
                unused_variables,
                clippy::all,
                clippy::redundant_clone
            )]
            mod __companions_of_save__in_an_impl_say_companions_false {
                ///The companions of the function `save`: the key of its entries, and operations on them.
                pub enum save {}
            }
            #[allow(
                dead_code,
                unused_imports,
                non_camel_case_types,
                unreachable_pub,
                unused_mut,
                unused_variables,
                clippy::all,
                clippy::redundant_clone
            )]
            use __companions_of_save__in_an_impl_say_companions_false::*;
            #[allow(
                dead_code,
                unused_imports,
                non_camel_case_types,
                unreachable_pub,
                unused_mut,
                unused_variables,
                clippy::all,
                clippy::redundant_clone
            )]
            impl __companions_of_save__in_an_impl_say_companions_false::save {
                #[doc(hidden)]
                fn __site() -> &'static my::runtime::__private::Site {
                    static __SITE: my::runtime::__private::Site = my::runtime::__private::Site::new(
                        concat!(module_path!(), "::save"),
                    );
                    &__SITE
                }
                /**The key under which a call with these arguments is cached.

            A companion of `save`.*/
                #[must_use]
                fn key(user: User) -> my::runtime::__private::CacheKey {
                    Self::__site().call().key_expr(CacheKey::user(user.id)).into_key()
                }
                /**Removes the entry of a call with these arguments.

            A companion of `save`.*/
                fn invalidate(
                    user: User,
                ) -> impl future::Future<Output = my::runtime::__private::Invalidation> {
                    Self::__site().call().key_expr(CacheKey::user(user.id)).invalidate()
                }
                /**Runs the body without the cache: nothing is read, stored or removed.

            A companion of `save`.*/
                fn uncached(user: User) -> impl future::Future<Output = impl IntoResponse> {
                    my::runtime::__private::uncached(Self::__site(), save(user))
                }
            }
        "#]],
    );
}

#[test]
fn a_read_that_refreshes_in_the_background() {
    check(
        quote!(
            ttl = "list",
            key = "user:<name>:<tenant>",
            stale = "5m",
            skip(db, pool, label)
        ),
        quote! {
            async fn user(
                &self,
                mut name: &str,
                tenant: &str,
                db: &impl Db,
                State(pool): State<Pool>,
                label: &'static str,
            ) -> Result<User, DbError> {
                name = name.trim();
                self.load(name, db, pool, label).await
            }
        },
        expect![[r#"
            async fn user(
                &self,
                name: &str,
                tenant: &str,
                db: &impl Db,
                State(pool): State<Pool>,
                label: &'static str,
            ) -> Result<User, DbError> {
                static __SITE: Site = Site::new(concat!(module_path!(), "::user"))
                    .key(Template::new(&["user:", ":", ""]))
                    .ttl(Ttl::Named(&ttl::LIST))
                    .stale(time::Duration::from_secs(300));
                let call = __SITE
                    .call()
                    .key(&[&name, &tenant])
                    .of(instance!("user"))
                    .holds_caller(identify_caller!(& str));
                read_detachable(
                        call,
                        CanBeCached::demanded(
                            Innermost::<
                                Result<User, DbError>,
                            >::innermost(kind!(Result < User, DbError >)),
                        ),
                        always,
                        no_result_patterns,
                        move || {
                            let __this = CloneForStale::owned(BorrowedArgument, self);
                            let name = CloneForStale::owned(BorrowedArgument, name);
                            let db = CloneForStale::owned(BorrowedArgument, db);
                            async move {
                                if let Some(returned) = stated::<Result<User, DbError>>() {
                                    return returned;
                                }
                                let __this: &Self = borrow::Borrow::<Self>::borrow(&__this);
                                let mut name: &str = borrow::Borrow::<str>::borrow(&name);
                                let db = &db;
                                name = name.trim();
                                __this.load(name, db, pool, label).await
                            }
                        },
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn a_boxed_read_that_refreshes_early() {
    check(
        quote!(ttl = 90, early = 1.5, when = |job| job.is_done()),
        quote! {
            fn load<'life0, 'life1, 'async_trait>(
                &'life0 self,
                id: &'life1 str,
            ) -> Pin<Box<dyn Future<Output = Job> + Send + 'async_trait>> {
                Box::pin(async move {
                    let __self = self;
                    let __ret: Job = { __self.db.load(id).await };
                    __ret
                })
            }
        },
        expect![[r#"
            fn load<'life0, 'life1, 'async_trait>(
                &'life0 self,
                id: &'life1 str,
            ) -> Pin<Box<dyn Future<Output = Job> + Send + 'async_trait>> {
                Box::pin(async move {
                    static __SITE: Site = Site::new(concat!(module_path!(), "::load"))
                        .key(Template::new(&[concat!(module_path!(), "::load", ":"), ""]))
                        .ttl(Ttl::Fixed(time::Duration::from_secs(90)))
                        .early(1.5);
                    let call = __SITE
                        .call()
                        .key(&[&id])
                        .within(instance!("load"), module_path!())
                        .holds_caller(identify_caller!(& 'life1 str));
                    read_detachable(
                            call,
                            CanBeCached::demanded(Innermost::<Job>::innermost(kind!(Job))),
                            move |job| job.is_done(),
                            no_result_patterns,
                            move || {
                                let __this = CloneForEarly::owned(BorrowedArgument, self);
                                let id = CloneForEarly::owned(BorrowedArgument, id);
                                async move {
                                    if let Some(returned) = stated::<Job>() {
                                        return returned;
                                    }
                                    let __this: &Self = borrow::Borrow::<Self>::borrow(&__this);
                                    let id: &str = borrow::Borrow::<str>::borrow(&id);
                                    let __self = __this;
                                    let __ret: Job = { __self.db.load(id).await };
                                    __ret
                                }
                            },
                        )
                        .await
                })
            }
        "#]],
    );
}

#[test]
fn a_read_with_every_policy() {
    check(
        quote!(
            key = "job:<id>",
            companions = false,
            none_ttl = "10s",
            stale = "1m",
            stale_on_error = "1h",
            early,
            timeout = "2s",
            soft_timeout = "100ms",
            jitter = "10%",
            outage = "bypass",
            codec = "json",
            compress = "lz4 from 4KiB"
        ),
        quote! {
            async fn load(id: u64) -> Result<Option<Job>, DbError> { find(id).await }
        },
        expect![[r#"
            async fn load(id: u64) -> Result<Option<Job>, DbError> {
                feature_lz4!();
                static __SITE: Site = Site::new(concat!(module_path!(), "::load"))
                    .key(Template::new(&["job:", ""]))
                    .none_ttl(time::Duration::from_secs(10))
                    .stale(time::Duration::from_secs(60))
                    .stale_on_error(time::Duration::from_secs(3600))
                    .timeout(time::Duration::from_secs(2))
                    .soft_timeout(time::Duration::from_millis(100))
                    .early(1.0)
                    .jitter(10)
                    .outage(Outage::Bypass)
                    .codec(CodecKind::Json)
                    .compress(Compression::Lz4, 4096);
                let call = __SITE
                    .call()
                    .key(&[&id])
                    .of(instance!("load"))
                    .holds_caller(identify_caller!(u64));
                read_detachable(
                        call,
                        may_time_out!(
                            Result < Option < Job >, DbError >, CanBeCached::demanded(Innermost:: <
                            Result < Option < Job >, DbError > > ::innermost(CanBeNone:: < Result <
                            Option < Job >, DbError > > ::demanded(kind!(Result < Option < Job >,
                            DbError >))))
                        ),
                        always,
                        no_result_patterns,
                        move || async move {
                            if let Some(returned) = stated::<Result<Option<Job>, DbError>>() {
                                return returned;
                            }
                            find(id).await
                        },
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn a_read_that_gives_up() {
    check(
        quote!(
            key = "job:<id>",
            companions = false,
            timeout = 2,
            outage = "memory",
            codec = "bincode"
        ),
        quote! {
            async fn load(id: u64) -> Result<Job, DbError> { find(id).await }
        },
        expect![[r#"
            async fn load(id: u64) -> Result<Job, DbError> {
                feature_bincode!();
                static __SITE: Site = Site::new(concat!(module_path!(), "::load"))
                    .key(Template::new(&["job:", ""]))
                    .timeout(time::Duration::from_secs(2))
                    .outage(Outage::Memory);
                let call = __SITE
                    .call()
                    .key(&[&id])
                    .of(instance!("load"))
                    .holds_caller(identify_caller!(u64));
                read(
                        call,
                        CanTimeOut::demanded(
                            Failing::<
                                Result<Job, DbError>,
                            >::failing(
                                CanBeCached::demanded(
                                    Innermost::<
                                        Result<Job, DbError>,
                                    >::innermost(kind!(Result < Job, DbError >)),
                                ),
                            ),
                        ),
                        always,
                        no_result_patterns,
                        move || async move {
                            if let Some(returned) = stated::<Result<Job, DbError>>() {
                                return returned;
                            }
                            find(id).await
                        },
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn a_write_with_expressions() {
    check(
        quote!(
            invalidates = [
                "jobs:<id>",
                draft.then(|| Tag::of("front")),
                result.iter().map(|id| kind.key(id))
            ],
            invalidates_within = "job:<kind>"
        ),
        quote! {
            async fn close(id: u64, draft: bool, kind: Kind) -> Vec<u64> {
                db.close(id).await
            }
        },
        expect![[r#"
            async fn close(id: u64, draft: bool, kind: Kind) -> Vec<u64> {
                static __SITE: Site = Site::new(concat!(module_path!(), "::close"))
                    .invalidates(
                        &[PatternTemplate::new(&["jobs:", ""]), PatternTemplate::new(&["job:", ""])],
                    )
                    .invalidates_within(1);
                let call = __SITE
                    .call()
                    .invalidates(0, &[&id])
                    .invalidates(1, &[&kind])
                    .removes(draft.then(|| Tag::of("front")));
                write(
                        call,
                        kind_of_write!(Vec < u64 >),
                        {
                            let id = clone::Clone::clone(&id);
                            let kind = clone::Clone::clone(&kind);
                            move |result, patterns| {
                                patterns.removes(result.iter().map(|id| kind.key(id)));
                            }
                        },
                        move || async move {
                            if let Some(returned) = stated::<Vec<u64>>() {
                                return returned;
                            }
                            db.close(id).await
                        },
                    )
                    .await
            }
        "#]],
    );
}

/// The generated block ends in `;`, because lints on blocks that return nothing would report it otherwise.
#[test]
fn a_write_of_nothing() {
    check(
        quote!(invalidates = "jobs:"),
        quote!(
            async fn clear() {
                drop(1);
            }
        ),
        expect![[r#"
            async fn clear() {
                static __SITE: Site = Site::new(concat!(module_path!(), "::clear"))
                    .invalidates(&[PatternTemplate::new(&["jobs:"])]);
                let call = __SITE.call();
                write(
                        call,
                        kind_of_write!(()),
                        no_result_patterns,
                        move || async move {
                            if let Some(returned) = stated::<()>() {
                                return returned;
                            }
                            drop(1);
                        },
                    )
                    .await;
            }
        "#]],
    );
}

/// The body of a read has few lines, so that a reader understands it at once.
#[test]
fn a_read_stays_under_twenty_four_lines() {
    let expanded = formatted(cached_impl(
        quote!(
            ttl = "list",
            key = "jobs:list:<skip>:<limit>",
            companions = false
        ),
        quote!(
            async fn list_jobs(skip: u32, limit: u32) -> Vec<Job> {
                body
            }
        ),
    ));
    assert!(expanded.lines().count() < 24, "{expanded}");
}

/// A failed expansion still contains the function, so that its callers compile.
#[test]
fn the_function_stands_beside_its_errors() {
    let expanded = cached_impl(
        quote!(ttl = "lisst"),
        quote!(
            async fn load() -> u64 {
                1
            }
        ),
    );
    let expanded = formatted(expanded);
    assert!(
        expanded.starts_with("async fn load() -> u64 {"),
        "{expanded}"
    );
    assert!(expanded.contains("compile_error!"), "{expanded}");
}

/// The macro does not parse the body, so rustc sees and reports what is wrong in it.
#[test]
fn a_body_that_does_not_parse_is_handed_on() {
    let expanded = cached_impl(
        quote!(key = "a:<id>"),
        quote!(async fn load(id: u64) -> u64 { id id + ; }),
    );
    assert!(expanded.to_string().contains("id id + ;"), "{expanded}");
}

fn check(args: TokenStream, item: TokenStream, expected: Expect) {
    expected.assert_eq(&formatted(cached_impl(args, item)));
}

/// Formats an expansion. It leaves out the path of the runtime before every name, and the type arguments of
/// the last call, of which each would take a line.
fn formatted(tokens: TokenStream) -> String {
    let text = tokens.to_string();
    let text = text.replace(":: cache_runtime :: __private ::", "");
    let text = text
        .replace(":: core :: option :: Option ::", "")
        .replace(":: core ::", "");
    let text = [
        "read",
        "read_detachable",
        "read_blocking",
        "put",
        "write",
        "write_blocking",
    ]
    .iter()
    .fold(text, |text, name| without_types(&text, name));

    match syn::parse_file(&text) {
        Ok(file) => prettyplease::unparse(&file),
        Err(error) => format!("{error}\n{tokens}"),
    }
}

/// Replaces `read :: < T , _ , _ > (` by `read (`.
fn without_types(text: &str, function: &str) -> String {
    let start = format!("{function} :: < ");
    match text
        .split_once(&start)
        .and_then(|(before, after)| Some((before, after.split_once("_ > ")?.1)))
    {
        Some((before, after)) => format!("{before}{function} {after}"),
        None => text.to_owned(),
    }
}
