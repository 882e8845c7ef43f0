//! A real Kubernetes on one machine without a container engine, for tests and the demo.

use neuralinverse_local::tools::{self, Tool};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(2).collect();
    let wanted: Vec<Tool> = if args.is_empty() {
        Tool::all().collect()
    } else {
        args.iter().map(|a| a.parse()).collect::<Result<_, _>>()?
    };
    for (tool, path) in tools::ensure(&wanted)?.iter() {
        println!("{} {}", tool.name(), path.display());
    }
    Ok(())
}
