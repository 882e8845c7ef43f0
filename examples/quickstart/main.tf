# One region on one cluster, with portal and Gitea, three tiers, a warm pool and a workspace in it.

terraform {
  required_providers {
    neuralinverse = {
      source = "neuralinverse/neuralinverse"
    }
  }
}

# The cluster of KUBECONFIG.
provider "neuralinverse" {}

module "region" {
  source = "../../modules/region"

  display_name     = "Quickstart"
  url              = var.url
  workspace_domain = var.workspace_domain
  gitea            = { managed = { image = var.gitea_image, storage = "1Gi" } }
  portal           = { service = { type = "NodePort", node_port = var.node_port } }
  images           = var.images
  requests_percent = var.requests_percent
  deletion_policy  = var.deletion_policy
  node_pools       = { workspaces = { node_selector = var.node_selector } }
}

resource "neuralinverse_workspace_template" "debian" {
  region      = module.region.region
  name        = "debian"
  image       = var.workspace_image
  description = "Debian with an editor, Git and the usual tools"
  env         = { EDITOR = "nano" }
}

module "tiers" {
  source = "../../modules/tiers"

  region    = module.region.region
  node_pool = module.region.node_pools["workspaces"]
  warm_pools = {
    starter-debian = {
      tier     = "starter"
      template = neuralinverse_workspace_template.debian.name
      size     = 1
    }
  }
}

resource "neuralinverse_workspace" "hello" {
  region     = module.region.region
  name       = "hello"
  owner      = "ada"
  tier       = module.tiers.tiers["starter"]
  template   = neuralinverse_workspace_template.debian.name
  run_policy = var.run_policy
  repository = { url = var.repository }
}
