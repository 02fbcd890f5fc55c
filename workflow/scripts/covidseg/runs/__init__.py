"""What a run used, and what a run costs: code, data, packages, jobs, hours and gigabytes."""
