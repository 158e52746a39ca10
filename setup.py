"""How the relay is installed: its packages, the twistd plugin, and what they need.

The plugin's folders ``twisted`` and ``twisted/plugins`` have no ``__init__.py``: with one they would hide Twisted itself.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "sdkrelay/__init__.py").read_text(encoding="utf-8"))[1]

REQUIRES = [
    "alembic>=1.20",
    "argon2-cffi>=25.1",
    "attrs>=25.3",
    "autobahn>=26.10",
    "automat>=25.4",
    "btclib-secp256k1>=0.8.0.13",
    "cachetools>=7",
    "cryptography>=50",
    "ijson>=3.5",
    "klein>=24.8",
    "msgspec>=0.22",
    "prometheus-client>=0.26",
    "psutil>=7.2",
    "pyzmq>=27",
    "service-identity>=26.1",
    "sqlalchemy>=2.1",
    "treq>=26.7",
    "twisted[tls]>=26.10",
    "txZMQ>=1.0",
    "zope.interface>=8",
]

TEST_REQUIRES = [
    "aiohttp>=3.13",
    "coincurve>=21",
    "cryptography-vectors>=50",
    "hypothesis>=6.150",
    "openapi-spec-validator>=0.9",
    "setuptools>=77",
    "websockets>=15",
]

CONFORMANCE_REQUIRES = [
    "schemathesis>=4.32",
]

DEV_REQUIRES = [
    "mypy>=2.4",
    "mypy-zope>=1.0.17",
    "ruff>=0.17.5",
    "towncrier>=26.9",
    "tox>=4.60",
]

setup(
    name="sdkrelay",
    version=VERSION,
    description="An always-on relay for Bitcoin silent payments (BIP352)",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="the sdkrelay developers",
    license="MIT",
    license_files=["LICENSE"],
    classifiers=[
        "Framework :: Twisted",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=[*find_packages(include=["sdkrelay", "sdkrelay.*"]), "twisted.plugins"],
    package_data={
        "sdkrelay": ["py.typed"],
        "sdkrelay.io.storage": ["migrations/*", "migrations/versions/*.py"],
    },
    install_requires=REQUIRES,
    extras_require={"test": TEST_REQUIRES, "conformance": CONFORMANCE_REQUIRES, "dev": TEST_REQUIRES + DEV_REQUIRES},
    entry_points={"console_scripts": ["sdkrelay = sdkrelay.cli:main"]},
    zip_safe=False,
)
