"""What several pages need: the request, who may come in, answers and confirmations, the header, lists, forms and drawings."""
