"""What the plugin says to an LMS, one module for each time at which the LMS asks."""
