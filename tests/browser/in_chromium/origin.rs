//! What a page of another origin can do with an administrator's cookie, in a browser as it is.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use axum::middleware::{self, Next};
use axum::response::Html;
use axum::routing::get;
use cache_runtime::http::{AdminConfig, Role, admin_router};
use cache_runtime::{Cache, CacheConfig};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};

use crate::page::Page;

const PAGE: Html<&str> = Html("<!doctype html><title>a page</title>");

const COOKIE: &str = "session=root";

/// An administration that goes by a cookie, and a page of somebody else on a port of its own.
struct Neighbours {
    runtime: Runtime,
    cache: Cache,
    administration: u16,
    elsewhere: u16,
    /// Headers of what was to remove something.
    asked: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Neighbours {
    fn open() -> Self {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let cache = Cache::new(CacheConfig::default()).expect("a cache");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let config = AdminConfig::new().cache(&cache).check(|request| {
            let cookie = request.headers.get("cookie")?;
            (cookie == COOKIE).then_some(Role::SuperAdmin)
        });
        let heard = asked.clone();
        let note = move |request: Request, next: Next| {
            if request.method() != Method::GET {
                heard.lock().push(request.headers().clone());
            }
            next.run(request)
        };
        let sign_in = async || {
            (
                [(
                    "set-cookie",
                    format!("{COOKIE}; Path=/; HttpOnly; SameSite=Lax"),
                )],
                PAGE,
            )
        };
        let administration = Router::new()
            .route("/", get(async || PAGE))
            .route("/sign-in", get(sign_in))
            .merge(admin_router(config))
            .layer(middleware::from_fn(note));
        let elsewhere = Router::new().route("/", get(async || PAGE));
        Self {
            administration: serve(&runtime, administration),
            elsewhere: serve(&runtime, elsewhere),
            runtime,
            cache,
            asked,
        }
    }

    fn fill(&self) {
        let minute = Duration::from_secs(60);
        self.runtime
            .block_on(self.cache.set("a", &1, minute))
            .expect("it is stored");
    }

    fn is_filled(&self) -> bool {
        self.runtime.block_on(self.cache.exists("a"))
    }
}

/// The port.
fn serve(runtime: &Runtime, app: Router) -> u16 {
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let listener = listener.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    runtime.spawn(axum::serve(listener, app).into_future());
    port
}

/// Signed in at one origin, the browser is made to remove by a page of the other; then by one of the same.
fn a_neighbour_cannot_remove(administration: &str, elsewhere: &str, says_site: bool) {
    let neighbours = Neighbours::open();
    let own = format!("http://{administration}:{}", neighbours.administration);
    let other = format!("http://{elsewhere}:{}", neighbours.elsewhere);
    let remove = format!(
        "fetch('{own}/cache/invalidate?pattern=a', {{ method: 'POST', mode: 'no-cors', credentials: 'include' }}).then(() => 'sent')"
    );
    let Some(mut page) = Page::blank() else {
        return;
    };
    page.visit(&format!("{own}/sign-in"));
    neighbours.fill();

    page.visit(&format!("{other}/"));
    assert_eq!(page.value(&remove), "sent");
    let asked = neighbours.asked.lock().pop().expect("it has arrived");
    assert_eq!(
        asked["cookie"], COOKIE,
        "and the browser has added the cookie"
    );
    assert_eq!(
        asked.get("sec-fetch-site").is_some(),
        says_site,
        "{asked:?}"
    );
    assert!(neighbours.is_filled(), "but nothing was removed");

    page.visit(&format!("{own}/"));
    assert_eq!(
        page.value(&remove.replace("no-cors", "same-origin")),
        "sent"
    );
    assert_eq!(
        neighbours.asked.lock().pop().expect("it has arrived")["cookie"],
        COOKIE
    );
    assert!(
        !neighbours.is_filled(),
        "what the administrator does is done"
    );
}

/// A browser trusts the loopback, and says `Sec-Fetch-Site`. Another port is another origin of the same site.
#[test]
fn a_page_on_another_port_removes_nothing_with_the_administrators_cookie() {
    a_neighbour_cannot_remove("127.0.0.1", "127.0.0.1", true);
}

/// Without TLS a browser says nothing of the site, only `Origin`.
#[test]
fn a_page_under_the_same_domain_removes_nothing_with_the_administrators_cookie() {
    a_neighbour_cannot_remove("admin.shop.test", "blog.shop.test", false);
}
