//! Where everything listens, as the browser sees it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The origins of one running demo, without a trailing slash: `http://127.0.0.1:8080`.
#[derive(Clone, Debug)]
pub struct Origins {
    /// The shop's pages.
    pub shop: String,
    /// The second origin, configured in `distributedTracingOrigins`.
    pub api: String,
    /// The third origin, not configured.
    pub other: String,
    /// The collector and its trace viewer.
    pub collector: String,
    /// A port that refuses connections, for the page that shows a network error.
    pub refusing: String,
}

impl Origins {
    /// The origin of a listener. One that listens on every interface is reached through loopback.
    pub(crate) fn of(address: SocketAddr) -> String {
        let host = match address.ip() {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(host, address.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_is_shown_as_loopback() {
        let address = SocketAddr::from(([0, 0, 0, 0], 8080));
        assert_eq!(Origins::of(address), "http://127.0.0.1:8080");
    }

    #[test]
    fn an_ipv6_host_gets_brackets() {
        let address = "[::1]:8080".parse::<SocketAddr>().unwrap();
        assert_eq!(Origins::of(address), "http://[::1]:8080");
    }
}
