# The sizes that developers choose from, and the pods that wait for them.

resource "neuralinverse_workspace_tier" "this" {
  for_each = var.tiers

  region       = var.region
  name         = each.key
  cpu          = each.value.cpu
  memory       = each.value.memory
  storage      = each.value.storage
  hourly_price = each.value.hourly_price
  node_pool    = coalesce(each.value.node_pool, var.node_pool)
}

resource "neuralinverse_warm_pool" "this" {
  for_each = var.warm_pools

  region    = var.region
  namespace = each.value.namespace
  name      = each.key
  tier      = neuralinverse_workspace_tier.this[each.value.tier].name
  template  = each.value.template
  size      = each.value.size
  autoscale = each.value.autoscale
  schedule  = each.value.schedule
}
