variable "region" {
  description = "Name of the region in the provider's `regions`. May be left out when the provider knows one."
  type        = string
  default     = null
}

variable "display_name" {
  description = "Name of the region for people."
  type        = string
  default     = null
}

variable "url" {
  description = "URL of the portal as browsers see it, such as https://cloud.example.com. Null is a region without a portal."
  type        = string
  default     = null
}

variable "workspace_domain" {
  description = "Domain under which each workspace has a host of its own: another registrable domain than the portal's."
  type        = string
  default     = null
}

variable "gitea" {
  description = "The Git host: one that the controller runs, or one that is there already."
  type = object({
    managed = optional(object({
      image              = optional(string)
      storage            = optional(string)
      storage_class_name = optional(string)
      memory             = optional(string)
    }))
    external = optional(object({
      url              = string
      token_secret_ref = object({ name = string })
    }))
  })
  default = null
}

variable "sign_in" {
  description = "Who signs people in at the portal. Null is Gitea."
  type = object({
    oidc = object({
      issuer            = string
      client_id         = string
      client_secret_ref = optional(object({ name = string }))
      scopes            = optional(list(string))
    })
  })
  default = null
}

variable "portal" {
  description = "Replicas of the portal, and its Service."
  type = object({
    replicas = optional(number)
    service = optional(object({
      type      = optional(string)
      node_port = optional(number)
    }))
  })
  default = {}
}

variable "gateway" {
  description = "Replicas of the gateway."
  type        = object({ replicas = optional(number) })
  default     = {}
}

variable "images" {
  description = "Where the images come from and how they are pulled."
  type = object({
    registry     = optional(string)
    tag          = optional(string)
    pull_policy  = optional(string)
    pull_secrets = optional(list(string))
  })
  default = {}
}

variable "install" {
  description = "How the controller is installed; null where something else (such as GitOps) does it."
  type = object({
    namespace     = optional(string)
    replicas      = optional(number)
    node_selector = optional(map(string))
  })
  default = {}
}

variable "storage_class_name" {
  description = "StorageClass of the workspaces' volumes. Null is the cluster's default class."
  type        = string
  default     = null
}

variable "workspace_namespaces" {
  description = "Namespaces that workspaces and warm pools live in."
  type        = list(string)
  default     = ["workspaces"]
}

variable "requests_percent" {
  description = "Share of a tier's CPU and memory that its pods request, in percent. Limits stay the tier's full size; below 100 is for small machines."
  type        = number
  default     = 100

  validation {
    condition     = var.requests_percent >= 1 && var.requests_percent <= 100
    error_message = "requests_percent is a share between 1 and 100."
  }
}

variable "currency" {
  description = "Currency of all prices, as ISO 4217 writes it. Null is USD."
  type        = string
  default     = null
}

variable "owner_limits" {
  description = "What the workspaces of one owner may be and use together. Null is without limits."
  type = object({
    workspaces = optional(number)
    running    = optional(number)
    cpu        = optional(string)
    memory     = optional(string)
  })
  default = null
}

variable "owner_exceptions" {
  description = "Limits of single owners, by their stable id, instead of `owner_limits` as a whole."
  type = map(object({
    workspaces = optional(number)
    running    = optional(number)
    cpu        = optional(string)
    memory     = optional(string)
  }))
  default = null
}

variable "node_loss_timeout" {
  description = "How long a node may be silent until the workspaces on it start elsewhere. Null is 5m."
  type        = string
  default     = null
}

variable "workspace_retention" {
  description = "How long the volume of a deleted workspace is kept; `0s` is not at all. Null is 7 days."
  type        = string
  default     = null
}

variable "deletion_policy" {
  description = "What happens to CRDs, workspaces and volumes when the region is destroyed: Retain or Delete."
  type        = string
  default     = "Retain"
}

variable "node_pools" {
  description = "Node pools by name: each with the labels that its nodes carry, or with what Karpenter is to add; and what a node costs an hour, by instance type."
  type = map(object({
    node_selector = optional(map(string))
    karpenter = optional(object({
      node_class_ref = object({ group = string, kind = string, name = string })
      requirements = optional(list(object({
        key        = string
        operator   = string
        values     = optional(list(string))
        min_values = optional(number)
      })))
      limits = optional(object({ cpu = optional(string), memory = optional(string), nodes = optional(number) }))
      disruption = optional(object({
        consolidation_policy = optional(string)
        consolidate_after    = optional(string)
        budgets = optional(list(object({
          nodes    = string
          reasons  = optional(set(string))
          schedule = optional(string)
          duration = optional(string)
        })))
      }))
      expire_after = optional(string)
    }))
    hourly_prices = optional(map(string))
  }))
}
