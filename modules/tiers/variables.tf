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
  description = "Sizes of workspaces by name. `node_pool` gives a tier nodes of its own; `hourly_price` is what an hour costs in the region's currency."
  type = map(object({
    cpu          = string
    memory       = string
    storage      = optional(string)
    node_pool    = optional(string)
    hourly_price = optional(string)
  }))
  default = {
    starter  = { cpu = "2", memory = "2Gi" }
    standard = { cpu = "4", memory = "8Gi" }
    pro      = { cpu = "8", memory = "32Gi" }
  }
}

variable "warm_pools" {
  description = "Pods that are started before anybody asks, by name of the pool. Each has a `size`, or `autoscale` with the limits within which it follows the launches; `schedule` keeps more of them at times of the week."
  type = map(object({
    tier      = string
    template  = string
    size      = optional(number)
    namespace = optional(string)
    autoscale = optional(object({
      min              = optional(number)
      max              = number
      miss_probability = optional(string)
    }))
    schedule = optional(list(object({
      days      = optional(list(string))
      start     = string
      end       = string
      time_zone = optional(string)
      min       = number
    })))
  }))
  default = {}
}
