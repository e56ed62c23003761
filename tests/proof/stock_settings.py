"""The settings of the tests, with the stock consumer's receiver."""
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.proof.stock.StockConfig"]
