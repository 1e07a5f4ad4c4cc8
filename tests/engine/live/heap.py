"""What a process has allocated, to the byte."""

import ctypes


class Heap(ctypes.Structure):
    """`struct mallinfo2` of glibc (malloc.h), over all arenas."""

    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"
    )]  # fmt: skip


def allocated_bytes():
    """What the whole process, its libraries included, has allocated and not let go.

    Not what is resident: pages that were touched once stay with the allocator, so that this grows by 20 MB and nothing
    is kept.
    """
    told = ctypes.CDLL(None).mallinfo2
    told.restype = Heap
    heap = told()
    return heap.uordblks + heap.hblkhd
