"""The engines that are compared with: each in a process of its own, each as fast as it is known to be.

A peer is a module that runs as ``python -m benchmarks.peers.NAME MEASURE FOLDER COUNT OUT``. ``total`` does all of the
work and ends. ``resident`` loads, says so, and then does the work as often as it is asked to, and tells the seconds.
"""
