//! Names of receivers become addresses that they may have (notifications §7.6).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard;
use crate::limits;

/// Asks somebody for the addresses of a name.
pub(super) trait Lookup: std::fmt::Debug + Send + Sync {
    /// All addresses of the name.
    fn lookup(&self, host: String) -> Found;
}

/// What a lookup gives.
pub(super) type Found =
    std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// The name service of the system.
#[derive(Debug)]
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> Found {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Resolves names and leaves only addresses that the target may have; the connection goes to
/// exactly these, so a name that changes in between wins nothing.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    pub(super) guarded: bool,
    pub(super) allow_hosts: Arc<[String]>,
    pub(super) lookup: Arc<dyn Lookup>,
}

/// A resolver for addresses that the operator wrote: only metadata services are denied.
pub(crate) fn operators_resolver() -> Arc<dyn Resolve> {
    Arc::new(GuardedResolver {
        guarded: false,
        allow_hosts: Arc::from([]),
        lookup: Arc::new(SystemLookup),
    })
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let guarded = self.guarded
            && !self
                .allow_hosts
                .iter()
                .any(|h| h.eq_ignore_ascii_case(&host));
        let found = self.lookup.lookup(host);
        Box::pin(async move {
            let mut refused = None;
            let mut allowed = Vec::new();
            for address in found.await? {
                match guard::check_literal(address, guarded) {
                    Ok(()) => allowed.push(SocketAddr::new(address, 0)),
                    Err(why) => refused = Some(why),
                }
            }
            // Whoever owns the name may not have us knock at any number of doors.
            allowed.truncate(limits::ADDRESSES_PER_NAME_MAX);
            match (allowed.is_empty(), refused) {
                (true, Some(why)) => Err(Box::new(why) as _),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
