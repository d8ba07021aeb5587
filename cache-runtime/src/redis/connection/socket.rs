//! Settings of TCP sockets.

use std::time::Duration;

use redis::io::tcp::TcpSettings;

/// With these settings a network that drops packets is noticed within two seconds. A frozen server still acknowledges
/// packets; the supervisor's heartbeat notices it.
pub(in crate::redis) fn tcp_settings() -> TcpSettings {
    let second = Duration::from_secs(1);
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(second)
        .with_interval(second);
    #[cfg(any(
        target_os = "linux",
        target_os = "macos",
        target_os = "freebsd",
        target_os = "windows"
    ))]
    let keepalive = keepalive.with_retries(2);
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(Duration::from_millis(1500));
    settings
}
