"""The store's side: what became of each order line, and a line is sent again until the LMS has answered."""
