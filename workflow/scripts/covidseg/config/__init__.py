"""The configuration: which models are trained and scored, and which tables and figures are made."""
