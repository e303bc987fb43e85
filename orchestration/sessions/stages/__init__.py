"""The other parts of a stage, which is what one group of processes runs in.

services     its long-running programs
prepared     the first data of these, made once
slots        its number on this host, with ten ports
"""
