//! Stateful sets, daemon sets, jobs, nodes, autoscalers and quotas.
