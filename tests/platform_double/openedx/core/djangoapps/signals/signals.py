from django.dispatch import Signal

USER_ACCOUNT_ACTIVATED = Signal()
