"""The shop's own event handler: refunds that staff enter on the dashboard are told of."""

from oscar.apps.order import processing

from commerce_events.stores.oscar.handlers import RefundsAreTold


class EventHandler(RefundsAreTold, processing.EventHandler):
    pass
