resource "neuralinverse_node_pool" "default" {
  name = "default"

  static = {
    node_selector = {
      "example.com/pool" = "workspaces"
    }
  }
}
