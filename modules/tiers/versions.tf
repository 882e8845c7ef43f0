terraform {
  required_version = ">= 1.11"
  required_providers {
    neuralinverse = {
      source = "neuralinverse/neuralinverse"
    }
  }
}
