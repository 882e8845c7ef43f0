output "region" {
  description = "Name of the region, known once its controller runs: what is built on it waits for it."
  value       = neuralinverse_region.this.region
}

output "url" {
  description = "URL of the portal, once it serves."
  value       = neuralinverse_region.this.status.url
}

output "git_url" {
  description = "URL of the Git host, once it serves."
  value       = neuralinverse_region.this.status.git_url
}

output "workspace_namespaces" {
  description = "Namespaces that workspaces and warm pools live in."
  value       = neuralinverse_region.this.workspace_namespaces
}

output "node_pools" {
  description = "Names of the node pools."
  value       = { for key, pool in neuralinverse_node_pool.this : key => pool.name }
}
