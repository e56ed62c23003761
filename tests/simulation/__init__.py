"""The three stages as steps on a simulated broker, database and clock: every interleaving a seed can think of.

What is real here are the rules, the identities and the ids of results; what is simulated is everything that holds them:
transactions with locks and READ COMMITTED, a log with partitions and a committed offset, leases, crashes, restores. A
stage is a generator that stops wherever another process could run or this one could die. So a million steps take
seconds, a seed repeats them exactly, and a violation is shrunk to the few events and faults that it needs.

It shows that the protocol is right; that the code follows it is shown by ``tests/proof`` and ``tests/faults``.
"""
