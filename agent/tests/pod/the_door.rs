//! Who gets from the pod's network to the IDE: the portal, while the pod has a workspace.

use std::{io, sync::Arc};

use neuralinverse_api::agent::door;
use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    authority::Authority,
    controller::{Controller, POD_UID, assignment_of},
    harness::{Pod, eventually, within},
    ide::{Ide, SWITCHED, answer},
};

pub const REQUEST: &str = "GET /?folder=/home/developer HTTP/1.1\r\nhost: id.workspaces.example\r\n\r\n";
pub const UPGRADE: &str = "GET /socket HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

type Stream = TlsStream<TcpStream>;

async fn knock(pod: &Pod, client: ClientConfig) -> io::Result<Stream> {
    let name = ServerName::try_from(door::name(POD_UID)).unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, TcpStream::connect(pod.door).await?).await
}

fn portal(authority: &Authority) -> ClientConfig {
    authority.client(Some(authority.prove(door::CLIENT, ClientAuth)))
}

/// A connection of the portal, as soon as the door is open.
pub async fn enter(controller: &Controller, pod: &Pod) -> Stream {
    within("an open door", async {
        loop {
            if let Ok(stream) = knock(pod, portal(&controller.authority)).await {
                return stream;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
}

/// Says something and waits for exactly that answer.
pub async fn ask(stream: &mut Stream, question: &str, wanted: &str) {
    stream.write_all(question.as_bytes()).await.unwrap();
    let mut answer = vec![0; wanted.len()];
    within("an answer", stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), wanted);
}

/// All that comes back until the connection ends, in whatever way.
async fn all(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, question: &str) -> String {
    let _ = stream.write_all(question.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = within("an end", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn certificate(stream: &Stream) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test]
async fn what_the_portal_says_reaches_the_ide_unchanged_an_upgrade_too() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    let _ide = Ide::start(&pod.path("run/ide.sock"));
    controller.assign(assignment_of(1, &[], None));
    let mut stream = enter(&controller, &pod).await;
    ask(&mut stream, REQUEST, &answer(REQUEST)).await;
    ask(&mut stream, REQUEST, &answer(REQUEST)).await;
    ask(&mut stream, UPGRADE, SWITCHED).await;
    let frames = "frame".repeat(100_000);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let (sent, mut received) = (frames.clone(), vec![0; frames.len()]);
    let sending = async move {
        writer.write_all(sent.as_bytes()).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let ((), count) =
        within("the echo", async { tokio::join!(sending, reader.read_exact(&mut received)) }).await;
    count.unwrap();
    assert!(received == frames.as_bytes());
    assert_eq!(within("the end", reader.read(&mut received)).await.unwrap(), 0);
}

#[tokio::test]
async fn nobody_but_the_portal_gets_anything() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    let ide = Ide::start(&pod.path("run/ide.sock"));
    controller.assign(assignment_of(1, &[], None));
    let mut stream = enter(&controller, &pod).await;
    ask(&mut stream, REQUEST, &answer(REQUEST)).await;
    let before = ide.connections();

    let (own, other) = (&controller.authority, Authority::new());
    for (who, proof) in [
        ("without a certificate", None),
        ("a neighbour's sidecar", Some(own.prove(&door::name("neighbour"), ServerAuth))),
        ("a server with the portal's name", Some(own.prove(door::CLIENT, ServerAuth))),
        ("a client with another name", Some(own.prove("other.neuralinverse", ClientAuth))),
        ("the portal of another authority", Some(other.prove(door::CLIENT, ClientAuth))),
    ] {
        // A client of TLS 1.3 may believe for a moment that it was let in.
        if let Ok(stream) = knock(&pod, own.client(proof)).await {
            assert_eq!(all(stream, REQUEST).await, "", "{who}");
        }
    }
    let plain = all(TcpStream::connect(pod.door).await.unwrap(), REQUEST).await;
    assert!(!plain.contains("HTTP"), "{plain}");
    assert_eq!(ide.connections(), before, "none of them reached the IDE");
    ask(&mut stream, REQUEST, &answer(REQUEST)).await;
}

#[tokio::test]
async fn whoever_says_nothing_is_shown_out() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[], None));
    drop(enter(&controller, &pod).await);
    assert_eq!(all(TcpStream::connect(pod.door).await.unwrap(), "").await, "");
}

#[tokio::test]
async fn the_door_is_open_only_while_the_pod_has_a_workspace() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    let _ide = Ide::start(&pod.path("run/ide.sock"));
    controller.polled().await;
    assert_eq!(controller.certified(), 1, "all is ready for a user");
    let refused = TcpStream::connect(pod.door).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);

    controller.assign(assignment_of(1, &[("GREETING", "first")], None));
    let mut stream = enter(&controller, &pod).await;
    ask(&mut stream, UPGRADE, SWITCHED).await;
    // Another environment is the same workspace.
    controller.assign(assignment_of(1, &[("GREETING", "second")], None));
    controller.polled().await;
    ask(&mut stream, "still there", "still there").await;

    controller.accept_only("another");
    controller.assign(assignment_of(1, &[("GREETING", "third")], None));
    assert_eq!(all(stream, "").await, "");
    eventually("a closed door", || std::net::TcpStream::connect(pod.door).is_err()).await;

    controller.accept_only(crate::controller::TOKEN);
    let mut stream = enter(&controller, &pod).await;
    ask(&mut stream, REQUEST, &answer(REQUEST)).await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_those_who_come_and_costs_no_connection() {
    let controller = Controller::start().await;
    controller.certify_for(1);
    let pod = Pod::start(&controller);
    let _ide = Ide::start(&pod.path("run/ide.sock"));
    controller.assign(assignment_of(1, &[], None));
    let mut first = enter(&controller, &pod).await;
    ask(&mut first, UPGRADE, SWITCHED).await;
    let before = controller.certified();
    eventually("a renewal that is in use", || controller.certified() > before + 1).await;
    let second = enter(&controller, &pod).await;
    assert_ne!(certificate(&first), certificate(&second));
    ask(&mut first, "still there", "still there").await;
}

#[tokio::test]
async fn the_portal_hears_that_there_is_no_ide_and_finds_it_when_it_starts() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    controller.assign(assignment_of(1, &[], None));
    let said = all(enter(&controller, &pod).await, REQUEST).await;
    assert!(
        said.starts_with("HTTP/1.1 502 ") && said.ends_with("no IDE listens in this workspace yet"),
        "{said}"
    );
    let _ide = Ide::start(&pod.path("run/ide.sock"));
    ask(&mut enter(&controller, &pod).await, REQUEST, &answer(REQUEST)).await;
}

#[tokio::test]
async fn a_sidecar_with_an_open_door_stays_small() {
    let controller = Controller::start().await;
    let pod = Pod::start(&controller);
    let _ide = Ide::start(&pod.path("run/ide.sock"));
    controller.assign(assignment_of(1, &[], None));
    let mut streams = Vec::new();
    for _ in 0..16 {
        let mut stream = enter(&controller, &pod).await;
        ask(&mut stream, REQUEST, &answer(REQUEST)).await;
        streams.push(stream);
    }
    let kilobytes = pod.agent_memory();
    assert!(kilobytes <= 16 << 10, "{kilobytes} kB");
}
