"""`./muster chaos`: a real Muster at work while faults are injected, and a checker that names every broken promise.

agent        the agent of its entries: writes down what it printed
place        the Muster under test, its workspace and its work
faults       what is done to it, each with its healing
invariants   what must hold at every moment, and at the end
"""
