resource "neuralinverse_region" "us" {
  region       = "us"
  display_name = "United States"

  install = {
    replicas = 2
  }
}
