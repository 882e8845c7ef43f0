# Always five.
resource "neuralinverse_warm_pool" "standard_python" {
  name     = "standard-python"
  tier     = "standard"
  template = "python"
  size     = 5
}

# As many as it takes for 99 of 100 launches to find one, and ten when the office opens.
resource "neuralinverse_warm_pool" "standard_rust" {
  name      = "standard-rust"
  tier      = "standard"
  template  = "rust"
  autoscale = { max = 40, miss_probability = "0.01" }
  schedule = [{
    start     = "08:30"
    end       = "10:30"
    time_zone = "Europe/Berlin"
    min       = 10
  }]
}
