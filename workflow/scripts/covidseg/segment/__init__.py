"""Segment a user's own scans with trained models: `covidseg segment SCAN -o OUT`."""

NOT_CLINICAL = "Not for clinical use"
