"""The reader of PyTorch files on files written here, opcode by opcode, without PyTorch; and on its own where it is."""

import io
import pickle
import tracemalloc
import zipfile
from contextlib import suppress
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import InputError
from gan_jax.evaluation.features.torch_files import read

MAGIC = 0x1950A86A20F9469CFC6C
TYPES = {
    "Double": "f8",
    "Float": "f4",
    "Half": "f2",
    "BFloat16": jnp.bfloat16,
    "Long": "i8",
    "Int": "i4",
    "Short": "i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
}
NUMBERS = np.arange(24, dtype="f4")


class Name(NamedTuple):
    module: str
    name: str


class Call(NamedTuple):
    name: Any
    args: tuple


class Persistent(NamedTuple):
    id: Any


class Code(NamedTuple):
    opcodes: bytes


def encode(value):
    """The opcodes that leave the value on the stack."""
    match value:
        case Code(opcodes):
            return opcodes
        case Name(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(name, args):
            return encode(name) + encode(args) + b"R"
        case Persistent(id):
            return encode(id) + b"Q"
        case tuple():
            return b"(" + b"".join(map(encode, value)) + b"t"
        case list():
            return b"](" + b"".join(map(encode, value)) + b"e"
        case dict():
            return b"}(" + b"".join(encode(part) for item in value.items() for part in item) + b"u"
    return pickle.dumps(value, 2)[2:-1]


def pickled(value):
    return b"\x80\x02" + encode(value) + b"."


def tensor(size=(4, 6), stride=(6, 1), offset=0, *, key="0", count=24, kind="Float"):
    storage = Persistent(("storage", Name("torch", f"{kind}Storage"), key, "cpu", count))
    hooks = Call(Name("collections", "OrderedDict"), ())
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), (storage, offset, size, stride, False, hooks))


def legacy(state, storages=None, **parts):
    storages = {"0": NUMBERS} if storages is None else storages
    named = {"magic": MAGIC, "version": 1001, "system": {"little_endian": True}, "state": state, "keys": [*storages]}
    raw = b"".join(len(array).to_bytes(8, "little") + array.tobytes() for array in storages.values())
    return b"".join(pickled(part) for part in (named | parts).values()) + raw


def zipped(state, storages=None, method=zipfile.ZIP_STORED, order="little"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("some name/data.pkl", pickled(state))
        archive.writestr("some name/byteorder", order)
        for key, array in ({"0": NUMBERS} if storages is None else storages).items():
            archive.writestr(f"some name/data/{key}", array.tobytes())
    return file.getvalue()


@pytest.fixture
def read_bytes(tmp_path):
    def read_bytes(data):
        path = tmp_path / "weights.pth"
        path.write_bytes(data)
        return read(path)

    return read_bytes


@pytest.fixture
def refused(read_bytes):
    """Reads what cannot be read, and returns what the user is told after the file's name."""

    def refused(data):
        with pytest.raises(InputError) as error:
            read_bytes(data)
        file, _, line = str(error.value).partition("weights.pth: ")
        assert file
        assert line
        assert "\n" not in line
        assert len(line) < 300
        return line

    return refused


formats = pytest.mark.parametrize("write", [legacy, zipped])


@formats
def test_strides_offsets_and_shared_storages(write, read_bytes):
    parameter = Call(Name("torch._utils", "_rebuild_parameter"), (tensor((24,), (1,)), True, None))
    views = {
        "whole": tensor(),
        "turned": tensor((6, 4), (1, 6)),
        "part": tensor((2, 3), (12, 2), 1),
        "spread": tensor((2, 3), (0, 1)),
        "last": tensor((), (), 23),
        "none": tensor((0, 3), (3, 1), 24),
        "parameter": parameter,
    }
    items = [list(item) for item in views.items()]
    versions = {"_metadata": Call(Name("collections", "OrderedDict"), ())}
    ordered = Code(encode(Call(Name("collections", "OrderedDict"), (items,))) + encode(versions) + b"b")
    expected = {
        "whole": NUMBERS.reshape(4, 6),
        "turned": NUMBERS.reshape(4, 6).T,
        "part": [[1, 3, 5], [13, 15, 17]],
        "spread": [[0, 1, 2], [0, 1, 2]],
        "last": 23,
        "none": np.zeros((0, 3)),
        "parameter": NUMBERS,
    }
    for state in (views, ordered):
        found = read_bytes(write(state))
        assert list(found) == list(expected)
        for name, array in found.items():
            assert array.shape == np.shape(expected[name])
            assert array.dtype == np.float32
            assert array.flags.c_contiguous
            assert array.flags.owndata
            np.testing.assert_array_equal(array, expected[name])


@formats
def test_dtypes(write, read_bytes):
    storages = {kind: np.arange(5).astype(dtype) for kind, dtype in TYPES.items()}
    found = read_bytes(write({kind: tensor((5,), (1,), key=kind, count=5, kind=kind) for kind in TYPES}, storages))
    assert {kind: array.dtype for kind, array in found.items()} == {k: np.dtype(dtype) for k, dtype in TYPES.items()}
    for kind, array in found.items():
        np.testing.assert_array_equal(array, storages[kind])


@formats
def test_no_tensor_at_all(write, read_bytes):
    assert read_bytes(write({}, {})) == {}


SYSTEM = Call(Name("posix", "system"), ("touch {}",))
EVAL = Call(Name("builtins", "eval"), ("__import__('pathlib').Path('{}').touch()",))


def filled(call, path):
    return call._replace(args=(call.args[0].format(path),))


@pytest.mark.parametrize("part", ["magic", "version", "system", "state", "keys"])
@pytest.mark.parametrize("call", [SYSTEM, EVAL], ids=["system", "eval"])
def test_no_part_of_a_legacy_file_is_run(part, call, refused, tmp_path):
    target = tmp_path / "owned"
    call = filled(call, target)
    pickle.loads(pickled(call))  # it would
    target.unlink()
    line = refused(legacy(**{"state": {}, part: call}))
    assert line == f"holds something other than tensors ({'.'.join(call.name)}); it is not read"
    assert not target.exists()


def by_opcodes(command):
    """Other ways to call: with a class named in the call, on the stack, as a constructor, or within the state dict."""
    text = encode(command)
    return {
        "inst": b"(" + text + b"iposix\nsystem\n",
        "obj": b"(" + encode(Name("posix", "system")) + text + b"o",
        "stack": encode("posix") + encode("system") + b"\x93" + text + b"\x85R",
        "new": encode(Name("subprocess", "Popen")) + encode((["true"],)) + b"\x81",
        "key": encode({Call(Name("posix", "system"), (command,)): 1}),
        "nested": encode({"a": tensor(offset=Call(Name("posix", "system"), (command,)))}),
        "id": encode(Persistent(Call(Name("posix", "system"), (command,)))),
        "dotted": encode("torch._utils") + encode("_rebuild_tensor_v2.__globals__") + b"\x93",
        "torch": encode(Name("torch", "load")),
        "storage": encode(Name("torch.storage", "_load_from_bytes")),
    }


@formats
@pytest.mark.parametrize("how", by_opcodes(""))
def test_no_way_to_call_is_left(write, how, refused, tmp_path):
    target = tmp_path / "owned"
    line = refused(write(Code(by_opcodes(f"touch {target}")[how])))
    assert line.startswith("holds something other than tensors (")
    assert not target.exists()


@formats
@pytest.mark.parametrize("name", [("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2")])
def test_a_file_cannot_change_the_reader(write, name, refused, read_bytes):
    for state in ({"call": 1, "__defaults__": ()}, (None, {"call": 1, "__setstate__": 1, "update": 1})):
        refused(write(Code(encode(Name(*name)) + encode(state) + b"b")))
    np.testing.assert_array_equal(read_bytes(write({"a": tensor()}))["a"].ravel(), NUMBERS)


@formats
def test_what_is_cut_short_is_refused(write, refused):
    data = write({"a": tensor((2,), (1,)), "b": tensor((2, 2), (1, 2))})
    for end in range(0, len(data), 3):
        refused(data[:end])


@formats
def test_whatever_is_damaged_is_refused_or_read(write, read_bytes):
    rng, data = np.random.default_rng(0), write({"a": tensor((2,), (1,)), "b": tensor((2, 2), (1, 2))})
    for _ in range(300):
        damaged = bytearray(data)
        for position in rng.integers(len(data), size=2):
            damaged[position] = rng.integers(256)
        with suppress(InputError):
            read_bytes(bytes(damaged))


@formats
@pytest.mark.parametrize(
    ("view", "says"),
    [
        (tensor((25,), (1,)), "reaches outside"),
        (tensor((4, 6), (7, 1)), "reaches outside"),
        (tensor((1,), (1,), 24), "reaches outside"),
        (tensor((2,), (2**62,)), "reaches outside"),
        (tensor((4, 6), (6, 1), -1), "no size is -1"),
        (tensor((4, 6), (6, -1), 5), "no size is -1"),
        (tensor((-1, 6), (6, 1)), "no size is -1"),
        (tensor((2**70,), (0,)), f"no size is {2**70}"),
        (tensor((True,), (1,)), "no size is True"),
        (tensor((4.0, 6), (6, 1)), "no size is 4.0"),
        (tensor((4, 6), (1,)), "is damaged"),
        (tensor((1,) * 65, (1,) * 65), "is damaged"),
        (tensor((10**6, 10**6), (0, 0)), "sharing no memory"),
        (tensor(count=25), "another size"),
        (tensor(count=2**50), "another size"),
        (tensor(count=-24), "no size is -24"),
        (tensor(kind="Double"), "another size"),
        (tensor(key="1"), "is damaged"),
    ],
    ids=str,
)
def test_views_that_do_not_fit(write, view, says, refused):
    assert says in refused(write({"a": view}))


@formats
def test_a_storage_is_of_one_kind(write, refused):
    assert "two kinds" in refused(write({"a": tensor(), "b": tensor(kind="Int")}))


@formats
@pytest.mark.parametrize(
    ("state", "storages"),
    [
        (Code(b"}r" + (2**32 - 1).to_bytes(4, "little")), {"0": NUMBERS}),
        (Code(b"\x8e" + (2**40).to_bytes(8, "little")), {}),
        ({f"{i}": tensor((10**6,), (1,), count=10**6) for i in range(9)}, {"0": np.zeros(10**6, "f4")}),
    ],
    ids=["memo", "length", "shared"],
)
def test_memory_stays_in_proportion_to_the_file(write, state, storages, tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(write(state, storages))
    tracemalloc.start()
    with suppress(InputError):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * path.stat().st_size + 10**6


def doubled(times, last):
    """A value that holds two of another, which holds two of a third, in five or six bytes each: `last` makes it."""
    pairs = (b"0" + last.replace(b"?", b"h" + bytes([i])) + b"q" + bytes([i + 1]) for i in range(times))
    return Code(encode(1) + b"q\x00" + b"".join(pairs))


IN_A_FILE = {
    "offset": lambda value: {"a": tensor(offset=value)},
    "size": lambda value: {"a": tensor((value,), (1,))},
    "key": lambda value: {"a": tensor(key=value)},
    "count": lambda value: {"a": tensor(count=value)},
    "dtype": lambda value: {"a": Persistent(("storage", value, "0", "cpu", 24))},
    "name": lambda value: {value: tensor()},
    "ordered": lambda value: Call(Name("collections", "OrderedDict"), ([[value, tensor()]],)),
    "storage": lambda value: {"a": Call(Name("torch._utils", "_rebuild_tensor_v2"), (value, 0, (4,), (1,)))},
    "alone": lambda value: value,
}


@formats
@pytest.mark.parametrize("last", [b"??\x86", b"](??e", b"}(K\x00?K\x01?u"], ids=["tuple", "list", "dict"])
@pytest.mark.parametrize("place", IN_A_FILE)
def test_what_doubles_itself_takes_no_longer(write, last, place, tmp_path):
    """Sixty times, it would take longer than the universe is old to write it out, or to hash it."""
    path = tmp_path / "weights.pth"
    path.write_bytes(write(IN_A_FILE[place](doubled(60, last))))
    assert path.stat().st_size < 3000
    tracemalloc.start()
    with pytest.raises(InputError) as error:
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**6
    assert len(str(error.value)) < len(str(path)) + 300


def test_keys_of_storages_that_double(refused):
    assert refused(legacy({"a": tensor()}, keys=[doubled(60, b"](??e")])).endswith("(no key is list)")


@formats
def test_tuples_within_tuples_do_not_reach_the_end_of_the_stack(write, refused):
    deep = Code(encode(1) + b"\x85" * 300_000)
    assert "too many tuples" in refused(write({deep: tensor()}))


@formats
@pytest.mark.parametrize("wide", [False, True], ids=["items", "axes"])
def test_what_is_used_again_is_not_made_again(write, wide, tmp_path):
    """A list of numbers, or of items, that each of many calls would copy."""
    many = encode([1] * 3000 if wide else [[f"{i}", 1] for i in range(1000)]) + b"q\x09"
    storage = encode(Persistent(("storage", Name("torch", "FloatStorage"), "0", "cpu", 24))) + b"q\x08"
    call = encode(Name("torch._utils", "_rebuild_tensor_v2")) + b"(h\x08K\x00h\x09h\x09tR"
    call = call if wide else encode(Name("collections", "OrderedDict")) + b"h\x09\x85R"
    path = tmp_path / "weights.pth"
    path.write_bytes(write(Code(many + storage + b"](" + call * 1000 + b"e")))
    tracemalloc.start()
    with suppress(InputError):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * path.stat().st_size + 10**6


@formats
@pytest.mark.parametrize("state", [[tensor()], tensor(), {"state_dict": {"a": tensor()}}, {"a": 1}, {1: tensor()}, "a"])
def test_only_tensors_by_name_are_read(write, state, refused):
    assert refused(write(state)) == (
        "holds something other than tensors by name; save the state_dict() of the network alone"
    )


@pytest.mark.parametrize("data", [b"", b"weights", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", pickled({}), bytes(100)])
def test_other_files(data, refused):
    assert "no PyTorch file" in refused(data)


def test_other_zip_files(refused):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme", "")
    assert refused(file.getvalue()) == "is no PyTorch file"
    assert "compressed" in refused(zipped({"a": tensor()}, method=zipfile.ZIP_DEFLATED))


def test_other_byte_orders(refused):
    assert "big byte order" in refused(legacy({"a": tensor()}, system={"little_endian": False}))
    assert "big byte order" in refused(zipped({"a": tensor()}, order="big"))


def test_other_versions(refused):
    assert refused(legacy({"a": tensor()}, version=1000)) == "is no PyTorch file"
    storage = Persistent(("storage", Name("torch", "FloatStorage"), "0", "cpu", 24, ("1", 0, 4)))
    line = refused(legacy({"a": Call(Name("torch._utils", "_rebuild_tensor_v2"), (storage, 0, (4,), (1,)))}))
    assert "newer PyTorch" in line


def test_no_file(tmp_path):
    for path in (tmp_path / "none.pth", tmp_path):
        with pytest.raises(InputError, match="there is no such file"):
            read(path)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("new", [False, True], ids=["legacy", "zip"])
def test_what_pytorch_writes(new, protocol, tmp_path):
    torch = pytest.importorskip("torch")
    numbers = torch.arange(24.0)
    dtypes = ("float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
    tensors = {name: numbers.to(getattr(torch, name)) for name in dtypes} | {
        "turned": numbers.view(4, 6).T,
        "part": numbers[5:9],
        "steps": numbers[::3],
        "spread": numbers[:1].expand(5),
        "scalar": torch.tensor(3.0),
        "none": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(numbers.clone()),
    }
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    for state in (tensors, module.state_dict()):
        torch.save(state, tmp_path / "a.pt", _use_new_zipfile_serialization=new, pickle_protocol=protocol)
        found = read(tmp_path / "a.pt")
        assert list(found) == list(state)
        for name, array in found.items():
            theirs = state[name].detach().numpy()
            assert array.dtype == theirs.dtype
            np.testing.assert_array_equal(array, theirs, strict=True)
    torch.save(module, tmp_path / "a.pt", _use_new_zipfile_serialization=new)
    with pytest.raises(InputError, match=r"torch\.nn\.modules"):
        read(tmp_path / "a.pt")
