"""Blocks and transactions, read as far as silent payments need them and no further.

A general parser makes an object of every script and witness item of a block; here only what pays to or spends taproot is
kept, and only those transactions are hashed. The three ``_read_*`` loops are the hot path of the initial sync
(``bench/blocks.py`` makes the block that they are measured with): they take whole fields with one ``struct`` call and
leave the check for a truncated tail to the one comparison at the end, since positions only grow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import repeat

from ...domain.chain import Block, BlockHash, Header, Input, Spend, TaprootOutput, Transaction, Txid, TxOut
from . import Malformed

HEADER_SIZE = 80
#: More satoshi than can exist: nothing valid holds it, and sums stay far below 64 bits.
MAX_MONEY = 21_000_000 * 100_000_000

_NULL_OUTPOINT = bytes(32) + b"\xff\xff\xff\xff"
_P2TR = b"\x51\x20"
_SMALLEST = {2: 0xFD, 4: 0x10000, 8: 0x100000000}
_header = struct.Struct("<i32s32sIII").unpack
_input_at = struct.Struct("<36sB").unpack_from
_output_at = struct.Struct("<QB").unpack_from


#: What a transaction's inputs spend: the scripts, their value together, and which inputs spend taproot. A bare tuple,
#: since one is made for each of a block's transactions.
_Spent = tuple[list[bytes], int, list[int]]
_Inputs = list[tuple[bytes, bytes]]


def decode_header(raw: bytes) -> Header:
    """The 80 bytes of a block header; Malformed for any other number of them."""
    if len(raw) != HEADER_SIZE:
        raise Malformed(f"a block header has {HEADER_SIZE} bytes, not {len(raw)}")
    version, prev_hash, merkle_root, time, bits, nonce = _header(raw)
    return Header(
        hash=BlockHash(_double_sha256(raw)),
        prev_hash=BlockHash(prev_hash),
        merkle_root=merkle_root,
        version=version,
        time=time,
        bits=bits,
        nonce=nonce,
    )


def decode_block(raw: bytes, undo: bytes) -> Block:
    """A block with what it spends (``undo`` in the layout of ``/rest/spenttxouts``).

    Transactions that neither pay to nor spend taproot are walked over and not hashed. Malformed for truncated or trailing
    bytes, lengths that do not fit, and undo data that belongs to another block. The merkle root is not checked: it would
    mean hashing everything, and the node has done it.
    """
    try:
        return _decode_block(raw, undo)
    except (IndexError, struct.error):
        raise Malformed("the block or its undo data ends too early") from None


def decode_transaction(raw: bytes, prevouts: Sequence[TxOut]) -> tuple[Transaction, tuple[Spend, ...]]:
    """One transaction and the outputs it spends, in the order of its inputs; ``outputs`` of the result may be empty.

    Malformed when the bytes are no transaction, or the number of prevouts is not the number of its inputs.
    """
    try:
        transaction, spends, end = _read_transaction(raw, 0, _spent(prevouts), keep=True)
    except (IndexError, struct.error):
        raise Malformed("the transaction ends too early") from None
    if end != len(raw) or transaction is None:
        raise Malformed("the transaction has another length than its bytes")
    return transaction, tuple(spends or ())


def decode_outpoints(raw: bytes) -> tuple[bytes, ...]:
    """The 36-byte outpoints that a serialised transaction spends, in order."""
    try:
        inputs, _ = _read_inputs(raw, _skip_marker(raw, 4))
    except (IndexError, struct.error):
        raise Malformed("the transaction ends too early") from None
    return tuple(outpoint for outpoint, _ in inputs)


def decode_output(raw: bytes, vout: int) -> TxOut | None:
    """One output of a serialised transaction; None if it has not that many."""
    try:
        _, position = _read_inputs(raw, _skip_marker(raw, 4))
        count, position = _compact(raw, position)
        return _output(raw, position, vout) if vout < count else None
    except (IndexError, struct.error):
        raise Malformed("the transaction ends too early") from None


def encode_undo(prevouts: Iterable[Sequence[TxOut]]) -> bytes:
    """The layout of ``/rest/spenttxouts``: what each transaction spends, block order, the coinbase's nothing included."""
    transactions = [encode_compact(len(spent)) + b"".join(map(encode_output, spent)) for spent in prevouts]
    return encode_compact(len(transactions)) + b"".join(transactions)


def encode_output(output: TxOut) -> bytes:
    """An output as serialised: value, length, script."""
    return output.value.to_bytes(8, "little") + encode_compact(len(output.script)) + output.script


def encode_compact(number: int) -> bytes:
    """A CompactSize, as short as it can be."""
    if number < 0xFD:
        return bytes((number,))
    width = 2 if number <= 0xFFFF else 4 if number <= 0xFFFFFFFF else 8
    return bytes((0xFC + width.bit_length() - 1,)) + number.to_bytes(width, "little")


def _decode_block(raw: bytes, undo: bytes) -> Block:
    header = decode_header(raw[:HEADER_SIZE])
    count, position = _compact(raw, HEADER_SIZE)
    undo_count, undo_position = _compact(undo, 0)
    if count != undo_count or not count:
        raise Malformed(f"the block has {count} transactions, its undo data {undo_count}")
    transactions: list[Transaction] = []
    spends: list[Spend] = []
    for number in range(count):
        spent, undo_position = _read_spent(undo, undo_position)
        if (not number) is not (not spent[0]):
            raise Malformed("the first transaction of a block spends nothing, every other does")
        transaction, spending, position = _read_transaction(raw, position, spent)
        if transaction is not None:
            transactions.append(transaction)
        if spending:
            spends += spending
    if position != len(raw) or undo_position != len(undo):
        raise Malformed("the block or its undo data has another length than its bytes")
    return Block(header, len(raw), count, tuple(transactions), tuple(spends))


def _read_transaction(
    raw: bytes, start: int, spent: _Spent, keep: bool = False
) -> tuple[Transaction | None, list[Spend] | None, int]:
    """The transaction at ``start`` (None unless it pays to taproot, or is to be kept), its spends of taproot, its end."""
    scripts, spent_value, spent_taproot = spent
    body = start + 4
    segwit = not raw[body]
    if segwit:
        body = _skip_marker(raw, body)
    inputs, position = _read_inputs(raw, body)
    outputs, value, body_end = _read_outputs(raw, position)
    if len(inputs) != len(scripts) and not (not scripts and _is_coinbase(inputs)):
        raise Malformed(f"a transaction with {len(inputs)} inputs came with {len(scripts)} outputs spent")
    witnesses: Iterable[tuple[bytes, ...]] = repeat(())
    position = body_end
    if segwit and (outputs or keep):
        witnesses, position = _read_witnesses(raw, body_end, len(inputs))
    elif segwit:
        position = _skip_witnesses(raw, body_end, len(inputs))
    end = position + 4
    if not (outputs or spent_taproot or keep):
        return None, None, end
    txid = Txid(_double_sha256(raw[start : start + 4] + raw[body:body_end] + raw[position:end]))
    spends = [Spend(inputs[index][0], scripts[index][2:], txid) for index in spent_taproot]
    if not (outputs or keep):
        return None, spends, end
    joined = _join(inputs, witnesses, scripts)
    fee = _fee(spent_value, value) if scripts else 0
    return Transaction(txid, joined, tuple(outputs), fee, end - start), spends, end


def _join(inputs: _Inputs, witnesses: Iterable[tuple[bytes, ...]], scripts: list[bytes]) -> tuple[Input, ...]:
    """The inputs as the domain has them; none for a coinbase, whose one input spends no script."""
    return tuple(
        [
            Input(outpoint, script_sig, witness, script)
            for (outpoint, script_sig), witness, script in zip(inputs, witnesses, scripts, strict=False)
        ]
    )


def _fee(spent: int, paid: int) -> int:
    """What is left for the miner."""
    if paid > spent or spent > MAX_MONEY:
        raise Malformed("a transaction moves more than it spends, or than can exist: this undo data is another block's")
    return spent - paid


def _is_coinbase(inputs: _Inputs) -> bool:
    return len(inputs) == 1 and inputs[0][0] == _NULL_OUTPOINT


def _skip_marker(raw: bytes, position: int) -> int:
    """Where the inputs begin, after the marker and flag (BIP144) if there are any."""
    if raw[position]:
        return position
    if raw[position + 1] != 1:
        raise Malformed("a transaction has no inputs")
    return position + 2


def _read_inputs(raw: bytes, position: int) -> tuple[_Inputs, int]:
    inputs = []
    count = raw[position]
    position += 1
    if count >= 0xFD:
        count, position = _compact(raw, position - 1)
    for _ in range(count):
        outpoint, length = _input_at(raw, position)
        position += 37
        if length:
            if length >= 0xFD:
                length, position = _compact(raw, position - 1)
            end = position + length
            inputs.append((outpoint, raw[position:end]))
            position = end + 4
        else:
            inputs.append((outpoint, b""))
            position += 4
    return inputs, position


def _read_outputs(raw: bytes, position: int) -> tuple[list[TaprootOutput], int, int]:
    outputs = []
    total = 0
    count = raw[position]
    position += 1
    if count >= 0xFD:
        count, position = _compact(raw, position - 1)
    for vout in range(count):
        value, length = _output_at(raw, position)
        position += 9
        if length == 34:
            if raw[position] == 0x51 and raw[position + 1] == 0x20:
                outputs.append(TaprootOutput(vout, value, raw[position + 2 : position + 34]))
        elif length >= 0xFD:
            length, position = _compact(raw, position - 1)
        total += value
        position += length
    return outputs, total, position


def _read_witnesses(raw: bytes, position: int, inputs: int) -> tuple[list[tuple[bytes, ...]], int]:
    """The witness of every input."""
    witnesses = []
    for _ in range(inputs):
        items = []
        count, position = _compact(raw, position)
        for _ in range(count):
            length = raw[position]
            position += 1
            if length >= 0xFD:
                length, position = _compact(raw, position - 1)
            end = position + length
            items.append(raw[position:end])
            position = end
        witnesses.append(tuple(items))
    return witnesses, position


def _skip_witnesses(raw: bytes, position: int, inputs: int) -> int:
    """Where the witnesses of that many inputs end."""
    for _ in range(inputs):
        count = raw[position]
        position += 1
        if count >= 0xFD:
            count, position = _compact(raw, position - 1)
        while count:
            count -= 1
            length = raw[position]
            position += 1
            if length >= 0xFD:
                length, position = _compact(raw, position - 1)
            position += length
    return position


def _read_spent(undo: bytes, position: int) -> tuple[_Spent, int]:
    scripts = []
    taproot = []
    total = 0
    count = undo[position]
    position += 1
    if count >= 0xFD:
        count, position = _compact(undo, position - 1)
    for number in range(count):
        value, length = _output_at(undo, position)
        position += 9
        if length == 34:
            if undo[position] == 0x51 and undo[position + 1] == 0x20:
                taproot.append(number)
        elif length >= 0xFD:
            length, position = _compact(undo, position - 1)
        end = position + length
        scripts.append(undo[position:end])
        total += value
        position = end
    return (scripts, total, taproot), position


def _spent(prevouts: Sequence[TxOut]) -> _Spent:
    scripts = [prevout.script for prevout in prevouts]
    taproot = [number for number, script in enumerate(scripts) if len(script) == 34 and script.startswith(_P2TR)]
    return scripts, sum(prevout.value for prevout in prevouts), taproot


def _output(raw: bytes, position: int, vout: int) -> TxOut:
    """The output ``vout`` of those that begin at ``position``."""
    for number in range(vout + 1):
        value, _ = _output_at(raw, position)
        length, start = _compact(raw, position + 8)
        position = start + length
        if position > len(raw):
            raise IndexError(number)
    return TxOut(value, raw[start:position])


def _compact(raw: bytes, position: int) -> tuple[int, int]:
    """A CompactSize and where it ends. Whatever is counted takes a byte at least, so no count exceeds the length."""
    first = raw[position]
    position += 1
    if first < 0xFD:
        return first, position
    width = 2 << (first - 0xFD)
    number = int.from_bytes(raw[position : position + width], "little")
    if number < _SMALLEST[width] or number > len(raw):
        raise Malformed("a length is absurd, or written longer than it needs")
    return number, position + width


def _double_sha256(data: bytes) -> bytes:
    return sha256(sha256(data).digest()).digest()
