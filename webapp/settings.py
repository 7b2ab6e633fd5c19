"""All settings, read once from the environment; docs/settings.md explains each."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from kombu import Exchange, Queue

from dashboard.access.addresses import Network, read_networks
from dashboard.analysis.link_patterns import read_patterns
from dashboard.redaction.own import read_rules
from webapp.env import (
    env_bool,
    env_float,
    env_int,
    env_list,
    env_parsed,
    env_secret,
    env_str,
    origin_of,
    read_places,
)
from webapp.static import digest_of

BASE_DIR = Path(__file__).resolve().parent.parent
LOOPBACK_NAMES = ["127.0.0.1", "localhost", "[::1]"]

DEBUG = env_bool("SPANBOARD_DEBUG", False)
SPANBOARD_DATA_DIR = Path(
    env_str("SPANBOARD_DATA_DIR")
    or env_str("XDG_DATA_HOME", str(Path.home() / ".local/share")) + "/spanboard"
).expanduser()
SPANBOARD_HOST = env_str("SPANBOARD_HOST", "127.0.0.1")
SPANBOARD_PORT = env_int("SPANBOARD_PORT", 8765, 1)


def _kept_key(name: str) -> str:
    """A key that is made once and kept in the data directory."""
    path = SPANBOARD_DATA_DIR / name
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        key = secrets.token_urlsafe(48)
    except OSError as problem:
        raise ImproperlyConfigured(
            f"The data directory {SPANBOARD_DATA_DIR} can not be read "
            f"({problem.strerror}). Choose another with --data-dir or "
            "SPANBOARD_DATA_DIR."
        ) from problem
    try:
        SPANBOARD_DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("x", encoding="ascii") as file:
            path.chmod(0o600)
            file.write(key)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    except OSError as problem:
        raise ImproperlyConfigured(
            f"The data directory {SPANBOARD_DATA_DIR} can not be written "
            f"({problem.strerror}). Choose another with --data-dir or "
            "SPANBOARD_DATA_DIR."
        ) from problem
    return key


SECRET_KEY = env_secret("SPANBOARD_SECRET_KEY") or _kept_key("secret.key")
# The first makes hashes of tokens; the others only recognise older ones.
SPANBOARD_SHARE_KEYS = env_secret("SPANBOARD_SHARE_KEYS").split()
if not SPANBOARD_SHARE_KEYS:
    # Where the secret key is given, servers have no data directory in common.
    given = env_secret("SPANBOARD_SECRET_KEY")
    SPANBOARD_SHARE_KEYS = [given] if given else _kept_key("share.key").split()


def _database(url: str) -> dict[str, object]:
    """A Django database from ``postgresql://user:pw@host:port/name`` or nothing."""
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": SPANBOARD_DATA_DIR / "spanboard.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": env_float("SPANBOARD_SQLITE_WAIT_SECONDS", 20.0, 0.1),
                "init_command": (
                    "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
                    "PRAGMA cache_size=-65536;PRAGMA temp_store=MEMORY;"
                ),
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            "SPANBOARD_DATABASE_URL must begin with postgresql://; without it "
            "SQLite in the data directory is used."
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        # Requests of an ASGI server have threads of their own: a connection that
        # outlived its request would never be used again, nor closed.
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5},
    }


DATABASES = {"default": _database(env_secret("SPANBOARD_DATABASE_URL"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SPANBOARD_BASE_PATH = env_str("SPANBOARD_BASE_PATH").strip("/")
FORCE_SCRIPT_NAME = f"/{SPANBOARD_BASE_PATH}" if SPANBOARD_BASE_PATH else None
SPANBOARD_PUBLIC_URL = env_str("SPANBOARD_PUBLIC_URL").rstrip("/")
SPANBOARD_ALLOWED_HOSTS = env_list("SPANBOARD_ALLOWED_HOSTS")
if "*" in SPANBOARD_ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        "SPANBOARD_ALLOWED_HOSTS must name hosts; '*' would let any site reach "
        "this one through a visitor's browser."
    )
ALLOWED_HOSTS = [*LOOPBACK_NAMES, *SPANBOARD_ALLOWED_HOSTS]
if SPANBOARD_HOST not in {"0.0.0.0", "::", *ALLOWED_HOSTS}:
    ALLOWED_HOSTS.append(SPANBOARD_HOST)
if SPANBOARD_PUBLIC_URL:
    ALLOWED_HOSTS.append(urlsplit(SPANBOARD_PUBLIC_URL).hostname or "")
CSRF_TRUSTED_ORIGINS = [
    f"{parts.scheme}://{parts.netloc}"
    for parts in [urlsplit(SPANBOARD_PUBLIC_URL)]
    if parts.scheme
]
SECURE_PUBLIC = SPANBOARD_PUBLIC_URL.startswith("https://")
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = SECURE_PUBLIC
SESSION_COOKIE_NAME = "spanboard_session"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 86_400
CSRF_COOKIE_NAME = "spanboard_csrf"
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_HTTPONLY = False
CSRF_FAILURE_VIEW = "dashboard.views.errors.csrf_failure"

# Who may come in
AUTH_USER_MODEL = "dashboard.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "dashboard:sign-in"
SPANBOARD_LOCAL_USER = env_bool("SPANBOARD_LOCAL_USER", True)
SPANBOARD_ANONYMOUS = env_str("SPANBOARD_ANONYMOUS")
if SPANBOARD_ANONYMOUS not in {"", "viewer"}:
    raise ImproperlyConfigured(
        "SPANBOARD_ANONYMOUS must be empty or 'viewer', which lets everybody read."
    )
SPANBOARD_PROXY_USER_HEADER = env_str("SPANBOARD_PROXY_USER_HEADER")
SPANBOARD_PROXY_ROLE = env_str("SPANBOARD_PROXY_ROLE", "viewer")
if SPANBOARD_PROXY_ROLE not in {"viewer", "sharer", "admin"}:
    raise ImproperlyConfigured(
        "SPANBOARD_PROXY_ROLE must be viewer, sharer or admin, not "
        f"{SPANBOARD_PROXY_ROLE!r}."
    )


def _networks(name: str, default: str = "") -> tuple[Network, ...]:
    try:
        return read_networks(env_list(name, default))
    except ValueError as problem:
        raise ImproperlyConfigured(f"{name}: {problem}") from problem


SPANBOARD_TRUSTED_PROXIES = _networks("SPANBOARD_TRUSTED_PROXIES")
SPANBOARD_RECEIVE_FROM = _networks("SPANBOARD_RECEIVE_FROM", "127.0.0.0/8,::1")
if SPANBOARD_PROXY_USER_HEADER and not SPANBOARD_TRUSTED_PROXIES:
    raise ImproperlyConfigured(
        "SPANBOARD_PROXY_USER_HEADER needs SPANBOARD_TRUSTED_PROXIES, the addresses "
        "of the proxy: from anybody else the header is ignored."
    )
SPANBOARD_SIGN_IN_RATE = env_str("SPANBOARD_SIGN_IN_RATE", "10/5m")
SPANBOARD_LINK_RATE = env_str("SPANBOARD_LINK_RATE", "60/m")

# Where traces come from
SPANBOARD_JAEGER_URL = env_str("SPANBOARD_JAEGER_URL")
SPANBOARD_JAEGERS = read_places(SPANBOARD_JAEGER_URL)
SPANBOARD_JAEGER_TOKEN = env_secret("SPANBOARD_JAEGER_TOKEN")
SPANBOARD_JAEGER_USER = env_str("SPANBOARD_JAEGER_USER")
SPANBOARD_JAEGER_PASSWORD = env_secret("SPANBOARD_JAEGER_PASSWORD")
SPANBOARD_JAEGER_HEADERS = env_secret("SPANBOARD_JAEGER_HEADERS")
SPANBOARD_JAEGER_CA = env_str("SPANBOARD_JAEGER_CA")
# A Jaeger with a name has secrets of its own, and is sent no other's.
SPANBOARD_JAEGER_OWN = {
    place.url: {
        "token": env_secret(f"SPANBOARD_JAEGER_TOKEN_{place.word}"),
        "user": env_str(f"SPANBOARD_JAEGER_USER_{place.word}"),
        "password": env_secret(f"SPANBOARD_JAEGER_PASSWORD_{place.word}"),
        "headers": env_secret(f"SPANBOARD_JAEGER_HEADERS_{place.word}"),
        "ca_file": env_str(f"SPANBOARD_JAEGER_CA_{place.word}"),
    }
    for place in SPANBOARD_JAEGERS
    if place.name
}
SPANBOARD_JAEGER_INSECURE_TLS = env_bool("SPANBOARD_JAEGER_INSECURE_TLS", False)
SPANBOARD_JAEGER_TIMEOUT_SECONDS = env_float(
    "SPANBOARD_JAEGER_TIMEOUT_SECONDS", 20.0, 0.1
)
SPANBOARD_JAEGER_MAX_BYTES = env_int("SPANBOARD_JAEGER_MAX_BYTES", 256 * 2**20, 1024)
SPANBOARD_LOOKBACK_SECONDS = env_int("SPANBOARD_LOOKBACK_SECONDS", 3600, 1)
SPANBOARD_POLL_SECONDS = env_float("SPANBOARD_POLL_SECONDS", 1.0, 0.1)
SPANBOARD_IDLE_POLL_SECONDS = env_float("SPANBOARD_IDLE_POLL_SECONDS", 10.0, 0.1)
SPANBOARD_PULL_LIMIT = env_int("SPANBOARD_PULL_LIMIT", 200, 2)
SPANBOARD_PULL_CONCURRENCY = env_int("SPANBOARD_PULL_CONCURRENCY", 4, 1)
SPANBOARD_PULL_INCLUDE = env_list("SPANBOARD_PULL_INCLUDE")
SPANBOARD_PULL_EXCLUDE = env_list("SPANBOARD_PULL_EXCLUDE")
SPANBOARD_PULL_SHARE = env_float("SPANBOARD_PULL_SHARE", 1.0, 0.0)
if SPANBOARD_PULL_SHARE > 1:
    raise ImproperlyConfigured("SPANBOARD_PULL_SHARE is a share from 0 to 1.")
SPANBOARD_DEMO = env_bool("SPANBOARD_DEMO", True)

# What is kept
SPANBOARD_RETENTION_DAYS = env_float("SPANBOARD_RETENTION_DAYS", 7.0)
SPANBOARD_RETENTION_TRACES = env_int("SPANBOARD_RETENTION_TRACES", 1_000_000, 1)
SPANBOARD_RETENTION_BYTES = env_int("SPANBOARD_RETENTION_BYTES", 4 * 2**30, 2**20)
SPANBOARD_ROLLUP_DAYS = env_float("SPANBOARD_ROLLUP_DAYS", 30.0)
SPANBOARD_GROWING_SECONDS = env_float("SPANBOARD_GROWING_SECONDS", 10.0)
SPANBOARD_SKEW_MAX_SECONDS = env_float("SPANBOARD_SKEW_MAX_SECONDS", 60.0)

# How traces are shown
SPANBOARD_LINK_PATTERNS = env_parsed("SPANBOARD_LINK_PATTERNS", read_patterns, "[", "{")
SPANBOARD_REPEAT_LEAST = env_int("SPANBOARD_REPEAT_LEAST", 5)

# The doctor: who loses the trace context
SPANBOARD_DOCTOR_MINUTES = env_int("SPANBOARD_DOCTOR_MINUTES", 15, 1)

# What may come in
SPANBOARD_UPLOAD_MAX_BYTES = env_int("SPANBOARD_UPLOAD_MAX_BYTES", 128 * 2**20, 1024)
SPANBOARD_OTLP_MAX_BYTES = env_int("SPANBOARD_OTLP_MAX_BYTES", 16 * 2**20, 1024)
SPANBOARD_OTLP_MAX_INFLATED_BYTES = env_int(
    "SPANBOARD_OTLP_MAX_INFLATED_BYTES", 64 * 2**20, 1024
)
SPANBOARD_OTLP_MAX_WAITING = env_int("SPANBOARD_OTLP_MAX_WAITING", 64, 1)
SPANBOARD_OTLP_MAX_WAITING_BYTES = env_int(
    "SPANBOARD_OTLP_MAX_WAITING_BYTES", 128 * 2**20, 1024
)
SPANBOARD_QUEUE = env_bool("SPANBOARD_QUEUE", False)
SPANBOARD_QUEUE_MAX_BYTES = env_int("SPANBOARD_QUEUE_MAX_BYTES", 2**30, 2**20)
DATA_UPLOAD_MAX_MEMORY_SIZE = SPANBOARD_UPLOAD_MAX_BYTES
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 2**20

# What may go out
SPANBOARD_QUERY_MAX_BYTES = env_int("SPANBOARD_QUERY_MAX_BYTES", 256 * 2**20, 1024)
SPANBOARD_SHARE_DAYS = env_int("SPANBOARD_SHARE_DAYS", 7, 1)
SPANBOARD_SHARE_ANYONE = env_bool("SPANBOARD_SHARE_ANYONE", True)
SPANBOARD_SHARE_DAYS_MAX = env_int("SPANBOARD_SHARE_DAYS_MAX", 400, 1)
SPANBOARD_EMBED_ORIGINS = [
    origin_of(word) for word in env_list("SPANBOARD_EMBED_ORIGINS")
]
SPANBOARD_REDACT_RULES = env_parsed("SPANBOARD_REDACT_RULES", read_rules, "[", "{")
SPANBOARD_REDACT_ALLOW = env_list("SPANBOARD_REDACT_ALLOW")

# Live connections of one server process
SPANBOARD_LIVE_MAX = env_int("SPANBOARD_LIVE_MAX", 5_000, 1)
SPANBOARD_LIVE_MAX_PER_ADDRESS = env_int("SPANBOARD_LIVE_MAX_PER_ADDRESS", 500, 1)
SPANBOARD_LIVE_BEAT_SECONDS = env_float("SPANBOARD_LIVE_BEAT_SECONDS", 15.0, 0.1)

# The parts that differ between embedded and production
SPANBOARD_BROKER_URL = env_secret("SPANBOARD_BROKER_URL")
SPANBOARD_CHANNEL_LAYER_URL = env_secret("SPANBOARD_CHANNEL_LAYER_URL")
CELERY_BROKER_URL = SPANBOARD_BROKER_URL or "memory://localhost/"
# Redis gives a message to another worker when it was not done within this time:
# longer than any task may run. Doing it twice is harmless all the same.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 3600} if SPANBOARD_BROKER_URL else {"polling_interval": 0.02}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 900
CELERY_TASK_TIME_LIMIT = 960
# Queues: what takes long must not keep waiting what is short.
# Each with a key of its own: queues that share one get each other's messages.
CELERY_TASK_QUEUES = [
    Queue(name, Exchange(name), routing_key=name)
    for name in ("pull", "ingest", "maintenance")
]
CELERY_WORKER_CONSUMER = "dashboard.worker:SteadyConsumer"
CELERY_TASK_DEFAULT_QUEUE = "ingest"
CELERY_TASK_ROUTES = {
    "dashboard.tasks.pull_source": {"queue": "pull"},
    "dashboard.tasks.back_fill": {"queue": "pull"},
    "dashboard.tasks.fold_rollups": {"queue": "maintenance"},
    "dashboard.tasks.enforce_retention": {"queue": "maintenance"},
    "dashboard.tasks.expire_shares": {"queue": "maintenance"},
    "dashboard.tasks.tally_sources": {"queue": "maintenance"},
    "dashboard.tasks.judge_traces": {"queue": "maintenance"},
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "dashboard.beat:SteadyScheduler"
CELERY_BEAT_SCHEDULE = {
    "poll-sources": {
        "task": "dashboard.tasks.poll_sources",
        "schedule": SPANBOARD_POLL_SECONDS,
        "options": {"expires": max(5.0, SPANBOARD_POLL_SECONDS)},
    },
    "settle-traces": {
        "task": "dashboard.tasks.settle_traces",
        "schedule": 2.0,
        "options": {"expires": 10.0},
    },
    "judge-traces": {
        "task": "dashboard.tasks.judge_traces",
        "schedule": 15.0,
        "options": {"expires": 15.0},
    },
    "judge-growing": {
        "task": "dashboard.tasks.judge_growing",
        "schedule": 3.0,
        "options": {"expires": 3.0},
    },
    "fold-rollups": {
        "task": "dashboard.tasks.fold_rollups",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "enforce-retention": {
        "task": "dashboard.tasks.enforce_retention",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "tally-sources": {
        "task": "dashboard.tasks.tally_sources",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "expire-shares": {
        "task": "dashboard.tasks.expire_shares",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
}
if SPANBOARD_CHANNEL_LAYER_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [SPANBOARD_CHANNEL_LAYER_URL]},
        }
    }
else:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels.layers.InMemoryChannelLayer",
            "CONFIG": {"capacity": 1000},
        }
    }

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": SPANBOARD_CHANNEL_LAYER_URL,
    }
    if SPANBOARD_CHANNEL_LAYER_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "csp",
    "dashboard",
]
MIDDLEWARE = [
    "dashboard.middleware.receiver_hosts",
    "django.middleware.security.SecurityMiddleware",
    "dashboard.middleware.extra_headers",
    "csp.middleware.CSPMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "dashboard.middleware.languages",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.gate.access",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.middleware.database_faults",
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "style-src-attr": [UNSAFE_INLINE],
        "img-src": [SELF, "data:", "blob:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [SELF],
        "object-src": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"

ROOT_URLCONF = "webapp.urls"
ASGI_APPLICATION = "webapp.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csrf",
                "django.template.context_processors.i18n",
                "dashboard.context.frame",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader"],
                )
            ],
        },
    }
]
STATIC_DIGEST = digest_of(BASE_DIR / "static")
STATIC_URL = f"static/{STATIC_DIGEST}/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = SPANBOARD_DATA_DIR / "static" / STATIC_DIGEST

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

SPANBOARD_LOG_LEVEL = env_str("SPANBOARD_LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "dashboard": {"level": SPANBOARD_LOG_LEVEL},
        "django.request": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "uvicorn": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}
