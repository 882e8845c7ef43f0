//! Debug mode: tells the developer how to make CLIs use this process.

use std::io::{self, Write};

use serde_json::json;

use super::handshake::PROTOCOL;
use super::listener::Listener;

/// Prints the variable to set. A developer reads it, so it comes with words.
pub(super) fn announce(listener: &Listener, address: &str) -> io::Result<()> {
    let variable = variable(listener.network(), &listener.address(), std::process::id(), address);
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "Provider started. To use it, set this variable in the shell that runs terraform or tofu:\n"
    )?;
    writeln!(stdout, "\tTF_REATTACH_PROVIDERS='{variable}'\n")?;
    writeln!(stdout, "Press Ctrl-C to end.")?;
    stdout.flush()
}

/// The provider goes by its address without host: each CLI then adds its own default.
fn variable(network: &str, socket: &str, process: u32, address: &str) -> String {
    let mut parts = address.rsplit('/').take(2).collect::<Vec<_>>();
    parts.reverse();
    let entry = json!({
        "Protocol": "grpc",
        "ProtocolVersion": PROTOCOL,
        "Pid": process,
        "Test": true, // never killed, never asked to shut down
        "Addr": {"Network": network, "String": socket},
    });
    json!({ parts.join("/"): entry }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_the_provider_without_its_host() {
        let text = variable("unix", "/tmp/s", 7, "registry.terraform.io/acme/files");
        let expected = json!({"acme/files": {
            "Protocol": "grpc", "ProtocolVersion": 6, "Pid": 7, "Test": true,
            "Addr": {"Network": "unix", "String": "/tmp/s"},
        }});
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), expected);
    }
}
