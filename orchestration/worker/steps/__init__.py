"""The steps of a round: implement, review, verify, push."""
