"""PostgreSQL: the pool, the named queries and the migrations. Rooms keep their own queries.sql."""
