# The same names as in `__init__.py`, for type checkers.
from segmentare.annotations.instances import Instances as Instances
from segmentare.annotations.poses import Poses as Poses
from segmentare.annotations.poses import Skeleton as Skeleton
from segmentare.annotations.runlengths import RLE as RLE
from segmentare.annotations.segmentation import UNLABELED as UNLABELED
from segmentare.annotations.segmentation import Category as Category
from segmentare.annotations.segmentation import Sample as Sample
from segmentare.annotations.segmentation import Segmentation as Segmentation
from segmentare.annotations.skeletons import read_skeleton as read_skeleton
from segmentare.commands.bench import bench as bench
from segmentare.commands.check import check as check
from segmentare.commands.compare import Comparison as Comparison
from segmentare.commands.compare import compare as compare
from segmentare.commands.convert import convert as convert
from segmentare.commands.demo import demo as demo
from segmentare.commands.evaluate import evaluate as evaluate
from segmentare.commands.export import export as export
from segmentare.commands.networks import list_networks as list_networks
from segmentare.commands.predict import predict as predict
from segmentare.commands.predicting import Predictions as Predictions
from segmentare.commands.skeletons import list_skeletons as list_skeletons
from segmentare.commands.train import Run as Run
from segmentare.commands.train import train as train
from segmentare.datasets import open_dataset as open_dataset
from segmentare.errors import BudgetError as BudgetError
from segmentare.errors import DatasetError as DatasetError
from segmentare.errors import InputError as InputError
from segmentare.errors import MissingPackageError as MissingPackageError
from segmentare.errors import ModelError as ModelError
from segmentare.errors import OutputExistsError as OutputExistsError
from segmentare.errors import SegmentareError as SegmentareError
from segmentare.errors import UnknownOptionError as UnknownOptionError
from segmentare.images.reading import read_image as read_image
from segmentare.models.architecture import NetworkSpec as NetworkSpec
from segmentare.networks.network import Network as Network
from segmentare.networks.network import build_network as build_network
from segmentare.prediction.predictor import Predictor as Predictor
from segmentare.report.evaluation import Evaluation as Evaluation
from segmentare.results.prediction import Prediction as Prediction
from segmentare.runtimes.model import Model as Model
from segmentare.runtimes.model import load as load
from segmentare.tasks import BodyTask as BodyTask
from segmentare.tasks import InstanceTask as InstanceTask
from segmentare.tasks import PanopticTask as PanopticTask
from segmentare.tasks import PoseTask as PoseTask
from segmentare.tasks import SemanticTask as SemanticTask

__all__ = [
    "RLE",
    "UNLABELED",
    "BodyTask",
    "BudgetError",
    "Category",
    "Comparison",
    "DatasetError",
    "Evaluation",
    "InputError",
    "InstanceTask",
    "Instances",
    "MissingPackageError",
    "Model",
    "ModelError",
    "Network",
    "NetworkSpec",
    "OutputExistsError",
    "PanopticTask",
    "PoseTask",
    "Poses",
    "Prediction",
    "Predictions",
    "Predictor",
    "Run",
    "Sample",
    "SegmentareError",
    "Segmentation",
    "SemanticTask",
    "Skeleton",
    "UnknownOptionError",
    "bench",
    "build_network",
    "check",
    "compare",
    "convert",
    "demo",
    "evaluate",
    "export",
    "list_networks",
    "list_skeletons",
    "load",
    "open_dataset",
    "predict",
    "read_image",
    "read_skeleton",
    "train",
]
