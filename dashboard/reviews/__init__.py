"""Budget reviews: the list, a review with its forms, and its tables as CSV."""
