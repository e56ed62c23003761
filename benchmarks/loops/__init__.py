"""What is measured, one loop per process: ``python -m benchmarks.loops NAME COUNT`` prints one line of JSON."""
