"""The HTTP interface and the socket's messages, machine-readable: made from the code that serves them."""
