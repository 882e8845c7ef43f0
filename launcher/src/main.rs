//! First process of the user's container in a workspace pod.

fn main() {}
