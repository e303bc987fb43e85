"""Spend that is not as usual.

anomalies     flags a session that spends several times the usual rate
spend_doubts  asks a person whether spend far beyond a reservation is true
"""
