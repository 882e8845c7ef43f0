//! The way from the pod to the gateway: with the pod's token, and nothing that the client claims.

use std::fs;

use neuralinverse_api::agent::{Report, RepositoryState, RepositoryToClone};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    controller::{Controller, assignment_of},
    gateway::{GIT_URL, Gateway, TOKEN},
    git_server::{create, git},
    harness::{Pod, eventually, within},
};

async fn start() -> (Controller, Gateway, Pod) {
    let controller = Controller::start().await;
    let gateway = Gateway::start(&controller.authority).await;
    let mut pod = Pod::prepare(&controller);
    pod.write_identity("gateway-token", TOKEN);
    pod.use_gateway(&gateway.url);
    pod.start_launcher();
    pod.start_agent();
    (controller, gateway, pod)
}

/// A client of the way, as soon as it is open.
async fn connect(pod: &Pod) -> TcpStream {
    eventually("a way", || std::net::TcpStream::connect(pod.forward).is_ok()).await;
    TcpStream::connect(pod.forward).await.unwrap()
}

/// Reads until it ends so, and leaves what has come beyond that.
async fn read_to(stream: &mut TcpStream, end: &str) -> String {
    let mut said = Vec::new();
    while !said.ends_with(end.as_bytes()) {
        match within(end, stream.read_u8()).await {
            Ok(byte) => said.push(byte),
            Err(error) => panic!("{error} after {}", String::from_utf8_lossy(&said)),
        }
    }
    String::from_utf8(said).unwrap()
}

fn at_git_host(name: &str) -> RepositoryToClone {
    RepositoryToClone { url: format!("{GIT_URL}/{name}"), branch: None, credentials: None }
}

#[tokio::test]
async fn the_gateway_hears_the_pod_s_token_and_not_the_client_s_claims() {
    let (_controller, gateway, pod) = start().await;
    let mut client = connect(&pod).await;
    let request = format!(
        "POST /echo HTTP/1.1\r\nhost: {}\r\nauthorization: Basic eHg=\r\ncookie: a=b\r\n\
         x-forwarded-for: 1.2.3.4\r\ngit-protocol: version=2\r\ncontent-length: 2\r\n\r\nhi",
        pod.forward
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let said = read_to(&mut client, "\r\n0\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("\r\nhi\r\n"), "{said}");

    // The kubelet renews the token.
    gateway.accept_only("second");
    pod.write_identity("gateway-token", "second\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let said = read_to(&mut client, "\r\n0\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");

    let heads = gateway.heads();
    let names = ["authorization", "cookie", "x-forwarded-for", "git-protocol"];
    let heard = |name: &str| heads[0].get(name).map(|value| value.to_str().unwrap().to_owned());
    let expected = [Some(format!("Bearer {TOKEN}")), None, None, Some("version=2".to_owned())];
    assert_eq!(names.map(heard), expected);
    assert_eq!((heads.len(), gateway.strangers()), (2, 0));
    assert!(!pod.log().contains(TOKEN));
}

#[tokio::test]
async fn bodies_flow_both_ways_while_the_request_is_not_over() {
    let (_controller, _gateway, pod) = start().await;
    let mut client = connect(&pod).await;
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: localhost:{}\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n",
        pod.forward.port()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    read_to(&mut client, "HTTP/1.1 100 Continue\r\n\r\n").await;
    client.write_all(b"5\r\nfirst\r\n").await.unwrap();
    let said = read_to(&mut client, "\r\n5\r\nfirst\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    client.write_all(b"6\r\nsecond\r\n").await.unwrap();
    assert_eq!(read_to(&mut client, "second\r\n").await, "6\r\nsecond\r\n");
    let before = pod.agent_memory();
    let (mut reader, mut writer) = client.into_split();
    let size = 64 << 20;
    let sending = tokio::spawn(async move {
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..64 {
            writer.write_all(b"100000\r\n").await.unwrap();
            writer.write_all(&piece).await.unwrap();
            writer.write_all(b"\r\n").await.unwrap();
        }
        writer.write_all(b"0\r\n\r\n").await.unwrap();
        writer
    });
    let (mut received, mut piece) = (0, vec![0; 1 << 20]);
    while received < size {
        let read = within("the rest", reader.read(&mut piece)).await.unwrap();
        received += piece[..read].iter().filter(|byte| **byte == b'x').count();
    }
    within("the end of sending", sending).await.unwrap();
    let grown = pod.agent_memory().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} kB of {} kB were kept", size >> 10);
}

#[tokio::test]
async fn other_hosts_are_not_meant() {
    let (_controller, gateway, pod) = start().await;
    let mut client = connect(&pod).await;
    client.write_all(b"GET /git/ HTTP/1.1\r\nhost: rebound.example\r\n\r\n").await.unwrap();
    let said = read_to(&mut client, " only\n").await;
    assert!(said.starts_with("HTTP/1.1 421 "), "{said}");
    assert_eq!(gateway.heads().len(), 0);
}

#[tokio::test]
async fn a_gateway_that_is_down_or_false_is_a_sentence_and_gets_no_token() {
    let controller = Controller::start().await;
    let stranger = Gateway::start(&crate::authority::Authority::new()).await;
    for url in [stranger.url.as_str(), "https://localhost:1"] {
        let mut pod = Pod::prepare(&controller);
        pod.write_identity("gateway-token", TOKEN);
        pod.use_gateway(url);
        pod.start_agent();
        let mut client = connect(&pod).await;
        let request = format!("GET /git/ HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", pod.forward);
        client.write_all(request.as_bytes()).await.unwrap();
        let mut said = String::new();
        within("an end", client.read_to_string(&mut said)).await.unwrap();
        assert!(said.starts_with("HTTP/1.1 502 "), "{said}");
        assert!(said.contains("the region's gateway is not reached"), "{said}");
    }
    assert_eq!(stranger.heads().len(), 0);
}

#[tokio::test]
async fn a_repository_of_the_git_host_comes_by_the_gateway() {
    let (controller, gateway, pod) = start().await;
    create(gateway.root.path(), "hello.git", "Hello").await;
    controller.assign(assignment_of(1, &[], Some(at_git_host("hello.git"))));
    controller.reported("clone", |report| report.repository == RepositoryState::Cloned).await;
    let clone = pod.path("volume/home/hello");
    assert_eq!(fs::read_to_string(clone.join("README.md")).unwrap(), "Hello");
    let url = git(&clone, &["config", "remote.origin.url"]).await;
    assert_eq!(url.trim_end(), format!("{GIT_URL}/hello.git"), "remotes keep the URL that people know");
}

#[tokio::test]
async fn a_gateway_that_has_not_heard_of_the_owner_is_asked_again_before_anybody_is_told() {
    let (controller, gateway, pod) = start().await;
    create(gateway.root.path(), "hello.git", "Hello").await;
    gateway.accept_only("later");
    controller.assign(assignment_of(1, &[], Some(at_git_host("hello.git"))));
    eventually("two refusals", || gateway.strangers() >= 2).await;
    pod.write_identity("gateway-token", "later");
    let reports = controller.reported("clone", |report| report.repository == RepositoryState::Cloned).await;
    let is_failure = |report: &Report| matches!(report.repository, RepositoryState::Failed { .. });
    assert!(!reports.iter().any(is_failure), "{reports:?}");
}
