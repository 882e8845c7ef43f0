//! The controller against a real API server, with the rights that it is installed with. There are no
//! nodes: a test says what a kubelet would say, and speaks with the controller as a sidecar would. Where nodes are
//! the matter, Karpenter makes them.

mod agent;
mod world;

mod accepted;
mod admission;
mod certificates;
mod claim;
mod faults;
mod isolation;
mod karpenter;
mod kills;
mod launch;
mod leaders;
mod node_loss;
mod node_pool;
mod on_demand;
mod owner_limit;
mod refused;
mod region;
mod restart;
mod retention;
mod run_policy;
mod tier_change;
mod usage;
mod warm_pool;
mod warm_pool_room;
mod warm_pool_size;
