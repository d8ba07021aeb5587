//! The connection test: a connection of its own, each step timed, and an error text that says what to do.

use std::future::Future;
use std::time::Duration;

use redis::AsyncConnectionConfig;
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::error::Error;
use crate::redis::connection::fault::{Fault, cluster, fault};
use crate::redis::connection::server::{info, is_node};
use crate::redis::connection::target::Target;

/// How long each step of a connection test took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ConnectionTest {
    /// Name resolution, TCP, TLS and authentication.
    pub connect_ms: f64,
    /// `SET` of a scratch key that expires by itself.
    pub set_ms: f64,
    /// `GET` of it.
    pub get_ms: f64,
    /// `DEL` of it.
    pub delete_ms: f64,
    /// The connection is encrypted.
    pub tls: bool,
}

/// Runs the steps of the test, each within `limit`. `scratch`: the key that is set and deleted.
pub(crate) async fn connection_test(
    target: &Target,
    limit: Duration,
    scratch: &str,
) -> Result<ConnectionTest, Error> {
    let failed = |step: &str, why: &Fault| {
        Error::config(format!("{target}: {step} failed: {}", meaning(target, why)))
    };
    let began = Instant::now();
    let connect = async {
        let info = target.resolve(limit, false).await?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        redis::Client::open(info)?
            .get_multiplexed_async_connection_with_config(&config)
            .await
    };
    let mut connection = within(limit, connect)
        .await
        .map_err(|why| failed("connect", &why))?;
    let connect_ms = millis(began);
    let server = within(limit, async {
        Ok(info("server")
            .query_async::<redis::Value>(&mut connection)
            .await)
    });
    let server = server.await.map_err(|why| failed("INFO", &why))?;
    if !target.is_cluster() {
        let node = within(limit, async { Ok(is_node(&mut connection, &server).await) });
        if node.await.map_err(|why| failed("CLUSTER SLOTS", &why))? {
            return Err(failed("connect", &cluster()));
        }
    }

    let mut steps = [0.0; 3];
    let commands = [
        (
            "SET",
            redis::cmd("SET")
                .arg(scratch)
                .arg("1")
                .arg("PX")
                .arg(10_000)
                .to_owned(),
        ),
        ("GET", redis::cmd("GET").arg(scratch).to_owned()),
        ("DEL", redis::cmd("UNLINK").arg(scratch).to_owned()),
    ];
    for ((name, command), took) in commands.iter().zip(&mut steps) {
        let began = Instant::now();
        let answer = within(limit, command.query_async::<redis::Value>(&mut connection)).await;
        answer.map_err(|why| failed(name, &why))?;
        *took = millis(began);
    }
    let [set_ms, get_ms, delete_ms] = steps;
    Ok(ConnectionTest {
        connect_ms,
        set_ms,
        get_ms,
        delete_ms,
        tls: target.is_tls(),
    })
}

async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, redis::RedisError>>,
) -> Result<T, Fault> {
    match timeout(limit, step).await {
        Ok(result) => result.map_err(fault),
        Err(_) => Err(Fault::TimedOut),
    }
}

/// What the failure means, and what to look at.
pub(in crate::redis) fn meaning(target: &Target, fault: &Fault) -> String {
    let text = fault.to_string();
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let advice = match fault {
        Fault::TimedOut if target.is_tls() => {
            "check the host, the firewall, whether the server hangs, and whether this is its TLS port"
        }
        Fault::TimedOut => {
            "check the firewall, the host and the port, and whether the server hangs"
        }
        Fault::Refused(_) if has(&["credentials provider", "_tls_", "names no sentinel"]) => {
            return text;
        }
        _ if has(&["sentinel "]) && has(&["wrongpass", "noauth", "without any password"]) => {
            "check REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD, or the provider of the sentinels' credentials; the master has \
             others"
        }
        _ if has(&["wrongpass", "noauth", "invalid password", "authentication"]) => {
            match target.login.provider() {
                Some(_) => "check user and password that the credentials provider gives",
                None => "check user and password in the URL",
            }
        }
        _ if has(&["redis is not used until"]) => return text,
        _ if has(&["this server is a replica"]) => {
            "use the address of its master, or redis-sentinel://, which leads there"
        }
        _ if has(&["'cluster|slots'", "'cluster'"]) => {
            "the nodes must be asked who serves which keys: allow CLUSTER SLOTS on all of them, `ACL SETUSER <user> +cluster|slots`"
        }
        _ if has(&["noperm"]) => {
            "the ACL must allow GET, MGET, SET, GETRANGE, SETRANGE, EXISTS, UNLINK, PTTL, PEXPIRE, EVALSHA, EVAL, SCRIPT, ZADD, \
             ZREM, ZCARD, ZSCORE, ZRANGE, ZRANGEBYSCORE, ZREVRANGEBYSCORE, ZREMRANGEBYSCORE, ZRANGEBYLEX, ZLEXCOUNT, INFO, \
             TIME, PING, HELLO, CLIENT and, for a database other than 0, SELECT; PUBLISH and SUBSCRIBE with the channel `<namespace>:%ledger@<database>` for the memory \
             tier; in a cluster CLUSTER SLOTS, too, and all names of keys and channels begin with a hash tag: `{b*}<namespace>:`"
        }
        _ if has(&["refused", "no such file"]) => {
            "nothing listens at this address; check that Redis runs there, and the port"
        }
        _ if has(&["lookup", "resolve", "name or service", "dns"]) => {
            "the host name cannot be resolved; check the URL"
        }
        // A bad signature: a trusted authority has the same name, but another key.
        _ if has(&["unknownissuer", "badsignature"]) => {
            "the server's certificate is signed by an authority that is not trusted: name the authority's certificate by \
             REDIS_TLS_CA_FILE, or for sentinels by REDIS_SENTINEL_TLS_CA_FILE"
        }
        _ if has(&["notvalidforname"]) => {
            "the server's certificate is for other names: connect to a name that it contains; sentinels and nodes of a \
             cluster must announce such names"
        }
        _ if has(&["received fatal alert", "certificaterequired"]) => {
            "the server refuses the certificate of this client, or wants one: name it by REDIS_TLS_CERT_FILE and \
             REDIS_TLS_KEY_FILE, and make sure that the server trusts its authority"
        }
        _ if has(&[
            "certificate",
            "tls",
            "handshake",
            "corrupt message",
            "invalidcontenttype",
        ]) =>
        {
            "TLS failed; rediss:// needs a TLS port, and a certificate that this machine trusts"
        }
        Fault::Disconnected(_) if target.is_tls() => {
            "the server closed the connection; check that this is its TLS port"
        }
        Fault::Disconnected(_) => {
            "the server closed the connection; if this is a TLS port, use rediss://"
        }
        Fault::OutsideRuntime => "Redis can be used only within a tokio runtime",
        // The error text itself says what to do.
        Fault::Refused(_) if has(&["is not ours", "redis cluster"]) => return text,
        Fault::Refused(_) => "the server refuses the command",
    };
    if text.is_empty() {
        advice.into()
    } else {
        format!("{text} ({advice})")
    }
}

fn millis(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 100_000.0).round() / 100.0
}
