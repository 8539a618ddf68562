"""Stock that cannot be oversold: one script a product decides, Postgres keeps."""
