"""The other parts of a stage, which is what one group of processes runs in.

caches   the packages that setup downloaded
slots    its number on this host, with ten ports
"""
