"""The tour that the demo gives: what is done with real kubectl, what is seen on both sides, and how it is shown."""
