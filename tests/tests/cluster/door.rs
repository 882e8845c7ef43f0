//! A neighbour: somebody who has a workspace in the same namespace and tries the others. No engine for
//! network policies runs here, so whatever refuses is ours.

use anyhow::{Context, Result, ensure};
use neuralinverse_api::agent::{CERTIFICATE_PATH, door, gateway, paths};
use neuralinverse_tests::Demo;
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::objects::{asks, remove, runs_in, workspace};

const NEIGHBOUR: &str = "neighbour";

/// Whose workspace is deleted.
const LEAVER: &str = "leaver";

/// Who is tried: the workspace of the quickstart.
const HELLO: &str = "hello";

/// Tries every port of an address.
const SCAN: &str = "
import socket, sys
for port in range(1, 65536):
    with socket.socket() as it:
        it.settimeout(2)
        if it.connect_ex((sys.argv[1], port)) == 0: print(port)
";

pub fn a_neighbour_finds_one_port_and_nothing_behind_it(demo: &Demo) -> Result<()> {
    let pod = neighbour(demo)?;
    let address = address(demo)?;
    let open = runs_in(demo, &pod, "workspace", &["python3", "-c", SCAN, &address])?;
    ensure!(open.trim() == door::PORT.to_string(), "ports that are open: {open}");
    for url in [
        format!("https://{address}:{}/", door::PORT),
        format!("https://{address}:{}/healthz", door::PORT),
        format!("http://{address}:{}/", door::PORT),
    ] {
        let seen = asks(demo, &pod, "workspace", &[&url])?;
        ensure!(seen == "000", "{url}: {seen}");
    }
    Ok(())
}

pub fn a_neighbours_sidecar_is_not_the_portal(demo: &Demo) -> Result<()> {
    let pod = neighbour(demo)?;
    let url = format!("https://{}:{}/", address(demo)?, door::PORT);
    // What its sidecar has of the controller: a certificate for a key of its own.
    let key = KeyPair::generate()?;
    let request = json!({ "publicKey": key.public_key_raw() }).to_string();
    let ask = format!(
        "curl -sf --cacert {0}/ca.crt -H \"authorization: Bearer $(cat {0}/token)\" \
         -H 'content-type: application/json' -d \"$1\" \"$CONTROLLER_URL{CERTIFICATE_PATH}\"",
        paths::IDENTITY
    );
    let answer = runs_in(demo, &pod, "agent", &["sh", "-c", &ask, "sh", &request])?;
    let answer: Value = serde_json::from_str(&answer)?;
    let chain = answer["chain"].as_str().context("no certificate")?;
    let seen = asks_with(demo, &pod, &url, chain, &key.serialize_pem())?;
    ensure!(seen == "000", "with a sidecar's certificate: {seen}");
    // The portal's opens, asked for in the same way, so the question is right.
    let secret = demo.run(&[
        "kubectl",
        "-n",
        "neuralinverse-system",
        "get",
        "secret",
        "neuralinverse-portal-tls",
        "-o",
        "go-template={{range $k, $v := .data}}{{$k}} {{$v}}{{\"\\n\"}}{{end}}",
    ])?;
    let value = |key: &str| {
        secret.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).context("no such key")
    };
    let decode = "echo \"$1\" | base64 -d";
    let text = |key: &str| runs_in(demo, &pod, "workspace", &["sh", "-c", decode, "sh", value(key)?]);
    let seen = asks_with(demo, &pod, &url, &text("tls.crt")?, &text("tls.key")?)?;
    ensure!(seen.starts_with(['2', '3']), "with the portal's certificate: {seen}");
    Ok(())
}

pub fn the_gateway_wants_a_token_and_localhost_is_all_else_that_listens(demo: &Demo) -> Result<()> {
    let pod = neighbour(demo)?;
    let seen = asks(demo, &pod, "workspace", &[&repository(demo)?])?;
    ensure!(seen == "401", "the gateway without a token: {seen}");
    let other = format!("http://{}:{}/", address(demo)?, gateway::LOCAL_PORT);
    let seen = asks(demo, &pod, "workspace", &[&other])?;
    ensure!(seen == "000", "another pod's way to the gateway: {seen}");
    // Sockets that listen in the pod, both containers: address and port in hexadecimal, state 0A.
    let listening = runs_in(
        demo,
        &pod,
        "workspace",
        &["sh", "-c", "awk '$4 == \"0A\" { print $2 }' /proc/net/tcp /proc/net/tcp6 | sort -u"],
    )?;
    let loopback =
        |it: &str| it.starts_with("0100007F:") || it.starts_with("00000000000000000000000001000000:");
    let mut beyond = listening.lines().filter(|it| !loopback(it));
    let port =
        |it: &str| u16::from_str_radix(it.rsplit(':').next().unwrap_or_default(), 16).unwrap_or_default();
    ensure!(beyond.all(|it| port(it) == door::PORT), "{listening}");
    ensure!(listening.lines().any(|it| loopback(it) && port(it) == gateway::LOCAL_PORT), "{listening}");
    Ok(())
}

pub fn a_deleted_pods_token_opens_nothing_any_more(demo: &Demo) -> Result<()> {
    // The repository's owner, whose token opens it.
    let pod = launched(demo, LEAVER, "ada")?;
    let token = format!("{}/{}", paths::IDENTITY, paths::GATEWAY_TOKEN);
    let token = runs_in(demo, &pod, "agent", &["cat", &token])?;
    let header = format!("authorization: Bearer {}", token.trim());
    let url = repository(demo)?;
    let hello = demo.pod_of(HELLO)?;
    let ask = || asks(demo, &hello, "workspace", &["-H", &header, &url]);
    let before = ask()?;
    ensure!(before == "200", "before: {before}");
    demo.kubectl(&["delete", "workspace", LEAVER, "--wait=false"])?;
    demo.wait("the token to be refused", || {
        let seen = ask()?;
        ensure!(seen == "403", "{seen}");
        Ok(())
    })?;
    remove(demo, LEAVER)?;
    remove(demo, NEIGHBOUR)
}

/// The neighbour's pod.
fn neighbour(demo: &Demo) -> Result<String> {
    launched(demo, NEIGHBOUR, "grace")
}

/// The pod of such a workspace.
fn launched(demo: &Demo, name: &str, owner: &str) -> Result<String> {
    demo.apply(&workspace(name, json!({ "owner": owner })))?;
    demo.wait_for_condition(name, "Ready", "True")?;
    demo.pod_of(name)
}

/// Where the other pod is.
fn address(demo: &Demo) -> Result<String> {
    demo.wait_for_condition(HELLO, "Ready", "True")?;
    let pod = demo.get(&["pod", &demo.pod_of(HELLO)?])?;
    pod["status"]["podIP"].as_str().map(str::to_owned).with_context(|| format!("no address: {pod}"))
}

/// What the gateway has to say of the quickstart's repository.
fn repository(demo: &Demo) -> Result<String> {
    let path = demo.repository()?.replacen(&demo.git_url()?, gateway::GIT_PATH, 1);
    let service = format!("neuralinverse-gateway.neuralinverse-system.svc:{}", gateway::PORT);
    Ok(format!("https://{service}{path}/info/refs?service=git-upload-pack"))
}

/// Asks with a certificate.
fn asks_with(demo: &Demo, pod: &str, url: &str, chain: &str, key: &str) -> Result<String> {
    let keep = "umask 077; printf %s \"$1\" > /tmp/crt; printf %s \"$2\" > /tmp/key";
    runs_in(demo, pod, "workspace", &["sh", "-c", keep, "sh", chain, key])?;
    let seen = asks(demo, pod, "workspace", &["--cert", "/tmp/crt", "--key", "/tmp/key", url]);
    runs_in(demo, pod, "workspace", &["rm", "/tmp/crt", "/tmp/key"])?;
    seen
}
