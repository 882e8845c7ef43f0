//! How many servers a stream of requests needs: Erlang's B formula.
//!
//! A warm pod is a server. A launch that finds a ready one keeps it busy as long as its successor takes to
//! get ready; a launch that finds none starts its own pod and asks for no successor. That is Erlang's model
//! exactly, and his formula holds whatever way the times to get ready are spread.

/// Probability that a request finds all `servers` busy, where `load` are busy on average if there are enough:
/// requests per second times seconds that one keeps a server busy.
pub fn blocking(servers: usize, load: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, server| next(blocked, server, load))
}

/// The fewest servers of which a request finds all busy with at most this `probability`; no more than `most`.
pub fn servers(load: f64, probability: f64, most: usize) -> usize {
    if load <= 0.0 || load.is_nan() {
        return 0;
    }
    let mut blocked = 1.0;
    (1..most)
        .find(|server| {
            blocked = next(blocked, *server, load);
            blocked <= probability
        })
        .unwrap_or(most)
}

/// The probability with one server more.
fn next(blocked: f64, server: usize, load: f64) -> f64 {
    let offered = load * blocked;
    let server = u32::try_from(server).map_or(f64::INFINITY, f64::from);
    if load.is_infinite() { 1.0 } else { offered / (server + offered) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of published tables of the formula.
    #[test]
    fn it_agrees_with_the_tables() {
        for (servers, load, probability) in [
            (1, 1.0, 0.5),
            (2, 1.0, 0.2),
            (5, 1.361, 0.01),
            (10, 4.461, 0.01),
            (20, 12.031, 0.01),
            (50, 37.901, 0.01),
            (100, 84.064, 0.01),
            (10, 3.092, 0.001),
            (10, 6.216, 0.05),
        ] {
            let blocked = blocking(servers, load);
            assert!((blocked / probability - 1.0).abs() < 0.001, "{servers} {load}: {blocked}");
        }
    }

    #[test]
    fn the_fewest_servers_are_enough_and_one_less_is_not() {
        for (load, probability, most, expected) in [
            (0.0, 0.01, 10, 0),
            (-1.0, 0.01, 10, 0),
            (f64::NAN, 0.01, 10, 0),
            (0.001, 0.01, 10, 1),
            (0.1, 0.01, 10, 2),
            (1.36, 0.01, 10, 5),
            (1.37, 0.01, 10, 6),
            (4.46, 0.01, 100, 10),
            (84.0, 0.01, 1000, 100),
            (84.0, 0.01, 40, 40),
            (f64::INFINITY, 0.01, 1000, 1000),
            (1.0, 0.01, 0, 0),
        ] {
            assert_eq!(servers(load, probability, most), expected, "{load} {probability} {most}");
        }
        for tenths in 1..500_u16 {
            let load = f64::from(tenths) / 10.0;
            let enough = servers(load, 0.02, 1000);
            assert!(blocking(enough, load) <= 0.02, "{load}");
            assert!(blocking(enough - 1, load) > 0.02, "{load}");
        }
    }
}
