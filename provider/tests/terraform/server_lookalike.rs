//! Something answers at the address, but it is no API server.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::harness::Server;

#[test]
fn a_web_server_does_not_make_everything_gone() {
    let server = Server::shared();
    let project = server.project();
    let tier = "resource \"neuralinverse_workspace_tier\" \"t\" {\nname = \"kept\"\ncpu = \"2\"\nmemory = \"1Gi\"\nnode_pool = \"p\"\n}\n";
    project.write(tier).apply().succeeds();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nConnection: close\r\n\r\nNot Found",
            );
        }
    });
    let project = project.with_provider(&format!("regions = {{ us = {{ host = \"http://{address}\" }} }}"));
    project
        .write(tier)
        .plan()
        .fails("", &["does not answer", "what answers there is no Kubernetes API server"]);
}
