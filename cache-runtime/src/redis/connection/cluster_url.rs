//! The URL of a cluster.

/// The URL of a cluster: `redis-cluster://`, or any other scheme with several hosts.
pub(in crate::redis) struct ClusterUrl<'a> {
    scheme: &'a str,
    credentials: Option<&'a str>,
    hosts: &'a str,
    /// What follows the hosts, with its `/`, `?` or `#`.
    rest: &'a str,
}

impl<'a> ClusterUrl<'a> {
    pub(in crate::redis) fn of(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let plain = match scheme {
            "redis-cluster" => Some("redis"),
            "rediss-cluster" => Some("rediss"),
            _ => None,
        };
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (hosts, rest) = rest.split_at(end);
        let several = matches!(scheme, "redis" | "rediss") && hosts.contains(',');
        (plain.is_some() || several).then_some(Self {
            scheme: plain.unwrap_or(scheme),
            credentials,
            hosts,
            rest,
        })
    }

    /// A URL for each host.
    pub(in crate::redis) fn each(&self) -> impl Iterator<Item = String> {
        let credentials = match self.credentials {
            Some(credentials) => format!("{credentials}@"),
            None => String::new(),
        };
        let (scheme, rest) = (self.scheme, self.rest);
        self.hosts
            .split(',')
            .map(move |host| format!("{scheme}://{credentials}{}{rest}", host.trim()))
    }
}
