//! What all pages have around them.

use maud::{DOCTYPE, Markup, html};

use crate::{
    assets::{ICON, SCRIPT, STYLE},
    posted::TOKEN,
    session::Session,
};

/// A page of somebody who is signed in.
pub fn page(title: &str, session: &Session, content: &Markup) -> Markup {
    document(title, &menu(session), content)
}

/// A page for anybody.
pub fn plain(title: &str, content: &Markup) -> Markup {
    document(title, &html! {}, content)
}

/// A page with one message and the next step.
pub fn notice(message: &str, hint: &str) -> Markup {
    plain(
        message,
        &html! {
            div.middle {
                div.card {
                    h1 { (capitalised(message)) }
                    p.soft { (hint) }
                    p { a.button href="/" { "Your workspaces" } }
                }
            }
        },
    )
}

/// A form that changes something, with the token that proves where it came from.
pub fn form(action: &str, class: &str, session: &Session, content: &Markup) -> Markup {
    html! {
        form.(class) method="post" action=(action) {
            input type="hidden" name=(TOKEN) value=(session.form_token);
            (content)
        }
    }
}

fn document(title: &str, menu: &Markup, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (capitalised(title)) " · Neural Inverse Cloud" }
                link rel="icon" href=(ICON.url);
                link rel="stylesheet" href=(STYLE.url);
                script type="module" src=(SCRIPT.url) {}
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header {
                    div.bar {
                        a.brand href="/" { img src=(ICON.url) alt=""; "Neural Inverse Cloud" }
                        (menu)
                    }
                }
                main #content { (content) }
            }
        }
    }
}

fn menu(session: &Session) -> Markup {
    html! {
        details.menu {
            summary { (session.identity.name) }
            div {
                (form("/sign-out", "leave", session, &html! { button { "Sign out" } }))
                (form("/sign-out/everywhere", "leave", session, &html! { button { "Sign out everywhere" } }))
            }
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
