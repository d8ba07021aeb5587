//! What a failure of Redis means: its likely cause, and what to do about it.

use crate::ctl::failure::Failure;
use crate::ctl::out::visible;
use crate::redis::{Fault, Target};

/// There is no connection.
pub(super) fn no_connection(target: &Target, fault: &Fault) -> Failure {
    let (cause, remedy) = of(target, fault);
    let text = visible(&fault.to_string());
    Failure::usage(format!("{target}: no connection: {text}"))
        .because(cause)
        .remedy(remedy)
}

/// The server answers, but not this.
pub(super) fn refused(target: &Target, what: &str, fault: &Fault) -> Failure {
    let (cause, remedy) = of(target, fault);
    let text = visible(&fault.to_string());
    Failure::problem(format!("{target}: {what}: {text}"))
        .because(cause)
        .remedy(remedy)
}

/// A field of an answer to `INFO`.
pub(super) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
        .filter(|value| !value.is_empty())
}

/// Cause and remedy.
pub(super) fn of(target: &Target, fault: &Fault) -> (String, String) {
    let text = fault.to_string().to_ascii_lowercase();
    if let Some((cause, remedy)) = of_credentials(&text) {
        return (cause.to_owned(), remedy.to_owned());
    }
    let known = KNOWN
        .iter()
        .find(|(words, _, _)| words.iter().any(|word| text.contains(word)));
    if let Some((_, cause, remedy)) = known {
        return ((*cause).to_owned(), (*remedy).to_owned());
    }
    let (cause, remedy) = match fault {
        Fault::TimedOut if target.is_tls() => (
            "nobody answered in time: a wrong host, a firewall, a server that hangs, or a port that speaks no TLS",
            "try the host and the port with `redis-cli --tls -h HOST -p PORT ping`; without TLS, the URL begins with redis://",
        ),
        Fault::TimedOut => (
            "nobody answered in time: a wrong host or port, a firewall that drops packets, or a server that hangs",
            "try the host and the port with `redis-cli -h HOST -p PORT ping`; a far server may need a larger REDIS_CONNECT_TIMEOUT",
        ),
        Fault::Disconnected(_) if target.is_tls() => (
            "the other side closed the connection during the TLS handshake or after it",
            "make sure that this is the server's TLS port; without TLS, the URL begins with redis://",
        ),
        Fault::Disconnected(_) => (
            "the other side closed the connection; a TLS port does that to a client that speaks no TLS",
            "for a TLS port, the URL begins with rediss://; else read the server's log",
        ),
        Fault::OutsideRuntime => (
            "this tool asked outside of its runtime",
            "report this as a bug",
        ),
        Fault::Refused(_) => (
            "the server refuses the command",
            "read the server's own words above, and its log",
        ),
    };
    (cause.to_owned(), remedy.to_owned())
}

/// Cause and remedy, if credentials are meant that are not in the URL: those of a file, or of the sentinels.
pub(super) fn of_credentials(text: &str) -> Option<(&'static str, &'static str)> {
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["credentials file", "credentials provider"]) {
        return Some((
            "the file with the credentials cannot be used",
            "correct the file that REDIS_CREDENTIALS_FILE or, for sentinels, REDIS_SENTINEL_CREDENTIALS_FILE names",
        ));
    }
    let is_refused = has(&["wrongpass", "noauth", "without any password configured"]);
    (is_refused && has(&["sentinel "])).then_some((
        "a sentinel does not accept the credentials that it is given, or wants some",
        "check REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD, or the file that REDIS_SENTINEL_CREDENTIALS_FILE names: those in \
         the URL are the master's",
    ))
}

/// Words of an error, what they mean, and what to do. The first row that fits counts.
const KNOWN: &[(&[&str], &str, &str)] = &[
    (
        &["is not ours"],
        "another program uses a name that this cache needs",
        "rename or delete that key, or choose another CACHE_NAMESPACE",
    ),
    (
        &["without any password configured", "no password is set"],
        "the URL has a password, but the server has none for this user",
        "take the password out of the URL, or set one on the server (`requirepass`, `ACL SETUSER`)",
    ),
    (
        &["wrongpass", "invalid password", "invalid username"],
        "the user or the password in the URL is wrong",
        "check both; in a URL, characters such as `@`, `:`, `/`, `#` and `%` are written as %40, %3A, %2F, %23 and %25",
    ),
    (
        &["authentication failed"],
        "the server does not accept the user and the password in the URL: one of them is wrong, or it has none for this user",
        "check both with `redis-cli -u URL ping`; in a URL, `@`, `:`, `/`, `#` and `%` are written as %40, %3A, %2F, %23 and %25",
    ),
    (
        &["noauth", "authentication required"],
        "the server wants a password, and the URL has none",
        "write it into the URL: redis://user:password@host:port, or redis://:password@host:port for the default user",
    ),
    (
        &["'cluster|slots'", "'cluster'"],
        "the ACL of this user does not allow asking which node serves what",
        "allow it on every node: ACL SETUSER USER +cluster|slots",
    ),
    (
        &["noperm", "no permissions"],
        "the ACL of this user does not allow it",
        "`cachectl doctor` lists every command that the cache needs; allow it with `ACL SETUSER`",
    ),
    (
        &[
            "unknownissuer",
            "unknown issuer",
            "self-signed",
            "self signed",
            "unable to get local issuer",
        ],
        "the server's certificate is signed by an authority that this machine does not trust",
        "point SSL_CERT_FILE at the authority's certificate (PEM), or install it in the system's store",
    ),
    (
        &["certexpired", "certificate expired", "expired"],
        "the server's certificate has expired, or the clock of this machine is wrong",
        "renew the certificate, or correct the clock",
    ),
    (
        &["notvalidforname", "not valid for name", "not valid for"],
        "the server's certificate is for another name than the host in the URL",
        "use a host name that the certificate contains",
    ),
    (
        &[
            "invalidcontenttype",
            "corrupt message",
            "invalid content type",
        ],
        "the port speaks no TLS",
        "use the server's TLS port, or a URL that begins with redis://",
    ),
    (
        &["handshake", "peer certificate", "tls error", "certificate"],
        "the TLS handshake failed",
        "rediss:// needs a TLS port, and a certificate that this machine trusts; SSL_CERT_FILE names further authorities",
    ),
    (
        &["connection refused", "os error 111", "os error 61"],
        "nothing listens there: the server does not run, or has another port",
        "start the server, or correct host and port in the URL; in a container, `localhost` is the container itself",
    ),
    (
        &["no such file"],
        "there is no socket with this name",
        "start the server, or correct the path; its configuration names it (`unixsocket`)",
    ),
    (
        &["permission denied"],
        "this user of the system may not open the socket",
        "change the permissions of the socket (`unixsocketperm`), or the user",
    ),
    (
        &[
            "failed to lookup",
            "name or service not known",
            "nodename nor servname",
            "no such host",
            "name resolution",
            "resolve",
        ],
        "the name of the host is not known",
        "check the spelling, and whether this machine can look the name up",
    ),
    (
        &[
            "network is unreachable",
            "no route to host",
            "host unreachable",
        ],
        "there is no way to that host from here",
        "check the network, the address and the firewall",
    ),
    (
        &["protected mode", "denied redis"],
        "the server is in protected mode: without a password, it serves its own machine only",
        "set a password on the server, and write it into the URL",
    ),
    (
        &["loading"],
        "the server is still loading its data",
        "wait until it has started, and try again",
    ),
    (
        &["masterdown"],
        "this replica has lost its master",
        "use the address of the master, or sentinels",
    ),
    (
        &["readonly"],
        "this server is a replica, which takes no writes",
        "use the address of the master; redis-sentinel:// URLs find it",
    ),
    (
        &["max number of clients"],
        "the server has as many connections as it allows",
        "raise `maxclients`, or close connections of other programs",
    ),
    (
        &["not allowed in cluster mode"],
        "this server is a node of a Redis Cluster, which has only database 0",
        "take the database out of the URL, and separate applications by CACHE_NAMESPACE",
    ),
    (
        &["knows no masters yet"],
        "the node is in cluster mode, but no slots have been assigned yet, or it does not know the other nodes",
        "create the cluster with `redis-cli --cluster create`, or use the address of one of its nodes",
    ),
    (
        &["moved ", "ask ", "tryagain"],
        "the slot of these keys is being moved to another master",
        "run the command again when it has moved; `redis-cli --cluster check HOST:PORT` shows open slots",
    ),
    (
        &["clusterdown", "serves the slot"],
        "the cluster does not serve the slot of these keys: a master is lost, or most masters are",
        "`cachectl doctor` shows which one; `redis-cli --cluster check HOST:PORT` shows which slots are missing",
    ),
    (
        &["db index is out of range", "invalid db"],
        "the server has no database with the number at the end of the URL",
        "use a smaller number, or raise `databases`",
    ),
    (
        &["master name not known", "no such master"],
        "the sentinels know no master of this name",
        "check the name at the end of the URL: `redis-cli -p 26379 SENTINEL MASTERS` lists them",
    ),
    (
        &["unknown command"],
        "the server does not know this command: it is older than 6.2, or the command was renamed or disabled",
        "use Redis 6.2 or later, or Valkey; look for `rename-command` in its configuration",
    ),
    (
        &["oom ", "command not allowed when used memory"],
        "the server is full, and evicts nothing",
        "raise `maxmemory`, or let it evict: `maxmemory-policy allkeys-lru`",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_sentinels_and_of_files_are_not_looked_for_in_the_url() {
        let url = "redis-sentinel://localhost:26379/main";
        let target = Target::parse("REDIS_URL", url).unwrap();
        for (text, setting) in [
            (
                "sentinel localhost:26379: WRONGPASS invalid username-password pair",
                "REDIS_SENTINEL_PASSWORD",
            ),
            (
                "sentinel localhost:26379: NOAUTH Authentication required.",
                "REDIS_SENTINEL_PASSWORD",
            ),
            (
                "sentinels: the credentials provider gives no credentials: the credentials file `a` cannot be read: No such file",
                "REDIS_SENTINEL_CREDENTIALS_FILE",
            ),
        ] {
            let (cause, remedy) = of(&target, &Fault::Refused(text.into()));
            assert!(
                remedy.contains(setting) && !cause.contains("the URL is"),
                "{cause}: {remedy}"
            );
        }
    }

    #[test]
    fn every_failure_has_a_cause_and_a_remedy() {
        let target = Target::parse("REDIS_URL", "redis://u:hunter2@localhost").unwrap();
        for (text, word) in [
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                "password in the URL is wrong",
            ),
            ("NOAUTH Authentication required.", "the URL has none"),
            (
                "ERR AUTH <password> called without any password configured for the default user",
                "the server has none",
            ),
            ("invalid peer certificate: UnknownIssuer", "authority"),
            ("Connection refused (os error 111)", "nothing listens"),
            (
                "failed to lookup address information: Name or service not known",
                "name of the host",
            ),
            ("ERR unknown command 'EVALSHA'", "renamed"),
            ("something new", "closed the connection"),
        ] {
            let failure = no_connection(&target, &Fault::Disconnected(text.into()));
            let cause = failure.cause.unwrap();
            assert!(cause.contains(word), "{text}: {cause}");
            assert!(
                failure.remedy.is_some() && failure.code == 2 && !failure.what.contains("hunter2")
            );
        }
        let late = no_connection(&target, &Fault::TimedOut);
        assert!(late.cause.unwrap().contains("in time"));
    }
}
