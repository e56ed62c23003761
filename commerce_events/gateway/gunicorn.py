"""How gunicorn serves this, where its command line or ``GUNICORN_CMD_ARGS`` says nothing else.

More threads than places (``COMMERCE_GATEWAY``), so that somebody is there to say that there is no place.
"""

import os

bind = "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "4"))
worker_class = "gthread"
threads = 32
timeout = 30
graceful_timeout = 20
keepalive = 15
control_socket_disable = True
