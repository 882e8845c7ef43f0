variable "images" {
  description = "Where the images of the controller and the agent come from."
  type = object({
    registry    = optional(string)
    tag         = optional(string)
    pull_policy = optional(string)
  })
  default = {}
}

variable "url" {
  description = "URL of the portal as your browser sees it."
  type        = string
  default     = "http://cloud.localhost:8080"
}

variable "workspace_domain" {
  description = "Domain under which each workspace has a host of its own."
  type        = string
  default     = "workspaces.localhost:8080"
}

variable "node_port" {
  description = "Port of the nodes on which the portal is reached."
  type        = number
  default     = 30080
}

variable "gitea_image" {
  description = "Image of the Git host."
  type        = string
  default     = "docker.io/gitea/gitea:1.26.0-rootless"
}

variable "workspace_image" {
  description = "Image of the workspaces."
  type        = string
  default     = "ghcr.io/neuralinverse/workspace:0.1.0"
}

variable "node_selector" {
  description = "Labels of the nodes that workspaces run on."
  type        = map(string)
  default     = { "kubernetes.io/os" = "linux" }
}

variable "requests_percent" {
  description = "Share of a tier's CPU and memory that its pods request, in percent. For a laptop: 5."
  type        = number
  default     = 100
}

variable "repository" {
  description = "Git repository that the workspace starts with."
  type        = string
}

variable "run_policy" {
  description = "Always; OnDemand to stop it when nobody uses it, until the next visit; or Stopped. Its volume is kept."
  type        = string
  default     = "Always"
}

variable "deletion_policy" {
  description = "Delete lets a destroy take CRDs, workspaces and volumes along; Retain keeps them."
  type        = string
  default     = "Retain"
}
