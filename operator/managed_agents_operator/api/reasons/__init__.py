"""Every reason that the operator gives, in conditions and Events, with what it means and what there is to do."""
