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
      cluster_ca_certificate = file("europe-ca.pem")
      exec = {
        command = "aws"
        args    = ["eks", "get-token", "--cluster-name", "europe"]
      }
    }
  }
}
