"""The demo's and the tests' own Redis and PostgreSQL: real servers, started as children of this process."""
