//! How a pool that follows the launches is bounded.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::Quantity;

/// A pool whose size follows the launches. It grows at once and shrinks only when half an hour has asked for
/// less.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.min <= self.max").message("min must not be above max"),
    validation = Rule::new("type(self.missProbability) == string && quantity(self.missProbability).isGreaterThan(quantity('0')) && quantity(self.missProbability).isLessThan(quantity('1'))")
        .message("missProbability must be above 0 and below 1, such as `0.01` for one launch in a hundred"),
)]
pub struct Autoscale {
    /// Fewest free pods, also when nobody launches.
    #[serde(default = "min")]
    #[schemars(range(min = 0, max = 1000))]
    pub min: i32,

    /// Most free pods, however many launch.
    #[schemars(range(min = 1, max = 1000))]
    pub max: i32,

    /// Share of launches that may find no ready pod and start their own, such as `0.01` for one in a
    /// hundred. The smallest is `0.001`.
    #[serde(default = "miss_probability")]
    pub miss_probability: Quantity,
}

impl Autoscale {
    /// The share of launches that may find no ready pod, as a number.
    pub fn target(&self) -> f64 {
        let thousandths = self.miss_probability.milli().clamp(1, 999);
        f64::from(i16::try_from(thousandths).unwrap_or(1)) / 1000.0
    }
}

fn min() -> i32 {
    1
}

#[expect(clippy::unwrap_used, reason = "a literal, parsed by a test")]
fn miss_probability() -> Quantity {
    "0.01".parse().unwrap()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_share_is_read_however_it_is_spelled() {
        let target = |value| {
            let autoscale: Autoscale = serde_json::from_value(value).unwrap();
            (autoscale.min, autoscale.target())
        };
        assert_eq!(target(json!({ "max": 5 })), (1, 0.01));
        assert_eq!(target(json!({ "max": 5, "min": 0, "missProbability": "5m" })), (0, 0.005));
        assert_eq!(target(json!({ "max": 5, "missProbability": "0.25" })), (1, 0.25));
    }
}
