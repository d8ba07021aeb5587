//! The URL of a master that sentinels know.

use percent_encoding::percent_decode_str;

use crate::redis::connection::credentials::Credentials;

/// `redis-sentinel://[user:password@]host[:port],…/master[/database]`, taken apart. User, password and master are decoded.
pub(in crate::redis) struct SentinelUrl {
    pub(in crate::redis) addresses: Vec<(String, u16)>,
    pub(in crate::redis) master: String,
    pub(in crate::redis) database: i64,
    pub(in crate::redis) credentials: Option<Credentials>,
}

const SHAPE: &str = "should look like redis-sentinel://host:26379,host:26379/master-name";

impl SentinelUrl {
    /// `rest`: what follows the scheme.
    ///
    /// # Errors
    ///
    /// What it should look like, without credentials.
    pub(in crate::redis) fn parse(rest: &str) -> Result<Self, &'static str> {
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let (hosts, path) = rest.split_once('/').ok_or(SHAPE)?;
        let (master, database) = path.split_once('/').unwrap_or((path, "0"));
        let addresses: Result<Vec<_>, _> = hosts.split(',').map(address).collect();
        let credentials = credentials.map(|text| {
            let (user, password) = text.split_once(':').unwrap_or(("", text));
            Ok::<_, &'static str>(Credentials::new(decoded(user)?, decoded(password)?))
        });
        let master = decoded(master)?;
        if master.is_empty() {
            return Err(SHAPE);
        }
        Ok(Self {
            addresses: addresses?,
            master,
            database: database.parse().map_err(|_| SHAPE)?,
            credentials: credentials.transpose()?,
        })
    }
}

/// `host`, `host:port`, `[address]` or `[address]:port`. An IPv6 address loses its brackets.
fn address(text: &str) -> Result<(String, u16), &'static str> {
    let (host, port) = match text.trim().strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(SHAPE)?;
            (host, port.strip_prefix(':'))
        }
        None => match text.trim().rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text.trim(), None),
        },
    };
    let port = port.map_or(Ok(26379), str::parse).map_err(|_| SHAPE)?;
    if host.is_empty() {
        return Err(SHAPE);
    }
    Ok((host.to_owned(), port))
}

fn decoded(text: &str) -> Result<String, &'static str> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| "what the percent signs stand for must be UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_may_contain_anything_that_is_encoded() {
        let url = "ü%40:p%40%3A%2F%23%25%20%C3%A9@a,b:1,[::1],[fe80::1]:2/m%2Fy/3";
        let url = SentinelUrl::parse(url).unwrap();
        let credentials = url.credentials.unwrap();
        assert!(credentials.is_the_same_login_as(&Credentials::new("ü@", "p@:/#% é")));
        assert_eq!((url.master.as_str(), url.database), ("m/y", 3));
        let addresses = [("a", 26379), ("b", 1), ("::1", 26379), ("fe80::1", 2)];
        assert_eq!(
            url.addresses,
            addresses.map(|(host, port)| (host.to_owned(), port))
        );
    }

    #[test]
    fn other_shapes_are_refused() {
        for url in [
            "a", "a/", "/m", "a:x/m", "a/m/x", "[::1/m", "%ff@a/m", "a/%ff",
        ] {
            assert!(SentinelUrl::parse(url).is_err(), "{url}");
        }
    }
}
