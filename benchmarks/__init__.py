"""The benchmark: our consumer beside the stock event bus doing the same durable work, and beside plain SQL.

Figures of a machine mean little, ratios of loops that alternate in one run mean much. ``python -m benchmarks`` runs
everything, ``docs/references/performance.rst`` shows the last run that was kept.
"""
