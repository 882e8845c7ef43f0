//! What a sidecar is told: whose it is, and what the workspace consists of.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Resource, ResourceExt};
use neuralinverse_api::{
    Repository, Workspace,
    agent::{Assignment, Credentials, RepositoryToClone},
    condition::{self, ConditionType, Reason},
    labels,
};

use super::{answer::Refusal, report::hear};
use crate::{
    context::Context,
    error::{During, Error},
    hash,
    key::Key,
    kubernetes::Pod,
    references::{Problem, resolve},
    workspace::{
        observe, pod_state,
        say::{Say, say},
        status::News,
    },
};

/// What is to be answered.
pub enum Next {
    /// This.
    Give(Box<Assignment>),
    /// Nothing yet.
    Wait,
    /// Nothing, for a fault of the user's, which the status shows.
    Problem,
}

/// Makes the assignments of one poll. Secrets are read when it begins and when what is declared has
/// changed, not at each change of the pod, and are kept nowhere.
pub struct Assigner<'a> {
    context: &'a Context,
    made_from: Option<MadeFrom>,
}

/// What is declared for an assignment, besides the values of Secrets.
#[derive(PartialEq)]
struct MadeFrom {
    workspace: Option<String>,
    generation: Option<i64>,
    template_env: BTreeMap<String, String>,
}

impl<'a> Assigner<'a> {
    /// For a poll that begins.
    pub fn new(context: &'a Context) -> Self {
        Self { context, made_from: None }
    }

    /// What to answer now to a sidecar that knows the assignment `known`.
    pub async fn next(&mut self, pod: &Pod, known: Option<&str>) -> Result<Next, Refusal> {
        let Some(workspace) = workspace_of(self.context, pod) else { return Ok(Next::Wait) };
        match say(&workspace, pod, &observe::pods(self.context, &workspace)) {
            Say::Has => {}
            Say::NotYet => return Ok(Next::Wait),
            Say::NoMore => return Err(Refusal::NoSay("the workspace has another pod")),
        }
        let namespace = workspace.namespace().unwrap_or_default();
        let spec = &workspace.spec;
        let references = resolve(&self.context.caches, &namespace, &spec.tier, &spec.template);
        // The reconciler shows this fault; a workspace that runs already goes on with what it has.
        let Ok(references) = references else { return Ok(Next::Wait) };
        let made_from = MadeFrom {
            workspace: workspace.uid(),
            generation: workspace.metadata.generation,
            template_env: references.template.env.clone(),
        };
        if self.made_from.as_ref() == Some(&made_from) {
            return Ok(Next::Wait);
        }
        match make(self.context, &workspace, pod, references.template.env).await {
            Ok(assignment) => {
                self.made_from = Some(made_from);
                tell(self.context, workspace, pod, News::Assigned).await?;
                let new = known != Some(&assignment.revision);
                Ok(if new { Next::Give(Box::new(assignment)) } else { Next::Wait })
            }
            Err(Fault::User(problem)) => {
                tell(self.context, workspace, pod, News::NotAssigned(problem)).await?;
                Ok(Next::Problem)
            }
            Err(Fault::Api(error)) => Err(error.into()),
        }
    }

    /// What to answer at the end of a poll without news: the assignment once more while the workspace is not ready.
    /// The sidecar answers it with a report, and what it reported before may be lost: a status that somebody
    /// overwrote, or that a backup did not have.
    pub async fn again(&mut self, pod: &Pod) -> Result<Option<Box<Assignment>>, Refusal> {
        if workspace_of(self.context, pod).is_none_or(|workspace| is_ready(&workspace)) {
            return Ok(None);
        }
        self.made_from = None;
        Ok(match self.next(pod, None).await? {
            Next::Give(assignment) => Some(assignment),
            Next::Wait | Next::Problem => None,
        })
    }
}

/// Whether all is well with a pod's workspace, so that nothing is waited for but a change of what is declared.
pub fn is_settled(context: &Context, pod: &Pod) -> bool {
    workspace_of(context, pod).is_some_and(|workspace| is_ready(&workspace))
}

fn is_ready(workspace: &Workspace) -> bool {
    let status = workspace.status.as_ref();
    let ready = status.and_then(|status| condition::find(&status.conditions, ConditionType::Ready));
    ready.is_some_and(|ready| ready.status == "True")
}

/// The workspace that a pod was given to: its name is on the pod, and its UID must be the same.
pub fn workspace_of(context: &Context, pod: &Pod) -> Option<Arc<Workspace>> {
    let labels = pod.labels();
    let name = labels.get(labels::WORKSPACE)?;
    let workspace = context.caches.workspaces.get(&Key::new(pod.namespace()?, name))?;
    let going = workspace.meta().deletion_timestamp.is_some();
    (workspace.uid().as_ref() == labels.get(labels::WORKSPACE_UID) && !going).then_some(workspace)
}

enum Fault {
    User(Problem),
    Api(Error),
}

/// Writes that the sidecar could not be told, or now can. Says nothing while all is well.
async fn tell(context: &Context, workspace: Arc<Workspace>, pod: &Pod, news: News) -> Result<(), Refusal> {
    let conditions = workspace.status.iter().flat_map(|status| &status.conditions);
    let faulty = conditions.into_iter().any(|it| {
        it.type_ == ConditionType::Accepted.as_str() && it.reason == Reason::SecretNotFound.as_str()
    });
    if matches!(news, News::Assigned) && !faulty {
        return Ok(());
    }
    hear(context, workspace, pod, news).await
}

async fn make(
    context: &Context,
    workspace: &Workspace,
    pod: &Pod,
    template_env: BTreeMap<String, String>,
) -> Result<Assignment, Fault> {
    let spec = &workspace.spec;
    let mut env = template_env;
    env.extend(spec.env.clone());
    for reference in &spec.env_from {
        env.extend(secret(context, workspace, &reference.name).await?);
    }
    let repository = match &spec.repository {
        Some(repository) => Some(to_clone(context, workspace, repository).await?),
        None => None,
    };
    let mut assignment = Assignment {
        revision: String::new(),
        namespace: workspace.namespace().unwrap_or_default(),
        workspace: workspace.name_any(),
        workspace_uid: workspace.uid().unwrap_or_default(),
        epoch: pod_state::epoch(pod),
        owner: spec.owner.clone(),
        repository,
        env,
        git_author: spec.git_author.clone(),
        idle_after_seconds: spec.stops_after().map(|timeout| timeout.seconds()),
    };
    let json = serde_json::to_vec(&assignment).map_err(|error| Fault::Api(error.into()))?;
    assignment.revision = hash::short(json, 16);
    Ok(assignment)
}

async fn to_clone(
    context: &Context,
    workspace: &Workspace,
    repository: &Repository,
) -> Result<RepositoryToClone, Fault> {
    let credentials = match &repository.credentials_secret_ref {
        None => None,
        Some(reference) => {
            let mut values = secret(context, workspace, &reference.name).await?;
            let (username, password) = (values.remove("username"), values.remove("password"));
            let message = format!("Secret `{}` needs the keys `username` and `password`", reference.name);
            let password = password.ok_or(Fault::User(Problem::new(Reason::SecretNotFound, message)))?;
            Some(Credentials { username: username.unwrap_or_default(), password })
        }
    };
    Ok(RepositoryToClone { url: repository.url.clone(), branch: repository.branch.clone(), credentials })
}

/// The values of a Secret that the workspace's owner may use.
async fn secret(
    context: &Context,
    workspace: &Workspace,
    name: &str,
) -> Result<BTreeMap<String, String>, Fault> {
    let (namespace, owner) = (workspace.namespace().unwrap_or_default(), &workspace.spec.owner);
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &namespace);
    let secret = api.get_opt(name).await.during("reading a Secret of a workspace").map_err(Fault::Api)?;
    // One answer for both, so that nobody learns which Secrets of others exist.
    let secret = secret.filter(|secret| secret.labels().get(labels::OWNER) == Some(owner)).ok_or_else(|| {
        let message = format!(
            "there is no Secret `{name}` with the label {}={owner} in namespace `{namespace}`: make it, or put the label on it",
            labels::OWNER
        );
        Fault::User(Problem::new(Reason::SecretNotFound, message))
    })?;
    let values =
        secret.data.unwrap_or_default().into_iter().map(|(key, value)| match String::from_utf8(value.0) {
            Ok(value) => Ok((key, value)),
            Err(_) => {
                let message = format!(
                    "key `{key}` of Secret `{name}` is no text: only text can be an environment variable"
                );
                Err(Fault::User(Problem::new(Reason::SecretNotFound, message)))
            }
        });
    values.collect()
}
