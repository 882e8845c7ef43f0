//! The confirmation as HTML.

use maud::{Markup, html};

use super::view::Loss;
use crate::{pages::layout, session::Session};

pub(super) fn confirm(session: &Session, id: &str, loss: &Loss) -> Markup {
    let buttons = html! {
        div.actions {
            button.danger.primary #confirm { "Delete it" }
            a.button href="/" { "Keep it" }
        }
    };
    layout::page(
        &format!("Delete {}", loss.name),
        session,
        &html! {
            div.middle {
                div.card {
                    h1 { "Delete " (loss.name) "?" }
                    p { "It takes away:" }
                    ul { @for it in &loss.lost { li { (it) } } }
                    @for it in &loss.kept { p.soft { (it) } }
                    @if let Some(manager) = &loss.declared_by {
                        p.message.busy {
                            "`" (manager) "` declares this workspace: it comes back, empty, at the next apply unless it is taken out there."
                        }
                    }
                    (layout::form(&format!("/workspaces/{id}/delete"), "delete", session, &buttons))
                }
            }
        },
    )
}
