//! Sessions: how they begin, how they end, what is none.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use neuralinverse_portal::{
    cookie,
    ended::Over,
    grant::{ABSOLUTE, IDLE},
    issuer::Identity,
    seal::{Purpose, Seal},
    session::Session,
};
use tokio::task::JoinSet;

use crate::support::{
    stage::{KEY, Stage},
    until,
    visitor::Visitor,
};

pub async fn somebody_signs_in_and_out(stage: Arc<Stage>) -> Result<()> {
    let visitor = Visitor::new()?;
    let welcome = visitor.get(&stage.url("/")).await?;
    ensure!(welcome.status == 200 && welcome.body.contains("Sign in"), "{welcome:?}");
    let sent_off = visitor.get(&stage.url("/new")).await?;
    ensure!(sent_off.location() == Some("/sign-in?to=/new"), "{sent_off:?}");

    let (page, way) = visitor.sign_in(&stage.url("/sign-in?to=/new"), "ada").await?;
    ensure!(page.body.contains("Ada") && page.body.contains("New workspace"), "{page:?}");
    ensure!(way.last() == Some(&stage.url("/new")), "{way:?}");
    let cookies = visitor.cookies(&stage.url("/"))?;
    ensure!(cookies.starts_with("__Host-session=") && !cookies.contains("sign-in"), "{cookies}");
    // Only the issuer's own code was ever in an address, and what comes after it is clean.
    let session = cookies.trim_start_matches("__Host-session=");
    ensure!(way.iter().all(|it| !it.contains(session)), "{way:?}");

    let out = visitor.submit(&stage.url("/"), &stage.url("/sign-out"), &[]).await?;
    ensure!(out.location() == Some("/"), "{out:?}");
    ensure!(visitor.cookies(&stage.url("/"))?.is_empty());
    // Who kept the cookie has nothing.
    visitor.keep(&stage.url("/"), &cookies)?;
    let after = visitor.get(&stage.url("/")).await?;
    ensure!(after.body.contains("id=\"sign-in\""), "{after:?}");
    Ok(())
}

pub async fn sign_out_everywhere_ends_every_session_on_every_replica(stage: Arc<Stage>) -> Result<()> {
    let (here, there, other) =
        (stage.visitor("bea").await?, stage.visitor("bea").await?, stage.visitor("bob").await?);
    let url = stage.url("/");
    let seal = Seal::from_lines(KEY)?;
    let grant = |visitor: &Visitor| -> Result<_> {
        let cookies = visitor.cookies(&url)?;
        let sealed = cookies.strip_prefix("__Host-session=").context("no session")?;
        Ok(seal.open::<Session>(Purpose::Session, sealed).context("not sealed by us")?.grant)
    };
    let mut tasks = JoinSet::new();
    let replica = stage.replica(&mut tasks).await?;
    let (bea, bob) = (grant(&there)?, grant(&other)?);
    ensure!(replica.ended.check(&bea, Timestamp::now()).is_ok());

    here.submit(&url, &stage.url("/sign-out/everywhere"), &[]).await?;
    ensure!(there.get(&url).await?.body.contains("id=\"sign-in\""));
    ensure!(other.get(&url).await?.body.contains("Bob"));
    let over = || replica.ended.check(&bea, Timestamp::now()) == Err(Over::SignedOut);
    until("the other replica", async || Ok(over().then_some(()))).await?;
    // One that starts later knows as well.
    let later = stage.replica(&mut tasks).await?;
    ensure!(later.ended.check(&bea, Timestamp::now()) == Err(Over::SignedOut));
    ensure!(later.ended.check(&bob, Timestamp::now()).is_ok());
    // And one may sign in again.
    let (again, _) = there.sign_in(&stage.url("/sign-in"), "bea").await?;
    ensure!(again.body.contains("Bea"), "{again:?}");
    Ok(())
}

pub async fn forged_and_expired_sessions_are_nobodys(stage: Arc<Stage>) -> Result<()> {
    let now = Timestamp::now();
    let identity = Identity {
        issuer: stage.issuer.url.clone(),
        subject: "eve".to_owned(),
        name: "Eve".to_owned(),
        git_author: None,
    };
    let (ours, other) =
        (Seal::from_lines(KEY)?, Seal::from_lines("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")?);
    let begun = |ago: SignedDuration| Session::begin(identity.clone(), now - ago);
    let second = SignedDuration::from_secs(1);
    let mut old = begun(ABSOLUTE + second)?;
    old.grant.idle_until = now + IDLE;
    for (what, sealed, holds) in [
        ("a session", ours.seal(Purpose::Session, &begun(second)?)?, true),
        ("one of another key", other.seal(Purpose::Session, &begun(second)?)?, false),
        ("one sealed as something else", ours.seal(Purpose::Pass, &begun(second)?)?, false),
        ("one that was idle", ours.seal(Purpose::Session, &begun(IDLE + second)?)?, false),
        ("one that is too old", ours.seal(Purpose::Session, &old)?, false),
        ("plain text", "eyJhIjoxfQ".to_owned(), false),
    ] {
        let visitor = Visitor::new()?;
        visitor.keep(&stage.url("/"), &format!("{}={sealed}", cookie::SESSION))?;
        let page = visitor.get(&stage.url("/")).await?;
        ensure!(page.body.contains("Eve") == holds, "{what}: {page:?}");
    }
    Ok(())
}

pub async fn an_answer_to_nobodys_sign_in_is_refused(stage: Arc<Stage>) -> Result<()> {
    let callback = stage.url("/sign-in/callback?code=stolen&state=guessed");
    let stranger = Visitor::new()?;
    let answer = stranger.get(&callback).await?;
    ensure!(answer.status == 400 && stranger.cookies(&callback)?.is_empty(), "{answer:?}");
    // With a sign-in of one's own under way, but the answer to somebody else's.
    let sent_off = stranger.get(&stage.url("/sign-in")).await?;
    let location = sent_off.location().context("not sent off")?;
    for part in ["code_challenge=", "code_challenge_method=S256", "state=", "nonce=", "response_type=code"] {
        ensure!(location.contains(part), "{location}");
    }
    let answer = stranger.get(&callback).await?;
    ensure!(answer.status == 400 && !stranger.cookies(&callback)?.contains("session"), "{answer:?}");
    let given_up = stranger.get(&stage.url("/sign-in/callback?error=access_denied")).await?;
    ensure!(given_up.status == 400 && given_up.body.contains("given up"), "{given_up:?}");
    Ok(())
}
