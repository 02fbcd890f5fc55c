"""From archives to cases, and from cases to training arrays."""
