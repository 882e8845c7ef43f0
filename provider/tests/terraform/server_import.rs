//! Objects that were made by hand come under Terraform's care.

use crate::harness::{Project, Server, terraforms};

/// As `kubectl create` leaves it: owned by an `Update` of kubectl.
fn create(server: &Server, folder: &std::path::Path, name: &str) {
    let object = format!(
        r#"{{"apiVersion":"cloud.neuralinverse.com/v1alpha1","kind":"WorkspaceTemplate",
        "metadata":{{"name":"{name}","labels":{{"team":"a"}}}},
        "spec":{{"image":"example/base:1","description":"By hand","env":{{"A":"1"}}}}}}"#
    );
    let file = folder.join("object.json");
    std::fs::write(&file, object).unwrap();
    server.run(&["create", "-f", file.to_str().unwrap()]);
}

fn template(name: &str, more: &str) -> String {
    format!(
        "resource \"neuralinverse_workspace_template\" \"t\" {{\nname = \"{name}\"\nimage = \"example/base:1\"\nlabels = {{ team = \"a\" }}\n{more}\n}}\n"
    )
}

#[test]
fn after_an_import_a_configuration_that_says_the_same_plans_nothing() {
    let server = Server::shared();
    for (index, terraform) in terraforms().iter().enumerate() {
        let name = format!("imported{index}");
        let provider = format!("regions = {{ us = {{ kubeconfig = {:?} }} }}", server.kubeconfig());
        let project = Project::new(terraform).with_provider(&provider);
        create(server, project.path(), &name);
        project.write(&template(&name, "description = \"By hand\"\nenv = { A = \"1\" }"));
        let import = project.import("neuralinverse_workspace_template.t", &format!("us/{name}"));
        assert_eq!(import.code, 0, "{}", import.text);
        project.plan().plans_nothing();

        // The first change takes it over: what kubectl set and we drop goes away.
        project.write(&template(&name, "env = { B = \"2\" }")).apply_settles();
        let spec = server.kubectl().get(&["workspacetemplate", &name]).unwrap()["spec"].take();
        assert_eq!(
            spec,
            serde_json::json!({ "image": "example/base:1", "ide": "CodeServer", "env": { "B": "2" } })
        );
    }
}

#[test]
fn an_object_of_our_own_comes_back_without_what_others_added() {
    let server = Server::shared();
    let project = server.project();
    project.write(&template("returned", "")).apply_settles();
    server.run(&["annotate", "workspacetemplate", "returned", "theirs=1"]);
    std::fs::remove_file(project.path().join("terraform.tfstate")).unwrap();
    assert_eq!(project.import("neuralinverse_workspace_template.t", "returned").code, 0);
    project.plan().plans_nothing();
}

#[test]
fn an_id_that_names_nothing_says_so() {
    let project = Server::shared().project();
    project.write(&template("nothing", ""));
    let import = project.import("neuralinverse_workspace_template.t", "us/a/b/c");
    assert!(import.code == 1 && import.text.contains("Wrong import id `us/a/b/c`"), "{}", import.text);
    let import = project.import("neuralinverse_workspace_template.t", "asia/nothing");
    assert!(import.code == 1 && import.text.contains("\"asia\" is not a region"), "{}", import.text);
    let import = project.import("neuralinverse_workspace_template.t", "us/nothing");
    assert!(
        import.code == 1 && import.text.contains("Cannot import non-existent remote object"),
        "{}",
        import.text
    );
}
