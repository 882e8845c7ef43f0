resource "neuralinverse_warm_pool" "standard_python" {
  name     = "standard-python"
  tier     = "standard"
  template = "python"
  size     = 5
}
