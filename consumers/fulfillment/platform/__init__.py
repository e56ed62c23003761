"""Fulfillment in the LMS of Open edX: the gateway to the platform, one idea a module.

Set ``COMMERCE_FULFILLMENT["GATEWAY"]`` to ``consumers.fulfillment.platform.gateway.PlatformGateway``.
"""
