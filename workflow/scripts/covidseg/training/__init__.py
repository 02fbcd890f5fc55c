"""Training: from preprocessed arrays to a model."""
