"""PostgreSQL's system catalogues, as they would be if the caller's part of the mesh were all."""
