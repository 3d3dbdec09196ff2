"""The overlay measured beside the best engines that can be installed: one workload, one table of ratios."""
