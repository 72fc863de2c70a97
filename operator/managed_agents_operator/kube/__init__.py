"""What we read and write in the cluster ourselves."""
