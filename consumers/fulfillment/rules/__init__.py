"""The business rules: facts in, decisions out. Pure: neither Django nor Kafka nor a clock is imported here.

Where to look for a rule:

=================================  =====================================================================
the door: one event, one decision  ``decide.py``
which facts must be loaded         ``facts.py``
the desired enrollment             ``desired.py`` (R22, R23, R25, R26; every other rule only feeds it)
an order was paid                  ``purchase.py`` (R1, R2, R36, R37, R42), ``nothing.py`` (R39)
one seat, fulfilled and revoked    ``seat.py`` (R7–R11, R15–R18, R20, R22–R27, R30, R40)
one entitlement                    ``entitlement.py`` (R41)
what gives nothing                 ``ungranted.py`` (R3–R6, R18b)
what stands against a purchase     ``checks.py`` (R12–R16, R38)
who an order is for                ``learner.py`` (R3, R4, R6)
an order was refunded              ``refund.py`` (R18–R21, R28, R32), ``unknown.py`` (R31)
between the store's events         ``lines.py`` (resumption, retry, expiry of a wait, discard, R29)
the site's choices                 ``policy.py``
reason codes and what to do        ``reasons.py``; how each is reached: ``situations.py``
the states of a line               ``machine.py``
the ledger's objects               ``state.py``; the answer's: ``decision.py``
=================================  =====================================================================

What every change must keep is tested in ``tests/model``: any order and any repetition of events ends the same. Three
habits keep it: no grant moves the base; refunds fold by max, or, and the strictest; a check that refuses a line looks
at the base and at external facts, never at what another order made of the enrollment.
"""
