"""redis-py with its own defaults, by Sentinels. Arguments: the name of the set, and where Sentinels are; the password is in the
environment.
"""

import os
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parents[1] / "redis-clients" / "python"))

from redis.sentinel import Sentinel  # noqa: E402
from writing import Writing  # noqa: E402

if __name__ == "__main__":
    name, host = sys.argv[1:3]
    password = os.environ["REDIS_PASSWORD"] or None
    sentinel = Sentinel([(host, 26379)], sentinel_kwargs={"password": password}, password=password)
    with sentinel.master_for(name, decode_responses=True) as client:
        Writing(client).run()
