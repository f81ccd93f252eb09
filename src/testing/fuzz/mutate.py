"""
Mutates what comes on its standard input with radamsa, and writes it to its standard output. On both, numbers are big-endian:

    request  = seed(64) length(32) octets
    response = length(32) octets
"""

import struct
import sys

from pyradamsa import Radamsa

# How many octets an input may be longer than what it was made from.
ADDED_OCTETS = 4096

radamsa = Radamsa(mut_offset=ADDED_OCTETS)
requests, responses = sys.stdin.buffer, sys.stdout.buffer
while True:
    head = requests.read(12)
    if len(head) < 12:
        break
    seed, length = struct.unpack(">QI", head)
    mutated = radamsa.fuzz(requests.read(length), seed=seed)
    responses.write(struct.pack(">I", len(mutated)) + mutated)
    responses.flush()
