"""The control API below `/_simulator/`: what tests and people do behind the faked API's back. It needs no key.

`control.Control` is its client.
"""
