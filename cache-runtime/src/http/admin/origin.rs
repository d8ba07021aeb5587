//! Detects requests made by a page of another origin. Such a page can make an administrator's browser send a request,
//! and the browser adds cookies, a client certificate or a remembered password by itself.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};

use crate::http::admin::refusal::AdminRefusal;

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Refuses requests that a page of another *site* made a browser send, whatever they ask for.
pub(super) fn refuse_other_sites(request: &Parts) -> Result<(), AdminRefusal> {
    match unlike(&request.headers, |site| site != "cross-site") {
        Some(site) => Err(by_another(&site)),
        None => Ok(()),
    }
}

/// Refuses requests that change something and were made by a page of another *origin*, even of the same site: another
/// host under the same domain may belong to somebody else, and its requests carry the cookies, `SameSite` or not.
///
/// Browsers have sent `Sec-Fetch-Site` to every `https` address since 2023, and `Origin` with everything but `GET` and
/// `HEAD` since 2020, to every address; no page can set or suppress them. So a request with neither was not made by a
/// page. If both are present, `Sec-Fetch-Site` decides: it does not depend on `Host`, which a proxy may have changed.
pub(super) fn refuse_other_origins(request: &Parts) -> Result<(), AdminRefusal> {
    if matches!(request.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let headers = &request.headers;
    if let Some(site) = unlike(headers, |site| matches!(site, "same-origin" | "none")) {
        return Err(by_another(&site));
    }
    let is_own = (headers.get_all(SEC_FETCH_SITE).iter()).any(|site| site == "same-origin");
    if is_own {
        return Ok(());
    }
    let host = host(request);
    let other = (headers.get_all(ORIGIN).iter()).find(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        !host.is_some_and(|host| is_at(origin, host))
    });
    let Some(origin) = other else { return Ok(()) };
    let origin = String::from_utf8_lossy(origin.as_bytes());
    let host = host.unwrap_or("none");
    Err(refusal(&format!(
        "this request was made by a page of another origin: `Origin: {origin}` does not match `Host: {host}`. Send it \
         from a page of this service; if a proxy changes `Host`, configure it to forward the browser's"
    )))
}

/// The first `Sec-Fetch-Site` that does not meet `should`.
fn unlike(headers: &HeaderMap, should: impl Fn(&str) -> bool) -> Option<String> {
    let sites = headers.get_all(SEC_FETCH_SITE).iter();
    let mut sites = sites.map(|site| String::from_utf8_lossy(site.as_bytes()));
    sites
        .find(|site| !should(site))
        .map(|site| site.into_owned())
}

fn by_another(site: &str) -> AdminRefusal {
    refusal(&format!(
        "this request was made by a page of another origin, as the browser reports (`Sec-Fetch-Site: {site}`); send it from a \
         page of this service"
    ))
}

fn refusal(message: &str) -> AdminRefusal {
    AdminRefusal::new(StatusCode::FORBIDDEN, "cross_origin", message)
}

/// The host that the request was sent to, as its sender sees it; `None` if it is missing or given twice.
fn host(request: &Parts) -> Option<&str> {
    let mut hosts = request.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        // HTTP/2 sends it as a part of the address.
        (None, _) => request.uri.authority().map(|authority| authority.as_str()),
        (Some(host), None) => host.to_str().ok(),
        (Some(_), Some(_)) => None,
    }
}

/// Whether this is the origin of pages of that host. The scheme is not compared: a proxy that ends TLS does not report
/// it.
fn is_at(origin: &str, host: &str) -> bool {
    let Some((scheme, at)) = origin.split_once("://") else {
        return false; // `null`: a page without an origin, such as one in a sandbox
    };
    let default = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |text: &str| {
        text.strip_suffix(default)
            .unwrap_or(text)
            .to_ascii_lowercase()
    };
    !at.is_empty() && bare(at) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_that_of_a_host_whatever_its_case_and_default_port() {
        for (origin, host) in [
            ("http://shop.example", "shop.example"),
            ("https://shop.example", "Shop.Example:443"),
            ("http://shop.example", "shop.example:80"),
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://[::1]:3000", "[::1]:3000"),
        ] {
            assert!(is_at(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("null", "null"),
            ("", ""),
            ("https://", ""),
            ("shop.example", "shop.example"),
            ("https://blog.shop.example", "shop.example"),
            ("https://shop.example.evil.example", "shop.example"),
            ("https://shop.example:8443", "shop.example"),
            ("https://shop.example:80", "shop.example"),
            ("http://shop.example", "shop.example:443"),
            ("chrome-extension://shop.example", "shop.example"),
        ] {
            assert!(!is_at(origin, host), "{origin} {host}");
        }
    }
}
