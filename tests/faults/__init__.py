"""The fault laboratory: real processes under a plan of faults, and checkers that read what is left.

``python -m tests.faults --runs 60 --seed 1`` makes sixty runs. A run is its seed: orders and faults, each with its
time, are a pure function of it (``plan``). Brokers, databases and the registry are started once and shared by the runs
(``engines``); consumers and stores are new in each (``crew``, ``store``). When the faults are over everything is
healed, the backlog must go to zero, and the invariants are checked on the databases and the topics alone
(``checkers``).
"""
