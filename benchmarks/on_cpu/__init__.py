"""What benchmarks/cpu.py measures."""
