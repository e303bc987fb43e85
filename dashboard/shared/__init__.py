"""Modules that several pages share: the request, access, responses and confirmations, the header, lists, labels and charts."""
