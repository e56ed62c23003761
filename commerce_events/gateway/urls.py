"""The service's addresses."""

from django.urls import path

from commerce_events.gateway import views

urlpatterns = [
    path("webhooks/<str:source>", views.webhook),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
]
handler404 = views.unknown
handler500 = views.failed
