"""Values that the models of every app use: ids, addresses of repositories, fields for text of others."""
