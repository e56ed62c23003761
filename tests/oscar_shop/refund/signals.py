from django.dispatch import Signal

post_refund = Signal()
