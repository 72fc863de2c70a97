"""One module for each kind of resource, and what they share of the API: errors, snapshots, searches, the circuit."""
