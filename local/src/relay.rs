//! Connections to a port of this machine, passed on to another address: what a browser needs to reach a
//! Service of a cluster whose nodes have addresses of their own.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

/// Listens on `ports`' loopback addresses and passes everything on to `to`, for ever.
pub(crate) fn serve(listeners: Vec<TcpListener>, to: SocketAddr) {
    thread::scope(|scope| {
        for listener in &listeners {
            scope.spawn(move || {
                for connection in listener.incoming().flatten() {
                    // One that cannot be served is closed; the browser tries again.
                    let _ = thread::Builder::new().stack_size(128 << 10).spawn(move || pass(&connection, to));
                }
            });
        }
    });
}

fn pass(near: &TcpStream, to: SocketAddr) -> io::Result<()> {
    let far = TcpStream::connect(to)?;
    // Keystrokes are small and waited for.
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    thread::scope(|scope| {
        scope.spawn(|| copy(near, &far));
        copy(&far, near);
    });
    Ok(())
}

/// Copies one direction, and hands on its end.
fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let ended = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
    if ended.is_err() {
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn both_directions_pass_and_an_end_is_handed_on() {
        let far = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpListener::bind("127.0.0.1:0").unwrap();
        let (to, at) = (far.local_addr().unwrap(), near.local_addr().unwrap());
        thread::spawn(move || serve(vec![near], to));
        let mut client = TcpStream::connect(at).unwrap();
        let (mut server, _) = far.accept().unwrap();
        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut heard = String::new();
        server.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "question");
        server.write_all(b"answer").unwrap();
        drop(server);
        heard.clear();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "answer");
    }
}
