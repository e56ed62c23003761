"""The contract as files: everything in ``schemas/``, generated from the data classes and the table of event types."""
