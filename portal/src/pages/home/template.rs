//! The list as HTML.

use maud::{Markup, html};

use super::view::Card;
use crate::{
    assets::ICON,
    pages::layout::{form, page, plain},
    session::Session,
};

pub(super) fn welcome() -> Markup {
    plain(
        "Welcome",
        &html! {
            div.middle.hero {
                img src=(ICON.url) alt="";
                h1 { "Your workspaces, in the browser" }
                p.soft { "An editor, terminals and your repository, on machines of your own organisation." }
                a.button.primary #sign-in href="/sign-in" { "Sign in" }
            }
        },
    )
}

pub(super) fn home(session: &Session, cards: &[Card]) -> Markup {
    page(
        "Workspaces",
        session,
        &html! {
            div.title {
                h1 { "Workspaces" }
                a.button.primary #new href="/new" { "New workspace" }
            }
            div.cards data-events="/events" { (list(session, cards)) }
        },
    )
}

/// The part that changes; every element in it has an id.
pub(super) fn list(session: &Session, cards: &[Card]) -> Markup {
    html! {
        @if cards.is_empty() {
            div.card.empty #empty {
                h2 { "No workspace yet" }
                p.soft { "Create one from a repository or from a template. It is yours until you delete it." }
                a.button.primary href="/new" { "Create your first workspace" }
            }
        }
        @for card in cards { (article(session, card)) }
    }
}

fn article(session: &Session, card: &Card) -> Markup {
    let stage = &card.stage;
    html! {
        article.card id={ "w-" (card.id) } aria-labelledby={ "n-" (card.id) } {
            div {
                div.name {
                    h2 id={ "n-" (card.id) } { (card.name) }
                    span.state.(stage.tone()) role="status" { (stage.label()) }
                }
                ul.facts { @for fact in &card.facts { li { (fact) } } }
            }
            div.actions { (actions(session, card)) }
            @if let Some((tone, message)) = &card.message { p.message.(*tone) { (message) } }
        }
    }
}

fn actions(session: &Session, card: &Card) -> Markup {
    let path = format!("/workspaces/{}", card.id);
    let stop = html! { button id={ "s-" (card.id) } aria-label={ "Stop " (card.name) } { "Stop" } };
    html! {
        @if card.can_open() {
            a.button.primary id={ "o-" (card.id) } href={ "/open/" (card.id) } aria-label={ "Open " (card.name) } { "Open" }
        }
        @if card.can_stop() { (form(&format!("{path}/stop"), "stop", session, &stop)) }
        a.button.danger id={ "d-" (card.id) } href={ (path) "/delete" } aria-label={ "Delete " (card.name) } { "Delete" }
    }
}
