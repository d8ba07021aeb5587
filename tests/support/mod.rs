//! What the tests share: real Redis servers and a fault proxy.
