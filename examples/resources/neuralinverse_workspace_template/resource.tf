resource "neuralinverse_workspace_template" "python" {
  name        = "python"
  description = "Python with a compiler and the usual tools"
  image       = "ghcr.io/neuralinverse/workspace-python:1"

  env = {
    EDITOR = "vi"
  }
}
