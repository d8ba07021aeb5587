//! Which server and which namespace: from the environment, as the runtime reads it, or from the options.

use std::time::Duration;

use crate::cache::config::CacheConfig;
use crate::ctl::args::Args;
use crate::ctl::explain;
use crate::ctl::failure::Failure;
use crate::redis::{Console, Target};

/// How long an operation of this tool may take at least. A person can wait longer than a request can.
const PATIENCE: Duration = Duration::from_secs(2);

/// A server and a namespace.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) config: CacheConfig,
    pub(super) target: Target,
    /// The namespace with its colon, or nothing.
    pub(super) prefix: String,
}

impl Place {
    pub(super) fn find(args: &Args) -> Result<Self, Failure> {
        let lookup = |name: &str| match (name, &args.url, &args.namespace) {
            ("REDIS_URL", Some(url), _) => Some(url.clone()),
            ("CACHE_NAMESPACE", _, Some(namespace)) => Some(namespace.clone()),
            _ => std::env::var(name).ok(),
        };
        let read = CacheConfig::from_lookup(&|name| lookup(name).filter(|value| !value.is_empty()));
        let config = read.map_err(|error| wrong_setting(args, &error.to_string()))?;
        let target = config
            .target()
            .map_err(|error| wrong_setting(args, &error.to_string()))?;
        let Some(target) = target else {
            return Err(Failure::usage("no Redis is named")
                .because("neither --url is given nor REDIS_URL is set; a cache without them is in the memory of its process")
                .remedy("set REDIS_URL, or give --url redis://localhost:6379"));
        };
        let prefix = config.key_prefix();
        Ok(Self {
            config,
            target,
            prefix,
        })
    }

    /// The namespace for people: without its colon.
    pub(super) fn namespace(&self) -> &str {
        self.prefix.trim_end_matches(':')
    }

    /// The server and the namespace, in words.
    pub(super) fn described(&self) -> String {
        match self.namespace() {
            "" => format!("{}, no namespace", self.target),
            namespace => format!("{}, namespace `{namespace}`", self.target),
        }
    }

    /// How long to wait for a connection, and for an answer.
    pub(super) fn limit(&self) -> Duration {
        let config = &self.config;
        (config.connect_timeout.max(config.command_timeout)).max(PATIENCE)
    }

    /// A plain connection.
    pub(super) async fn console(&self) -> Result<Console, Failure> {
        let console = Console::open(&self.target, self.limit()).await;
        console.map_err(|fault| explain::no_connection(&self.target, &fault))
    }
}

fn wrong_setting(args: &Args, message: &str) -> Failure {
    let named = |option: &str, variable: &str, given: bool| {
        message
            .strip_prefix(variable)
            .filter(|_| given)
            .map(|rest| format!("{option}{rest}"))
    };
    let message = named("--url", "REDIS_URL", args.url.is_some())
        .or_else(|| named("--namespace", "CACHE_NAMESPACE", args.namespace.is_some()))
        .unwrap_or_else(|| message.to_owned());
    Failure::usage(message).because("a setting is not valid")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_place_is_shown_without_credentials() {
        let url = "redis://u:hunter2@localhost:7000/2";
        let words = ["cachectl", "--url", url, "--namespace", "shop:eu", "keys"];
        let place = Place::find(&Args::try_parse_from(words).unwrap()).unwrap();
        assert_eq!(
            place.described(),
            "redis://localhost:7000/2, namespace `shop:eu`"
        );
        assert!(!format!("{place:?}").contains("hunter2"));
    }
}
