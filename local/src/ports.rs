//! Ports for servers on loopback: a pair per control plane, kept from others by a lock as long as it runs.
//!
//! They lie below the range from which the kernel gives ports to connections, so none is taken between choice and use.

use std::net::{Ipv4Addr, TcpListener};

use crate::{
    error::{Error, Result},
    lock::Lock,
    paths,
};

const FIRST: u16 = 20_000;
const PAIRS: u16 = 500;

/// Two free ports.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) api: u16,
    pub(crate) etcd: u16,
    _lock: Lock,
}

impl Ports {
    /// Takes the first free pair.
    pub(crate) fn take() -> Result<Self> {
        for pair in 0..PAIRS {
            let (api, etcd) = (FIRST + 2 * pair, FIRST + 2 * pair + 1);
            let Some(lock) = Lock::take(&paths::state().join(format!(".ports/{api}")))? else { continue };
            if free(api) && free(etcd) {
                return Ok(Self { api, etcd, _lock: lock });
            }
        }
        Err(Error::NoPorts { from: FIRST, to: FIRST + 2 * PAIRS - 1 })
    }
}

fn free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
