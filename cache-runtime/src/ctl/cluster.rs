//! What the URL leads to: one server, or a Redis Cluster.

use crate::ctl::explain;
use crate::ctl::failure::Failure;
use crate::ctl::place::Place;
use crate::redis::{ClusterMap, Console, Fault, Target};

/// What the URL leads to.
#[derive(Debug)]
pub(super) enum Kind {
    Server(Console),
    Cluster(Box<Cluster>),
}

/// A Redis Cluster, as its nodes described it when the command began.
#[derive(Debug)]
pub(super) struct Cluster {
    /// The cluster, even if the URL names one of its nodes as a single server.
    pub(super) target: Target,
    pub(super) map: ClusterMap,
}

impl Place {
    /// Asks the server what it is.
    pub(super) async fn kind(&self) -> Result<Kind, Failure> {
        if self.target.is_cluster() {
            let cluster = Cluster::find(self, &self.target).await?;
            return Ok(Kind::Cluster(Box::new(cluster)));
        }
        let console = self.console().await?;
        let is_node = console.is_of_a_cluster().await;
        match is_node.map_err(|fault| explain::no_connection(&self.target, &fault))? {
            true => Ok(Kind::Cluster(Box::new(Cluster::behind(self).await?))),
            false => Ok(Kind::Server(console)),
        }
    }
}

impl Cluster {
    /// The cluster that the server of the URL is a node of.
    pub(super) async fn behind(place: &Place) -> Result<Self, Failure> {
        let Some(target) = place.target.as_cluster() else {
            return Err(Failure::usage(format!(
                "{}: this server is a node of a Redis Cluster, which cannot be used under this URL",
                place.target
            ))
            .because("a cluster has only database 0")
            .remedy(
                "take the database out of the URL, and separate applications by CACHE_NAMESPACE",
            ));
        };
        Self::find(place, &target).await
    }

    pub(super) async fn find(place: &Place, target: &Target) -> Result<Self, Failure> {
        let map = ClusterMap::ask(&target.seeds(), place.limit()).await;
        let map = map.map_err(|fault| match fault {
            Fault::Refused(_) => {
                let what = "it does not say which node serves which keys";
                explain::refused(target, what, &fault).with_code(2)
            }
            _ => explain::no_connection(target, &fault),
        })?;
        Ok(Self {
            target: target.clone(),
            map,
        })
    }
}
