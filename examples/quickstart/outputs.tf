output "url" {
  description = "URL of the portal."
  value       = module.region.url
}

output "git_url" {
  description = "URL of the Git host."
  value       = module.region.git_url
}

output "workspace" {
  description = "Where the workspace runs and how it was launched."
  value = {
    name   = neuralinverse_workspace.hello.name
    pod    = neuralinverse_workspace.hello.status.pod
    node   = neuralinverse_workspace.hello.status.node
    launch = neuralinverse_workspace.hello.status.launch
  }
}
