//! Making a workspace out of what a person filled in.

use kube::{Api, ResourceExt, api::PostParams};
use neuralinverse_api::{GitAuthor, Owner, Repository, RunPolicy, Workspace, WorkspaceSpec};

use super::ChangeError;
use crate::{catalog::Catalog, labels::FIELD_MANAGER, portal::Portal, random};

/// The API allows 52 characters; the rest is for what makes a name unique.
const NAME: usize = 46;

/// How many names are tried before we give up.
const ATTEMPTS: usize = 5;

/// What a person filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct Draft {
    /// Name of the template.
    pub template: String,
    /// Name of the tier.
    pub tier: String,
    /// URL of the repository, or nothing.
    pub repository: String,
    /// Branch, or nothing for the repository's own.
    pub branch: String,
    /// Name, or nothing for one made of the repository's.
    pub name: String,
}

/// What is wrong with a draft, in the words of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No such template.
    #[error("Choose a template.")]
    Template,
    /// No such tier.
    #[error("Choose a size.")]
    Tier,
    /// The two do not go together.
    #[error("This template does not allow this size: choose another.")]
    TierNotAllowed,
    /// Not a URL that can be cloned.
    #[error("Write the repository as https://host/path, without a user or password in it.")]
    Repository,
    /// Not a branch.
    #[error("Write the branch without spaces.")]
    Branch,
    /// Not usable as a name.
    #[error("Use at least one letter or digit in the name.")]
    Name,
    /// The region has not been declared.
    #[error("This region is not set up yet: no Region has been declared.")]
    NoRegion,
}

/// Creates a workspace of the owner, who signs commits as `author`.
pub async fn create(
    portal: &Portal,
    owner: &Owner,
    author: Option<&GitAuthor>,
    draft: &Draft,
) -> Result<Workspace, ChangeError> {
    let spec = WorkspaceSpec { git_author: author.cloned(), ..spec(&portal.catalog, owner, draft)? };
    let base = base_name(draft)?;
    let namespace = namespace(portal)?;
    let api = Api::<Workspace>::namespaced(portal.client.clone(), &namespace);
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let mut name = base.clone();
    for _ in 0..ATTEMPTS {
        let mut workspace = Workspace::new(&name, spec.clone());
        workspace.metadata.namespace = Some(namespace.clone());
        match api.create(&params, &workspace).await {
            Ok(created) => {
                portal.workspaces.see(created.clone());
                return Ok(created);
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let suffix = random::suffix().map_err(|error| ChangeError::Refused(error.to_string()))?;
                name = format!("{base}-{suffix}");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(ChangeError::Refused(format!("`{base}` is taken")))
}

fn spec(catalog: &Catalog, owner: &Owner, draft: &Draft) -> Result<WorkspaceSpec, Fault> {
    let templates = catalog.templates();
    let template = templates.iter().find(|it| it.name_any() == draft.template).ok_or(Fault::Template)?;
    let tier = catalog.tier(&draft.tier).ok_or(Fault::Tier)?;
    if !template.spec.tiers.is_empty() && !template.spec.tiers.contains(&tier.name_any()) {
        return Err(Fault::TierNotAllowed);
    }
    Ok(WorkspaceSpec {
        owner: owner.as_str().to_owned(),
        tier: draft.tier.clone(),
        template: draft.template.clone(),
        repository: repository(draft)?,
        env: Default::default(),
        env_from: Vec::new(),
        git_author: None,
        run_policy: RunPolicy::OnDemand,
        idle_timeout: None,
    })
}

fn repository(draft: &Draft) -> Result<Option<Repository>, Fault> {
    let (url, branch) = (draft.repository.trim(), draft.branch.trim());
    if url.is_empty() {
        return Ok(None);
    }
    let rest =
        url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or(Fault::Repository)?;
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty()
        || url.len() > 2000
        || url.contains(|it: char| it == '@' || it.is_whitespace() || it.is_control())
    {
        return Err(Fault::Repository);
    }
    if branch.starts_with('-') || branch.len() > 255 || branch.contains(char::is_whitespace) {
        return Err(Fault::Branch);
    }
    let branch = (!branch.is_empty()).then(|| branch.to_owned());
    Ok(Some(Repository { url: url.to_owned(), branch, credentials_secret_ref: None }))
}

/// The chosen name, else the repository's, else the template's, as Kubernetes writes names.
fn base_name(draft: &Draft) -> Result<String, Fault> {
    let repository = draft.repository.trim().trim_end_matches('/');
    let last = repository.rsplit('/').next().unwrap_or_default();
    let candidates = [draft.name.trim(), last.strip_suffix(".git").unwrap_or(last), &draft.template];
    let chosen = candidates.into_iter().find(|it| !it.is_empty()).unwrap_or_default();
    let dashed: String = chosen
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() { it.to_ascii_lowercase() } else { '-' })
        .collect();
    let words: Vec<_> = dashed.split('-').filter(|it| !it.is_empty()).collect();
    let name: String = words.join("-").chars().take(NAME).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { Err(Fault::Name) } else { Ok(name.to_owned()) }
}

/// The region's namespace with the fewest workspaces.
fn namespace(portal: &Portal) -> Result<String, Fault> {
    let region = portal.catalog.region().ok_or(Fault::NoRegion)?;
    let namespaces = region.spec.workspace_namespaces.iter();
    namespaces.min_by_key(|it| portal.workspaces.count(it)).cloned().ok_or(Fault::NoRegion)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(name: &str, url: &str, branch: &str) -> Draft {
        let text = str::to_owned;
        Draft {
            template: text("rust"),
            tier: text("t"),
            repository: text(url),
            branch: text(branch),
            name: text(name),
        }
    }

    #[test]
    fn a_name_comes_from_the_first_that_has_one() {
        for (name, url, expected) in [
            ("My Project!", "https://git.test/a/b", "my-project"),
            ("", "https://git.test/ada/Hello_World.git", "hello-world"),
            ("", " https://git.test/ada/hello/ ", "hello"),
            ("", "", "rust"),
            ("x".repeat(80).as_str(), "", "x".repeat(46).as_str()),
        ] {
            assert_eq!(base_name(&draft(name, url, "")).as_deref(), Ok(expected));
        }
        assert_eq!(base_name(&draft("!!!", "", "")), Err(Fault::Name));
    }

    #[test]
    fn repositories_are_urls_without_secrets() {
        for (url, branch, outcome) in [
            ("", "", Ok(None)),
            ("https://git.test/a", "", Ok(Some(None))),
            ("https://git.test/a", "main", Ok(Some(Some("main")))),
            ("https://user:secret@git.test/a", "", Err(Fault::Repository)),
            ("git@git.test:a", "", Err(Fault::Repository)),
            ("file:///etc/passwd", "", Err(Fault::Repository)),
            ("https://", "", Err(Fault::Repository)),
            ("https://git.test/a b", "", Err(Fault::Repository)),
            ("https://git.test/a", "--upload-pack=x", Err(Fault::Branch)),
            ("https://git.test/a", "a b", Err(Fault::Branch)),
        ] {
            let found = repository(&draft("", url, branch));
            assert_eq!(
                found.as_ref().map(|it| it.as_ref().map(|it| it.branch.as_deref())),
                outcome.as_ref().map(|it| *it),
                "{url}"
            );
        }
    }
}
