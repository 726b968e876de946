"""Plain values that other tools save beside their tensors: passed over by name, with no code run.

A pickle names a class for everything that is not a number, a text or a list. torch's reader refuses all
that it does not know, and with it the tensors beside a learning rate in an `argparse.Namespace`. Those
listed here are only values. They are not made either: in their place comes an object that holds
nothing, so that neither the class nor its library is needed, imported or called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Nothing:
    """In place of a value that is not read: takes whatever it is made of and keeps none of it."""

    def __new__(cls, *_: Any, **__: Any) -> Nothing:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class EmptyDict:
    """In place of a mapping of another class: a plain one, which the file then fills."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return {}


class EmptyList:
    """In place of a sequence of another class: a list, which the file then fills."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return []


_VALUES = """
argparse.Namespace types.SimpleNamespace
builtins.slice builtins.range builtins.frozenset builtins.object builtins.list builtins.dict
builtins.int builtins.float builtins.str builtins.bool builtins.tuple builtins.bytes
copyreg._reconstructor copy_reg._reconstructor
datetime.datetime datetime.date datetime.time datetime.timedelta datetime.timezone zoneinfo.ZoneInfo
decimal.Decimal fractions.Fraction uuid.UUID
pathlib.Path pathlib.PurePath pathlib.PosixPath pathlib.WindowsPath pathlib.PurePosixPath
pathlib.PureWindowsPath pathlib._local.Path pathlib._local.PurePath pathlib._local.PosixPath
pathlib._local.WindowsPath pathlib._local.PurePosixPath pathlib._local.PureWindowsPath
numpy.dtype numpy.ndarray numpy.core.multiarray.scalar numpy._core.multiarray.scalar
numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct numpy.core.numeric._frombuffer
numpy._core.numeric._frombuffer
numpy.bool_ numpy.int8 numpy.int16 numpy.int32 numpy.int64 numpy.uint8 numpy.uint16 numpy.uint32
numpy.uint64 numpy.float16 numpy.float32 numpy.float64 numpy.str_ numpy.bytes_
numpy.dtypes.BoolDType numpy.dtypes.Int8DType numpy.dtypes.Int16DType numpy.dtypes.Int32DType
numpy.dtypes.Int64DType numpy.dtypes.UInt8DType numpy.dtypes.Float16DType numpy.dtypes.Float32DType
numpy.dtypes.Float64DType numpy.dtypes.StrDType
torch.torch_version.TorchVersion packaging.version.Version packaging._structures.InfinityType
packaging._structures.NegativeInfinityType packaging.version._Version
typing.Any typing.Union typing.Optional
omegaconf.dictconfig.DictConfig omegaconf.listconfig.ListConfig omegaconf.base.ContainerMetadata
omegaconf.base.Metadata omegaconf.nodes.AnyNode omegaconf.nodes.StringNode omegaconf.nodes.IntegerNode
omegaconf.nodes.FloatNode omegaconf.nodes.BooleanNode omegaconf.nodes.PathNode
mmengine.logging.history_buffer.HistoryBuffer
"""
_MAPPINGS = """
collections.defaultdict
lightning.fabric.utilities.data.AttributeDict lightning_fabric.utilities.data.AttributeDict
pytorch_lightning.utilities.parsing.AttributeDict lightning.pytorch.utilities.parsing.AttributeDict
easydict.EasyDict yacs.config.CfgNode addict.addict.Dict mmengine.config.config.ConfigDict
mmcv.utils.config.ConfigDict
"""
_SEQUENCES = "collections.deque"

PLAIN: tuple[tuple[Callable[..., Any], str], ...] = (
    *((Nothing, name) for name in _VALUES.split()),
    *((EmptyDict, name) for name in _MAPPINGS.split()),
    *((EmptyList, name) for name in _SEQUENCES.split()),
)
"""What stands in place of each class, and the name that a file has for that."""
