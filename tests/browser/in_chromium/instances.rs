//! Several instances behind one address: the page keeps them apart, and says which one it shows.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::board::{Board, enter};
use crate::page::Page;

/// Gives each request to the next of several services, as a balancer does that knows of no sessions.
#[derive(Debug)]
struct Balancer {
    address: SocketAddr,
    services: Arc<Mutex<Vec<Router>>>,
}

impl Balancer {
    /// Runs for as long as the first of the boards does.
    fn before(boards: &[&Board]) -> Self {
        let services: Vec<_> = boards.iter().map(|board| board.app.clone()).collect();
        let services = Arc::new(Mutex::new(services));
        let (turn, behind) = (Arc::new(AtomicUsize::new(0)), services.clone());
        let app = Router::new().fallback(async move |request: Request| {
            let service = {
                let services = behind.lock().unwrap();
                services[turn.fetch_add(1, Relaxed) % services.len()].clone()
            };
            service.oneshot(request).await
        });
        let runtime = &boards[0].runtime;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(axum::serve(listener, app).into_future());
        Self { address, services }
    }

    /// From now on there is only this one.
    fn leave(&self, board: &Board) {
        *self.services.lock().unwrap() = vec![board.app.clone()];
    }

    /// The dashboard, the token given.
    fn inside(&self) -> Option<Page> {
        let mut page = Page::blank()?;
        page.visit(&format!("http://{}/cache/dashboard", self.address));
        enter(&mut page);
        Some(page)
    }
}

fn id(board: &Board) -> String {
    board.told("health")["instance"]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Notes each text that an element of the page comes to have.
fn note(page: &mut Page, element: &str) {
    page.value(&format!(
        "(e => {{ window.noted = new Set([e.textContent]);
           new MutationObserver(() => noted.add(e.textContent)).observe(e, {{ childList: true, characterData: true, subtree: true }}); }})($('{element}'))"
    ));
}

#[test]
fn figures_of_two_instances_are_kept_apart_and_either_can_be_shown() {
    let (busy, idle) = (Board::open(), Board::open());
    for _ in 0..50 {
        busy.ask("jobs/1");
    }
    let balancer = Balancer::before(&[&busy, &idle]);
    let Some(mut page) = balancer.inside() else {
        return;
    };
    page.until("both to be known", "$('instance').options.length === 2");
    assert!(page.text("instances").starts_with("of 2 that answer here."));
    assert!(page.value("$('instance').disabled") == false);

    for (board, calls) in [(&busy, "50"), (&idle, "0")] {
        let id = id(board);
        page.value(&format!(
            "$('instance').value = '{id}'; $('instance').dispatchEvent(new Event('change'))"
        ));
        let named = format!(
            "$('instance').selectedOptions[0].textContent.startsWith('{}, up ')",
            &id[..6]
        );
        assert!(page.value(&named) == true);
        page.until(
            "its figures",
            &format!("$('calls').textContent === '{calls}'"),
        );
        // Many looks, each of which reaches both.
        note(&mut page, "calls");
        page.value("window.looks = 0; { const f = window.fetch; window.fetch = (path, ...rest) => { if (path === 'stats') looks++; return f(path, ...rest); }; }");
        page.until("more looks", "looks >= 6");
        assert_eq!(
            page.value("[...noted].join()"),
            calls,
            "nothing of the other"
        );
        assert_eq!(
            page.value("$('instance').value"),
            id,
            "it stays with what was chosen"
        );
        // Nobody calls: a rate could only come from mixing them.
        let quiet = if calls == "0" {
            "none yet"
        } else {
            "none in the last seconds"
        };
        assert_eq!(page.text("calls-of"), quiet);
        let points = "document.querySelectorAll('#rate-chart .line').length > 0";
        assert_eq!(page.value(points), calls != "0", "each has its own past");
    }
}

#[test]
fn where_the_instance_on_the_page_is_gone_the_next_is_shown_and_it_is_said() {
    let (old, new) = (Board::open(), Board::open());
    old.ask("jobs/1");
    let balancer = Balancer::before(&[&old]);
    let Some(mut page) = balancer.inside() else {
        return;
    };
    page.until("its figures", "$('calls').textContent === '1'");
    assert!(
        page.value("$('instance').disabled") == true,
        "there is no other"
    );
    assert_eq!(page.text("instances"), "");
    assert!(!page.shows("switched"));

    balancer.leave(&new);
    page.until("the switch", "$('switched').checkVisibility()");
    let said = page.text("switched");
    let (old, new) = (id(&old), id(&new));
    assert!(
        said.starts_with(&format!("Instance {} does not answer any more", &old[..6])),
        "{said}"
    );
    assert!(
        said.ends_with(&format!("the figures of {}.", &new[..6])),
        "{said}"
    );
    assert_eq!(page.value("$('instance').value"), new);
    assert_eq!(page.text("calls"), "0");
    page.until(
        "the old one to be forgotten",
        "$('instance').options.length === 1",
    );
    let points = "document.querySelectorAll('#rate-chart .line').length";
    assert_eq!(
        page.value(points),
        0,
        "the past of the old one is not that of the new one"
    );
}
