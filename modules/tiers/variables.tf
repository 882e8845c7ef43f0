variable "region" {
  description = "Name of the region in the provider's `regions`. May be left out when the provider knows one."
  type        = string
  default     = null
}

variable "node_pool" {
  description = "Node pool of the tiers that name none."
  type        = string
}

variable "tiers" {
  description = "Sizes of workspaces by name. `node_pool` gives a tier nodes of its own."
  type = map(object({
    cpu       = string
    memory    = string
    storage   = optional(string)
    node_pool = optional(string)
  }))
  default = {
    starter  = { cpu = "2", memory = "2Gi" }
    standard = { cpu = "4", memory = "8Gi" }
    pro      = { cpu = "8", memory = "32Gi" }
  }
}

variable "warm_pools" {
  description = "Pods that are started before anybody asks, by name of the pool."
  type = map(object({
    tier      = string
    template  = string
    size      = number
    namespace = optional(string)
  }))
  default = {}
}
