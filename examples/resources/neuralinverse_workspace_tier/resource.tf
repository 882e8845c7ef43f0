resource "neuralinverse_workspace_tier" "standard" {
  name      = "standard"
  cpu       = "4"
  memory    = "8Gi"
  storage   = "20Gi"
  node_pool = "default"
}
