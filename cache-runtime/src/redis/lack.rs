//! What a server lacks, or does not allow this user: what is lost, and what to do. The log says it once when the cache
//! starts, health and the doctor of `cachectl` in the same words.

use std::collections::HashSet;

use parking_lot::Mutex;

/// Something without which the cache still uses the server, and stays coherent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lack {
    /// `HELLO 3` is refused, or the server is too old for it.
    Resp3,
    /// `CLIENT TRACKING`
    Tracking,
    /// `SUBSCRIBE`, or the ledger's channel.
    Subscribe,
    /// `PUBLISH`, or the ledger's channel.
    Publish,
    /// Another user of the namespace may not publish.
    PublishOfOthers,
    /// `INFO`, or its answer has no stable run id.
    Info,
}

/// What every lack of pushes costs.
const NO_PUSHES: &str = "the memory tier only bridges outages, and every read asks Redis for the latest removals, which is as exact";

impl Lack {
    /// One line: what is refused, what is lost, what to do.
    pub(crate) fn line(self) -> String {
        format!("{}: {}; {}", self.refused(), self.lost(), self.remedy())
    }

    fn refused(self) -> &'static str {
        match self {
            Self::Resp3 => {
                "Redis speaks only RESP2 on this connection (`HELLO 3` is refused), so it cannot push"
            }
            Self::Tracking => {
                "CLIENT TRACKING is refused, so Redis does not push which keys change"
            }
            Self::Subscribe => {
                "SUBSCRIBE to the ledger's channel is refused, so Redis does not push removals"
            }
            Self::Publish => {
                "PUBLISH to the ledger's channel is refused, so removals of this process are found by asking only"
            }
            Self::PublishOfOthers => {
                "another user of this namespace may not PUBLISH to the ledger's channel, so removals are found by asking only"
            }
            Self::Info => "INFO is refused, or shows no stable run id",
        }
    }

    /// What is lost.
    pub(crate) const fn lost(self) -> &'static str {
        match self {
            Self::Resp3 | Self::Tracking | Self::Subscribe => NO_PUSHES,
            Self::Publish | Self::PublishOfOthers => {
                "in all processes of the namespace the memory tier only bridges outages, and every read asks Redis for the latest \
                 removals, which is as exact"
            }
            Self::Info => {
                "a restarted or promoted server is recognized by a script in its memory instead, so the cache is also cold after \
                 `SCRIPT FLUSH`; on Redis 6.2 a promotion is not recognized, and removed values may come back"
            }
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Resp3 => "use Redis 6.2 or later without a proxy, and do not rename HELLO",
            Self::Tracking => "allow CLIENT TRACKING (`ACL SETUSER <user> +client|tracking`)",
            Self::Subscribe => {
                "allow it (`ACL SETUSER <user> +subscribe '&<namespace>:%ledger@<database>'`)"
            }
            Self::Publish => {
                "allow it (`ACL SETUSER <user> +publish '&<namespace>:%ledger@<database>'`), then delete the key `<namespace>:%ledger`"
            }
            Self::PublishOfOthers => {
                "allow it for all users, then delete the key `<namespace>:%ledger`"
            }
            Self::Info => "allow INFO (`ACL SETUSER <user> +info`), or connect without a proxy",
        }
    }
}

/// Which lacks the cache has logged. All of its connections share it.
#[derive(Debug, Default)]
pub(crate) struct LacksSaid(Mutex<HashSet<Lack>>);

impl LacksSaid {
    /// True if it was not logged before.
    pub(in crate::redis) fn is_first(&self, lack: Lack) -> bool {
        self.0.lock().insert(lack)
    }
}
