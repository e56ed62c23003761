from __future__ import annotations


class CertificateStatuses:
    downloadable = "downloadable"
    generating = "generating"
    notpassing = "notpassing"
    unavailable = "unavailable"
    NON_REFUNDABLE_STATUSES = (downloadable, generating, unavailable)

    @classmethod
    def is_refundable_status(cls, status: str) -> bool:
        return status not in cls.NON_REFUNDABLE_STATUSES
