"""The layers that every HTTP request passes: the API's front, errors, middleware, compression."""
