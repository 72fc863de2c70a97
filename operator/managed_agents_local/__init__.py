"""The operator on one machine without a cluster: a real control plane, the simulator and the operator as processes."""
