"""What users write and what we answer: the source of truth for `crds/` and for the field reference."""
