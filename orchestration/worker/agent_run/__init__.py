"""One process of an agent in one role: started, metered, ended, its outcome named."""
