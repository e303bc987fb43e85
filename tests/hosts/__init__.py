"""Several hosts that share nothing but the database, the message broker and HTTP."""
