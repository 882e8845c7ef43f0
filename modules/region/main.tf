# A region: the controller in the cluster, and the nodes that workspaces run on.

resource "neuralinverse_region" "this" {
  region               = var.region
  display_name         = var.display_name
  url                  = var.url
  workspace_domain     = var.workspace_domain
  gitea                = var.gitea
  sign_in              = var.sign_in
  portal               = var.portal
  gateway              = var.gateway
  images               = var.images
  install              = var.install
  storage_class_name   = var.storage_class_name
  workspace_namespaces = var.workspace_namespaces
  requests_percent     = var.requests_percent
  currency             = var.currency
  owner_limits         = var.owner_limits
  owner_exceptions     = var.owner_exceptions
  node_loss_timeout    = var.node_loss_timeout
  workspace_retention  = var.workspace_retention
  deletion_policy      = var.deletion_policy
}

resource "neuralinverse_node_pool" "this" {
  for_each = var.node_pools

  region        = neuralinverse_region.this.region
  name          = each.key
  static        = each.value.node_selector == null ? null : { node_selector = each.value.node_selector }
  karpenter     = each.value.karpenter
  hourly_prices = each.value.hourly_prices
}
