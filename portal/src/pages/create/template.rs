//! The form as HTML.

use maud::{Markup, html};

use super::view::{Choice, Choices};
use crate::{
    change::{Draft, Fault},
    pages::layout,
    session::Session,
};

pub(super) fn form(session: &Session, choices: &Choices, draft: &Draft, fault: Option<Fault>) -> Markup {
    let fields = html! {
        @if let Some(fault) = fault { p.message.bad role="alert" { (fault) } }
        (texts(draft))
        (choice("Template", "template", &choices.templates, "No WorkspaceTemplate has been declared in this region yet."))
        (choice("Size", "tier", &choices.tiers, "No WorkspaceTier has been declared in this region yet."))
        div.actions {
            button.primary #create { "Create and open" }
            a.button href="/" { "Cancel" }
        }
    };
    layout::page(
        "New workspace",
        session,
        &html! {
            div.title { h1 { "New workspace" } }
            (layout::form("/new", "sheet", session, &fields))
        },
    )
}

fn texts(draft: &Draft) -> Markup {
    html! {
        div.texts {
            div.field {
                label for="repository" { "Repository" }
                input #repository type="url" name="repository" value=(draft.repository) placeholder="https://"
                    pattern="https?://[^@\\s]+" maxlength="2000" autocomplete="off" aria-describedby="repository-help";
                small #repository-help { "It is cloned at the first start. Without one you begin with an empty folder." }
            }
            div.field {
                label for="branch" { "Branch" }
                input #branch type="text" name="branch" value=(draft.branch) maxlength="255" autocomplete="off"
                    placeholder="the default";
            }
            div.field {
                label for="name" { "Name" }
                input #name type="text" name="name" value=(draft.name) maxlength="46" autocomplete="off"
                    placeholder="the repository's";
            }
        }
    }
}

fn choice(legend: &str, field: &str, choices: &[Choice], none: &str) -> Markup {
    html! {
        fieldset {
            legend { (legend) }
            @if choices.is_empty() { p.message.bad { (none) } }
            div.choice {
                @for choice in choices {
                    label {
                        input type="radio" name=(field) value=(choice.name) checked[choice.chosen] required;
                        span { strong { (choice.name) } small { (choice.text) } }
                    }
                }
            }
        }
    }
}
