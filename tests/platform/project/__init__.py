"""A Django project laid out like the LMS: settings in layers, apps of plugins, the stock event bus."""
