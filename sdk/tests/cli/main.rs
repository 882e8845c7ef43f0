//! The SDK under real CLIs: every test runs once for each binary in `NEURALINVERSE_TERRAFORMS` (paths joined
//! by colons), or for the `terraform` on the path if that is not set.

#![expect(clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod echo;
mod failures;
mod handshake;
mod harness;
mod imports;
mod lifecycle;
mod reattach;
mod stops;
