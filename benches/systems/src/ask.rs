//! What is asked of a service, and by whom.

use std::collections::HashMap;
use std::net::SocketAddr;

use bench_parts::client::Connection;

/// A request that does not yet know its session.
#[derive(Clone)]
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    body: String,
    /// Who asks; `None` for anybody.
    user: Option<u32>,
    /// Whether it changes something.
    pub(crate) write: bool,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: "GET",
            path: path.into(),
            body: String::new(),
            user: None,
            write: false,
        }
    }

    pub(crate) fn write(method: &'static str, path: impl Into<String>, body: &str) -> Self {
        Self {
            method,
            body: body.to_owned(),
            write: true,
            ..Self::get(path)
        }
    }

    pub(crate) fn of(self, user: u32) -> Self {
        Self {
            user: Some(user),
            ..self
        }
    }
}

/// The cookies of those who have signed in at a service.
#[derive(Default)]
pub(crate) struct Sessions(HashMap<u32, String>);

impl Sessions {
    /// Signs in the first so many users.
    pub(crate) async fn open(address: SocketAddr, users: u32) -> Self {
        let mut sessions = Self::default();
        let mut connection = Connection::open(address).await.expect("a connection");
        for user in 1..=users {
            let body = format!("{{\"user_id\":{user}}}");
            let request = sessions.bytes(&Ask::write("POST", "/api/session", &body));
            let answer = connection.ask(&request).await.expect("an answer");
            let cookie = answer.header("set-cookie").expect("a cookie");
            let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
            sessions.0.insert(user, cookie);
        }
        sessions
    }

    /// As it is sent.
    pub(crate) fn bytes(&self, ask: &Ask) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: bench\r\n", ask.method, ask.path);
        if let Some(cookie) = ask.user.and_then(|user| self.0.get(&user)) {
            text.push_str(&format!("Cookie: {cookie}\r\n"));
        }
        if !ask.body.is_empty() {
            text.push_str("Content-Type: application/json\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", ask.body.len()));
        text.push_str(&ask.body);
        text.into_bytes()
    }
}

/// What came of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// `X-Cache: HIT` or `STALE`.
    Hit,
    /// Anything else that is right.
    Loaded,
    Failed,
}

impl Outcome {
    pub(crate) async fn of(connection: &mut Connection, request: &[u8]) -> Self {
        let Ok(answer) = connection.ask(request).await else {
            return Self::Failed;
        };
        match (answer.status, answer.header("x-cache")) {
            (200..=299, Some("HIT" | "STALE")) => Self::Hit,
            (200..=299, _) => Self::Loaded,
            _ => Self::Failed,
        }
    }
}
