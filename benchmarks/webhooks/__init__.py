"""P13: the gateway under sustained webhooks, beside a bare Django view under the same server."""
