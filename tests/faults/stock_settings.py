"""The settings of the tests, for a process of the stock loop: its receiver, and nothing of ours that receives."""
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.stock_app.StockConfig"]
