terraform {
  required_providers {
    neuralinverse = {
      source = "neuralinverse/neuralinverse"
    }
  }
}
