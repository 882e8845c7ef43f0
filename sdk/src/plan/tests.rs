//! Tables over the plan steps.
