"""Other servers that send one message to everybody, each as its own project says that it is done."""
