"""What every HTTP request meets: the API's front, errors, middleware, compression."""
