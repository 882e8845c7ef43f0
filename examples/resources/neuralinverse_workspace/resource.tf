resource "neuralinverse_workspace" "ada" {
  name     = "ada-engine"
  owner    = "ada"
  tier     = "standard"
  template = "python"

  repository = {
    url    = "https://git.example.com/ada/engine.git"
    branch = "main"
  }
}
