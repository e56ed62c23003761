"""A shop of one table."""
from django.db import models


class Order(models.Model):
    """Somebody has bought a seat in a course."""

    course_key = models.CharField(max_length=255)
    email = models.EmailField()
    paid_at = models.DateTimeField(null=True)
    is_refunded = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"order {self.pk}"
