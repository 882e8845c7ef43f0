//! What the CLI says in the environment, and the one line that answers it.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use thiserror::Error;

use super::listener::Listener;

/// Not a secret: it tells a CLI from a person who starts the file by hand.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// The only protocol spoken here; a CLI that lacks it says so itself.
pub(super) const PROTOCOL: u32 = 6;

/// Why the CLI cannot be answered.
#[derive(Debug, Error)]
pub(super) enum HandshakeError {
    /// A person started the file.
    #[error(
        "This is a provider plugin for Terraform and OpenTofu. It is not meant to be started by hand: name it in \
         `required_providers` and run `terraform init`. To debug it, start it with `-debug`"
    )]
    NoCookie,
}

/// What the CLI asks for.
#[derive(Debug, Default)]
pub(super) struct Invitation {
    /// PEM. Present when the connection is to be encrypted.
    pub(super) client_certificate: Option<String>,
    /// Where to put the socket; a temporary directory if not said.
    pub(super) socket_directory: Option<PathBuf>,
    /// Ports to choose from where there are no Unix sockets.
    pub(super) ports: Option<(u16, u16)>,
}

impl Invitation {
    pub(super) fn from_env() -> Result<Self, HandshakeError> {
        if env::var(COOKIE.0).as_deref() != Ok(COOKIE.1) {
            return Err(HandshakeError::NoCookie);
        }
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let port = |name: &str| variable(name)?.parse().ok();
        Ok(Self {
            client_certificate: variable("PLUGIN_CLIENT_CERT"),
            socket_directory: variable("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from),
            ports: port("PLUGIN_MIN_PORT").zip(port("PLUGIN_MAX_PORT")),
        })
    }
}

/// Prints the line the CLI waits for; it must be the first on standard output. `certificate` is DER.
///
/// Then lets go of standard output, which the CLI throws away: otherwise it may find the pipe closed while it
/// reads at the end of the process, and logs an error.
pub(super) fn announce(listener: &Listener, certificate: Option<&[u8]>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", line(listener.network(), &listener.address(), certificate))?;
    stdout.flush()?;
    #[cfg(unix)]
    nix::unistd::dup2_stdout(std::fs::OpenOptions::new().write(true).open("/dev/null")?)?;
    Ok(())
}

/// `core version | protocol | network | address | grpc | certificate`.
fn line(network: &str, address: &str, certificate: Option<&[u8]>) -> String {
    let certificate = certificate.map(|der| STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    format!("1|{PROTOCOL}|{network}|{address}|grpc|{certificate}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_six_fields_and_no_padding() {
        assert_eq!(line("unix", "/tmp/x", Some(&[1, 2, 3, 4])), "1|6|unix|/tmp/x|grpc|AQIDBA");
        assert_eq!(line("tcp", "127.0.0.1:10000", None), "1|6|tcp|127.0.0.1:10000|grpc|");
    }
}
