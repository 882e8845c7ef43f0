# Nodes that are there.
resource "neuralinverse_node_pool" "default" {
  name = "default"

  static = {
    node_selector = {
      "example.com/pool" = "workspaces"
    }
  }
}

# Nodes that Karpenter adds when a workspace finds no room, and removes when they are empty.
resource "neuralinverse_node_pool" "large" {
  name = "large"

  karpenter = {
    node_class_ref = {
      group = "karpenter.k8s.aws"
      kind  = "EC2NodeClass"
      name  = "workspaces"
    }
    requirements = [
      { key = "node.kubernetes.io/instance-type", operator = "In", values = ["m7i.2xlarge", "m7i.4xlarge"] },
      { key = "topology.kubernetes.io/zone", operator = "In", values = ["eu-central-1a"] },
      { key = "karpenter.sh/capacity-type", operator = "In", values = ["on-demand"] },
      { key = "kubernetes.io/arch", operator = "In", values = ["amd64"] },
    ]
    limits     = { cpu = "200", nodes = 20 }
    disruption = { consolidate_after = "10m" }
  }

  hourly_prices = {
    "m7i.2xlarge" = "0.4830"
    "m7i.4xlarge" = "0.9660"
  }
}
