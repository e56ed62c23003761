"""The reference gateway: courses and enrollments in two small tables, for the demo, the tests and the benchmark."""
