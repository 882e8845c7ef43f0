//! What there is to choose from.

use kube::ResourceExt;

use crate::{
    catalog::Catalog,
    change::Draft,
    pages::home::{bytes, size},
};

/// One thing that can be chosen.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) chosen: bool,
}

/// Everything that can be chosen.
#[derive(Debug, PartialEq, Eq)]
pub struct Choices {
    pub(super) templates: Vec<Choice>,
    pub(super) tiers: Vec<Choice>,
}

impl Choices {
    pub(super) fn of(catalog: &Catalog, draft: &Draft) -> Self {
        let templates = catalog.templates().into_iter().map(|template| {
            let tiers = &template.spec.tiers;
            let only = (!tiers.is_empty()).then(|| format!("Size: {}.", tiers.join(", ")));
            let text = [template.spec.description.clone(), only];
            (template.name_any(), text.into_iter().flatten().collect::<Vec<_>>().join(" "))
        });
        let tiers = catalog.tiers().into_iter().map(|tier| {
            (tier.name_any(), format!("{}, {} storage", size(&tier), bytes(&tier.spec.storage.to_string())))
        });
        Self { templates: choices(templates, &draft.template), tiers: choices(tiers, &draft.tier) }
    }
}

/// The one that was chosen before, else the first, is chosen.
fn choices(offered: impl Iterator<Item = (String, String)>, before: &str) -> Vec<Choice> {
    let mut choices: Vec<_> =
        offered.map(|(name, text)| Choice { chosen: name == before, name, text }).collect();
    if let (false, Some(first)) = (choices.iter().any(|it| it.chosen), choices.first_mut()) {
        first.chosen = true;
    }
    choices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_always_chosen() {
        let offered = || ["a", "b"].into_iter().map(|name| (name.to_owned(), String::new()));
        for (before, chosen) in [("", "a"), ("b", "b"), ("gone", "a")] {
            let choices = choices(offered(), before);
            assert_eq!(
                choices.iter().filter(|it| it.chosen).map(|it| it.name.as_str()).collect::<Vec<_>>(),
                [chosen]
            );
        }
    }
}
