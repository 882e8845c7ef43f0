//! The programs of a local Kubernetes and the command lines under test: one row each.
//!
//! To add one: a folder under `tools/` with a go.mod and go.sum that pin it, and a row here. The go.mod requires the
//! program's module and repeats the `replace` and `exclude` lines of that module, which Go heeds only in the main one;
//! `go build -mod=mod PACKAGE` in the folder then writes the go.sum.

/// Where a program comes from and how it is linked.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) tool: Tool,
    /// The file name of the program.
    pub(super) name: &'static str,
    /// The folder under `tools/` with its go.mod and go.sum.
    pub(super) folder: &'static str,
    /// The version in words for progress lines.
    pub(super) version: &'static str,
    /// The Go package of its `main`.
    pub(super) package: &'static str,
    pub(super) ldflags: &'static str,
    pub(super) tags: &'static str,
    /// What cgo needs installed; empty when the program is pure Go.
    pub(super) cgo: &'static [&'static str],
    /// Folders of the program's module that it reads when it runs, or that are applied before; they are put beside
    /// it by the last part of their names.
    pub(super) data: &'static [&'static str],
}

/// A program that can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the program of that name")]
pub enum Tool {
    Etcd,
    KubeApiserver,
    Kubectl,
    KubeControllerManager,
    KubeScheduler,
    Kubelet,
    KubeProxy,
    Containerd,
    ContainerdShim,
    Ctr,
    Runc,
    CniBridge,
    CniHostLocal,
    CniPortmap,
    Coredns,
    LocalPathProvisioner,
    Terraform1_15,
    Terraform1_11,
    Tofu,
    Gitea,
    Kwok,
    Karpenter,
}

const KUBERNETES: &str = "-X k8s.io/component-base/version.gitVersion=v1.36.3 \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36";
const CONTAINERD: &str = "-X github.com/containerd/containerd/v2/version.Version=v2.2.2";
/// `experimentsAllowed` opens the list resources and actions that a release hides.
const TERRAFORM: &str = "-X github.com/hashicorp/terraform/version.dev=no -X main.experimentsAllowed=yes";

/// The data's folder in an image; a program that runs from the cache is told its own by `STATIC_ROOT_PATH`.
const GITEA: &str =
    "-X main.Version=1.26.0 -X code.gitea.io/gitea/modules/setting.StaticRootPath=/usr/share/gitea";

const PLAIN: Row = Row {
    tool: Tool::Etcd,
    name: "",
    folder: "",
    version: "",
    package: "",
    ldflags: "",
    tags: "",
    cgo: &[],
    data: &[],
};

const fn kubernetes(tool: Tool, name: &'static str, package: &'static str) -> Row {
    Row { tool, name, folder: "kubernetes", version: "k8s 1.36.3", package, ldflags: KUBERNETES, ..PLAIN }
}

const fn containerd(tool: Tool, name: &'static str, package: &'static str) -> Row {
    let (version, tags) = ("containerd 2.2.2", "no_btrfs no_zfs");
    Row { tool, name, folder: "containerd", version, package, ldflags: CONTAINERD, tags, ..PLAIN }
}

const fn cni(tool: Tool, name: &'static str, package: &'static str) -> Row {
    Row { tool, name, folder: "cni", version: "CNI plugins 1.9.1", package, ..PLAIN }
}

const fn terraform(tool: Tool, name: &'static str, version: &'static str) -> Row {
    Row {
        tool,
        name,
        folder: name,
        version,
        package: "github.com/hashicorp/terraform",
        ldflags: TERRAFORM,
        ..PLAIN
    }
}

/// All programs, in the order in which to build them: what the tests need first.
pub(super) const ROWS: &[Row] = &[
    Row {
        tool: Tool::Etcd,
        name: "etcd",
        folder: "etcd",
        version: "3.6.10",
        package: "go.etcd.io/etcd/server/v3",
        ..PLAIN
    },
    kubernetes(Tool::KubeApiserver, "kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    kubernetes(Tool::Kubectl, "kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    kubernetes(
        Tool::KubeControllerManager,
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    kubernetes(Tool::KubeScheduler, "kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    kubernetes(Tool::Kubelet, "kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    kubernetes(Tool::KubeProxy, "kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
    containerd(Tool::Containerd, "containerd", "github.com/containerd/containerd/v2/cmd/containerd"),
    containerd(
        Tool::ContainerdShim,
        "containerd-shim-runc-v2",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
    ),
    containerd(Tool::Ctr, "ctr", "github.com/containerd/containerd/v2/cmd/ctr"),
    Row {
        tool: Tool::Runc,
        name: "runc",
        folder: "runc",
        version: "1.4.3",
        package: "github.com/opencontainers/runc",
        ldflags: "-X main.version=1.4.3",
        tags: "seccomp",
        cgo: &["cc", "/usr/include/stdio.h", "pkg-config", "/usr/include/seccomp.h"],
        ..PLAIN
    },
    cni(Tool::CniBridge, "bridge", "github.com/containernetworking/plugins/plugins/main/bridge"),
    cni(Tool::CniHostLocal, "host-local", "github.com/containernetworking/plugins/plugins/ipam/host-local"),
    cni(Tool::CniPortmap, "portmap", "github.com/containernetworking/plugins/plugins/meta/portmap"),
    Row {
        tool: Tool::Coredns,
        name: "coredns",
        folder: "coredns",
        version: "1.15.0",
        package: "github.com/coredns/coredns",
        ..PLAIN
    },
    Row {
        tool: Tool::LocalPathProvisioner,
        name: "local-path-provisioner",
        folder: "local-path-provisioner",
        version: "0.0.30",
        package: "github.com/rancher/local-path-provisioner",
        ..PLAIN
    },
    terraform(Tool::Terraform1_15, "terraform-1.15", "1.15.0"),
    Row {
        tool: Tool::Tofu,
        name: "tofu",
        folder: "opentofu",
        version: "1.12.6",
        package: "github.com/opentofu/opentofu/cmd/tofu",
        ldflags: "-X main.experimentsAllowed=yes",
        ..PLAIN
    },
    terraform(Tool::Terraform1_11, "terraform-1.11", "1.11.4"),
    Row {
        tool: Tool::Gitea,
        name: "gitea",
        folder: "gitea",
        version: "1.26.0",
        package: "code.gitea.io/gitea",
        ldflags: GITEA,
        tags: "sqlite sqlite_unlock_notify",
        cgo: &["cc", "/usr/include/stdio.h"],
        data: &["options", "public", "templates"],
    },
    Row {
        tool: Tool::Kwok,
        name: "kwok",
        folder: "kwok",
        version: "0.8.0",
        package: "sigs.k8s.io/kwok/cmd/kwok",
        data: &["kustomize/stage"],
        ..PLAIN
    },
    // With its kwok provider, whose machines are Node objects and nothing more.
    Row {
        tool: Tool::Karpenter,
        name: "karpenter",
        folder: "karpenter",
        version: "1.14.1",
        package: "sigs.k8s.io/karpenter/kwok",
        data: &["pkg/apis/crds", "kwok/apis/crds"],
        ..PLAIN
    },
];
