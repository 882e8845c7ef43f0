terraform {
  required_providers {
    neuralinverse = {
      source = "neuralinverse/neuralinverse"
    }
  }
}

provider "neuralinverse" {
  regions = {
    us = {
      kubeconfig = "~/.kube/config"
      context    = "us"
    }
    europe = {
      host                   = "https://kubernetes.europe.example.com"
      cluster_ca_certificate = var.europe_ca_certificate
      exec = {
        command = "aws"
        args    = ["eks", "get-token", "--cluster-name", "europe"]
      }
    }
  }
}

variable "europe_ca_certificate" {
  description = "PEM certificates of the authority of the API server in Europe."
  type        = string
}
