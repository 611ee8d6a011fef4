"""The cells, by what is done to what: each module enters its own into the matrix."""
