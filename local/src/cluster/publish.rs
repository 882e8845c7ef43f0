//! A port of a node on this machine's loopback, for browsers: a process of its own, which goes with the cluster.

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use super::Running;
use crate::{
    error::{At, Error, Result},
    process::{Launch, Lifetime, wait_until},
    relay,
};

/// Passes connections to `port` of this machine on to `node_port` of the cluster's first workspace node.
pub(crate) fn publish(name: &str, port: u16, node_port: u16) -> Result<()> {
    let cluster = Running::open(name)?;
    let folder = cluster.record().control();
    let to = SocketAddr::from((cluster.record().plan().node(0).address(), node_port));
    let (note, wanted) = (folder.join("published"), format!("{port} {to}"));
    if fs::read_to_string(&note).is_ok_and(|there| there == wanted) && answers(port) {
        return Ok(());
    }
    if answers(port) {
        return Err(Error::PortTaken(port));
    }
    let program = std::env::current_exe().at("this program")?;
    let launch = Launch {
        name: "relay",
        program: &program,
        // The folder marks it as a program of this cluster.
        args: ["relay", &format!("{}/", folder.display()), &port.to_string(), &to.to_string()]
            .map(str::to_owned)
            .to_vec(),
        env: Vec::new(),
        logs: &folder.join("log"),
        netns: None,
        path: Vec::new(),
        lifetime: Lifetime::Detached,
    };
    let mut process = launch.start()?;
    wait_until("the published port", Duration::from_secs(10), [&mut process], || answers(port))?;
    fs::write(&note, wanted).at(note)
}

/// Serves a published port; what `publish` starts.
pub(crate) fn relay(port: u16, to: SocketAddr) -> Result<()> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|_| Error::PortTaken(port))?;
    // Where there is no IPv6, nobody asks there.
    let second = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok();
    relay::serve(std::iter::once(first).chain(second).collect(), to);
    Ok(())
}

fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
